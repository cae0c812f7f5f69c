//! The images that a manifest stands for.

use std::collections::HashMap;

use serde::Deserialize;

use super::Manifest;
use crate::image::Digest;

/// An image, alone or in an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformImage {
    /// The digest of its manifest.
    pub digest: Digest,
    /// `linux/arm64`, where it is told.
    pub platform: Option<String>,
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Child>,
}

#[derive(Deserialize)]
struct Child {
    digest: String,
    platform: Option<Platform>,
    annotations: Option<HashMap<String, String>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Platform {
    os: String,
    architecture: String,
    variant: String,
}

impl Manifest {
    /// The images that it stands for: those of an index without attestations, else itself.
    #[must_use]
    pub fn images(&self) -> Vec<PlatformImage> {
        match serde_json::from_slice::<Index>(&self.bytes) {
            Ok(index) if self.config.is_none() => index.manifests.iter().filter_map(Child::image).collect(),
            Ok(_) | Err(_) => vec![PlatformImage { digest: self.digest.clone(), platform: None }],
        }
    }
}

impl Child {
    /// `None` for an attestation, which BuildKit adds to an index as an image of no platform (BuildKit documentation,
    /// "Attestation storage").
    fn image(&self) -> Option<PlatformImage> {
        let parts = self.platform.iter().flat_map(|platform| [&platform.os, &platform.architecture, &platform.variant]);
        let parts: Vec<&str> = parts.map(String::as_str).filter(|part| !part.is_empty()).collect();
        let is_attestation =
            self.annotations.as_ref().is_some_and(|notes| notes.contains_key("vnd.docker.reference.type"));
        if is_attestation || parts == ["unknown", "unknown"] {
            return None;
        }
        let platform = Some(parts.join("/")).filter(|platform| !platform.is_empty());
        Some(PlatformImage { digest: self.digest.parse().ok()?, platform })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn images(json: &serde_json::Value) -> Vec<PlatformImage> {
        Manifest::new(Bytes::from(json.to_string()), String::new()).images()
    }

    #[test]
    fn an_index_stands_for_the_images_of_its_platforms_without_attestations() {
        let digest = |text: &str| Digest::of(text.as_bytes()).to_string();
        let found = images(&serde_json::json!({"manifests": [
            {"digest": digest("amd"), "platform": {"os": "linux", "architecture": "amd64"}, "annotations": null},
            {"digest": digest("arm"), "platform": {"os": "linux", "architecture": "arm", "variant": "v7"}},
            {"digest": digest("bare")},
            {"digest": digest("proof"), "platform": {"os": "unknown", "architecture": "unknown"}},
            {"digest": digest("sbom"), "platform": {"os": "linux", "architecture": "amd64"},
             "annotations": {"vnd.docker.reference.type": "attestation-manifest"}},
        ]}));
        let of = |text: &str, platform: Option<&str>| PlatformImage {
            digest: Digest::of(text.as_bytes()),
            platform: platform.map(str::to_owned),
        };
        assert_eq!(found, [of("amd", Some("linux/amd64")), of("arm", Some("linux/arm/v7")), of("bare", None)]);
    }

    #[test]
    fn an_image_stands_for_itself_and_an_index_of_attestations_for_nothing() {
        let json = serde_json::json!({"config": {"digest": Digest::of(b"").as_str(), "size": 1}, "layers": []});
        let itself = PlatformImage { digest: Digest::of(json.to_string().as_bytes()), platform: None };
        assert_eq!(images(&json), [itself]);
        assert_eq!(images(&serde_json::json!({"manifests": []})), []);
    }
}
