//! What the documents of an archive say.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;

use super::Error;
use crate::image::Digest;
use crate::registry::{Descriptor, Manifest};

/// All documents together.
const LIMIT: u64 = 32 << 20;
/// How many links may lead to another before it counts as a circle.
const LINKS: usize = 8;

/// The documents and links of an archive, as far as they have been read.
#[derive(Clone, Debug, Default)]
pub struct Documents {
    documents: BTreeMap<String, Bytes>,
    links: BTreeMap<String, String>,
    size: u64,
}

/// An image whose layers are not compressed: that of an engine with the graphdriver store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// The configuration, byte for byte.
    pub config: Bytes,
    /// For each layer the path of its member and its digest, the lowest first.
    pub layers: Vec<(String, Digest)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    layers: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Config {
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

/// The list of images (moby `image/tarexport/tarexport.go`).
const LIST: &str = "manifest.json";
/// The list of manifests (image specification, "index.json file").
const INDEX: &str = "index.json";

impl Documents {
    /// Takes a document.
    ///
    /// # Errors
    /// There are too many.
    pub fn add(&mut self, path: String, bytes: Bytes) -> Result<(), Error> {
        self.size += bytes.len() as u64;
        if self.size > LIMIT {
            return Err(Error::TooLarge { path, size: self.size, limit: LIMIT });
        }
        self.documents.insert(path, bytes);
        Ok(())
    }

    /// Takes a link.
    ///
    /// # Errors
    /// There are too many.
    pub fn link(&mut self, path: String, target: String) -> Result<(), Error> {
        self.size += (path.len() + target.len()) as u64;
        if self.size > LIMIT {
            return Err(Error::TooLarge { path, size: self.size, limit: LIMIT });
        }
        self.links.insert(path, target);
        Ok(())
    }

    /// The member that a path leads to.
    fn resolve<'a>(&'a self, path: &'a str) -> &'a str {
        let mut path = path;
        for _ in 0..LINKS {
            match self.links.get(path) {
                Some(target) => path = target,
                None => break,
            }
        }
        path
    }

    fn document(&self, path: &str) -> Result<&Bytes, Error> {
        self.documents.get(self.resolve(path)).ok_or_else(|| Error::Missing { path: path.to_owned() })
    }

    fn parsed<'a, T: Deserialize<'a>>(&'a self, path: &str) -> Result<T, Error> {
        serde_json::from_slice(self.document(path)?).map_err(|error| not_understood(path, &error.to_string()))
    }

    /// The image of an archive with layers that are not compressed.
    ///
    /// # Errors
    /// A document that is missing, or not understood.
    pub fn unpacked(&self) -> Result<Unpacked, Error> {
        let items: Vec<Item> = self.parsed(LIST)?;
        let [item] = items.as_slice() else {
            return Err(not_understood(LIST, &format!("it lists {} images", items.len())));
        };
        let config = self.document(&item.config)?.clone();
        let Config { rootfs } = self.parsed(&item.config)?;
        let diff_ids: Result<Vec<Digest>, _> = rootfs.diff_ids.iter().flatten().map(|text| text.parse()).collect();
        let diff_ids = diff_ids.map_err(|error| not_understood(&item.config, &error.to_string()))?;
        let paths: Vec<String> = item.layers.iter().flatten().map(|path| self.resolve(path).to_owned()).collect();
        if paths.len() != diff_ids.len() {
            let reason = format!("it lists {} layers, and the configuration {}", paths.len(), diff_ids.len());
            return Err(not_understood(LIST, &reason));
        }
        Ok(Unpacked { config, layers: paths.into_iter().zip(diff_ids).collect() })
    }

    /// The manifest of an archive whose content is as a registry has it.
    ///
    /// # Errors
    /// A document that is missing, or not understood.
    pub fn manifest(&self) -> Result<Manifest, Error> {
        let index: Index = self.parsed(INDEX)?;
        // An image that has several names is listed once for each.
        match index.manifests.as_slice() {
            [first, others @ ..] if others.iter().all(|other| other.digest == first.digest) => self.stored(first),
            manifests => Err(not_understood(INDEX, &format!("it lists {} images", manifests.len()))),
        }
    }

    /// A manifest that another document names.
    ///
    /// # Errors
    /// It is not there, or not what it should be.
    pub fn stored(&self, named: &Descriptor) -> Result<Manifest, Error> {
        let path = blob_path(&named.digest);
        let manifest = Manifest::new(self.document(&path)?.clone(), named.media_type.clone());
        if manifest.digest != named.digest {
            return Err(Error::Damaged { path, expected: named.digest.clone(), found: manifest.digest });
        }
        Ok(manifest)
    }

    /// A blob that was small and JSON, and so was held.
    #[must_use]
    pub fn blob(&self, digest: &Digest) -> Option<&Bytes> {
        self.documents.get(&blob_path(digest))
    }
}

/// Where a blob lies (image specification, "Blobs").
pub(super) fn blob_path(digest: &Digest) -> String {
    format!("blobs/{}", digest.as_str().replacen(':', "/", 1))
}

fn not_understood(path: &str, reason: &str) -> Error {
    Error::NotUnderstood { path: path.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests;
