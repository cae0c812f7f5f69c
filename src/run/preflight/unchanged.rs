//! `SKIP_UNCHANGED`: whether an image in ECR has the same inputs as this build. Whatever is not certain builds.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use futures_util::future::join_all;
use tokio::sync::oneshot;

use super::destination::Reach;
use super::{Found, choice, targets};
use crate::aws::TaggedImage;
use crate::config::duration::written;
use crate::config::{Config, ContextSource, NamedContext, SkipUnchanged};
use crate::context::{Fingerprint, Tree};
use crate::dockerfile::Dockerfile;
use crate::engine::Engine;
use crate::image::{Digest, ImageReference, Tag};
use crate::plan::{BuildInputs, Chosen, Course, Gap, InputsDigest, PlannedTag, Retagging, ago, retagging};
use crate::progress::{Event, Log};
use crate::registry::{Bases, Manifest, Registry};
use crate::session::secrets::Secrets;

/// What is known of a build without asking anything outside: or in words, why it is not.
pub(super) type Told = Result<Local, String>;

/// What of the inputs is at hand.
pub(super) struct Local {
    inputs: InputsDigest,
    /// What the build takes from registries.
    images: Vec<ImageReference>,
    /// The folders, as they were when they were read.
    stamps: Vec<(Tree, Digest)>,
    engine: Engine,
}

/// By which a later run knows what was built from which inputs.
pub(in super::super) struct Mark {
    pub(in super::super) tag: Tag,
    stamps: Vec<(Tree, Digest)>,
    engine: Engine,
    bases: Vec<(ImageReference, Digest)>,
    /// As the engine resolved them.
    built_from: Mutex<Vec<String>>,
}

/// What was found.
pub(super) enum Seen {
    /// The run goes on as ever, and marks what it pushes if it can.
    Builds(Option<Mark>),
    /// An image with the same inputs.
    Same(Same),
}

/// An image with the same inputs, in all repositories.
pub(super) struct Same {
    pub(super) manifest: Manifest,
    /// What the tags of each repository name now.
    pub(super) tags: Vec<Vec<PlannedTag>>,
    pub(super) course: Course,
}

impl Mark {
    /// What the registry has as a base image.
    pub(super) fn digest(&self, image: &ImageReference) -> Option<Digest> {
        self.bases.iter().find_map(|(base, digest)| (base == image).then(|| digest.clone()))
    }

    /// Takes the base images of a build as the engine resolved them, by their references with digests.
    pub(in super::super) fn was_built_from(&self, bases: &[String]) {
        self.built_from.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bases);
    }

    /// Whether what was built is what was looked at before the build; the error is why that is not certain.
    pub(in super::super) async fn holds(&self) -> Result<(), String> {
        let stamps = self.stamps.clone();
        let look = move || stamps.iter().all(|(tree, before)| tree.stamp().is_ok_and(|now| now == *before));
        if !tokio::task::spawn_blocking(look).await.unwrap_or(false) {
            // What is written while the build reads may be in the image or not.
            return Err("the build context changed while the image was built".to_owned());
        }
        let built_from = self.built_from.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(other) = another(&self.bases, &built_from) {
            return Err(format!("the engine built from `{other}`, which its registry has no more or not yet"));
        }
        for (image, digest) in &self.bases {
            // Of the others the engine tells no digest: it had them, or the classic builder has pulled and kept them.
            if !names(&built_from, image, digest) {
                not_another(&self.engine, image, digest).await?;
            }
        }
        Ok(())
    }
}

/// Whether the engine told that it built from this image.
fn names(built_from: &[String], image: &ImageReference, digest: &Digest) -> bool {
    built_from.iter().any(|resolved| {
        let named = resolved.split_once('@').map(|(name, told)| (ImageReference::parse(name), told));
        named.is_some_and(|(name, told)| name.as_ref() == Some(image) && told == digest.as_str())
    })
}

/// A base image that the engine resolved to another digest than the registry gave: it moved meanwhile, or a mirror lags behind.
fn another<'a>(bases: &[(ImageReference, Digest)], built_from: &'a [String]) -> Option<&'a String> {
    built_from.iter().find(|resolved| {
        let Some((name, digest)) = resolved.split_once('@') else { return false };
        let Some(name) = ImageReference::parse(name) else { return false };
        bases.iter().any(|(image, known)| *image == name && known.as_str() != digest)
    })
}

/// Reads everything that goes into the build. What fails here for another reason than doubt, fails the checks as well.
pub(super) async fn local(config: &Config, engine: &Engine, found: &Found, secrets: &Secrets) -> Option<Told> {
    let (build, facts) = (&config.build, engine.facts());
    let is_buildkit = choice(config, engine, found).ok()?.builder == Chosen::Buildkit;
    let mut images: Vec<ImageReference> = Vec::new();
    for platform in targets::platforms(config, engine) {
        let (variables, rewritten) = found.rewritten(config, engine, &platform);
        let of_platform = if is_buildkit {
            Dockerfile::parse(&rewritten.ok()?.text).images(true, build.target.as_deref(), &variables)
        } else {
            found.dockerfile.images(false, build.target.as_deref(), &variables)
        };
        match of_platform {
            Ok(more) => images.extend(more),
            Err(unclear) => return Some(Err(unclear.to_string())),
        }
    }
    images.sort_unstable();
    images.dedup();
    let folders = found.folders.iter().map(|(_, tree)| tree.clone());
    let trees: Vec<Tree> = std::iter::once(found.context.tree().clone()).chain(folders).collect();
    let read = move || {
        let read = trees.into_iter().map(|tree| tree.fingerprint().map(|print| (tree, print)));
        read.collect::<Result<Vec<_>, _>>()
    };
    let read: Vec<(Tree, Fingerprint)> = match tokio::task::spawn_blocking(read).await.ok()? {
        Ok(read) => read,
        Err(error) => return Some(Err(error.to_string())),
    };
    let mut contents = read.iter().map(|(_, print)| print.content.clone());
    let context = contents.next()?;
    let folders: BTreeMap<&str, Digest> = found.folders.iter().map(|(name, _)| name.as_str()).zip(contents).collect();
    let named = build.contexts.iter().filter_map(|NamedContext { name, source }| match source {
        ContextSource::Folder(_) => Some((name.as_str(), folders.get(name.as_str())?.to_string())),
        ContextSource::Image(image) => Some((name.as_str(), format!("docker-image://{image}"))),
    });
    let inputs = BuildInputs {
        dockerfile: found.context.dockerfile().content(),
        context,
        contexts: named.collect(),
        args: &build.args,
        labels: &build.labels,
        secrets: secrets.expose().collect(),
        target: build.target.as_deref(),
        network: build.network.as_deref(),
        add_hosts: &build.add_hosts,
        shm_size: build.shm_size,
        ulimits: &build.ulimits,
        source_date_epoch: build.source_date_epoch,
        compression: config.compression,
        builder: if is_buildkit { "buildkit" } else { "classic" },
        platform: (&facts.os, &facts.architecture),
        platforms: asked_platforms(config, engine),
        engine: &facts.version,
    };
    let inputs = inputs.digest();
    let stamps = read.into_iter().map(|(tree, print)| (tree, print.stamp)).collect();
    Some(Ok(Local { inputs, images, stamps, engine: engine.clone() }))
}

/// What `PLATFORM` changes: nothing if it is the engine's own.
fn asked_platforms(config: &Config, engine: &Engine) -> Vec<String> {
    let foreign = targets::foreign(config, engine);
    if foreign.is_empty() { Vec::new() } else { config.build.platforms.iter().map(ToString::to_string).collect() }
}

/// Looks for an image with the same inputs, and says what comes of it in a line.
pub(super) async fn look(config: &Config, reached: &[Reach], told: oneshot::Receiver<Option<Told>>, log: &Log) -> Seen {
    if !config.skip_unchanged.is_on() || !config.push {
        return Seen::Builds(None);
    }
    // Without an answer the checks have failed.
    let Ok(Some(told)) = told.await else { return Seen::Builds(None) };
    let mark = match told {
        Ok(local) => mark(config, reached, local).await,
        Err(reason) => Err(reason),
    };
    let mark = match mark {
        Ok(mark) => mark,
        Err(reason) => {
            log.send(Event::Fact("unchanged", format!("builds, because {reason}"))).await;
            return Seen::Builds(None);
        }
    };
    match same(config, reached, &mark.tag).await {
        Ok((same, words)) => {
            log.send(Event::Fact("unchanged", words)).await;
            Seen::Same(same)
        }
        Err(words) => {
            log.send(Event::Fact("unchanged", words)).await;
            Seen::Builds(Some(mark))
        }
    }
}

/// The fingerprint, with the base images as the registries have them now.
async fn mark(config: &Config, reached: &[Reach], local: Local) -> Result<Mark, String> {
    let Local { inputs, images, stamps, engine } = local;
    let registries: Vec<&Registry> = reached.iter().map(|reach| &reach.registry).collect();
    let (Some(first), Some(bases)) = (reached.first(), Bases::new(&registries, &config.registry_logins)) else {
        return Err("there is no repository".to_owned());
    };
    let repository = first.repository.clone();
    let stretching = tokio::task::spawn_blocking(move || inputs.stretched(&repository));
    let looks = images.iter().map(async |image| {
        let digest = bases.digest(image).await.map_err(|untold| untold.to_string())?;
        if !config.build.pull {
            not_another(&engine, image, &digest).await?;
        }
        Ok::<_, String>((image.clone(), digest))
    });
    let bases: Vec<(ImageReference, Digest)> = join_all(looks).await.into_iter().collect::<Result<_, _>>()?;
    let stretched = stretching.await.map_err(|_| "its inputs could not be hashed".to_owned())?;
    let digests = bases.iter().map(|(image, digest)| (image.to_string(), digest.clone())).collect();
    let tag = stretched.with_bases(&digests).tag().ok_or("its inputs could not be hashed")?;
    Ok(Mark { tag, stamps, engine, bases, built_from: Mutex::default() })
}

/// A base image that the engine has already is taken without a look at the registry, unless `PULL` is set.
pub(super) async fn not_another(engine: &Engine, image: &ImageReference, digest: &Digest) -> Result<(), String> {
    if image.digest().is_some() {
        return Ok(());
    }
    match engine.repository_digests(image).await {
        Ok(None) => Ok(()),
        Ok(Some(known)) if known.contains(digest) => Ok(()),
        Ok(Some(_)) => Err(format!("the engine has another `{image}` than its registry, and `PULL` is not set")),
        Err(error) => Err(error.to_string()),
    }
}

/// The image with that tag in all repositories, and the line of the log; or the line that says why there is none.
async fn same(config: &Config, reached: &[Reach], tag: &Tag) -> Result<(Same, String), String> {
    let builds = |reason: String| format!("builds, because {reason}");
    if config.build.no_cache {
        return Err(builds("`NO_CACHE` is set".to_owned()));
    }
    let wanted: Vec<Tag> = std::iter::once(tag).chain(&config.tags).cloned().collect();
    let looks = reached.iter().map(|reach| look_at(config, reach, tag, &wanted));
    let looked: Vec<Looked> = join_all(looks).await.into_iter().collect::<Result<_, _>>().map_err(builds)?;
    let Some(Looked { image, .. }) = looked.first() else { return Err(builds("there is no repository".to_owned())) };
    if let Some(at) = looked.iter().position(|other| other.image.digest != image.digest) {
        let (one, other) = (&reached[0].repository, &reached[at].repository);
        return Err(builds(format!("`{one}` and `{other}` have different images of the same inputs")));
    }
    let manifest = image.clone();
    let tags: Vec<&[PlannedTag]> = looked.iter().map(|one| one.tags.as_slice()).collect();
    let by_rule =
        || "not retagged, because a tag exists that by `IF_TAG_EXISTS` or the tag policy may not move".to_owned();
    let Retagging::Put(gaps) = retagging(config.if_tag_exists, &manifest.digest, &tags) else { return Err(by_rule()) };
    if !may_move(config, reached, &gaps, &tags).await {
        return Err(by_rule());
    }
    let now = SystemTime::now();
    let age = looked.iter().filter_map(|one| one.pushed_at).min().map(|at| format!(", pushed {}", ago(at, now)));
    let done = if gaps.is_empty() { "nothing is built" } else { "retagged, nothing is built" };
    let words = format!("the same inputs as {}{}: {done}", manifest.digest, age.unwrap_or_default());
    let course = Course::Retag { digest: manifest.digest.clone(), gaps };
    Ok((Same { manifest, tags: looked.into_iter().map(|one| one.tags).collect(), course }, words))
}

/// What one repository has.
struct Looked {
    image: Manifest,
    /// Asked for only where an age is given.
    pushed_at: Option<SystemTime>,
    tags: Vec<PlannedTag>,
}

/// What each tag names, in one call, and the age of the image where it matters.
async fn look_at(config: &Config, reach: &Reach, tag: &Tag, wanted: &[Tag]) -> Result<Looked, String> {
    let (ecr, repository) = (reach.tokens.ecr(), &reach.repository);
    let limit = match config.skip_unchanged {
        SkipUnchanged::Younger(limit) => Some(limit),
        SkipUnchanged::Any | SkipUnchanged::No => None,
    };
    // On the heap, since each call of the SDK is a large future.
    let (images, pushed_at) = tokio::join!(
        Box::pin(ecr.images(repository, wanted)),
        Box::pin(async { if limit.is_some() { ecr.pushed_at(repository, tag).await } else { Ok(None) } }),
    );
    let images = images.map_err(|error| error.to_string())?;
    let Some(image) = named(&images, reach, tag).await? else {
        return Err(format!("no image in `{repository}` has the same inputs"));
    };
    let pushed_at = pushed_at.map_err(|error| format!("the image's age is not known: {error}"))?;
    if let Some(limit) = limit {
        let Some(at) = pushed_at else {
            return Err("the age of the image with the same inputs is not known".to_owned());
        };
        let now = SystemTime::now();
        if now.duration_since(at).is_ok_and(|age| age > limit) {
            let (digest, ago, limit) = (&image.digest, ago(at, now), written(limit));
            return Err(format!(
                "{digest}, which has the same inputs, was pushed {ago}, and `SKIP_UNCHANGED` is `{limit}`"
            ));
        }
    }
    let mut tags = Vec::new();
    for tag in &config.tags {
        let now = named(&images, reach, tag).await?.map(|manifest| manifest.digest);
        tags.push(PlannedTag { tag: tag.clone(), now });
    }
    Ok(Looked { image, pushed_at, tags })
}

/// The manifest that a tag names: by the answer of the API, or, where that does not tell, by the registry.
async fn named(
    images: &BTreeMap<Tag, Option<TaggedImage>>,
    reach: &Reach,
    tag: &Tag,
) -> Result<Option<Manifest>, String> {
    match images.get(tag) {
        Some(None) => Ok(None),
        Some(Some(TaggedImage { digest, media_type, manifest })) => {
            let manifest = Manifest::new(manifest.clone(), media_type.clone());
            let is_true = manifest.digest == *digest;
            is_true.then_some(Some(manifest)).ok_or_else(|| format!("what ECR has as {digest} is something else"))
        }
        None => reach.registry.manifest(tag).await.map_err(|error| error.to_string()),
    }
}

/// Whether the tags that name another image may move. Of a single one the registry itself says it; before the first of several
/// it must be known of all.
async fn may_move(config: &Config, reached: &[Reach], gaps: &[Gap], tags: &[&[PlannedTag]]) -> bool {
    let moves = |gap: &&Gap| tags[gap.to].iter().any(|planned| planned.tag == gap.tag && planned.now.is_some());
    if gaps.len() < 2 && !config.dry_run {
        return true;
    }
    for (place, reach) in reached.iter().enumerate() {
        let moving: Vec<&Gap> = gaps.iter().filter(|gap| gap.to == place).filter(moves).collect();
        if moving.is_empty() {
            continue;
        }
        // A key that may not ask learns it from the registry.
        if let Ok(Some(state)) = Box::pin(reach.tokens.ecr().repository(&reach.repository)).await
            && moving.iter().any(|gap| state.mutability.forbids_moving(&gap.tag))
        {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_base_image_that_the_engine_resolved_to_something_else_is_found() {
        let reference = |text: &str| ImageReference::parse(text).unwrap();
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let bases = [(reference("busybox:1.36"), one.clone()), (reference("h.x/a:1"), two.clone())];
        let built = |texts: &[String]| another(&bases, texts).cloned();
        let same = format!("docker.io/library/busybox:1.36@{one}");
        assert_eq!(built(&[same.clone(), format!("h.x/a:1@{two}"), format!("h.x/other:1@{one}")]), None);
        assert_eq!(built(&[]), None);
        let other = format!("docker.io/library/busybox:1.36@{two}");
        assert_eq!(built(&[same.clone(), other.clone()]), Some(other.clone()));
        let names = |text: &String| names(std::slice::from_ref(text), &bases[0].0, &bases[0].1);
        assert!(names(&same) && !names(&other) && !names(&"h.x/a:1".to_owned()));
    }
}
