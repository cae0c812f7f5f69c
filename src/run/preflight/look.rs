//! What a registry has behind the tags of interest: those that will be pushed, and those whose image may serve as a cache.

use futures_util::future::join_all;

use crate::config::{Builder, Config};
use crate::error::Failure;
use crate::image::{Repository, Tag};
use crate::plan::{PlannedTag, cache_tags};
use crate::progress::{Event, Log, bytes};
use crate::registry::{self, Manifest, Registry};

use super::destination::Destinations;

/// An image of a repository that may serve as a cache.
pub(in super::super) struct CacheImage {
    /// `<repository>@<digest>`
    pub(in super::super) reference: String,
    pub(in super::super) tag: Tag,
    pub(in super::super) manifest: Manifest,
}

/// What the registry has behind each tag.
pub(super) struct Look(Vec<(Tag, Result<Option<Manifest>, registry::Error>)>);

/// Whether an image of the repository is of use as a cache.
fn wants_cache(config: &Config) -> bool {
    config.cache.auto && !config.build.no_cache && config.builder != Builder::Classic
}

impl Look {
    pub(super) async fn at(config: &Config, registry: &Registry, for_cache: bool) -> Self {
        let pushed = if config.push { config.tags.as_slice() } else { &[] };
        let mut tags: Vec<(Tag, &Registry)> = pushed.iter().map(|tag| (tag.clone(), registry)).collect();
        // A cache is only help, for which a registry that fails is not asked again and again.
        let impatient = registry.impatient();
        if for_cache && wants_cache(config) {
            for tag in cache_tags(&config.tags, &config.bitbucket) {
                if !tags.iter().any(|(other, _)| *other == tag) {
                    tags.push((tag, &impatient));
                }
            }
        }
        let look = async |(tag, registry): (Tag, &Registry)| {
            let manifest = registry.manifest(&tag).await;
            (tag, manifest)
        };
        Self(join_all(tags.into_iter().map(look)).await)
    }

    /// What each tag that is to be pushed names now.
    pub(super) fn planned(&self, tags: &[Tag]) -> Result<Vec<PlannedTag>, Vec<Failure>> {
        let planned = |tag: &Tag| match self.0.iter().find(|(found, _)| found == tag) {
            Some((_, Err(error))) => Err(vec![error.clone().into()]),
            Some((_, Ok(manifest))) => {
                let now = manifest.as_ref().map(|manifest| manifest.digest.clone());
                Ok(PlannedTag { tag: tag.clone(), now })
            }
            None => Ok(PlannedTag { tag: tag.clone(), now: None }),
        };
        tags.iter().map(planned).collect()
    }

    /// The best image for a cache. That a tag cannot be looked at is no failure here: a cache is only help.
    pub(super) fn cache(self, config: &Config, repository: &Repository) -> Option<CacheImage> {
        if !wants_cache(config) {
            return None;
        }
        let wanted = cache_tags(&config.tags, &config.bitbucket);
        let mut found = self.0;
        let at = wanted.iter().find_map(|tag| {
            found.iter().position(|(other, manifest)| other == tag && matches!(manifest, Ok(Some(_))))
        })?;
        match found.swap_remove(at) {
            (tag, Ok(Some(manifest))) => Some(CacheImage { reference: repository.at(&manifest.digest), tag, manifest }),
            (_, Ok(None) | Err(_)) => None,
        }
    }
}

/// Tells which image may serve as a cache.
pub(super) async fn tell_cache(config: &Config, destinations: &Destinations, log: &Log) {
    let own = destinations.cache.as_ref().map(|CacheImage { tag, manifest, .. }| {
        let weight = manifest.image_bytes.map(|size| format!(", {}", bytes(size))).unwrap_or_default();
        format!("{tag}, {}{weight}", manifest.digest)
    });
    let none = || {
        (wants_cache(config) && !destinations.all.is_empty())
            .then(|| "none yet: the repository has no image of this branch".to_owned())
    };
    for text in own.or_else(none).into_iter().chain(config.cache.from.iter().cloned()) {
        log.send(Event::Fact("cache", text)).await;
    }
}
