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
    /// The bytes of the config and of all layers together, as the registry keeps them. `None` for an index.
    pub image_bytes: Option<u64>,
}

#[derive(Deserialize)]
struct Parts {
    config: Option<Part>,
    #[serde(default)]
    layers: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    size: u64,
}

impl Manifest {
    pub(super) fn of(bytes: &[u8], media_type: String) -> Self {
        let parts: Option<Parts> = serde_json::from_slice(bytes).ok();
        let image_bytes = parts.and_then(|parts| {
            let layers: u64 = parts.layers.iter().map(|layer| layer.size).sum();
            parts.config.map(|config| config.size + layers)
        });
        Self { digest: Digest::of(bytes), media_type, image_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_an_image_is_that_of_its_config_and_layers() {
        let bytes = br#"{"schemaVersion":2,"config":{"size":10},"layers":[{"size":100},{"size":1000}]}"#;
        assert_eq!(Manifest::of(bytes, String::new()).image_bytes, Some(1110));
        assert_eq!(Manifest::of(br#"{"manifests":[{"size":100}]}"#, String::new()).image_bytes, None);
        assert_eq!(Manifest::of(b"no JSON", String::new()).image_bytes, None);
    }
}
