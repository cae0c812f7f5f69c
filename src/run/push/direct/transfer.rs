//! What has arrived where.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::future::join_all;

use super::Stop;
use super::layer::{Layer, Sent};
use super::manifest::schema2;
use super::told::Told;
use crate::archive::{self, Archive, Documents, Member};
use crate::engine::{self, ImageId};
use crate::image::Digest;
use crate::progress::Log;
use crate::registry::{self, Content, Descriptor, Manifest, NotTaken, Registry, spread};

/// An image on its way to several registries.
pub(super) struct Transfer<'a> {
    image: &'a ImageId,
    registries: &'a [&'a Registry],
    /// Whether the engine gives layers as a registry has them.
    is_packed: bool,
    /// For each registry why it gets no more.
    lost: Vec<Option<registry::Error>>,
    /// For each registry what went wrong last and may pass.
    trouble: Vec<Option<registry::Error>>,
    documents: Documents,
    /// By their paths in the export.
    layers: BTreeMap<String, Arrived>,
}

/// A layer, and which registries have it.
#[derive(Debug)]
struct Arrived {
    sent: Sent,
    by: Vec<bool>,
}

/// A manifest with what it names and the pipe holds.
struct Held {
    manifest: Manifest,
    blobs: Vec<(Digest, Bytes)>,
}

impl<'a> Transfer<'a> {
    pub(super) fn new(image: &'a ImageId, registries: &'a [&'a Registry], is_packed: bool) -> Self {
        let none = || registries.iter().map(|_| None).collect();
        let (documents, layers) = (Documents::default(), BTreeMap::new());
        Self { image, registries, is_packed, lost: none(), trouble: none(), documents, layers }
    }

    /// Whether another pass may bring what a registry lacks.
    pub(super) fn lacks_something(&self) -> bool {
        (0..self.registries.len()).any(|at| self.lost[at].is_none() && self.lacks(at))
    }

    fn lacks(&self, at: usize) -> bool {
        self.layers.values().any(|layer| !layer.by[at])
    }

    /// How it ended for each registry.
    pub(super) fn ends(self) -> Vec<Result<(), registry::Error>> {
        self.lost.into_iter().map(|lost| lost.map_or(Ok(()), Err)).collect()
    }

    /// Reads the whole export and sends what registries lack.
    pub(super) async fn pass<S>(&mut self, export: S, log: &Log) -> Result<(), Stop>
    where
        S: Stream<Item = Result<Bytes, engine::Error>> + Unpin,
    {
        self.documents = Documents::default();
        let mut told = Told::new(log);
        let mut archive = Archive::new(export);
        while let Some(member) = archive.next().await? {
            match member {
                Member::Document { path, bytes } => self.documents.add(path, bytes)?,
                Member::Link { path, target } => self.documents.link(path, target)?,
                Member::Layer { path, size } => {
                    let layer = Layer { archive: &mut archive, path: &path, size };
                    self.layer(layer, &mut told).await?;
                }
            }
            if self.lost.iter().all(Option::is_some) {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn layer<S>(&mut self, layer: Layer<'_, S>, told: &mut Told<'_>) -> Result<(), Stop>
    where
        S: Stream<Item = Result<Bytes, engine::Error>> + Unpin,
    {
        let path = layer.path.to_owned();
        let before = self.layers.get(&path).map(|arrived| arrived.sent.clone());
        let blob = match &before {
            Some(sent) => Some(sent.blob.clone()),
            None if self.is_packed => blob_of(&path),
            None => None,
        };
        let mut by = self.layers.get(&path).map_or_else(|| vec![false; self.registries.len()], |at| at.by.clone());
        if let Some(blob) = &blob {
            self.look_for(blob, &mut by).await;
        }
        let targets: Vec<usize> = (0..by.len()).filter(|at| !by[*at] && self.lost[*at].is_none()).collect();
        if targets.is_empty() {
            if let (None, Some(blob)) = (&before, blob) {
                let sent = Sent { given: blob.clone(), blob, size: layer.size };
                self.layers.insert(path.clone(), Arrived { sent, by });
                told.exists(&path).await;
            } else if let Some(arrived) = self.layers.get_mut(&path) {
                arrived.by = by;
            }
            return Ok(());
        }
        let registries: Vec<&Registry> = targets.iter().map(|at| self.registries[*at]).collect();
        let is_packed = self.is_packed;
        let sending = spread(&registries, async |spread| {
            if is_packed { layer.pass_on(spread, told).await } else { layer.pack(spread, told).await }
        });
        let (sent, ends) = sending.await?;
        if let Some(expected) = blob.filter(|blob| *blob != sent.blob) {
            return Err(archive::Error::Damaged { path, expected, found: sent.blob }.into());
        }
        for (at, end) in targets.into_iter().zip(ends) {
            match end {
                Ok(()) => by[at] = true,
                Err(NotTaken { error, again }) => {
                    told.note(&path, &format!("{}: {error}", self.registries[at].repository())).await;
                    let fate = if again { &mut self.trouble } else { &mut self.lost };
                    fate[at] = Some(*error);
                }
            }
        }
        if by.iter().all(|has| *has) {
            told.pushed(&path).await;
        }
        self.layers.insert(path, Arrived { sent, by });
        Ok(())
    }

    /// Marks the registries that have a blob.
    async fn look_for(&mut self, blob: &Digest, by: &mut [bool]) {
        let open = (0..by.len()).filter(|at| !by[*at] && self.lost[*at].is_none());
        let looks: Vec<_> = open.map(async |at| (at, self.registries[at].blob_exists(blob).await)).collect();
        for (at, look) in join_all(looks).await {
            match look {
                Ok(has) => by[at] = has,
                Err(error) => self.lost[at] = Some(error),
            }
        }
    }

    /// Puts the configuration and the manifest to where all layers are; `None` if they are nowhere.
    pub(super) async fn finish(&mut self) -> Result<Option<Manifest>, Stop> {
        for at in 0..self.registries.len() {
            if self.lost[at].is_none() && self.lacks(at) {
                self.lost[at] = self.trouble[at].take();
            }
        }
        if self.lost.iter().all(Option::is_some) {
            return Ok(None);
        }
        let all = if self.is_packed { self.stored()? } else { vec![self.made()?] };
        let open = (0..self.registries.len()).filter(|at| self.lost[*at].is_none());
        let puts: Vec<_> = open.map(async |at| (at, put(self.registries[at], &all).await)).collect();
        for (at, end) in join_all(puts).await {
            self.lost[at] = end.err();
        }
        Ok(all.into_iter().next_back().map(|last| last.manifest))
    }

    /// The manifest for layers that the pipe has compressed.
    fn made(&self) -> Result<Held, Stop> {
        let image = self.documents.unpacked()?;
        let config = Digest::of(&image.config);
        if let Ok(expected) = self.image.as_str().parse::<Digest>()
            && expected != config
        {
            return Err(archive::Error::Damaged { path: "manifest.json".to_owned(), expected, found: config }.into());
        }
        let mut layers = Vec::new();
        for (path, expected) in image.layers {
            let Some(Arrived { sent, .. }) = self.layers.get(&path) else {
                return Err(archive::Error::Missing { path }.into());
            };
            if sent.given != expected {
                return Err(archive::Error::Damaged { path, expected, found: sent.given.clone() }.into());
            }
            layers.push((sent.blob.clone(), sent.size));
        }
        let manifest = schema2((&config, image.config.len() as u64), &layers)
            .ok_or(Stop::Bug("the manifest cannot be written"))?;
        Ok(Held { manifest, blobs: vec![(config, image.config)] })
    }

    /// The manifests of an engine that has them, byte for byte; the one of all comes last.
    fn stored(&self) -> Result<Vec<Held>, Stop> {
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
                None if self.layers.values().any(|layer| layer.sent.blob == digest) => {}
                None => return Err(archive::Error::Missing { path: digest.to_string() }.into()),
            }
        }
        Ok(Held { manifest, blobs })
    }
}

fn content(manifest: &Manifest) -> Result<Content, Stop> {
    manifest.content().map_err(|error| {
        Stop::Archive(archive::Error::NotUnderstood { path: "index.json".to_owned(), reason: error.to_string() })
    })
}

async fn put(registry: &Registry, all: &[Held]) -> Result<(), registry::Error> {
    for Held { manifest, blobs } in all {
        for (digest, bytes) in blobs {
            registry.put_blob(digest, bytes).await?;
        }
        registry.put_manifest(&manifest.digest, manifest).await?;
    }
    Ok(())
}

/// The digest of a blob in the OCI layout.
fn blob_of(path: &str) -> Option<Digest> {
    path.strip_prefix("blobs/")?.replacen('/', ":", 1).parse().ok()
}
