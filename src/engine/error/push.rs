//! Why a push failed.

use super::Error;
use crate::error::{ExitCode, Explain, Failure};
use crate::image::Name;

/// Why an image did not get into the registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// The engine itself.
    #[error(transparent)]
    Engine(#[from] Error),
    /// There is no such repository.
    #[error("repository `{repository}` does not exist ({reason})")]
    RepositoryMissing {
        /// The whole name.
        repository: String,
        /// The registry's words.
        reason: String,
    },
    /// The tag exists and may not be moved.
    #[error("tag `{tag}` exists in `{repository}` and is immutable ({reason})")]
    TagImmutable {
        /// The whole name.
        repository: String,
        /// The tag.
        tag: String,
        /// The registry's words.
        reason: String,
    },
    /// The registry does not accept the token, or no longer.
    #[error("push to `{repository}`: the registry does not accept the ECR token ({reason})")]
    Unauthorized {
        /// The whole name.
        repository: String,
        /// The registry's words.
        reason: String,
    },
    /// The token is good, and its owner may not do this.
    #[error("push to `{repository}` is denied ({reason})")]
    Denied {
        /// The whole name.
        repository: String,
        /// The registry's words.
        reason: String,
    },
    /// Too many requests for now.
    #[error("push to `{repository}`: the registry asks to slow down ({reason})")]
    Throttled {
        /// The whole name.
        repository: String,
        /// The registry's words.
        reason: String,
    },
    /// The registry fails or cannot be reached for now.
    #[error("push to `{repository}`: the registry fails ({reason})")]
    Unavailable {
        /// The whole name.
        repository: String,
        /// The registry's words.
        reason: String,
    },
    /// The engine has no such image.
    #[error("the engine has no image `{image}`")]
    ImageMissing {
        /// Name and tag.
        image: String,
    },
    /// Another reason.
    #[error("push to `{repository}` failed: {reason}")]
    Other {
        /// The whole name.
        repository: String,
        /// The engine's or the registry's words.
        reason: String,
    },
    /// The stream ended well and named no digest.
    #[error("the engine's answer to the push of `{image}` ended without a digest")]
    NoDigest {
        /// Name and tag.
        image: String,
    },
    /// A fresh token could not be had.
    #[error("{}", .0.message)]
    Login(Failure),
}

impl PushError {
    /// Whether the same push may work a moment later.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Engine(error) => error.is_temporary(),
            Self::Throttled { .. } | Self::Unavailable { .. } | Self::NoDigest { .. } => true,
            Self::RepositoryMissing { .. }
            | Self::TagImmutable { .. }
            | Self::Unauthorized { .. }
            | Self::Denied { .. }
            | Self::ImageMissing { .. }
            | Self::Other { .. }
            | Self::Login(_) => false,
        }
    }
}

impl Explain for PushError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Engine(error) => error.exit_code(),
            Self::RepositoryMissing { .. } | Self::TagImmutable { .. } => ExitCode::Repository,
            Self::Unauthorized { .. } | Self::Denied { .. } => ExitCode::Credentials,
            Self::Throttled { .. }
            | Self::Unavailable { .. }
            | Self::ImageMissing { .. }
            | Self::Other { .. }
            | Self::NoDigest { .. } => ExitCode::Push,
            Self::Login(failure) => failure.code,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Engine(error) => return error.hint(),
            Self::Login(failure) => return failure.hint.clone(),
            Self::RepositoryMissing { repository, .. } => {
                let command = match repository.parse() {
                    Ok(Name::Full(repository)) => repository.creation(),
                    Ok(Name::Bare(_)) | Err(_) => "create it".to_owned(),
                };
                format!("{command}, or correct `IMAGE`")
            }
            Self::TagImmutable { .. } => "choose another `TAG`, or make the repository's tags mutable".to_owned(),
            Self::Unauthorized { .. } => "a fresh token was refused too: check that `IMAGE` names a registry that the credentials may use".to_owned(),
            Self::Denied { .. } => "allow `ecr:InitiateLayerUpload`, `ecr:UploadLayerPart`, `ecr:CompleteLayerUpload`, `ecr:BatchCheckLayerAvailability`, `ecr:BatchGetImage` and `ecr:PutImage` on it; if they are, the repository's image quota may be reached".to_owned(),
            Self::Throttled { .. } => "run again a little later, with fewer pushes at the same time".to_owned(),
            Self::Unavailable { .. } | Self::NoDigest { .. } => "run again; if it stays so, look at the AWS status page and at the engine's way to the registry".to_owned(),
            Self::ImageMissing { .. } => "do not remove it while the pipe runs".to_owned(),
            Self::Other { .. } => return None,
        };
        Some(hint)
    }
}
