//! What is reported is what the registry says: each tag is read back.

use crate::error::{ExitCode, Explain, Failure};
use crate::image::{Digest, Repository, Tag};
use crate::registry::{self, Manifest, Registry};

/// The registry does not have what was pushed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum ReadBack {
    /// There is no such tag.
    #[error("tag `{tag}` was pushed, but `{repository}` does not have it")]
    Missing {
        /// The tag.
        tag: Tag,
        /// The repository.
        repository: Repository,
    },
    /// The tag names another image.
    #[error("tag `{tag}` was pushed as {pushed}, but in `{repository}` it names {found}")]
    Differs {
        /// The tag.
        tag: Tag,
        /// The repository.
        repository: Repository,
        /// What the engine pushed.
        pushed: Digest,
        /// What the registry has.
        found: Digest,
    },
    /// The registry does not tell.
    #[error("tag `{tag}` was pushed as {pushed}, but cannot be read back: {error}")]
    Unread {
        /// The tag.
        tag: Tag,
        /// What the engine pushed.
        pushed: Digest,
        /// What the registry, or the way to it, said instead.
        error: registry::Error,
    },
}

impl Explain for ReadBack {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Missing { .. } | Self::Differs { .. } => ExitCode::Push,
            Self::Unread { error, .. } => error.exit_code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { .. } | Self::Differs { .. } => Some(
                "see whether another pipeline pushes or deletes the same tag at the same time, and run the step again"
                    .to_owned(),
            ),
            Self::Unread { error, .. } => error.hint(),
        }
    }
}

/// What the registry has behind the tag must be what was pushed.
pub(super) async fn read_back(
    registry: &Registry,
    repository: &Repository,
    tag: &Tag,
    pushed: Digest,
) -> Result<Manifest, Failure> {
    let (tag, repository) = (tag.clone(), repository.clone());
    let found = match registry.manifest(&tag).await {
        Ok(found) => found,
        // It answered, and with what is no image: that says it all.
        Err(error @ (registry::Error::WrongDigest { .. } | registry::Error::TooLarge { .. })) => {
            return Err(error.into());
        }
        Err(error) => return Err(ReadBack::Unread { tag, pushed, error }.into()),
    };
    match found {
        None => Err(ReadBack::Missing { tag, repository }.into()),
        Some(manifest) if manifest.digest != pushed => {
            Err(ReadBack::Differs { tag, repository, pushed, found: manifest.digest }.into())
        }
        Some(manifest) => Ok(manifest),
    }
}
