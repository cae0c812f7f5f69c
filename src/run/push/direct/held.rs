//! Manifests, with what they name and the pipe holds.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::Stop;
use super::manifest::{Layer, manifest};
use crate::archive::epoch::configuration;
use crate::archive::{self, Documents, Unpacked};
use crate::engine::ImageId;
use crate::image::Digest;
use crate::registry::{self, Content, Descriptor, Manifest, Registry};

/// A manifest, and the documents among what it names.
pub(super) struct Held {
    pub(super) manifest: Manifest,
    blobs: Vec<(Digest, Bytes)>,
}

/// What an export held, when it was read to its end.
pub(super) struct Export<'a> {
    pub(super) image: &'a ImageId,
    pub(super) documents: &'a Documents,
    /// By their paths in the export.
    pub(super) layers: BTreeMap<&'a str, &'a Layer>,
    /// Where times were changed.
    pub(super) clamped: Option<Clamped<'a>>,
    pub(super) annotations: &'a [(String, String)],
}

/// Layers that are not what the engine has given.
pub(super) struct Clamped<'a> {
    pub(super) epoch: u64,
    /// The digests of what it has given, by the paths.
    pub(super) given: &'a BTreeMap<String, Digest>,
}

impl Export<'_> {
    /// The manifest for layers that the pipe has compressed.
    pub(super) fn made(&self) -> Result<Held, Stop> {
        let (config, layers) = self.image()?;
        let digest = Digest::of(&config);
        let manifest = manifest((&digest, config.len() as u64), &layers, self.annotations)
            .ok_or(Stop::Bug("the manifest cannot be written"))?;
        Ok(Held { manifest, blobs: vec![(digest, config)] })
    }

    /// The configuration with the layers that the pipe has compressed.
    pub(super) fn image(&self) -> Result<(Bytes, Vec<Layer>), Stop> {
        let image: Unpacked = self.documents.unpacked()?;
        let config = Digest::of(&image.config);
        if let Ok(expected) = self.image.as_str().parse::<Digest>()
            && expected != config
        {
            return Err(archive::Error::Damaged { path: "manifest.json".to_owned(), expected, found: config }.into());
        }
        let mut layers = Vec::new();
        for (path, expected) in image.layers {
            let Some(arrived) = self.layers.get(path.as_str()) else {
                return Err(archive::Error::Missing { path }.into());
            };
            let given = self.clamped.as_ref().and_then(|clamped| clamped.given.get(&path)).unwrap_or(&arrived.diff_id);
            if *given != expected {
                return Err(archive::Error::Damaged { path, expected, found: given.clone() }.into());
            }
            layers.push((*arrived).clone());
        }
        let Some(Clamped { epoch, .. }) = self.clamped else { return Ok((image.config, layers)) };
        let diff_ids: Vec<Digest> = layers.iter().map(|layer| layer.diff_id.clone()).collect();
        let config = configuration(&image.config, epoch, &diff_ids)
            .map_err(|reason| archive::Error::NotUnderstood { path: config.to_string(), reason })?;
        Ok((config, layers))
    }

    /// The manifests of an engine that has them, byte for byte; the one of all comes last.
    pub(super) fn stored(&self) -> Result<Vec<Held>, Stop> {
        let root = self.documents.manifest()?;
        let Content::Index(children) = content(&root)? else { return Ok(vec![self.held(root)?]) };
        let held: Vec<Result<Held, Stop>> = children.iter().map(|child| self.child(child)).collect();
        if held.iter().all(Result::is_ok) {
            let children = held.into_iter().flatten();
            return Ok(children.chain([Held { manifest: root, blobs: Vec::new() }]).collect());
        }
        // An engine that has pulled or built for one platform lacks the others, and pushes the one that it has.
        let mut here: Vec<Held> = held.into_iter().flatten().collect();
        if let (Some(only), true) = (here.pop(), here.is_empty()) {
            return Ok(vec![only]);
        }
        let reason = "the engine has some of its manifests and lacks others".to_owned();
        Err(archive::Error::NotUnderstood { path: "index.json".to_owned(), reason }.into())
    }

    fn child(&self, named: &Descriptor) -> Result<Held, Stop> {
        self.held(self.documents.stored(named)?)
    }

    /// A manifest, if everything that it names is in the export.
    fn held(&self, manifest: Manifest) -> Result<Held, Stop> {
        let parts = match content(&manifest)? {
            Content::Image(parts) => parts,
            Content::Index(_) => {
                let reason = "an index within an index".to_owned();
                return Err(archive::Error::NotUnderstood { path: "index.json".to_owned(), reason }.into());
            }
        };
        let mut blobs = Vec::new();
        for Descriptor { digest, .. } in parts {
            match self.documents.blob(&digest) {
                Some(bytes) if Digest::of(bytes) == digest => blobs.push((digest, bytes.clone())),
                Some(bytes) => {
                    let (path, found) = (digest.to_string(), Digest::of(bytes));
                    return Err(archive::Error::Damaged { path, expected: digest, found }.into());
                }
                None if self.layers.values().any(|layer| layer.digest == digest) => {}
                None => return Err(archive::Error::Missing { path: digest.to_string() }.into()),
            }
        }
        Ok(Held { manifest, blobs })
    }
}

impl Held {
    /// Puts the documents.
    pub(super) async fn put_blobs(&self, registry: &Registry) -> Result<(), registry::Error> {
        for (digest, bytes) in &self.blobs {
            registry.put_blob(digest, bytes).await?;
        }
        Ok(())
    }
}

fn content(manifest: &Manifest) -> Result<Content, Stop> {
    manifest.content().map_err(|error| {
        Stop::Archive(archive::Error::NotUnderstood { path: "index.json".to_owned(), reason: error.to_string() })
    })
}
