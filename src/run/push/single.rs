//! The push to one repository: by the engine or by the pipe, whoever is quicker.

use super::super::preflight::{Destination, Ready};
use super::super::warn;
use super::direct::{self, NotPushed};
use super::known::{Known, known};
use super::{engine, tags};
use crate::compress::Codec;
use crate::config::{Config, Warning};
use crate::engine::{EngineLayer, ImageId};
use crate::error::Failure;
use crate::plan::{Load, Push, Pusher, pusher_by_kind, quicker_pusher};
use crate::progress::{Event, Log};
use crate::registry::Manifest;

/// Below this an image is not worth a question, let alone an export.
const SMALL: u64 = 10 << 20;

/// Brings an image to a repository, under every tag.
pub(super) async fn push(
    image: &ImageId,
    config: &Config,
    ready: &Ready,
    destination: &Destination,
    log: &Log,
) -> Result<Manifest, Failure> {
    let (Push { by, why }, known) = pusher(image, config, ready).await;
    let name = match by {
        Pusher::Engine => "the engine",
        Pusher::Pipe => "the pipe",
    };
    log.send(Event::Note(format!("pushed by {name}: {why}"))).await;
    if by == Pusher::Pipe {
        match direct::content(&ready.engine, image, &[&destination.registry], config.compression, &known, log).await {
            Ok(manifest) => {
                tags::tags(image, &manifest, ready, 0, log).await?;
                return Ok(manifest);
            }
            // What the user wants of the layers, or of a registry that refuses, no engine can do.
            Err(NotPushed::NoImage(failure)) if config.compression == Codec::Gzip => {
                let message = format!("the pipe cannot push: {}: the engine pushes instead", failure.message);
                warn(log, [Warning { message, hint: failure.hint }]).await;
            }
            Err(not_pushed) => return Err(not_pushed.into()),
        }
    }
    let manifest = engine::push(image, ready, destination, log).await?;
    tags::tags(image, &manifest, ready, 1, log).await?;
    Ok(manifest)
}

/// Who pushes, with what is known of the layers where that counts.
async fn pusher(image: &ImageId, config: &Config, ready: &Ready) -> (Push, Known) {
    let facts = ready.engine.facts();
    let is_packed = facts.storage.as_ref().is_some_and(|storage| storage.containerd);
    if let Some(push) = pusher_by_kind(config.push_mode, config.compression, facts) {
        let of_use = push.by == Pusher::Pipe && !is_packed;
        return (push, if of_use { known(config, ready).await } else { Known::default() });
    }
    let engine = |why: &str| (Push { by: Pusher::Engine, why: why.to_owned() }, Known::default());
    let Ok(layers) = ready.engine.layers(image).await else {
        return engine("it does not tell how large the layers are");
    };
    if sum(&layers) < SMALL {
        return engine("the image is small");
    }
    let known = known(config, ready).await;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (quicker_pusher(load(&layers, &known), facts, cores), known)
}

fn sum(layers: &[EngineLayer]) -> u64 {
    layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.size))
}

fn load(layers: &[EngineLayer], known: &Known) -> Load {
    let new: Vec<EngineLayer> = layers.iter().filter(|layer| known.of(&layer.diff_id).is_empty()).cloned().collect();
    let largest = new.iter().map(|layer| layer.size).max().unwrap_or_default();
    Load { total: sum(layers), new: sum(&new), largest }
}
