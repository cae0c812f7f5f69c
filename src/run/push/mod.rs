//! The push: content first, then tags, and each tag read back from the registry.
//!
//! | module | does |
//! | --- | --- |
//! | `single` | one repository: who pushes is decided |
//! | `known` | the layers that the registry is known to have |
//! | `engine` | the push by the engine |
//! | `direct` | the push by the pipe, to one repository or to several |
//! | `tags` | the tags that content has got, from one registry to the next |
//! | `fill` | an image that is there already, to where it is missing |
//! | `retag` | tags for an image that has the same inputs |
//! | `mark` | the tag by which it is known |
//! | `taken` | tags that somebody else takes meanwhile |
//! | `read_back` | what the registry has behind a tag must be what was pushed |

mod direct;
mod engine;
mod fill;
mod known;
mod mark;
mod read_back;
mod retag;
mod single;
mod tags;
mod taken;

use super::preflight::{Destination, Ready};
use crate::config::{Config, IfTagExists};
use crate::engine::ImageId;
use crate::error::{ExitCode, Failure};
use crate::image::{Digest, Tag};
use crate::plan::{Gap, NotTheSame, annotations};
use crate::progress::{Event, Log};
use crate::registry::{Manifest, Registry};

pub(super) use engine::login;
pub(super) use fill::fill;
pub(super) use known::{Known, known};
pub(super) use mark::marked;
pub(super) use retag::retag;
use taken::Others;

/// Brings the image to every repository, under every tag; what comes back is the manifest that the registries confirmed.
pub(super) async fn push(
    image: &ImageId,
    known: Known,
    config: &Config,
    ready: &Ready,
    log: &Log,
) -> Result<Manifest, Failure> {
    let rule = config.if_tag_exists;
    let all = &ready.destinations.all;
    if let Some(others) = taken::look(rule, all, image).await {
        return join(others, image, rule, ready, log).await;
    }
    match bring(image, known, config, ready, log).await {
        Err(failure) if failure.code == ExitCode::Repository => match taken::look(rule, all, image).await {
            Some(others) => join(others, image, rule, ready, log).await,
            None => Err(failure),
        },
        ended => ended,
    }
}

/// Keeps the tags that were taken meanwhile and gives the others the same image, if it is like ours and the rule is to keep what
/// exists: then it is another run of the same step, or the end of a push that a run which was killed had asked of the engine.
async fn join(
    others: Others,
    image: &ImageId,
    rule: IfTagExists,
    ready: &Ready,
    log: &Log,
) -> Result<Manifest, Failure> {
    let Some(digest) = others.digest().filter(|_| rule == IfTagExists::Skip) else {
        return Err(others.refused(rule, None));
    };
    if let Some(difference) = difference(image, digest, others.holder, ready, log).await? {
        return Err(others.refused(rule, Some(difference)));
    }
    log.send(Event::Note(format!("{digest} was pushed by another run meanwhile and is the same image"))).await;
    let all = &ready.destinations.all;
    fill::put(&others.gaps(all), all, log).await?;
    fill::read(&all[others.holder], digest).await
}

async fn bring(image: &ImageId, known: Known, config: &Config, ready: &Ready, log: &Log) -> Result<Manifest, Failure> {
    match ready.destinations.all.as_slice() {
        [] => Err(super::bug("there was no repository to push to")),
        [one] => single::push(image, known, config, ready, one, log).await,
        several => self::several(image, &known, config, ready, several, log).await,
    }
}

/// All content first, then all tags.
async fn several(
    image: &ImageId,
    known: &Known,
    config: &Config,
    ready: &Ready,
    several: &[Destination],
    log: &Log,
) -> Result<Manifest, Failure> {
    let registries: Vec<&Registry> = several.iter().map(|destination| &destination.registry).collect();
    let annotations = annotations(&ready.labels, &config.build.labels);
    let recipe = direct::Recipe { codec: config.compression, epoch: ready.epoch, annotations: &annotations };
    let manifest = direct::content(&ready.engine, image, &registries, recipe, known, log).await?;
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
    if let Some(difference) = difference(image, digest, holder, ready, log).await? {
        let all = &ready.destinations.all;
        let existing = all.iter().flat_map(|one| &one.tags).filter(|planned| planned.now.is_some());
        let mut existing: Vec<Tag> = existing.map(|planned| planned.tag.clone()).collect();
        existing.sort_unstable();
        existing.dedup();
        let digest = digest.clone();
        return Err(NotTheSame { existing, digest, difference }.into());
    }
    fill(gaps, ready, log).await
}

/// In what an image that a repository has differs from what was built.
async fn difference(
    image: &ImageId,
    digest: &Digest,
    holder: usize,
    ready: &Ready,
    log: &Log,
) -> Result<Option<String>, Failure> {
    let holder = &ready.destinations.all[holder];
    let there = fill::read(holder, digest).await?;
    let ours = match ready.epoch {
        None => ready.engine.likeness(image).await?,
        Some(epoch) => direct::likeness(&ready.engine, image, epoch, log).await?,
    };
    // An image of another run over the same files is the same, whatever it says of that run.
    let is_own = |name: &str| ready.labels.iter().any(|(own, _)| own == name);
    Ok(match holder.registry.likeness(&there).await? {
        Some(theirs) => ours.without_labels(is_own).difference(&theirs.without_labels(is_own)),
        None => Some("it is one image, the other an index of several".to_owned()),
    })
}
