//! The manifest of an image whose layers the pipe has compressed, in the form that an engine pushes (distribution, "Image
//! Manifest Version 2, Schema 2").

use serde::Serialize;

use crate::image::Digest;
use crate::registry::Manifest;

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Schema2<'a> {
    schema_version: u8,
    media_type: &'static str,
    config: Part<'a>,
    layers: Vec<Part<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    media_type: &'static str,
    size: u64,
    digest: &'a str,
}

/// Of the configuration and the layers, the lowest first, each with its size. `None` if it cannot be written, which is no case.
pub(super) fn schema2(config: (&Digest, u64), layers: &[(Digest, u64)]) -> Option<Manifest> {
    let config = Part { media_type: CONFIG, size: config.1, digest: config.0.as_str() };
    let layers = layers.iter().map(|(digest, size)| Part { media_type: LAYER, size: *size, digest: digest.as_str() });
    let manifest = Schema2 { schema_version: 2, media_type: MANIFEST, config, layers: layers.collect() };
    let bytes = serde_json::to_vec(&manifest).ok()?;
    Some(Manifest::new(bytes.into(), MANIFEST.to_owned()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_manifest_names_its_parts_in_order_with_sizes() {
        let (config, one, two) = (Digest::of(b"c"), Digest::of(b"1"), Digest::of(b"2"));
        let manifest = schema2((&config, 10), &[(one.clone(), 100), (two.clone(), 1000)]).unwrap();
        let text = String::from_utf8(manifest.bytes.to_vec()).unwrap();
        let expected = format!(
            r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{"mediaType":"{CONFIG}","size":10,"digest":"{config}"}},"layers":[{{"mediaType":"{LAYER}","size":100,"digest":"{one}"}},{{"mediaType":"{LAYER}","size":1000,"digest":"{two}"}}]}}"#
        );
        assert_eq!((text, manifest.image_bytes, manifest.config), (expected, Some(1110), Some(config)));
    }
}
