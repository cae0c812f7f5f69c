//! Versions of the engine's API.

use std::fmt;
use std::str::FromStr;

/// `1.41`
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion {
    /// Before the dot.
    pub major: u16,
    /// After it.
    pub minor: u16,
}

impl ApiVersion {
    /// The oldest that is good enough: that of Engine 20.10, which older self-hosted runners have.
    pub const OLDEST: Self = Self { major: 1, minor: 41 };

    /// The newest that this program was written for: that of Engine 29.0.
    pub const NEWEST: Self = Self { major: 1, minor: 52 };
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for ApiVersion {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (major, minor) = text.split_once('.').unwrap_or((text, ""));
        Ok(Self { major: major.parse()?, minor: minor.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let of = |text: &str| text.parse::<ApiVersion>().ok();
        assert!(of("1.9") < of("1.41"));
        assert_eq!(of("1.41"), Some(ApiVersion::OLDEST));
        assert_eq!(of("1"), None);
        assert_eq!(of("1.x"), None);
    }
}
