//! The host name of a private ECR registry.

use std::fmt;

/// `<account>.dkr.ecr.<region>.amazonaws.com` in all its partitions and forms.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EcrHost {
    text: String,
    account: String,
    region: String,
    fips: bool,
    dual_stack: bool,
}

/// The text is no host name of a private ECR registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no ECR registry host: {reason}")]
pub struct HostError {
    /// The text found.
    pub found: String,
    /// What is wrong with it.
    pub reason: String,
}

impl EcrHost {
    /// The host of an account in a region, in the plain form of the region's partition.
    #[must_use]
    pub fn of(account: &str, region: &str) -> Self {
        Self {
            text: format!("{account}.dkr.ecr.{region}.amazonaws.com"),
            account: account.to_owned(),
            region: region.to_owned(),
            fips: false,
            dual_stack: false,
        }
    }

    /// The host name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The account, 12 digits.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Whether this is a FIPS end point.
    #[must_use]
    pub fn is_fips(&self) -> bool {
        self.fips
    }

    /// Whether this is a dual-stack end point.
    #[must_use]
    pub fn is_dual_stack(&self) -> bool {
        self.dual_stack
    }
}

impl std::str::FromStr for EcrHost {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        Err(HostError { found: text.to_owned(), reason: "not parsed yet".to_owned() })
    }
}

impl fmt::Display for EcrHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
