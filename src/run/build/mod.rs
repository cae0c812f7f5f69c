//! The build: the context goes in, an image's id comes out.

mod buildkit;
mod classic;

use super::preflight::{Destination, Ready, Target};
use super::warn;
use crate::config::{Config, Warning};
use crate::context::Sent;
use crate::engine::{BuildError, Error, ImageId, Login};
use crate::error::{Explain as _, Failure};
use crate::image::Platform;
use crate::plan::Chosen;
use crate::progress::{Event, Log};

/// What was built for a platform.
#[derive(Clone, Debug)]
pub(super) struct Image {
    pub(super) platform: Platform,
    pub(super) id: ImageId,
}

/// An image of some in a word for the log.
pub(super) fn told(Image { platform, id }: &Image, all: &[Image]) -> String {
    if all.len() == 1 { id.short().to_owned() } else { format!("{} for {platform}", id.short()) }
}

/// Builds for one platform after the other.
pub(super) async fn build(config: &Config, ready: &Ready, log: &Log) -> Result<Vec<Image>, Failure> {
    let logins = logins(config, ready).await?;
    let mut images = Vec::new();
    for target in &ready.targets {
        if ready.targets.len() > 1 {
            log.send(Event::Note(format!("{}:", target.platform))).await;
        }
        let id = build_for(target, config, ready, &logins, log).await?;
        images.push(Image { platform: target.platform.clone(), id });
    }
    Ok(images)
}

/// By the builder that was chosen, or by the classic one where no session comes about and it can do it too.
async fn build_for(
    target: &Target,
    config: &Config,
    ready: &Ready,
    logins: &[Login],
    log: &Log,
) -> Result<ImageId, Failure> {
    let Some(choice) = &ready.choice else { return Err(super::bug("a build without a builder")) };
    if choice.builder == Chosen::Buildkit {
        match buildkit::build(target, config, ready, logins, log).await {
            Err(Stop::NoSession(error)) if choice.falls_back => {
                let message = format!("{error}: built by the classic builder instead");
                warn(log, [Warning { message, hint: error.hint() }]).await;
            }
            Err(Stop::NoSession(error)) => return Err(error.into()),
            Err(Stop::Failed(failure)) => return Err(failure),
            Ok(image) => return Ok(image),
        }
    }
    classic::build(config, ready, logins, log).await
}

/// Why BuildKit gave no image.
enum Stop {
    /// The engine, or something on the way, does not give a session. Nothing was built yet.
    NoSession(Error),
    /// Anything else.
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Logins for base images: those of the user, and for the registries that are pushed to.
async fn logins(config: &Config, ready: &Ready) -> Result<Vec<Login>, Failure> {
    let mut logins: Vec<Login> = config.registry_logins.iter().map(Login::from).collect();
    for Destination { repository, tokens, .. } in &ready.destinations.all {
        let token = tokens.token().await?;
        logins.push(super::push::login(repository, &token));
    }
    Ok(logins)
}

/// Tells what was odd about the files that were sent; an error that broke off the sending is the reason of the failure,
/// whatever the engine says of it.
async fn finished(
    sent: Option<Sent>,
    built: Result<ImageId, BuildError>,
    ready: &Ready,
    log: &Log,
) -> Result<ImageId, Failure> {
    let mut broke_off = None;
    if let Some(sent) = sent {
        tracing::debug!("{} files, {} bytes were sent", sent.files, sent.bytes);
        warn(log, sent.warnings.into_iter().filter(|warning| !ready.told.contains(warning))).await;
        broke_off = sent.error;
    }
    built.map_err(|error| match broke_off {
        Some(reason) => reason.into(),
        None => BuildError::into(error),
    })
}
