//! What has arrived where.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures_util::future::{self, join_all};
use futures_util::stream::{self, Stream, StreamExt as _};

use super::super::known::{Known, KnownLayer};
use super::held::{Clamped, Export, Held};
use super::layer::Sent;
use super::manifest::Layer;
use super::told::Told;
use super::uploads::{Ended, Uploads};
use super::{Recipe, Stop};
use crate::archive::{self, Archive, Documents, Member, epoch, layer_paths};
use crate::compress::{Codec, Packing, Workers};
use crate::engine::{self, ImageId};
use crate::image::{Digest, Likeness, Repository};
use crate::progress::Log;
use crate::registry::{self, Manifest, NotTaken, Registry};

/// How many layers are asked for at a time.
const LOOKS: usize = 8;

/// An image on its way to some registries.
pub(super) struct Transfer<'a> {
    image: &'a ImageId,
    registries: &'a [&'a Registry],
    /// Whether the engine gives layers as a registry has them.
    is_packed: bool,
    workers: Workers,
    /// No time in a layer that the pipe compresses is later than this.
    epoch: Option<u64>,
    annotations: &'a [(String, String)],
    /// Where there is one, the digests of layers as the engine has given them, by their paths.
    given: BTreeMap<String, Digest>,
    /// For each registry why it gets no more.
    lost: Vec<Option<registry::Error>>,
    /// For each registry what went wrong last and may pass.
    trouble: Vec<Option<registry::Error>>,
    /// For each registry whether it gets no more in this pass, since it took a layer too slowly.
    stalled: Vec<bool>,
    documents: Documents,
    /// By their paths in the export.
    layers: BTreeMap<String, Arrival>,
    /// What layers may become where times are changed, by their paths: what all registries have of an image that was pushed before. Whether
    /// it is that is known when the layer was read, and which blob it becomes must not depend on what a registry has.
    guessed: BTreeMap<String, Layer>,
    /// The paths of layers that were recognised before they came, and not yet told of.
    recognised: BTreeSet<String>,
}

/// A layer, and which registries have it.
#[derive(Debug)]
struct Arrival {
    /// What it is in the registries, once that is known.
    layer: Option<Layer>,
    by: Vec<bool>,
}

impl<'a> Transfer<'a> {
    pub(super) fn new(
        image: &'a ImageId,
        registries: &'a [&'a Registry],
        is_packed: bool,
        Recipe { codec, epoch, annotations }: Recipe<'a>,
    ) -> Self {
        let none = || registries.iter().map(|_| None).collect();
        Self {
            image,
            registries,
            is_packed,
            workers: Workers::new(codec),
            epoch,
            annotations,
            given: BTreeMap::new(),
            lost: none(),
            trouble: none(),
            stalled: vec![false; registries.len()],
            documents: Documents::default(),
            layers: BTreeMap::new(),
            guessed: BTreeMap::new(),
            recognised: BTreeSet::new(),
        }
    }

    /// Finds the layers that all registries have, or can take from a repository beside.
    pub(super) async fn recognise(&mut self, diff_ids: &[Digest], known: &Known) {
        let paths = layer_paths(diff_ids);
        let looks = diff_ids.iter().map(|diff_id| self.everywhere(known.of(diff_id)));
        let found: Vec<Layer> = stream::iter(looks).buffered(LOOKS).filter_map(future::ready).collect().await;
        for (path, diff_id) in paths {
            let Some(layer) = found.iter().find(|layer| layer.diff_id == diff_id) else { continue };
            if self.epoch.is_some() {
                self.guessed.insert(path, layer.clone());
                continue;
            }
            let arrival = Arrival { layer: Some(layer.clone()), by: vec![true; self.registries.len()] };
            self.layers.insert(path.clone(), arrival);
            self.recognised.insert(path);
        }
    }

    /// The first of some blobs that all registries have. One that cannot be asked has none, and tells why when it is sent something.
    async fn everywhere(&self, candidates: &[KnownLayer]) -> Option<Layer> {
        for KnownLayer { layer, from } in candidates {
            let is_named = layer.codec == Codec::Gzip || self.workers.codec() == Codec::Zstd;
            let looks = self.registries.iter().map(async |registry| has(registry, &layer.digest, from).await);
            if is_named && join_all(looks).await.into_iter().all(|has| has) {
                return Some(layer.clone());
            }
        }
        None
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
        self.stalled.fill(false);
        let (mut told, mut uploads) = (Told::new(log), Uploads::default());
        let read = self.read(Archive::new(export), &mut uploads, &mut told).await;
        if let Err(Stop::Archive(error)) = &read
            && !error.is_temporary()
        {
            return read;
        }
        // What was read to its end arrives even when the export then broke off.
        while !self.is_lost()
            && let Some(ended) = uploads.next().await
        {
            self.record(ended, &mut told).await?;
        }
        read
    }

    async fn read<S>(
        &mut self,
        mut archive: Archive<S>,
        uploads: &mut Uploads<'a>,
        told: &mut Told<'_>,
    ) -> Result<(), Stop>
    where
        S: Stream<Item = Result<Bytes, engine::Error>> + Unpin,
    {
        while let Some(member) = uploads.meanwhile(archive.next()).await? {
            match member {
                Member::Document { path, bytes } => self.documents.add(path, bytes)?,
                Member::Link { path, target } => self.documents.link(path, target)?,
                Member::Layer { path, size } => {
                    while let Some(ended) = uploads.make_room().await {
                        self.record(ended, told).await?;
                    }
                    let targets = uploads.meanwhile(self.lacking(&path, size, told)).await;
                    if !targets.is_empty() || self.is_unknown(&path) {
                        self.send(&mut archive, (path, size), targets, uploads, told).await?;
                    }
                }
            }
            if self.is_lost() {
                break;
            }
        }
        Ok(())
    }

    /// Whether no registry gets any more.
    fn is_lost(&self) -> bool {
        !self.lost.is_empty() && self.lost.iter().all(Option::is_some)
    }

    /// Whether it is of interest what a layer becomes, though nobody is to get it, or not yet.
    fn is_unknown(&self, path: &str) -> bool {
        let is_asked = self.registries.is_empty() || self.guessed.contains_key(path);
        is_asked && self.layers.get(path).is_none_or(|arrival| arrival.layer.is_none())
    }

    /// The registries that a layer is to be sent to: those that do not have it, as far as its digest is known by now.
    async fn lacking(&mut self, path: &str, size: u64, told: &mut Told<'_>) -> Vec<usize> {
        let count = self.registries.len();
        let before = self.layers.remove(path);
        let mut arrival = before.unwrap_or_else(|| Arrival { layer: None, by: vec![false; count] });
        let is_new = arrival.layer.is_none();
        let known = arrival.layer.clone().or_else(|| self.known(path, size));
        if let Some(known) = known {
            self.look_for(&known.digest, &mut arrival.by).await;
            let is_everywhere = arrival.by.iter().all(|has| *has);
            if (is_new || self.recognised.remove(path)) && is_everywhere {
                told.exists(path).await;
            }
            arrival.layer = arrival.layer.or(is_everywhere.then_some(known));
        }
        let targets = (0..count).filter(|at| !arrival.by[*at] && self.lost[*at].is_none() && !self.stalled[*at]);
        let targets =
            if arrival.layer.is_none() && self.guessed.contains_key(path) { Vec::new() } else { targets.collect() };
        self.layers.insert(path.to_owned(), arrival);
        targets
    }

    /// What a layer will be in the registries, if that is known before it is read.
    fn known(&self, path: &str, size: u64) -> Option<Layer> {
        let digest = self.is_packed.then(|| blob_of(path)).flatten()?;
        Some(Layer { diff_id: digest.clone(), digest, size, codec: self.workers.codec() })
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

    /// Reads a layer; it goes on its way while the next one is read.
    async fn send<S>(
        &mut self,
        archive: &mut Archive<S>,
        (path, size): (String, u64),
        targets: Vec<usize>,
        uploads: &mut Uploads<'a>,
        told: &mut Told<'_>,
    ) -> Result<(), Stop>
    where
        S: Stream<Item = Result<Bytes, engine::Error>> + Unpin,
    {
        let pack = if self.is_packed { Packing::keep } else { Packing::compress };
        let (mut packing, blob) = pack(&self.workers, size);
        let registries = targets.iter().map(|at| self.registries[*at]).collect();
        uploads.begin(path.clone(), targets, blob, registries);
        let mut clamping = self.epoch.map(epoch::Layer::new);
        let not_tar = |error: epoch::NotTar| {
            Stop::from(archive::Error::NotUnderstood { path: path.clone(), reason: error.to_string() })
        };
        let reading = async {
            let mut read = 0;
            while let Some(piece) = archive.piece().await? {
                read += piece.len() as u64;
                told.pushing(&path, read, size).await;
                let Some(layer) = &mut clamping else {
                    packing.write(&piece).await;
                    continue;
                };
                layer.take(piece);
                while let Some(piece) = layer.piece().map_err(not_tar)? {
                    packing.write(&piece).await;
                }
            }
            let given = clamping.map(epoch::Layer::end).transpose().map_err(not_tar)?;
            packing.end().await;
            Ok::<_, Stop>(given)
        };
        if let Some(given) = uploads.meanwhile(reading).await? {
            self.given.insert(path, given);
        }
        Ok(())
    }

    /// Takes down what became of a layer.
    async fn record(&mut self, ended: Ended, told: &mut Told<'_>) -> Result<(), Stop> {
        let Ended { path, targets, sent } = ended;
        let Some(Sent { packed, ends }) = sent else { return Ok(()) };
        let layer =
            Layer { diff_id: packed.diff_id, digest: packed.digest, size: packed.size, codec: self.workers.codec() };
        let expected = self.layers.get(&path).and_then(|arrival| arrival.layer.clone());
        let expected = expected.or_else(|| self.known(&path, layer.size)).map(|layer| layer.digest);
        if let Some(expected) = expected.filter(|expected| *expected != layer.digest) {
            return Err(archive::Error::Damaged { path, expected, found: layer.digest }.into());
        }
        let Some(arrival) = self.layers.get_mut(&path) else { return Err(Stop::Bug("a layer that was not read")) };
        if let Some(guessed) = self.guessed.remove(&path) {
            // A blob of another compressor is sent by a further pass.
            let is_there = guessed.digest == layer.digest;
            arrival.layer = Some(layer);
            arrival.by.fill(is_there);
            if is_there {
                told.exists(&path).await;
            }
            return Ok(());
        }
        arrival.layer = Some(layer);
        for (at, end) in targets.into_iter().zip(ends) {
            match end {
                Ok(()) => arrival.by[at] = true,
                Err(NotTaken { error, again, stalled }) => {
                    told.note(&path, &format!("{}: {error}", self.registries[at].repository())).await;
                    self.stalled[at] |= stalled;
                    let fate = if again { &mut self.trouble } else { &mut self.lost };
                    fate[at] = Some(*error);
                }
            }
        }
        if arrival.by.iter().all(|has| *has) {
            told.pushed(&path).await;
        }
        Ok(())
    }

    /// Puts all that the manifest names to where all layers are; what comes back is the manifest, `None` if they are nowhere.
    pub(super) async fn finish(&mut self) -> Result<Option<Manifest>, Stop> {
        for at in 0..self.registries.len() {
            if self.lost[at].is_none() && self.lacks(at) {
                let trouble = self.trouble[at].take().ok_or(Stop::Bug("the compressor gave no blob"))?;
                self.lost[at] = Some(trouble);
            }
        }
        if self.is_lost() {
            return Ok(None);
        }
        let export = self.export();
        let mut named = if self.is_packed { export.stored()? } else { vec![export.made()?] };
        let Some(root) = named.pop() else { return Ok(None) };
        let open = (0..self.registries.len()).filter(|at| self.lost[*at].is_none());
        let puts: Vec<_> = open.map(async |at| (at, put(self.registries[at], &named, &root).await)).collect();
        for (at, end) in join_all(puts).await {
            self.lost[at] = end.err();
        }
        Ok(Some(root.manifest))
    }

    fn export(&self) -> Export<'_> {
        let layers = self.layers.iter().filter_map(|(path, arrival)| Some((path.as_str(), arrival.layer.as_ref()?)));
        let clamped = self.epoch.map(|epoch| Clamped { epoch, given: &self.given });
        let (image, documents, annotations) = (self.image, &self.documents, self.annotations);
        Export { image, documents, layers: layers.collect(), clamped, annotations }
    }

    /// What the image becomes, when all of its layers were read.
    pub(super) fn likeness(&self) -> Result<Likeness, Stop> {
        let (config, _) = self.export().image()?;
        let not_understood = |reason| archive::Error::NotUnderstood { path: "manifest.json".to_owned(), reason };
        Ok(Likeness::read(&config).map_err(not_understood)?)
    }
}

async fn put(registry: &Registry, named: &[Held], root: &Held) -> Result<(), registry::Error> {
    for held in named {
        held.put_blobs(registry).await?;
        registry.put_manifest(&held.manifest.digest, &held.manifest).await?;
    }
    root.put_blobs(registry).await
}

/// Whether a repository has a blob, if need be by taking it from another one of its registry.
async fn has(registry: &Registry, blob: &Digest, from: &Repository) -> bool {
    let own = registry.repository();
    match registry.blob_exists(blob).await {
        Ok(false) if own.host == from.host && own.name != from.name => {
            registry.mount(blob, from).await.unwrap_or(false)
        }
        answer => answer.unwrap_or(false),
    }
}

/// The digest of a blob in the OCI layout.
fn blob_of(path: &str) -> Option<Digest> {
    path.strip_prefix("blobs/")?.replacen('/', ":", 1).parse().ok()
}
