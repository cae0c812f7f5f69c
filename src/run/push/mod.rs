//! The push: content first, then tags, and each tag read back from the registry.
//!
//! | module | does |
//! | --- | --- |
//! | `single` | one repository: who pushes is decided |
//! | `watch` | how much there is to push, and what the engine sends of it |
//! | `known` | the layers that the registry is known to have |
//! | `engine` | the push by the engine |
//! | `direct` | the push by the pipe, to one repository or to several |
//! | `tags` | the tags that content has got, from one registry to the next |
//! | `platforms` | an image for each platform, and their index |
//! | `difference` | whether what a repository has is what was built |
//! | `fill` | an image that is there already, to where it is missing |
//! | `index` | an index of images that are there already |
//! | `retag` | tags for an image that has the same inputs |
//! | `mark` | the tag by which it is known |
//! | `taken` | tags that somebody else takes meanwhile |
//! | `read_back` | what the registry has behind a tag must be what was pushed |

mod difference;
mod direct;
mod engine;
mod fill;
mod index;
mod known;
mod mark;
mod platforms;
mod read_back;
mod retag;
mod single;
mod tags;
mod taken;
mod watch;

use super::build::Image;
use super::preflight::{Destination, Ready};
use crate::config::{Config, IfTagExists};
use crate::engine::ImageId;
use crate::error::{ExitCode, Failure};
use crate::image::{Digest, Tag};
use crate::plan::{Gap, NotTheSame, annotations};
use crate::progress::{Event, Log};
use crate::registry::{Manifest, Registry};

use difference::difference;

pub(super) use engine::login;
pub(super) use fill::fill;
pub(super) use index::index;
pub(super) use known::{Known, known};
pub(super) use mark::marked;
pub(super) use retag::retag;
use tags::Local;
use taken::Others;

/// Brings what was built to every repository, under every tag; what comes back is the manifest that the registries confirmed.
pub(super) async fn push(
    images: &[Image],
    known: Known,
    config: &Config,
    ready: &Ready,
    log: &Log,
) -> Result<Manifest, Failure> {
    let rule = config.if_tag_exists;
    let all = &ready.destinations.all;
    if let Some(others) = taken::look(rule, all, id(images)).await {
        return join(others, images, rule, ready, log).await;
    }
    match bring(images, known, config, ready, log).await {
        Err(failure) if failure.code == ExitCode::Repository => match taken::look(rule, all, id(images)).await {
            Some(others) => join(others, images, rule, ready, log).await,
            None => Err(failure),
        },
        ended => ended,
    }
}

/// By which a manifest in a registry is known to be what was built. Of several images there is none before their index.
fn id(images: &[Image]) -> &str {
    match images {
        [one] => one.id.as_str(),
        _ => "",
    }
}

/// Keeps the tags that were taken meanwhile and gives the others the same image, if it is like ours and the rule is to keep what
/// exists: then it is another run of the same step, or the end of a push that a run which was killed had asked of the engine.
async fn join(
    others: Others,
    images: &[Image],
    rule: IfTagExists,
    ready: &Ready,
    log: &Log,
) -> Result<Manifest, Failure> {
    let Some(digest) = others.digest().filter(|_| rule == IfTagExists::Skip) else {
        return Err(others.refused(rule, None));
    };
    if let Some(difference) = difference(images, digest, others.holder, ready, log).await? {
        return Err(others.refused(rule, Some(difference)));
    }
    log.send(Event::Note(format!("{digest} was pushed by another run meanwhile and is the same image"))).await;
    let all = &ready.destinations.all;
    fill::put(&others.gaps(all), all, log).await?;
    fill::read(&all[others.holder], digest).await
}

async fn bring(images: &[Image], known: Known, config: &Config, ready: &Ready, log: &Log) -> Result<Manifest, Failure> {
    match (ready.destinations.all.as_slice(), images) {
        ([], _) => Err(super::bug("there was no repository to push to")),
        ([one], [image]) => single::push(&image.id, known, config, ready, one, log).await,
        (several, [image]) => self::several(&image.id, &known, config, ready, several, log).await,
        (_, images) => platforms::push(images, &known, config, ready, log).await,
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
    direct::tell_of_zstd(config.compression, &ready.engine, log).await;
    let annotations = annotations(&ready.labels, &config.build.labels);
    let recipe = direct::Recipe { codec: config.compression, epoch: ready.epoch, annotations: &annotations };
    let manifest = direct::content(&ready.engine, image, &registries, recipe, known, log).await?;
    let local = Local { engine: &ready.engine, trace: &ready.trace, image };
    tags::tags(Some(local), &manifest, several, 0, log).await?;
    Ok(manifest)
}

/// Gives the tags that are missing the image that the others name, if it is what was built.
pub(super) async fn fill_if_same(
    images: &[Image],
    digest: &Digest,
    holder: usize,
    gaps: &[Gap],
    ready: &Ready,
    log: &Log,
) -> Result<Manifest, Failure> {
    if let Some(difference) = difference(images, digest, holder, ready, log).await? {
        let all = &ready.destinations.all;
        let existing = all.iter().flat_map(|one| &one.tags).filter(|planned| planned.now.is_some());
        let mut existing: Vec<Tag> = existing.map(|planned| planned.tag.clone()).collect();
        existing.sort_unstable();
        existing.dedup();
        let digest = digest.clone();
        return Err(NotTheSame { existing, digest, difference }.into());
    }
    fill(gaps, &ready.destinations.all, log).await
}
