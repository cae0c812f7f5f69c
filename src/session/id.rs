//! Names that nobody else has.

use std::fmt;
use std::io;

use rustix::rand::{GetRandomFlags, getrandom};

/// The id of a session or a build: 128 random bits in hexadecimal digits. Who knows it can ask the session for secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Id(String);

impl Id {
    /// A new one.
    ///
    /// # Errors
    /// The kernel has no randomness to give, which is to say that it is older than 3.17.
    pub fn random() -> io::Result<Self> {
        let mut bytes = [0_u8; 16];
        // So few bytes are given whole or not at all.
        getrandom(&mut bytes[..], GetRandomFlags::empty())?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Id(…)")
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn two_ids_differ() {
        let (one, other) = (Id::random().unwrap(), Id::random().unwrap());
        assert_ne!(one, other);
        assert_eq!((one.as_str().len(), format!("{one:?}").as_str()), (32, "Id(…)"));
    }
}
