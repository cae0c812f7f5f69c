//! Tags that are missing get an image that is in ECR already: nothing is built, or what was built is the same.

use super::super::preflight::Destination;
use super::read_back::read_back;
use super::taken::recheck_gaps;
use crate::error::Failure;
use crate::image::Digest;
use crate::plan::Gap;
use crate::progress::{Event, Log};
use crate::registry::{self, Manifest, Registry};

/// Gives the tags that are missing the images that they name elsewhere. What comes back is the manifest of the first tag.
pub(in super::super) async fn fill(gaps: &[Gap], all: &[Destination], log: &Log) -> Result<Manifest, Failure> {
    if gaps.is_empty() {
        log.send(Event::Note("all tags exist, nothing is built, since `IF_TAG_EXISTS` is `skip`".to_owned())).await;
    }
    let images = put(gaps, all, log).await?;
    first(gaps, images, all).await
}

/// All content first, then the tags. What comes back are the images, each with the repository that it was read from.
pub(super) async fn put(gaps: &[Gap], all: &[Destination], log: &Log) -> Result<Vec<(usize, Manifest)>, Failure> {
    let mut images: Vec<(usize, Manifest)> = Vec::new();
    for gap in gaps {
        if images.iter().all(|(_, image)| image.digest != gap.digest) {
            images.push((gap.from, read(&all[gap.from], &gap.digest).await?));
        }
    }
    for (from, image) in &images {
        copy(image, *from, gaps, all, log).await?;
    }
    recheck_gaps(gaps, all).await?;
    for (at, gap) in gaps.iter().enumerate() {
        let Some((_, image)) = images.iter().find(|(_, image)| image.digest == gap.digest) else { continue };
        let Destination { repository, registry, .. } = &all[gap.to];
        let put = async {
            registry.put_manifest(&gap.tag, image).await?;
            read_back(registry, repository, &gap.tag, image.digest.clone()).await
        };
        let named = |gap: &Gap| all[gap.to].repository.tagged(&gap.tag);
        put.await.map_err(|why: Failure| {
            halfway(
                why,
                &gaps[..at].iter().map(named).collect::<Vec<_>>(),
                &gaps[at..].iter().map(named).collect::<Vec<_>>(),
            )
        })?;
        log.send(Event::Note(format!("{}: {}", repository.tagged(&gap.tag), image.digest))).await;
    }
    Ok(images)
}

/// Brings an image to the repositories that get a tag for it and are not the one that has it.
async fn copy(image: &Manifest, from: usize, gaps: &[Gap], all: &[Destination], log: &Log) -> Result<(), Failure> {
    let lacks = |to: &usize| *to != from && gaps.iter().any(|gap| gap.to == *to && gap.digest == image.digest);
    let targets: Vec<usize> = (0..all.len()).filter(lacks).collect();
    let registries: Vec<&Registry> = targets.iter().map(|to| &all[*to].registry).collect();
    if registries.is_empty() {
        return Ok(());
    }
    bring(image, &all[from].registry, &registries, log).await
}

/// Copies an image to some registries, without a tag.
pub(super) async fn bring(image: &Manifest, from: &Registry, to: &[&Registry], log: &Log) -> Result<(), Failure> {
    let mut failed = None;
    for (registry, end) in to.iter().zip(registry::copy(image, from, to).await?) {
        let repository = registry.repository();
        match end {
            Ok(()) => log.send(Event::Note(format!("{} is in {repository}", image.digest))).await,
            Err(error) => failed = failed.or(Some((repository, Failure::from(error)))),
        }
    }
    match failed {
        None => Ok(()),
        Some((repository, Failure { code, message, hint })) => {
            let message = format!("`{repository}` did not get the content of the image: {message}; no tag has moved");
            Err(Failure { code, message, hint })
        }
    }
}

/// Says which of the missing tags are there by now.
fn halfway(why: Failure, done: &[String], left: &[String]) -> Failure {
    let quoted = |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let done = if done.is_empty() { String::new() } else { format!("; done: {}", quoted(done)) };
    Failure { message: format!("{}{done}; still missing: {}", why.message, quoted(left)), ..why }
}

/// The manifest of the first tag of `TAG`.
async fn first(gaps: &[Gap], images: Vec<(usize, Manifest)>, all: &[Destination]) -> Result<Manifest, Failure> {
    let tags = all.first().map(|destination| destination.tags.as_slice()).unwrap_or_default();
    let Some(tag) = tags.first() else { return Err(super::super::bug("there was no tag")) };
    let digest = match &tag.now {
        Some(now) => now,
        None => match gaps.iter().find(|gap| gap.tag == tag.tag) {
            Some(gap) => &gap.digest,
            None => return Err(super::super::bug("a tag that is missing has no image")),
        },
    };
    match images.into_iter().find(|(_, image)| image.digest == *digest) {
        Some((_, image)) => Ok(image),
        None => read(&all[0], digest).await,
    }
}

pub(super) async fn read(holder: &Destination, digest: &Digest) -> Result<Manifest, Failure> {
    let found = holder.registry.manifest(digest).await?;
    let gone = || registry::Error::Missing {
        repository: Box::new(holder.repository.clone()),
        what: format!("manifest {digest}"),
    };
    Ok(found.ok_or_else(gone)?)
}
