//! Tags that are put on an image which has the same inputs: only its manifest travels.

use super::super::preflight::{Destination, Ready};
use super::read_back::read_back;
use crate::error::Failure;
use crate::image::Digest;
use crate::plan::Gap;
use crate::progress::{Event, Log};
use crate::registry::Manifest;

/// Gives the image the tags that do not name it yet: each in all repositories before the next. What was looked at a moment ago is
/// not looked at again, since every request more is one of very few.
pub(in super::super) async fn retag(
    image: &Manifest,
    gaps: &[Gap],
    ready: &Ready,
    log: &Log,
) -> Result<Manifest, Failure> {
    let all = &ready.destinations.all;
    if gaps.is_empty() {
        log.send(Event::Note("all tags name that image already".to_owned())).await;
    }
    for (at, gap) in gaps.iter().enumerate() {
        put(image, gap, all).await.map_err(|why| halfway(why, gaps, at, all))?;
        log.send(Event::Note(format!("{}: {}", all[gap.to].repository.tagged(&gap.tag), image.digest))).await;
    }
    Ok(image.clone())
}

async fn put(image: &Manifest, gap: &Gap, all: &[Destination]) -> Result<(), Failure> {
    let Destination { repository, registry, .. } = &all[gap.to];
    let is_confirmed = registry.put_anew(&gap.tag, image).await?;
    if !is_confirmed {
        let pushed: Digest = image.digest.clone();
        read_back(registry, repository, &gap.tag, pushed).await?;
    }
    Ok(())
}

/// Says which tags are put by now.
fn halfway(why: Failure, gaps: &[Gap], at: usize, all: &[Destination]) -> Failure {
    let named = |gaps: &[Gap]| {
        let names = gaps.iter().map(|gap| format!("`{}`", all[gap.to].repository.tagged(&gap.tag)));
        names.collect::<Vec<_>>().join(", ")
    };
    let parts = match at {
        0 => "no tag has moved".to_owned(),
        _ => format!("done: {}; not done: {}", named(&gaps[..at]), named(&gaps[at..])),
    };
    Failure { message: format!("{}; {parts}", why.message), ..why }
}
