//! The push to one repository: by the engine or by the pipe, whoever is quicker.

use super::super::preflight::{Destination, Ready};
use super::super::{bug, warn};
use super::direct::{self, NotPushed, Recipe};
use super::known::Known;
use super::tags::Local;
use super::watch::Watch;
use super::{engine, tags};
use crate::compress::Codec;
use crate::config::{Config, Warning};
use crate::engine::ImageId;
use crate::error::Failure;
use crate::plan::{Push, Pusher, Site, annotations, pusher_by_kind};
use crate::progress::{Event, Log};
use crate::registry::Manifest;

/// Who pushes, and what is known of the layers where that counts.
struct Choice<'a> {
    push: Push,
    known: Known,
    /// Of a push by the engine; `None` where it is the engine's whatever it sends.
    watch: Option<Watch<'a>>,
}

/// Brings an image to a repository, under every tag.
pub(super) async fn push(
    image: &ImageId,
    known: Known,
    config: &Config,
    ready: &Ready,
    destination: &Destination,
    log: &Log,
) -> Result<Manifest, Failure> {
    let (all, local) = (&ready.destinations.all, Local { engine: &ready.engine, trace: &ready.trace, image });
    let (choice, tagged) =
        tokio::join!(choice(image, known, config, ready, destination), engine::tag(image, ready, destination));
    tagged?;
    let Choice { push: Push { by, why }, known, mut watch } = choice;
    if by == Pusher::Engine {
        log.send(Event::Note(format!("pushed by the engine: {why}"))).await;
        if let Some(manifest) = engine::push(image, watch.as_mut(), ready, destination, log).await? {
            tags::tags(Some(local), &manifest, all, 1, log).await?;
            return Ok(manifest);
        }
        let text = "pushed by the pipe: the engine began to send layers that the registry has";
        log.send(Event::Note(text.to_owned())).await;
    } else {
        log.send(Event::Note(format!("pushed by the pipe: {why}"))).await;
    }
    direct::tell_of_zstd(config.compression, &ready.engine, log).await;
    let annotations = annotations(&ready.labels, &config.build.labels);
    let recipe = Recipe { codec: config.compression, epoch: ready.epoch, annotations: &annotations };
    match direct::content(&ready.engine, image, &[&destination.registry], recipe, &known, log).await {
        Ok(manifest) => {
            tags::tags(Some(local), &manifest, all, 0, log).await?;
            return Ok(manifest);
        }
        // What the user wants of the layers, or of a registry that refuses, no engine can do.
        Err(NotPushed::NoImage(failure)) if config.compression == Codec::Gzip && ready.epoch.is_none() => {
            let message = format!("the pipe cannot push: {}: the engine pushes instead", failure.message);
            warn(log, [Warning { message, hint: failure.hint }]).await;
        }
        Err(not_pushed) => return Err(not_pushed.into()),
    }
    let pushed = engine::push(image, None, ready, destination, log).await?;
    let manifest = pushed.ok_or_else(|| bug("a push was stopped without a reason"))?;
    tags::tags(Some(local), &manifest, all, 1, log).await?;
    Ok(manifest)
}

async fn choice<'a>(
    image: &'a ImageId,
    known: Known,
    config: &Config,
    ready: &'a Ready,
    destination: &Destination,
) -> Choice<'a> {
    let facts = ready.engine.facts();
    if let Some(push) = pusher_by_kind(config.push_mode, config.compression, ready.epoch.is_some(), facts) {
        return Choice { push, known, watch: None };
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let site = Site { engine: facts, cores, distance: destination.registry.distance() };
    let Ok(watch) = Watch::new(&ready.engine, image, &known, site).await else {
        let push = Push { by: Pusher::Engine, why: "it does not tell how large the layers are".to_owned() };
        return Choice { push, known, watch: None };
    };
    Choice { push: watch.push(), known, watch: Some(watch) }
}
