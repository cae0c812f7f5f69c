//! In what an image that a repository has differs from what was built.

use super::super::build::Image;
use super::super::preflight::{Destination, Ready};
use super::direct;
use super::fill::read;
use crate::engine::ImageId;
use crate::error::Failure;
use crate::image::Digest;
use crate::plan::is_automatic;
use crate::progress::Log;
use crate::registry::Manifest;

/// The first difference; `None` if they are the same to whoever runs them.
pub(super) async fn difference(
    images: &[Image],
    digest: &Digest,
    holder: usize,
    ready: &Ready,
    log: &Log,
) -> Result<Option<String>, Failure> {
    let holder = &ready.destinations.all[holder];
    let there = read(holder, digest).await?;
    if let [one] = images {
        return of_one(&one.id, &there, holder, ready, log).await;
    }
    let theirs = there.images();
    for Image { platform, id } in images {
        let is_its = |other: &&crate::registry::PlatformImage| {
            other.platform.as_ref().is_some_and(|other| other.is_same(platform))
        };
        let Some(other) = theirs.iter().find(is_its) else {
            return Ok(Some(format!("it has an image for {platform}, the other has none")));
        };
        let other = read(holder, &other.digest).await?;
        if let Some(difference) = of_one(id, &other, holder, ready, log).await? {
            return Ok(Some(format!("of {platform}, {difference}")));
        }
    }
    let more = theirs.len() > images.len();
    Ok(more.then(|| "the other has images for more platforms".to_owned()))
}

async fn of_one(
    image: &ImageId,
    there: &Manifest,
    holder: &Destination,
    ready: &Ready,
    log: &Log,
) -> Result<Option<String>, Failure> {
    let ours = match ready.epoch {
        None => ready.engine.likeness(image).await?,
        Some(epoch) => direct::likeness(&ready.engine, image, epoch, log).await?,
    };
    // An image of another run over the same files is the same, whatever it says of that run, or does not.
    let given: Vec<String> =
        ours.labels().filter(|name| ready.labels.iter().all(|(own, _)| own != name)).map(str::to_owned).collect();
    let is_own = |name: &str| is_automatic(name) && given.iter().all(|given| given != name);
    Ok(match holder.registry.likeness(there).await? {
        Some(theirs) => ours.without_labels(is_own).difference(&theirs.without_labels(is_own)),
        None => Some("it is one image, the other an index of several".to_owned()),
    })
}
