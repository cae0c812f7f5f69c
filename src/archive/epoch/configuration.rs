//! The configuration of an image.

use bytes::Bytes;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::image::Digest;

/// What the classic builder notes of the container that made an image: names that chance gives, and the ids of images with other times.
/// Whoever runs an image has no use for them (image specification, "OCI Image Configuration", knows none).
const NOTES: [&str; 3] = ["container", "container_config", "docker_version"];
const NOTES_WITHIN: [&str; 3] = ["Hostname", "Domainname", "Image"];

/// The configuration with no time later than the epoch, for layers of which these are the digests.
///
/// # Errors
/// What is wrong with it.
pub fn configuration(given: &[u8], epoch: u64, diff_ids: &[Digest]) -> Result<Bytes, String> {
    let mut document: Map<String, Value> = serde_json::from_slice(given).map_err(|error| error.to_string())?;
    document.retain(|key, _| !NOTES.contains(&key.as_str()));
    if let Some(Value::Object(config)) = document.get_mut("config") {
        config.retain(|key, _| !NOTES_WITHIN.contains(&key.as_str()));
    }
    clamp(document.get_mut("created"), epoch);
    if let Some(Value::Array(history)) = document.get_mut("history") {
        for step in history {
            clamp(step.get_mut("created"), epoch);
        }
    }
    let Some(Value::Object(rootfs)) = document.get_mut("rootfs") else { return Err("it has no `rootfs`".to_owned()) };
    rootfs.insert("diff_ids".to_owned(), diff_ids.iter().map(Digest::as_str).collect());
    serde_json::to_vec(&document).map(Bytes::from).map_err(|error| error.to_string())
}

/// What is no time is left as it is.
fn clamp(field: Option<&mut Value>, epoch: u64) {
    let Some(field) = field else { return };
    let Some(Ok(time)) = field.as_str().map(|text| OffsetDateTime::parse(text, &Rfc3339)) else { return };
    let Some(epoch) = i64::try_from(epoch).ok().and_then(|epoch| OffsetDateTime::from_unix_timestamp(epoch).ok())
    else {
        return;
    };
    if let (true, Ok(text)) = (time > epoch, epoch.format(&Rfc3339)) {
        *field = Value::String(text);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::json;

    use super::*;

    fn clamped(document: &Value) -> Value {
        let bytes = configuration(document.to_string().as_bytes(), 1_700_000_000, &[Digest::of(b"")]).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn times_that_are_later_become_the_epoch_and_the_layers_are_named() {
        let document = json!({
            "architecture": "amd64", "os": "linux", "created": "2026-11-24T11:30:00.123456789Z",
            "config": {"Env": ["A=1"], "Healthcheck": {"Interval": 3_000_000_000_i64}},
            "history": [
                {"created": "2020-01-01T00:00:00Z", "created_by": "base"},
                {"created": "2023-11-14T23:13:20.5+01:00", "created_by": "COPY", "empty_layer": true},
                {"created": "yesterday"}, {},
            ],
            "rootfs": {"type": "layers", "diff_ids": ["sha256:x"]},
        });
        let mut expected = document.clone();
        expected["created"] = "2023-11-14T22:13:20Z".into();
        expected["history"][1]["created"] = "2023-11-14T22:13:20Z".into();
        expected["rootfs"]["diff_ids"] = json!([Digest::of(b"").as_str()]);
        assert_eq!(clamped(&document), expected);
        assert_eq!(clamped(&expected), expected);
    }

    #[test]
    fn what_the_classic_builder_notes_by_chance_goes() {
        let document = json!({
            "container": "1f2e", "container_config": {"Hostname": "1f2e"}, "docker_version": "20.10.24",
            "config": {"Hostname": "1f2e", "Domainname": "", "Image": "sha256:x", "Cmd": ["sh"]}, "rootfs": {},
        });
        assert_eq!(
            clamped(&document),
            json!({"config": {"Cmd": ["sh"]}, "rootfs": {"diff_ids": [Digest::of(b"").as_str()]}})
        );
    }

    #[test]
    fn what_is_no_configuration_is_refused() {
        for text in ["", "[]", "{}", r#"{"rootfs":[]}"#] {
            assert!(configuration(text.as_bytes(), 0, &[]).is_err(), "{text}");
        }
    }
}
