//! A manifest as a registry serves it.

use serde::Deserialize;

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
    /// The digest of the image's configuration. `None` for an index.
    pub config: Option<Digest>,
    /// The bytes of the config and of all layers together, as the registry keeps them. `None` for an index.
    pub image_bytes: Option<u64>,
}

#[derive(Deserialize)]
struct Parts {
    config: Option<Config>,
    #[serde(default)]
    layers: Vec<Part>,
}

#[derive(Deserialize)]
struct Config {
    digest: String,
    size: u64,
}

#[derive(Deserialize)]
struct Part {
    size: u64,
}

impl Manifest {
    pub(super) fn of(bytes: &[u8], media_type: String) -> Self {
        let parts: Option<Parts> = serde_json::from_slice(bytes).ok();
        let layers: u64 = parts.iter().flat_map(|parts| &parts.layers).map(|layer| layer.size).sum();
        let config = parts.and_then(|parts| parts.config);
        Self {
            digest: Digest::of(bytes),
            media_type,
            image_bytes: config.as_ref().map(|config| config.size + layers),
            config: config.and_then(|config| config.digest.parse().ok()),
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
    use super::*;

    #[test]
    fn the_size_of_an_image_is_that_of_its_config_and_layers() {
        let bytes = br#"{"schemaVersion":2,"config":{"digest":"d","size":10},"layers":[{"size":100},{"size":1000}]}"#;
        assert_eq!(Manifest::of(bytes, String::new()).image_bytes, Some(1110));
        assert_eq!(Manifest::of(br#"{"manifests":[{"size":100}]}"#, String::new()).image_bytes, None);
        assert_eq!(Manifest::of(b"{}", String::new()).image_bytes, None);
        assert_eq!(Manifest::of(b"no JSON", String::new()).image_bytes, None);
    }

    #[test]
    fn an_image_is_known_by_its_configuration_or_its_manifest() {
        let config = Digest::of(b"config");
        let bytes = format!(r#"{{"config":{{"digest":"{config}","size":6}},"layers":[]}}"#);
        let manifest = Manifest::of(bytes.as_bytes(), String::new());
        assert!(manifest.is_of(config.as_str()) && manifest.is_of(manifest.digest.as_str()));
        assert!(!manifest.is_of("sha256:0000") && !manifest.is_of(""));
    }
}
