//! A manifest as a registry serves it.

use bytes::Bytes;
use serde::Deserialize;

use super::Error;
use crate::image::Digest;

/// What is asked for. With both families named, ECR converts nothing (user guide, "Container image manifest format support").
pub(super) const ACCEPT: &str = "application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.index.v1+json";

/// A manifest is at most 4 MiB (ECR service model, `ImageManifest`).
pub(super) const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A manifest of which the digest was computed from its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The digest.
    pub digest: Digest,
    /// The media type, as the registry says.
    pub media_type: String,
    /// The manifest itself.
    pub bytes: Bytes,
    /// The digest of the image's configuration. `None` for an index.
    pub config: Option<Digest>,
    /// The bytes of the config and of all layers together, as the registry keeps them. `None` for an index.
    pub image_bytes: Option<u64>,
}

/// What a manifest names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Of an image: the configuration and the layers.
    Image(Vec<Descriptor>),
    /// Of an index: manifests.
    Index(Vec<Descriptor>),
}

/// Something that a manifest names (image specification, "Content Descriptors").
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    #[serde(default)]
    pub media_type: String,
    /// Its digest.
    #[serde(deserialize_with = "digest")]
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

pub(super) fn digest<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

#[derive(Deserialize)]
struct Named {
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
}

impl Manifest {
    /// Of its bytes. What is no manifest names nothing.
    #[must_use]
    pub fn new(bytes: Bytes, media_type: String) -> Self {
        let digest = Digest::of(&bytes);
        let mut manifest = Self { digest, media_type, bytes, config: None, image_bytes: None };
        if let Ok(Content::Image(parts)) = manifest.content() {
            // The sizes are the registry's to say, and so may be anything.
            manifest.image_bytes = Some(parts.iter().fold(0, |sum: u64, part| sum.saturating_add(part.size)));
            manifest.config = parts.into_iter().next().map(|config| config.digest);
        }
        manifest
    }

    /// What it names.
    ///
    /// # Errors
    /// The bytes are no manifest of an image and no index.
    pub fn content(&self) -> Result<Content, Error> {
        let what = || format!("manifest {}", self.digest);
        let named: Named = serde_json::from_slice(&self.bytes)
            .map_err(|error| Error::NotUnderstood { what: what(), reason: error.to_string() })?;
        match named {
            Named { manifests: Some(manifests), config: None, .. } => Ok(Content::Index(manifests)),
            Named { config: Some(config), layers, .. } => {
                Ok(Content::Image([config].into_iter().chain(layers.into_iter().flatten()).collect()))
            }
            Named { .. } => {
                let reason = "it names neither a configuration nor manifests".to_owned();
                Err(Error::NotUnderstood { what: what(), reason })
            }
        }
    }

    /// Whether this is the image that an engine knows by this id: the digest of its configuration, or with the containerd
    /// store that of the manifest itself.
    #[must_use]
    pub fn is_of(&self, image_id: &str) -> bool {
        self.digest.as_str() == image_id || self.config.as_ref().is_some_and(|config| config.as_str() == image_id)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn of(bytes: &[u8]) -> Manifest {
        Manifest::new(Bytes::copy_from_slice(bytes), String::new())
    }

    #[test]
    fn what_a_manifest_names_is_read() {
        let digest = Digest::of(b"");
        let part = |kind: &str| format!(r#"{{"mediaType":"{kind}","digest":"{digest}","size":3}}"#);
        let expected = |kind: &str| Descriptor { media_type: kind.to_owned(), digest: digest.clone(), size: 3 };
        let image = format!(r#"{{"config":{},"layers":[{}]}}"#, part("c"), part("l"));
        assert_eq!(of(image.as_bytes()).content(), Ok(Content::Image(vec![expected("c"), expected("l")])));
        let index = format!(r#"{{"manifests":[{}]}}"#, part("m"));
        assert_eq!(of(index.as_bytes()).content(), Ok(Content::Index(vec![expected("m")])));
        let empty = format!(r#"{{"config":{},"layers":null}}"#, part("c"));
        assert_eq!(of(empty.as_bytes()).content().unwrap(), Content::Image(vec![expected("c")]));
        for none in ["", "{}", "[]", r#"{"config":{"digest":"sha256:../x","size":1}}"#] {
            assert!(matches!(of(none.as_bytes()).content(), Err(Error::NotUnderstood { .. })), "{none}");
        }
    }

    #[test]
    fn the_size_of_an_image_is_that_of_its_config_and_layers() {
        let part = |size: u64| format!(r#"{{"digest":"{}","size":{size}}}"#, Digest::of(b""));
        let image =
            |config, layer| format!(r#"{{"config":{},"layers":[{},{}]}}"#, part(config), part(layer), part(1000));
        assert_eq!(of(image(10, 100).as_bytes()).image_bytes, Some(1110));
        assert_eq!(of(image(10, u64::MAX).as_bytes()).image_bytes, Some(u64::MAX), "a size that cannot be");
        let index = format!(r#"{{"manifests":[{}]}}"#, part(100));
        assert_eq!(of(index.as_bytes()).image_bytes, None);
        assert_eq!(of(b"{}").image_bytes, None);
        assert_eq!(of(b"no JSON").image_bytes, None);
    }

    #[test]
    fn an_image_is_known_by_its_configuration_or_its_manifest() {
        let config = Digest::of(b"config");
        let bytes = format!(r#"{{"config":{{"digest":"{config}","size":6}},"layers":[]}}"#);
        let manifest = of(bytes.as_bytes());
        assert!(manifest.is_of(config.as_str()) && manifest.is_of(manifest.digest.as_str()));
        assert!(!manifest.is_of("sha256:0000") && !manifest.is_of(""));
    }
}
