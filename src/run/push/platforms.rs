//! The push of images for several platforms: each by its digest, then one index of them under the tags.

use super::super::bug;
use super::super::build::Image;
use super::super::preflight::Ready;
use super::direct::{self, Recipe, tell_of_zstd};
use super::known::Known;
use super::tags;
use crate::config::Config;
use crate::error::Failure;
use crate::plan::annotations;
use crate::progress::{Event, Log};
use crate::registry::{self, Entry, Manifest, Registry};

/// An engine cannot push an image without a tag, so the pipe does. What comes back is the index.
pub(super) async fn push(
    images: &[Image],
    known: &Known,
    config: &Config,
    ready: &Ready,
    log: &Log,
) -> Result<Manifest, Failure> {
    let all = &ready.destinations.all;
    let registries: Vec<&Registry> = all.iter().map(|destination| &destination.registry).collect();
    tell_of_zstd(config.compression, &ready.engine, log).await;
    let annotations = annotations(&ready.labels, &config.build.labels);
    let recipe = Recipe { codec: config.compression, epoch: ready.epoch, annotations: &annotations };
    let mut entries: Vec<Entry> = Vec::new();
    for Image { platform, id } in images {
        log.send(Event::Note(format!("{platform}:"))).await;
        let manifest = direct::content(&ready.engine, id, &registries, recipe, known, log).await?;
        direct::untagged(&registries, &manifest).await?;
        match manifest.entries() {
            // The containerd store may keep one of its own, with attestations.
            Some(own) => entries.extend(own),
            None => entries.push(Entry::of(&manifest, platform.clone())),
        }
    }
    let index = registry::index(&entries).ok_or_else(|| bug("the index cannot be written"))?;
    tags::tags(None, &index, all, 0, log).await?;
    for Image { id, .. } in images {
        // Without a name nobody would find it there.
        ready.engine.discard(&ready.trace, id).await;
    }
    Ok(index)
}
