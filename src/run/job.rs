//! The work itself: build and push, or only what is missing.

use futures_util::future::try_join;

use super::preflight::{Destination, Existing, Ready};
use super::push::Known;
use super::{build, grouped, push, warn};
use crate::config::{Config, Warning};
use crate::engine::ImageId;
use crate::error::Failure;
use crate::image::{Name, Tag};
use crate::plan::{Course, strangers};
use crate::progress::{Event, Log};
use crate::registry::Manifest;
use crate::report::Took;

/// What a job came to.
pub(super) enum Done {
    /// An image in the engine, not pushed.
    Built(ImageId),
    /// An image in every repository, under every tag.
    Pushed(Pushed),
}

/// What the registries confirmed.
pub(super) struct Pushed {
    pub(super) manifest: Manifest,
    /// The engine's; `None` when it has none, or one with other times.
    pub(super) image: Option<ImageId>,
    /// The tags of `TAG` that exist and name another image, which the run has left alone.
    pub(super) strangers: Vec<Tag>,
}

pub(super) async fn job(config: &Config, ready: &Ready, log: &Log, took: &mut Took) -> Result<Done, Failure> {
    match &ready.destinations.course {
        None => {
            let image = image(config, ready, log, took).await?;
            keep_in_engine(config, ready, &image, log).await?;
            Ok(Done::Built(image))
        }
        Some(Course::Build) => {
            let (image, known) = image_and_known(config, ready, log, took).await?;
            let pushing = push::marked(Box::pin(push::push(&image, known, config, ready, log)), ready, log);
            let pushed = grouped("Push", log, &mut took.push, pushing).await;
            if ready.existing.is_some() {
                // A later run must not find this image under a name that it would look for.
                ready.engine.forget_new_names(&ready.trace).await;
            }
            let manifest = pushed?;
            Ok(Done::Pushed(Pushed { manifest, image: as_it_is(ready, image), strangers: Vec::new() }))
        }
        Some(Course::Compare { digest, holder, gaps }) => {
            let image = image(config, ready, log, took).await?;
            let filling =
                push::marked(Box::pin(push::fill_if_same(&image, digest, *holder, gaps, ready, log)), ready, log);
            let manifest = grouped("Tags", log, &mut took.push, filling).await?;
            Ok(Done::Pushed(Pushed { manifest, image: as_it_is(ready, image), strangers: Vec::new() }))
        }
        Some(Course::Retag { gaps, .. }) => {
            let Some(there) = &ready.destinations.unchanged else { return Err(super::bug("no image to tag")) };
            let manifest = grouped("Tags", log, &mut took.push, push::retag(there, gaps, ready, log)).await?;
            Ok(Done::Pushed(Pushed { manifest, image: None, strangers: Vec::new() }))
        }
        Some(Course::Keep { gaps }) => {
            let manifest = grouped("Tags", log, &mut took.push, push::fill(gaps, ready, log)).await?;
            let tags = ready.destinations.all.first().map(|first| first.tags.as_slice()).unwrap_or_default();
            let strangers = strangers(tags, &manifest.digest);
            let warnings = strangers.iter().map(|tag| Warning {
                message: format!("tag `{tag}` names another image than `{}` and is left alone", config.tags[0]),
                hint: Some("set `IF_TAG_EXISTS=overwrite` if it should move".to_owned()),
            });
            warn(log, warnings).await;
            Ok(Done::Pushed(Pushed { manifest, image: None, strangers }))
        }
    }
}

/// The image that is built, or that was there before.
async fn image(config: &Config, ready: &Ready, log: &Log, took: &mut Took) -> Result<ImageId, Failure> {
    match &ready.existing {
        Some(Existing { id, .. }) => Ok(id.clone()),
        None => grouped("Build", log, &mut took.build, build::build(config, ready, log)).await,
    }
}

/// The same, with what the registry has, which is asked while the engine builds, since that takes longer.
async fn image_and_known(
    config: &Config,
    ready: &Ready,
    log: &Log,
    took: &mut Took,
) -> Result<(ImageId, Known), Failure> {
    if let Some(Existing { id, .. }) = &ready.existing {
        return Ok((id.clone(), push::known(config, ready).await));
    }
    let building = try_join(build::build(config, ready, log), async { Ok(push::known(config, ready).await) });
    grouped("Build", log, &mut took.build, Box::pin(building)).await
}

/// The engine's image, if it is what was pushed.
fn as_it_is(ready: &Ready, image: ImageId) -> Option<ImageId> {
    Some(image).filter(|_| ready.epoch.is_none())
}

/// Tags the image in the engine, for whatever follows in the step.
async fn keep_in_engine(config: &Config, ready: &Ready, image: &ImageId, log: &Log) -> Result<(), Failure> {
    let known = ready.destinations.all.iter().map(|Destination { repository, .. }| repository.to_string());
    let mut names: Vec<String> = known.collect();
    if names.is_empty() {
        names = config
            .images
            .iter()
            .map(|image| match image {
                Name::Full(repository) => repository.to_string(),
                Name::Bare(name) => name.to_string(),
            })
            .collect();
    }
    for local in &names {
        for tag in &config.tags {
            ready.engine.tag(image, local, tag, &ready.trace).await?;
            log.send(Event::Note(format!("{local}:{tag}, not pushed, since `PUSH` is false"))).await;
        }
    }
    Ok(())
}
