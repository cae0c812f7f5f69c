//! The push: content first, then tags, and each tag read back from the registry.
//!
//! | module | does |
//! | --- | --- |
//! | `engine` | one repository: the engine pushes |
//! | `direct` | several repositories: the pipe pushes |
//! | `tags` | the tags that content has got, from one registry to the next |
//! | `fill` | an image that is there already, to where it is missing |
//! | `taken` | tags that somebody else takes meanwhile |
//! | `read_back` | what the registry has behind a tag must be what was pushed |

mod direct;
mod engine;
mod fill;
mod read_back;
mod tags;
mod taken;

use std::sync::Arc;

use super::preflight::{Destination, Ready};
use crate::config::IfTagExists;
use crate::engine::ImageId;
use crate::error::Failure;
use crate::image::{Digest, EcrHost};
use crate::plan::{Gap, NotTheSame};
use crate::progress::Log;
use crate::registry::{Manifest, Pacer, Registry};

pub(super) use engine::login;
pub(super) use fill::fill;

/// Brings the image to every repository, under every tag; what comes back is the manifest that the registries confirmed.
pub(super) async fn push(image: &ImageId, rule: IfTagExists, ready: &Ready, log: &Log) -> Result<Manifest, Failure> {
    taken::recheck(rule, &ready.destinations.all, image).await?;
    match ready.destinations.all.as_slice() {
        [] => Err(super::bug("there was no repository to push to")),
        [one] => {
            let manifest = engine::push(image, ready, one, log).await?;
            let registries = paced(std::slice::from_ref(one));
            tags::tags(image, &manifest, ready, &registries.iter().collect::<Vec<_>>(), 1, log).await?;
            Ok(manifest)
        }
        several => self::several(image, ready, several, log).await,
    }
}

/// All content first, then all tags.
async fn several(image: &ImageId, ready: &Ready, several: &[Destination], log: &Log) -> Result<Manifest, Failure> {
    let registries = paced(several);
    let registries: Vec<&Registry> = registries.iter().collect();
    let manifest = direct::content(&ready.engine, image, &registries, log).await?;
    tags::tags(image, &manifest, ready, &registries, 0, log).await?;
    Ok(manifest)
}

/// The registries, those of one host with one pace.
fn paced(destinations: &[Destination]) -> Vec<Registry> {
    let mut pacers: Vec<(&EcrHost, Arc<Pacer>)> = Vec::new();
    let mut registries = Vec::new();
    for Destination { repository, registry, .. } in destinations {
        let known = pacers.iter().find(|(host, _)| **host == repository.host).map(|(_, pacer)| Arc::clone(pacer));
        let pacer = known.unwrap_or_else(|| {
            let pacer = Arc::<Pacer>::default();
            pacers.push((&repository.host, Arc::clone(&pacer)));
            pacer
        });
        registries.push(registry.at_the_pace_of(&pacer));
    }
    registries
}

/// Gives the tags that are missing the image that the others name, if it is what was built.
pub(super) async fn fill_if_same(
    image: &ImageId,
    digest: &Digest,
    holder: usize,
    gaps: &[Gap],
    ready: &Ready,
    log: &Log,
) -> Result<Manifest, Failure> {
    let all = &ready.destinations.all;
    let there = fill::read(&all[holder], digest).await?;
    let ours = ready.engine.likeness(image).await?;
    let difference = match all[holder].registry.likeness(&there).await? {
        Some(theirs) => ours.difference(&theirs),
        None => Some("it is one image, the other an index of several".to_owned()),
    };
    if let Some(difference) = difference {
        let existing = all.iter().flat_map(|one| &one.tags).filter(|planned| planned.now.is_some());
        let mut existing: Vec<String> = existing.map(|planned| format!("`{}`", planned.tag)).collect();
        existing.sort_unstable();
        existing.dedup();
        let (existing, digest) = (existing.join(", "), digest.clone());
        return Err(NotTheSame { existing, digest, difference }.into());
    }
    fill(gaps, ready, log).await
}
