//! The images that a manifest stands for.

use super::{Entry, Manifest};
use crate::image::{Digest, Platform};

/// An image, alone or in an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformImage {
    /// The digest of its manifest.
    pub digest: Digest,
    /// What it runs on, where that is told.
    pub platform: Option<Platform>,
}

impl Manifest {
    /// The images that it stands for: those of an index without attestations, else itself.
    #[must_use]
    pub fn images(&self) -> Vec<PlatformImage> {
        match self.entries() {
            Some(entries) => {
                entries.into_iter().filter(|entry| !entry.is_attestation()).map(PlatformImage::of).collect()
            }
            None => vec![PlatformImage { digest: self.digest.clone(), platform: None }],
        }
    }
}

impl PlatformImage {
    fn of(Entry { digest, platform, .. }: Entry) -> Self {
        let told = platform.filter(|platform| !platform.os.is_empty() || !platform.architecture.is_empty());
        Self { digest, platform: told }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

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
            platform: platform.map(|platform| platform.parse().unwrap()),
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
