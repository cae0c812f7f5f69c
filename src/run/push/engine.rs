//! The push to one repository by the engine: all content, and the first tag.

use std::future::pending;
use std::time::Duration;

use tokio::sync::mpsc::unbounded_channel;

use super::super::preflight::{Destination, Ready};
use super::super::{backoff, bug};
use super::read_back::read_back;
use super::taken::taken;
use super::watch::Watch;
use crate::aws::Token;
use crate::engine::{ImageId, Login, PushError, PushRequest, Tries};
use crate::error::Failure;
use crate::image::{Repository, Tag};
use crate::plan::PlannedTag;
use crate::progress::{Event, Log};
use crate::registry::{Manifest, Registry};

/// Further tries of an engine's push. A graphdriver engine tries each layer five times itself, with pauses of 50 s in all
/// (moby `distribution/xfer/upload.go`).
const RETRIES: usize = 2;
/// So a registry that always fails is told after two rounds of the engine's own tries, less than 2 min.
const PATIENCE: Duration = Duration::from_secs(45);

/// The login that a token is.
pub(in super::super) fn login(repository: &Repository, token: &Token) -> Login {
    Login { host: repository.host.to_string(), username: token.username.clone(), password: token.password.clone() }
}

/// Gives the image its first tag in the engine, by which it is pushed.
pub(super) async fn tag(image: &ImageId, ready: &Ready, destination: &Destination) -> Result<(), Failure> {
    let Some(planned) = destination.tags.first() else { return Err(bug("there was no tag to push")) };
    ready.engine.tag(image, &destination.repository.to_string(), &planned.tag, &ready.trace).await?;
    Ok(())
}

/// Pushes the image by its first tag, which it has in the engine; what comes back is the manifest that the registry confirmed. `None` as soon as
/// the engine begins to send what makes the pipe quicker; then no tag has moved.
pub(super) async fn push(
    image: &ImageId,
    watch: Option<&mut Watch<'_>>,
    ready: &Ready,
    destination: &Destination,
    log: &Log,
) -> Result<Option<Manifest>, Failure> {
    let Destination { repository, registry, tokens, tags, .. } = destination;
    let Some(planned) = tags.first() else { return Err(bug("there was no tag to push")) };
    let tag = &planned.tag;
    let token = tokens.token().await?;
    let fresh_login = async || {
        let token = tokens.renewed(&token).await?;
        Ok(login(repository, &token))
    };
    let login = login(repository, &token);
    let tries = Tries { backoff: backoff().with_max_times(RETRIES), patience: PATIENCE };
    let (begun, mut sent) = unbounded_channel();
    let sends = |id: &str| {
        // It is received as long as the push goes on.
        let _ = begun.send(id.to_owned());
    };
    let too_much = async {
        if let Some(watch) = watch {
            while let Some(id) = sent.recv().await {
                if watch.is_too_much(&id).await {
                    return;
                }
            }
        }
        pending::<()>().await;
    };
    let request = PushRequest { repository, tag, sends: &sends };
    let pushed = tokio::select! {
        pushed = ready.engine.push_with_retries(request, &login, log, tries, fresh_login) => pushed,
        () = too_much => return Ok(None),
    };
    let manifest = match pushed {
        Ok(pushed) => read_back(registry, repository, tag, pushed.digest).await?,
        Err(error) => match lost_answer(registry, tag, image, &error, log).await {
            Some(manifest) => manifest,
            None => return Err(refusal(destination, planned, image, error).await),
        },
    };
    log.send(Event::Note(format!("{tag}: {}", manifest.digest))).await;
    Ok(Some(manifest))
}

/// Why the push failed: a tag that may not move may have been free when the checks looked.
async fn refusal(destination: &Destination, planned: &PlannedTag, image: &ImageId, error: PushError) -> Failure {
    if let PushError::TagImmutable { .. } = error
        && let Some(taken) = taken(destination, planned, image.as_str()).await
    {
        return taken.into();
    }
    error.into()
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
