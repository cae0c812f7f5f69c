//! The push to one repository: by the engine or by the pipe, whoever is quicker.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::super::preflight::{Destination, Ready};
use super::super::{bug, warn};
use super::direct::{self, NotPushed, Recipe};
use super::known::Known;
use super::tags::Local;
use super::{engine, tags};
use crate::compress::Codec;
use crate::config::{Config, Warning};
use crate::engine::{EngineLayer, ImageId};
use crate::error::Failure;
use crate::plan::{Load, Push, Pusher, Site, annotations, overtakes, pusher_by_kind, quicker_pusher};
use crate::progress::{Event, Log};
use crate::registry::Manifest;

/// Who pushes, and what is known of the layers where that counts.
struct Choice<'a> {
    push: Push,
    known: Known,
    /// Of a push by the engine; `None` where it is the engine's whatever it sends.
    watch: Option<Watch<'a>>,
}

/// An engine sends a layer that the registry has if it has not pulled it in this step.
struct Watch<'a> {
    site: Site<'a>,
    began: Instant,
    sends: Mutex<Sends>,
}

struct Sends {
    /// What is new, with what the engine began to send besides.
    load: Load,
    /// The layers that it need not send, as far as it has not begun to.
    known: Vec<EngineLayer>,
}

impl Watch<'_> {
    /// Whether the pipe is quicker by now.
    fn is_too_much(&self, id: &str) -> bool {
        let mut sends = self.sends.lock().unwrap_or_else(PoisonError::into_inner);
        let Sends { load, known } = &mut *sends;
        let Some(at) = known.iter().position(|layer| layer.diff_id.hex().starts_with(id)) else { return false };
        load.add_new(known.swap_remove(at).size);
        overtakes(load, &self.site, self.began.elapsed())
    }
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
    let Choice { push: Push { by, why }, known, watch } = choice;
    if by == Pusher::Engine {
        log.send(Event::Note(format!("pushed by the engine: {why}"))).await;
        let is_too_much = |id: &str| watch.as_ref().is_some_and(|watch| watch.is_too_much(id));
        if let Some(manifest) = engine::push(image, &is_too_much, ready, destination, log).await? {
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
    let pushed = engine::push(image, &|_| false, ready, destination, log).await?;
    let manifest = pushed.ok_or_else(|| bug("a push was stopped without a reason"))?;
    tags::tags(Some(local), &manifest, all, 1, log).await?;
    Ok(manifest)
}

async fn choice<'a>(
    image: &ImageId,
    known: Known,
    config: &Config,
    ready: &'a Ready,
    destination: &Destination,
) -> Choice<'a> {
    let facts = ready.engine.facts();
    if let Some(push) = pusher_by_kind(config.push_mode, config.compression, ready.epoch.is_some(), facts) {
        return Choice { push, known, watch: None };
    }
    let Ok(layers) = ready.engine.layers(image).await else {
        let push = Push { by: Pusher::Engine, why: "it does not tell how large the layers are".to_owned() };
        return Choice { push, known, watch: None };
    };
    let mut load = Load::of(layers.iter().map(|layer| layer.size));
    let (there, new): (Vec<_>, Vec<_>) = layers.into_iter().partition(|layer| !known.of(&layer.diff_id).is_empty());
    for layer in &new {
        load.add_new(layer.size);
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let site = Site { engine: facts, cores, distance: destination.registry.distance() };
    let push = quicker_pusher(&load, &site);
    let watch = Watch { site, began: Instant::now(), sends: Mutex::new(Sends { load, known: there }) };
    Choice { push, known, watch: Some(watch) }
}
