//! What two images must have in common to be the same for whoever runs them: layers, platform, and the configuration of their
//! containers. Times, history and the way of compression do not count.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::Digest;

/// The fields of a configuration that a container sees (image specification, "OCI Image Configuration", and what engines add to it).
/// What a builder notes for itself, such as `Image` or `Hostname`, is none of them.
const FIELDS: [&str; 12] = [
    "Env",
    "Cmd",
    "Entrypoint",
    "Labels",
    "User",
    "WorkingDir",
    "ExposedPorts",
    "Volumes",
    "StopSignal",
    "OnBuild",
    "Shell",
    "Healthcheck",
];

/// What counts of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Likeness {
    os: String,
    architecture: String,
    diff_ids: Vec<Digest>,
    /// Without what is empty: the forms of nothing vary.
    config: BTreeMap<&'static str, Value>,
}

/// An image as an engine inspects it, or as a registry keeps its configuration.
#[derive(Deserialize)]
struct Document {
    #[serde(alias = "Os", default)]
    os: String,
    #[serde(alias = "Architecture", default)]
    architecture: String,
    #[serde(alias = "RootFS")]
    rootfs: RootFs,
    #[serde(alias = "Config")]
    config: Option<BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
struct RootFs {
    #[serde(alias = "Layers")]
    diff_ids: Option<Vec<String>>,
}

impl Likeness {
    /// From JSON: the configuration of an image, or what an engine answers to `GET /images/{id}/json`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(json: &[u8]) -> Result<Self, String> {
        let document: Document = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let diff_ids = document.rootfs.diff_ids.into_iter().flatten().map(|text| text.parse::<Digest>());
        let mut given = document.config.unwrap_or_default();
        let config = FIELDS.iter().filter_map(|field| Some((*field, given.remove(*field)?)));
        Ok(Self {
            os: document.os,
            architecture: document.architecture,
            diff_ids: diff_ids.collect::<Result<_, _>>().map_err(|error| error.to_string())?,
            config: config.filter(|(_, value)| !is_nothing(value)).collect(),
        })
    }

    /// The digests of the layers as they are in an image's file system, the lowest first.
    #[must_use]
    pub fn diff_ids(&self) -> &[Digest] {
        &self.diff_ids
    }

    /// The names of its labels.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        let labels = self.config.get("Labels").and_then(Value::as_object);
        labels.into_iter().flat_map(|labels| labels.keys().map(String::as_str))
    }

    /// Without labels that are no part of what is compared.
    #[must_use]
    pub fn without_labels(mut self, is_left_out: impl Fn(&str) -> bool) -> Self {
        if let Some(Value::Object(labels)) = self.config.get_mut("Labels") {
            labels.retain(|name, _| !is_left_out(name));
        }
        self.config.retain(|_, value| !is_nothing(value));
        self
    }

    /// The first thing in which another image differs from this one; `None` when they are the same. Values are not told, since
    /// an environment may hold secrets.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<String> {
        let (ours, theirs) =
            (format!("{}/{}", self.os, self.architecture), format!("{}/{}", other.os, other.architecture));
        if ours != theirs {
            return Some(format!("it is for {ours}, the other for {theirs}"));
        }
        let differing = FIELDS.iter().filter(|field| self.config.get(*field) != other.config.get(*field));
        let differing: Vec<String> = differing.map(|field| format!("`{field}`")).collect();
        if !differing.is_empty() {
            return Some(format!("its configuration differs in {}", differing.join(", ")));
        }
        let (ours, theirs) = (self.diff_ids.len(), other.diff_ids.len());
        if ours != theirs {
            return Some(format!("it has {ours} layers, the other {theirs}"));
        }
        let at = self.diff_ids.iter().zip(&other.diff_ids).position(|(ours, theirs)| ours != theirs)?;
        Some(format!("its layer {} of {ours} is another", at + 1))
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(values) => values.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::json;

    use super::*;

    fn read(json: &Value) -> Likeness {
        Likeness::read(json.to_string().as_bytes()).unwrap()
    }

    fn document() -> Value {
        json!({
            "os": "linux", "architecture": "amd64", "created": "2026-01-01T00:00:00Z",
            "rootfs": {"type": "layers", "diff_ids": [Digest::of(b"1").as_str(), Digest::of(b"2").as_str()]},
            "config": {"Env": ["A=1"], "Cmd": ["sh"], "Labels": {"a": "b"}, "Healthcheck": {"Interval": 1_000}},
            "history": [{"created_by": "x"}],
        })
    }

    #[test]
    fn an_engines_answer_is_like_the_configuration_in_a_registry() {
        let answer = json!({
            "Id": "sha256:x", "Os": "linux", "Architecture": "amd64", "Created": "2020-01-01T00:00:00Z",
            "RootFS": {"Type": "layers", "Layers": [Digest::of(b"1").as_str(), Digest::of(b"2").as_str()]},
            "Config": {
                "Hostname": "", "Image": "sha256:y", "AttachStdin": false, "Entrypoint": null, "Volumes": {}, "OnBuild": [],
                "WorkingDir": "", "Env": ["A=1"], "Cmd": ["sh"], "Labels": {"a": "b"}, "Healthcheck": {"Interval": 1_000},
            },
        });
        assert_eq!(read(&answer).difference(&read(&document())), None);
    }

    #[test]
    fn every_difference_that_counts_is_told_without_values() {
        let difference = |change: &dyn Fn(&mut Value)| {
            let mut other = document();
            change(&mut other);
            read(&document()).difference(&read(&other)).unwrap_or_default()
        };
        assert_eq!(difference(&|other| other["created"] = "2027-01-01T00:00:00Z".into()), "");
        assert_eq!(
            difference(&|other| other["architecture"] = "arm64".into()),
            "it is for linux/amd64, the other for linux/arm64"
        );
        assert_eq!(
            difference(&|other| other["config"] = json!({"Env": ["A=secret"], "Cmd": ["sh"], "Labels": {"a": "b"}})),
            "its configuration differs in `Env`, `Healthcheck`"
        );
        assert_eq!(
            difference(&|other| other["rootfs"]["diff_ids"][1] = Digest::of(b"3").as_str().into()),
            "its layer 2 of 2 is another"
        );
        assert_eq!(difference(&|other| other["rootfs"]["diff_ids"] = json!(null)), "it has 2 layers, the other 0");
    }

    #[test]
    fn labels_that_are_left_out_make_no_difference() {
        let mut other = document();
        other["config"]["Labels"] = json!({"a": "b", "run": "2"});
        let without = |name: &'static str| {
            let [one, two] = [&document(), &other].map(|json| read(json).without_labels(|label| label == name));
            one.difference(&two)
        };
        assert_eq!(without("run"), None);
        assert!(without("a").is_some());
        other["config"]["Labels"] = json!(null);
        let bare = read(&other);
        assert_eq!(read(&document()).without_labels(|_| true).difference(&bare), None, "none and nothing are alike");
    }

    #[test]
    fn what_is_no_image_is_refused() {
        for text in ["", "{}", "[]", r#"{"rootfs":{"diff_ids":["x"]}}"#] {
            assert!(Likeness::read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
