//! The manifest of an image whose layers the pipe has compressed: in the form that an engine pushes (distribution, "Image Manifest
//! Version 2, Schema 2"), or in OCI's if a layer is one that only OCI has a name for (image specification, "Image Manifest").

use std::collections::BTreeMap;

use serde::Serialize;

use crate::compress::Codec;
use crate::image::Digest;
use crate::registry::Manifest;

/// What a layer is in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Layer {
    /// The digest of what the engine gave.
    pub(in super::super) diff_id: Digest,
    /// The digest and the size of the blob.
    pub(in super::super) digest: Digest,
    pub(in super::super) size: u64,
    pub(in super::super) codec: Codec,
}

/// A family of media types.
struct Form {
    manifest: &'static str,
    config: &'static str,
    gzip: &'static str,
    zstd: &'static str,
}

const DOCKER: Form = Form {
    manifest: "application/vnd.docker.distribution.manifest.v2+json",
    config: "application/vnd.docker.container.image.v1+json",
    gzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
    // There is none, and so no image that has one gets this form.
    zstd: "",
};

const OCI: Form = Form {
    manifest: "application/vnd.oci.image.manifest.v1+json",
    config: "application/vnd.oci.image.config.v1+json",
    gzip: "application/vnd.oci.image.layer.v1.tar+gzip",
    zstd: "application/vnd.oci.image.layer.v1.tar+zstd",
};

/// Of a layer's media type; `None` for layers that are not compressed, lie elsewhere, or are compressed otherwise.
pub(in super::super) fn codec(media_type: &str) -> Option<Codec> {
    match media_type {
        gzip if gzip == DOCKER.gzip || gzip == OCI.gzip => Some(Codec::Gzip),
        zstd if zstd == OCI.zstd => Some(Codec::Zstd),
        _ => None,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    schema_version: u8,
    media_type: &'static str,
    config: Part<'a>,
    layers: Vec<Part<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    media_type: &'static str,
    size: u64,
    digest: &'a str,
}

/// Of the configuration and the layers, the lowest first, each with its size. Annotations are OCI's and have no place in the other form. `None` if it cannot be written, which is no case.
pub(super) fn manifest(config: (&Digest, u64), layers: &[Layer], annotations: &[(String, String)]) -> Option<Manifest> {
    let is_oci = layers.iter().any(|layer| layer.codec == Codec::Zstd);
    let form = if is_oci { OCI } else { DOCKER };
    let annotations = annotations.iter().filter(|_| is_oci).map(|(name, value)| (name.as_str(), value.as_str()));
    let layers = layers.iter().map(|layer| Part {
        media_type: match layer.codec {
            Codec::Gzip => form.gzip,
            Codec::Zstd => form.zstd,
        },
        size: layer.size,
        digest: layer.digest.as_str(),
    });
    let config = Part { media_type: form.config, size: config.1, digest: config.0.as_str() };
    let (layers, annotations) = (layers.collect(), annotations.collect());
    let document = Document { schema_version: 2, media_type: form.manifest, config, layers, annotations };
    let bytes = serde_json::to_vec(&document).ok()?;
    Some(Manifest::new(bytes.into(), form.manifest.to_owned()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn layer(name: &[u8], size: u64, codec: Codec) -> Layer {
        Layer { diff_id: Digest::of(b""), digest: Digest::of(name), size, codec }
    }

    #[test]
    fn a_manifest_names_its_parts_in_order_with_sizes() {
        let (config, one, two) = (Digest::of(b"c"), Digest::of(b"1"), Digest::of(b"2"));
        let layers = [layer(b"1", 100, Codec::Gzip), layer(b"2", 1000, Codec::Gzip)];
        let annotations = [("a".to_owned(), "b".to_owned())];
        let manifest = manifest((&config, 10), &layers, &annotations).unwrap();
        let text = String::from_utf8(manifest.bytes.to_vec()).unwrap();
        let Form { manifest: media_type, config: of_config, gzip, .. } = DOCKER;
        let expected = format!(
            r#"{{"schemaVersion":2,"mediaType":"{media_type}","config":{{"mediaType":"{of_config}","size":10,"digest":"{config}"}},"layers":[{{"mediaType":"{gzip}","size":100,"digest":"{one}"}},{{"mediaType":"{gzip}","size":1000,"digest":"{two}"}}]}}"#
        );
        assert_eq!((text, manifest.image_bytes, manifest.config), (expected, Some(1110), Some(config)));
    }

    #[test]
    fn one_layer_of_zstd_makes_it_a_manifest_of_oci_with_a_media_type_for_each_layer() {
        let config = Digest::of(b"c");
        let layers = [layer(b"1", 1, Codec::Gzip), layer(b"2", 2, Codec::Zstd)];
        let annotations = [("b".to_owned(), "2".to_owned()), ("a".to_owned(), "1".to_owned())];
        let manifest = manifest((&config, 10), &layers, &annotations).unwrap();
        assert!(manifest.bytes.ends_with(br#","annotations":{"a":"1","b":"2"}}"#));
        assert_eq!(manifest.media_type, OCI.manifest);
        let document: serde_json::Value = serde_json::from_slice(&manifest.bytes).unwrap();
        assert_eq!(document["mediaType"], OCI.manifest);
        assert_eq!(document["config"]["mediaType"], OCI.config);
        let types: Vec<_> = document["layers"].as_array().unwrap().iter().map(|layer| &layer["mediaType"]).collect();
        assert_eq!(types, [OCI.gzip, OCI.zstd]);
    }
}
