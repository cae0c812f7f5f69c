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

use super::preflight::{Destination, Ready};
use crate::config::IfTagExists;
use crate::engine::ImageId;
use crate::error::Failure;
use crate::image::{Digest, Tag};
use crate::plan::{Gap, NotTheSame};
use crate::progress::Log;
use crate::registry::{Manifest, Registry};

pub(super) use engine::login;
pub(super) use fill::fill;

/// Brings the image to every repository, under every tag; what comes back is the manifest that the registries confirmed.
pub(super) async fn push(image: &ImageId, rule: IfTagExists, ready: &Ready, log: &Log) -> Result<Manifest, Failure> {
    taken::recheck(rule, &ready.destinations.all, image).await?;
    match ready.destinations.all.as_slice() {
        [] => Err(super::bug("there was no repository to push to")),
        [one] => {
            let manifest = engine::push(image, ready, one, log).await?;
            tags::tags(image, &manifest, ready, 1, log).await?;
            Ok(manifest)
        }
        several => self::several(image, ready, several, log).await,
    }
}

/// All content first, then all tags.
async fn several(image: &ImageId, ready: &Ready, several: &[Destination], log: &Log) -> Result<Manifest, Failure> {
    let registries: Vec<&Registry> = several.iter().map(|destination| &destination.registry).collect();
    let manifest = direct::content(&ready.engine, image, &registries, log).await?;
    tags::tags(image, &manifest, ready, 0, log).await?;
    Ok(manifest)
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
        let mut existing: Vec<Tag> = existing.map(|planned| planned.tag.clone()).collect();
        existing.sort_unstable();
        existing.dedup();
        let digest = digest.clone();
        return Err(NotTheSame { existing, digest, difference }.into());
    }
    fill(gaps, ready, log).await
}
