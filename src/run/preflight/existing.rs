//! Before the push of an image that the engine has already: `BUILD=false`.

use super::super::build::Image;
use super::super::warn;
use super::inputs::Inputs;
use super::{Ready, Target, blocking, destination, engine_side, labels};
use crate::config::Config;
use crate::dockerfile::Dockerfile;
use crate::engine::{Engine, ImageId, Trace};
use crate::error::Failure;
use crate::image::Platform;
use crate::plan::{LocalNames, epoch_in_force, existing, times_that_stay};
use crate::progress::{Event, Log};
use crate::report::Folder;
use crate::session::secrets::Secrets;

/// An image that was there before the run.
pub(in super::super) struct Existing {
    /// What the engine calls it.
    pub(in super::super) name: String,
    pub(in super::super) id: ImageId,
    platform: Platform,
}

impl Existing {
    /// As if it had just been built.
    pub(in super::super) fn image(&self) -> Image {
        Image { platform: self.platform.clone(), id: self.id.clone() }
    }
}

/// Checks what a push needs, in parallel, and finds the image.
pub(super) async fn check(config: &Config, log: &Log) -> Result<Ready, Vec<Failure>> {
    let (output, dry_run) = (config.output_dir.clone(), config.dry_run);
    let (destinations, engine, output) = tokio::join!(
        destination::check(config, Inputs::none(), log),
        engine_side(config),
        blocking(move || {
            if dry_run { Ok(None) } else { Folder::prepare(&output).map(Some).map_err(|error| vec![error.into()]) }
        }),
    );
    if let Ok(destinations) = &destinations {
        destinations.tell(log).await;
    }
    let mut image = None;
    if let Ok((engine, trace)) = &engine {
        log.send(Event::Fact("engine", engine.facts().to_string())).await;
        warn(log, times_that_stay(config, engine.facts())).await;
        image = Some(find(config, engine, trace));
    }
    if let Some(Ok(Existing { name, id, .. })) = &image {
        log.send(Event::Fact("image", format!("{name}, {}", id.short()))).await;
    }
    match (destinations, engine, image, output) {
        (Ok(mut destinations), Ok((engine, trace)), Some(Ok(image)), Ok(output)) => {
            if !dry_run {
                destinations.apply(log).await?;
            }
            let (dockerfile, platform) = (Dockerfile::default(), image.platform.clone());
            let targets = vec![Target { platform, is_foreign: false, served: None }];
            Ok(Ready {
                epoch: epoch_in_force(config, engine.facts()),
                labels: labels::of_existing(config),
                engine,
                trace,
                context: None,
                choice: None,
                secrets: Secrets::default(),
                dockerfile,
                targets,
                told: Vec::new(),
                output,
                destinations,
                existing: Some(image),
            })
        }
        (destinations, engine, image, output) => {
            let failures = [destinations.err(), engine.err(), image.and_then(Result::err), output.err()];
            Err(failures.into_iter().flatten().flatten().collect())
        }
    }
}

fn find(config: &Config, engine: &Engine, trace: &Trace) -> Result<Existing, Vec<Failure>> {
    let names: LocalNames<'_> = trace.names().collect();
    let (name, _) = existing(&config.images, &config.tags, &names).map_err(|error| vec![Failure::from(error)])?;
    match trace.image_named(&name) {
        Some(id) => Ok(Existing { name, id, platform: engine.facts().platform() }),
        None => Err(vec![super::super::bug("an image without an id")]),
    }
}
