//! Layers that a registry is known to have: of the images that the tags name now, of the one that served as a cache, and of base images
//! in the same registry. What a configuration calls by its diff id the manifest beside it calls by the digest of the blob.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::super::preflight::{Destination, Ready, Target, variables};
use super::direct::{Layer, codec};
use crate::config::{Config, PushMode};
use crate::dockerfile::Base;
use crate::image::{Digest, ImageReference, Likeness, Name, Platform, Repository, Tag};
use crate::registry::{Content, Descriptor, Manifest, PlatformImage, Reference, Registry};

/// How many images are read for a platform, with two requests each.
const MOST: usize = 6;

/// A layer, and a repository that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KnownLayer {
    pub(super) layer: Layer,
    pub(super) from: Repository,
}

/// What is known, by diff id, best first.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Known(BTreeMap<Digest, Vec<KnownLayer>>);

impl Known {
    /// The blobs that a layer may be.
    pub(super) fn of(&self, diff_id: &Digest) -> &[KnownLayer] {
        self.0.get(diff_id).map_or(&[], Vec::as_slice)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, layers: Vec<Layer>, from: &Repository) {
        for layer in layers {
            let known = self.0.entry(layer.diff_id.clone()).or_default();
            if known.iter().all(|other| other.layer.digest != layer.digest) {
                known.push(KnownLayer { layer, from: from.clone() });
            }
        }
    }
}

/// An image to read.
struct Source {
    registry: Registry,
    reference: Reference,
    manifest: Option<Manifest>,
}

/// Reads what images there are for the platforms that are built for, where a push by the pipe is possible at all and could use it. It is
/// only help: what cannot be read is passed over, and nothing is tried twice.
pub(in super::super) async fn known(config: &Config, ready: &Ready) -> Known {
    let several = ready.destinations.all.len() > 1;
    if ready.engine.facts().keeps_compressed() || (config.push_mode == PushMode::Engine && !several) {
        return Known::default();
    }
    let mut sources: Vec<(Source, &Platform)> = Vec::new();
    for Target { platform, .. } in &ready.targets {
        let own = self::sources(config, ready, platform).into_iter().filter(|source| is_of_use(source, ready));
        sources.extend(own.take(MOST).map(|source| (source, platform)));
    }
    let looks = sources.iter().map(|(source, platform)| async {
        let layers = source.layers(platform).await;
        (layers, source.registry.repository())
    });
    let mut known = Known::default();
    for (layers, from) in join_all(looks).await {
        known.add(layers.unwrap_or_default(), from);
    }
    known
}

/// Where times are changed, all blobs are the pipe's own, and base images were compressed by others.
fn is_of_use(source: &Source, ready: &Ready) -> bool {
    let first = ready.destinations.all.first();
    ready.epoch.is_none() || first.is_some_and(|first| *source.registry.repository() == first.repository)
}

fn sources(config: &Config, ready: &Ready, platform: &Platform) -> Vec<Source> {
    let Some(first) = ready.destinations.all.first() else { return Vec::new() };
    let registry = first.registry.impatient();
    let mut sources: Vec<Source> = Vec::new();
    if let Some(cache) = &ready.destinations.cache {
        let (registry, reference) = (registry.clone(), cache.manifest.digest.clone().into());
        sources.push(Source { registry, reference, manifest: Some(cache.manifest.clone()) });
    }
    for digest in first.tags.iter().filter_map(|planned| planned.now.as_ref()) {
        let is_there = sources.iter().any(|source| source.reference == Reference::from(digest.clone()));
        if !is_there {
            let (registry, reference) = (registry.clone(), digest.clone().into());
            sources.push(Source { registry, reference, manifest: None });
        }
    }
    for (repository, reference) in bases(config, ready, first, platform) {
        sources.push(Source { registry: registry.beside(repository), reference, manifest: None });
    }
    sources
}

/// The base images that lie in the registry of a destination. Those of other registries were compressed by others, and so are of no
/// use: their blobs are not here.
fn bases(config: &Config, ready: &Ready, first: &Destination, platform: &Platform) -> Vec<(Repository, Reference)> {
    let variables = variables(config, &ready.engine, platform);
    let host = first.repository.host.to_string();
    let mut bases = Vec::new();
    for base in ready.dockerfile.bases(&variables) {
        let Base::Image(image) = base else { continue };
        if let Some(found) = named(&image, &host).filter(|found| !bases.contains(found)) {
            bases.push(found);
        }
    }
    bases
}

/// What an image of a registry is called there; `None` for one of another registry.
fn named(image: &str, host: &str) -> Option<(Repository, Reference)> {
    let image = ImageReference::parse(image).filter(|image| image.host() == host)?;
    let reference = match image.digest() {
        Some(digest) => digest.into(),
        None => image.tag().parse::<Tag>().ok()?.into(),
    };
    match format!("{host}/{}", image.path()).parse() {
        Ok(Name::Full(repository)) => Some((repository, reference)),
        Ok(Name::Bare(_)) | Err(_) => None,
    }
}

impl Source {
    /// The layers of the image for a platform.
    async fn layers(&self, platform: &Platform) -> Option<Vec<Layer>> {
        let mut manifest = match &self.manifest {
            Some(manifest) => manifest.clone(),
            None => self.registry.manifest(self.reference.clone()).await.ok()??,
        };
        if manifest.config.is_none() {
            let images = manifest.images();
            let is_ours = |image: &&PlatformImage| image.platform.as_ref().is_some_and(|its| its.is_same(platform));
            let ours = images.iter().find(is_ours)?;
            manifest = self.registry.manifest(&ours.digest).await.ok()??;
        }
        let Content::Image(parts) = manifest.content().ok()? else { return None };
        let (config, layers) = parts.split_first()?;
        let document = self.registry.document(&config.digest).await;
        if let Err(error) = &document {
            tracing::debug!("the layers of {} are not known: {error}", self.registry.repository());
        }
        Some(matched(&Likeness::read(&document.ok()?).ok()?, layers))
    }
}

/// The layers of a manifest by the diff ids of its configuration. Of those whose compression has no name here nothing is known.
fn matched(likeness: &Likeness, blobs: &[Descriptor]) -> Vec<Layer> {
    if likeness.diff_ids().len() != blobs.len() {
        return Vec::new();
    }
    let layer = |(diff_id, blob): (&Digest, &Descriptor)| {
        let codec = codec(&blob.media_type)?;
        Some(Layer { diff_id: diff_id.clone(), digest: blob.digest.clone(), size: blob.size, codec })
    };
    likeness.diff_ids().iter().zip(blobs).filter_map(layer).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::compress::Codec;

    #[test]
    fn base_images_of_the_same_registry_are_recognised() {
        let host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
        let found =
            |image: &str| named(image, host).map(|(repository, reference)| format!("{} {reference}", repository.name));
        let digest = Digest::of(b"");
        assert_eq!(found(&format!("{host}/base/java")).unwrap(), "base/java tag `latest`");
        assert_eq!(found(&format!("{host}/base:21")).unwrap(), "base tag `21`");
        assert_eq!(found(&format!("{host}/base:21@{digest}")).unwrap(), format!("base manifest {digest}"));
        for other in ["debian:12", "base", &format!("{host}x/base"), &format!("{host}/base:"), &format!("{host}/BASE")]
        {
            assert_eq!(found(other), None, "{other}");
        }
    }

    #[test]
    fn a_layer_is_known_by_the_place_that_it_has_in_both_documents() {
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let json = format!(r#"{{"os":"linux","architecture":"amd64","rootfs":{{"diff_ids":["{one}","{two}"]}}}}"#);
        let likeness = Likeness::read(json.as_bytes()).unwrap();
        let blob =
            |kind: &str| Descriptor { media_type: kind.to_owned(), digest: Digest::of(kind.as_bytes()), size: 7 };
        let zstd = blob("application/vnd.oci.image.layer.v1.tar+zstd");
        let foreign = blob("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip");
        let expected = Layer { diff_id: one.clone(), digest: zstd.digest.clone(), size: 7, codec: Codec::Zstd };
        assert_eq!(matched(&likeness, &[zstd.clone(), foreign]), [expected]);
        assert_eq!(matched(&likeness, &[zstd]), [], "what does not fit together");
    }
}
