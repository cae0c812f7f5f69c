//! An index: one manifest that names images, one for each platform (image specification, "OCI Image Index Specification";
//! distribution, "Manifest List").

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

use super::Manifest;
use super::manifest::digest;
use crate::image::{Digest, Platform};

const OCI: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// What a manifest list may name.
const DOCKER_IMAGE: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// By which BuildKit tells what an attestation is, and of which image (BuildKit documentation, "Attestation storage").
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";
const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";

/// What an index names: an image, or an attestation of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The media type of the manifest.
    #[serde(default)]
    pub media_type: String,
    /// The size of the manifest.
    #[serde(default)]
    pub size: u64,
    /// The digest of the manifest.
    #[serde(deserialize_with = "digest", serialize_with = "text")]
    pub digest: Digest,
    /// What the image runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// What it is if not an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
}

fn text<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(digest.as_str())
}

#[derive(Deserialize)]
struct Read {
    manifests: Vec<Entry>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    schema_version: u8,
    media_type: &'static str,
    manifests: &'a [Entry],
}

impl Entry {
    /// Of an image.
    #[must_use]
    pub fn of(manifest: &Manifest, mut platform: Platform) -> Self {
        platform.variant = platform.variant.filter(|variant| !variant.is_empty());
        Self {
            media_type: manifest.media_type.clone(),
            size: manifest.bytes.len() as u64,
            digest: manifest.digest.clone(),
            platform: Some(platform),
            artifact_type: None,
            annotations: None,
        }
    }

    fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(name).map(String::as_str)
    }

    /// Whether it is an attestation, which BuildKit adds to an index as an image of no platform.
    #[must_use]
    pub fn is_attestation(&self) -> bool {
        self.annotation(REFERENCE_TYPE).is_some() || self.platform.as_ref().is_some_and(Platform::is_unknown)
    }

    /// The image that it is an attestation of.
    #[must_use]
    pub fn attested(&self) -> Option<&str> {
        self.annotation(REFERENCE_DIGEST)
    }
}

impl Manifest {
    /// What an index names, in its order; `None` for what is no index.
    #[must_use]
    pub fn entries(&self) -> Option<Vec<Entry>> {
        let is_image = self.config.is_some();
        if is_image { None } else { serde_json::from_slice::<Read>(&self.bytes).ok().map(|read| read.manifests) }
    }
}

/// The index of these, in their order: the same bytes for the same entries, whoever writes it and when. `None` if it cannot be
/// written, which is no case.
///
/// Where all images are Docker's, it is Docker's manifest list, else OCI's index: that is what ECR, every engine since 20.10,
/// skopeo and containerd take, and the rule of `docker manifest create` and `docker buildx imagetools create`. An OCI index
/// may name Docker's manifests, a manifest list no OCI ones.
#[must_use]
pub fn index(entries: &[Entry]) -> Option<Manifest> {
    let is_docker = entries.iter().all(|entry| entry.media_type == DOCKER_IMAGE && entry.annotations.is_none());
    let media_type = if is_docker { DOCKER } else { OCI };
    let bytes = serde_json::to_vec(&Written { schema_version: 2, media_type, manifests: entries }).ok()?;
    Some(Manifest::new(bytes.into(), media_type.to_owned()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn entry(media_type: &str, platform: &str) -> Entry {
        let bytes = format!(r#"{{"config":{{"digest":"{}","size":1}},"layers":[]}}"#, Digest::of(platform.as_bytes()));
        Entry::of(&Manifest::new(bytes.into(), media_type.to_owned()), platform.parse().unwrap())
    }

    #[test]
    fn an_index_of_dockers_images_is_a_manifest_list() {
        let entries = [entry(DOCKER_IMAGE, "linux/amd64"), entry(DOCKER_IMAGE, "linux/arm/v7")];
        let index = index(&entries).unwrap();
        assert_eq!(index.media_type, DOCKER);
        insta::assert_snapshot!(String::from_utf8_lossy(&index.bytes), @r#"{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.list.v2+json","manifests":[{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","size":116,"digest":"sha256:5471b01637b5924cdb925cad7548cb4767982869b64713f522af5d5afb435cf9","platform":{"architecture":"amd64","os":"linux"}},{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","size":116,"digest":"sha256:5f24b60b9eaf55201b9ef0366345be50b18ede8e35f5da7858301cbe0d375e70","platform":{"architecture":"arm","os":"linux","variant":"v7"}}]}"#);
        assert_eq!(index.entries().as_deref(), Some(&entries[..]));
        assert_eq!((index.config, index.image_bytes), (None, None));
    }

    #[test]
    fn an_index_with_anything_of_oci_is_ocis() {
        let oci = "application/vnd.oci.image.manifest.v1+json";
        let mixed = [entry(DOCKER_IMAGE, "linux/amd64"), entry(oci, "linux/arm64")];
        assert_eq!(index(&mixed).unwrap().media_type, OCI);
        let mut noted = entry(DOCKER_IMAGE, "linux/amd64");
        noted.annotations = Some([("a".to_owned(), "b".to_owned())].into());
        let noted = index(&[noted]).unwrap();
        assert_eq!(noted.media_type, OCI, "a manifest list has no annotations");
        assert!(String::from_utf8_lossy(&noted.bytes).contains(r#""annotations":{"a":"b"}"#));
    }

    #[test]
    fn an_attestation_is_known_by_its_platform_or_its_notes() {
        let image = entry(DOCKER_IMAGE, "linux/amd64");
        assert!(!image.is_attestation());
        let unknown = Entry { platform: Some(Platform::of("unknown", "unknown")), ..image.clone() };
        assert!(unknown.is_attestation() && unknown.attested().is_none());
        let notes = [(REFERENCE_TYPE, "attestation-manifest"), (REFERENCE_DIGEST, "sha256:1")];
        let notes = notes.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let proof = Entry { annotations: Some(notes.into()), ..image };
        assert_eq!((proof.is_attestation(), proof.attested()), (true, Some("sha256:1")));
    }
}
