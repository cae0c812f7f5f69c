//! A repository in a registry, and what `IMAGE` may hold.

use std::fmt;

use super::{Digest, EcrHost, HostError, Tag};

/// The name of a repository within its registry, by the pattern of the ECR service model, 2–256 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RepositoryName(String);

impl RepositoryName {
    /// The text of the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A repository in a private ECR registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Repository {
    /// The registry.
    pub host: EcrHost,
    /// The name in it.
    pub name: RepositoryName,
}

impl Repository {
    /// `<repository>:<tag>`
    #[must_use]
    pub fn tagged(&self, tag: &Tag) -> String {
        format!("{self}:{tag}")
    }

    /// `<repository>@<digest>`
    #[must_use]
    pub fn at(&self, digest: &Digest) -> String {
        format!("{self}@{digest}")
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.name)
    }
}

/// What `IMAGE` names: a full URI, or a bare name in the credentials' own account and region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// `<account>.dkr.ecr.<region>.amazonaws.com/<name>`
    Full(Repository),
    /// `<name>`
    Bare(RepositoryName),
}

/// The text names no repository of a private ECR registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The part before the first `/` is a host, but not one of ECR.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The name itself is not legal.
    #[error("`{found}` is no repository name: {reason}")]
    Repository {
        /// The text found.
        found: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl std::str::FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Ok(Self::Bare(RepositoryName(text.to_owned())))
    }
}
