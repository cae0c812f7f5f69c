//! The work itself: build and push, or only what is missing.

use futures_util::future::try_join;

use super::build::Image;
use super::preflight::{Destination, Ready};
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
    /// Images in the engine, not pushed.
    Built(Vec<Image>),
    /// An image in every repository, under every tag.
    Pushed(Pushed),
}

/// What the registries confirmed.
pub(super) struct Pushed {
    pub(super) manifest: Manifest,
    /// The engine's; `None` when nothing was built, or one for each of several platforms, or what was pushed has other times.
    pub(super) image: Option<ImageId>,
    /// The tags of `TAG` that exist and name another image, which the run has left alone.
    pub(super) strangers: Vec<Tag>,
}

pub(super) async fn job(config: &Config, ready: &Ready, log: &Log, took: &mut Took) -> Result<Done, Failure> {
    match &ready.destinations.course {
        None => {
            let images = images(config, ready, log, took).await?;
            keep_in_engine(config, ready, &images, log).await?;
            Ok(Done::Built(images))
        }
        Some(Course::Build) => {
            let (images, known) = images_and_known(config, ready, log, took).await?;
            let pushing = push::marked(Box::pin(push::push(&images, known, config, ready, log)), ready, log);
            let pushed = grouped("Push", log, &mut took.push, pushing).await;
            if ready.existing.is_some() {
                // A later run must not find this image under a name that it would look for.
                ready.engine.forget_new_names(&ready.trace).await;
            }
            let manifest = pushed?;
            Ok(Done::Pushed(Pushed { manifest, image: as_it_is(ready, images), strangers: Vec::new() }))
        }
        Some(Course::Compare { digest, holder, gaps }) => {
            let images = images(config, ready, log, took).await?;
            let filling =
                push::marked(Box::pin(push::fill_if_same(&images, digest, *holder, gaps, ready, log)), ready, log);
            let manifest = grouped("Tags", log, &mut took.push, filling).await?;
            Ok(Done::Pushed(Pushed { manifest, image: as_it_is(ready, images), strangers: Vec::new() }))
        }
        Some(Course::Retag { gaps, .. }) => {
            let Some(there) = &ready.destinations.unchanged else { return Err(super::bug("no image to tag")) };
            let manifest = grouped("Tags", log, &mut took.push, push::retag(there, gaps, ready, log)).await?;
            Ok(Done::Pushed(Pushed { manifest, image: None, strangers: Vec::new() }))
        }
        Some(Course::Keep { gaps }) => {
            let manifest = grouped("Tags", log, &mut took.push, push::fill(gaps, &ready.destinations.all, log)).await?;
            Ok(Done::Pushed(kept(config, manifest, &ready.destinations.all, log).await))
        }
    }
}

/// The images that are built, or the one that was there before.
async fn images(config: &Config, ready: &Ready, log: &Log, took: &mut Took) -> Result<Vec<Image>, Failure> {
    match &ready.existing {
        Some(existing) => Ok(vec![existing.image()]),
        None => grouped("Build", log, &mut took.build, build::build(config, ready, log)).await,
    }
}

/// The same, with what the registry has, which is asked while the engine builds, since that takes longer.
async fn images_and_known(
    config: &Config,
    ready: &Ready,
    log: &Log,
    took: &mut Took,
) -> Result<(Vec<Image>, Known), Failure> {
    if let Some(existing) = &ready.existing {
        return Ok((vec![existing.image()], push::known(config, ready).await));
    }
    let building = try_join(build::build(config, ready, log), async { Ok(push::known(config, ready).await) });
    grouped("Build", log, &mut took.build, Box::pin(building)).await
}

/// The engine's image, if it is the only one and what was pushed.
fn as_it_is(ready: &Ready, images: Vec<Image>) -> Option<ImageId> {
    only(images).filter(|_| ready.epoch.is_none())
}

/// What was pushed where the tags that exist are kept.
pub(super) async fn kept(config: &Config, manifest: Manifest, all: &[Destination], log: &Log) -> Pushed {
    let tags = all.first().map(|first| first.tags.as_slice()).unwrap_or_default();
    let strangers = strangers(tags, &manifest.digest);
    let warnings = strangers.iter().map(|tag| Warning {
        message: format!("tag `{tag}` names another image than `{}` and is left alone", config.tags[0]),
        hint: Some("set `IF_TAG_EXISTS=overwrite` if it should move".to_owned()),
    });
    warn(log, warnings).await;
    Pushed { manifest, image: None, strangers }
}

/// The image, if it is the only one.
fn only(mut images: Vec<Image>) -> Option<ImageId> {
    let last = images.pop().map(|image| image.id);
    last.filter(|_| images.is_empty())
}

/// Tags the image in the engine, for whatever follows in the step. A tag names one image there: of several that of the engine's own
/// platform, if there is one.
async fn keep_in_engine(config: &Config, ready: &Ready, images: &[Image], log: &Log) -> Result<(), Failure> {
    let own = ready.engine.facts().platform();
    let image = match images {
        [one] => one,
        images => match images.iter().find(|image| image.platform.is_same(&own)) {
            Some(image) => image,
            None => return Ok(()),
        },
    };
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
            ready.engine.tag(&image.id, local, tag, &ready.trace).await?;
            log.send(Event::Note(format!("{local}:{tag}, not pushed, since `PUSH` is false"))).await;
        }
    }
    Ok(())
}
