//! The push: content by the engine, tag by tag, and each tag read back from the registry.

use std::time::Duration;

use super::backoff;
use super::preflight::{EcrSide, PushSide, Ready};
use crate::aws::Token;
use crate::engine::{ImageId, Login, PushError, Tries};
use crate::error::{ExitCode, Explain, Failure};
use crate::image::{Digest, Repository, Tag};
use crate::progress::{Event, Log};
use crate::registry::{self, Manifest, Registry};

/// Further tries of an engine's push. A graphdriver engine tries each layer five times itself, with pauses of 50 s in all
/// (moby `distribution/xfer/upload.go`).
const RETRIES: usize = 2;
/// So a registry that always fails is told after two rounds of the engine's own tries, less than 2 min.
const PATIENCE: Duration = Duration::from_secs(45);

/// The registry does not have what was pushed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ReadBack {
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

/// The login that a token is.
pub(super) fn login(repository: &Repository, token: &Token) -> Login {
    Login { host: repository.host.to_string(), username: token.username.clone(), password: token.password.clone() }
}

/// Pushes every tag in the order of `TAG`; what comes back is the manifest that the registry confirmed.
pub(super) async fn push(
    image: &ImageId,
    ready: &Ready,
    ecr: &EcrSide,
    side: &PushSide,
    log: &Log,
) -> Result<Manifest, Failure> {
    let repository = &ecr.repository;
    let mut confirmed = None;
    for planned in &side.plan.tags {
        let tag = &planned.tag;
        ready.engine.tag(image, &repository.to_string(), tag, &ready.trace).await?;
        let token = ecr.tokens.token().await?;
        let fresh_login = async || {
            let token = ecr.tokens.renewed(&token).await?;
            Ok(login(repository, &token))
        };
        let login = login(repository, &token);
        let tries = Tries { backoff: backoff().with_max_times(RETRIES), patience: PATIENCE };
        let pushed = ready.engine.push_with_retries(repository, tag, &login, log, tries, fresh_login).await;
        let manifest = match pushed {
            Ok(pushed) => read_back(&ecr.registry, repository, tag, pushed.digest).await?,
            Err(error) => lost_answer(&ecr.registry, tag, image, &error, log).await.ok_or(error)?,
        };
        log.send(Event::Note(format!("{tag}: {}", manifest.digest))).await;
        confirmed = Some(manifest);
    }
    // The configuration has at least one tag, always.
    confirmed.ok_or_else(|| Failure { code: ExitCode::Bug, message: "there was no tag to push".to_owned(), hint: None })
}

/// A push that failed may have been done, with only the answer lost; a further try at an immutable tag is then refused. The
/// registry knows: it has this image behind the tag, or not.
async fn lost_answer(
    registry: &Registry,
    tag: &Tag,
    image: &ImageId,
    error: &PushError,
    log: &Log,
) -> Option<Manifest> {
    if !(error.is_temporary() || matches!(error, PushError::TagImmutable { .. })) {
        return None;
    }
    let manifest = registry.manifest(tag).await.ok()??;
    if !manifest.is_of(image.as_str()) {
        return None;
    }
    log.send(Event::Note(format!("{tag}: {error}, but the registry has the image under this tag"))).await;
    Some(manifest)
}

/// What the registry has behind the tag must be what was pushed.
async fn read_back(
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
