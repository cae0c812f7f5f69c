//! The work itself: build and push, or only what is missing.

use futures_util::future::try_join;

use super::preflight::{Destination, Ready};
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
    /// `None` when nothing was built.
    pub(super) image: Option<ImageId>,
    /// The tags of `TAG` that exist and name another image, which the run has left alone.
    pub(super) strangers: Vec<Tag>,
}

pub(super) async fn job(config: &Config, ready: &Ready, log: &Log, took: &mut Took) -> Result<Done, Failure> {
    match &ready.destinations.course {
        None => {
            let image = grouped("Build", log, &mut took.build, build::build(config, ready, log)).await?;
            keep_in_engine(config, ready, &image, log).await?;
            Ok(Done::Built(image))
        }
        Some(Course::Build) => {
            // What the registry has is asked while the engine builds, which takes longer.
            let building = try_join(build::build(config, ready, log), async { Ok(push::known(config, ready).await) });
            let (image, known) = grouped("Build", log, &mut took.build, Box::pin(building)).await?;
            let pushing = push::marked(Box::pin(push::push(&image, known, config, ready, log)), ready, log);
            let manifest = grouped("Push", log, &mut took.push, pushing).await?;
            Ok(Done::Pushed(Pushed { manifest, image: Some(image), strangers: Vec::new() }))
        }
        Some(Course::Compare { digest, holder, gaps }) => {
            let image = grouped("Build", log, &mut took.build, build::build(config, ready, log)).await?;
            let filling =
                push::marked(Box::pin(push::fill_if_same(&image, digest, *holder, gaps, ready, log)), ready, log);
            let manifest = grouped("Tags", log, &mut took.push, filling).await?;
            Ok(Done::Pushed(Pushed { manifest, image: Some(image), strangers: Vec::new() }))
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
