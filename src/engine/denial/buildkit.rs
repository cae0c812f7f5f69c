//! Words of BuildKit. It says what failed twice, in the error of a vertex and in that of the build; only the name of the
//! vertex tells what the engine was about to do.

use super::{any, of_base, source};
use crate::engine::{BuildError, StepName};
use crate::progress::sanitize::one_line;
use crate::progress::vertices::{Failed, Summary};

/// What goes before the words of interest (20.10 has them all, newer engines the first at most).
const FRAMES: [&str; 5] = [
    "failed to solve: ",
    "failed to solve with frontend dockerfile.v0: ",
    "failed to solve with frontend gateway.v0: ",
    "failed to create LLB definition: ",
    "failed to build LLB: ",
];

/// buildkit `frontend/dockerfile` (parser, `instructions`, `dockerfile2llb`): what is wrong with the Dockerfile itself.
const INVALID: [&str; 8] = [
    "dockerfile parse error",
    "no build stage in current context",
    "cannot be empty",
    "invalid stage index",
    "circular dependency detected",
    "failed to process",
    "failed to parse ",
    "base name (",
];

/// containerd `core/content`, `core/remotes/docker`: the blob of a layer is not what it should be, or not to be had.
const LAYER: [&str; 3] = ["failed commit on ref \"layer-sha256:", "httpReadSeeker: failed open", "failed to copy: "];

/// Why a build by BuildKit failed.
pub(in super::super) fn of_buildkit(message: &str, summary: &Summary) -> BuildError {
    let reason = without_frames(&one_line(message)).to_owned();
    let failed = summary.failed.as_ref();
    let step = failed.and_then(StepName::of_vertex);
    // runc says it in place of the command (opencontainers/runc `libcontainer`), which is all that comes of it.
    if let (Some(step), true) = (&step, failed.is_some_and(|failed| failed.last.contains("exec format error"))) {
        return BuildError::Foreign { step: step.clone() };
    }
    if let (Some(step), Some(exit_code)) = (&step, failed.and_then(|failed| failed.exit_code)) {
        return BuildError::Step { step: step.clone(), exit_code };
    }
    if reason.contains("no space left on device") {
        return BuildError::NoSpace { reason };
    }
    if let (Some(step), Some(id)) = (&step, missing_secret(&reason)) {
        return BuildError::SecretMissing { step: step.clone(), id };
    }
    if let Some(target) = missing_target(&reason) {
        return BuildError::TargetMissing { target };
    }
    if reason.contains("invalid reference format") || reason.starts_with("base name (") {
        let image = quoted(&reason, '"', '"').or_else(|| quoted(&reason, '(', ')')).unwrap_or_default();
        return BuildError::BaseName { image, reason };
    }
    if INVALID.iter().any(|start| reason.starts_with(start)) {
        return BuildError::Dockerfile { reason };
    }
    if let Some(image) = failed.and_then(frontend) {
        return BuildError::Frontend { image, reason: without_place(&reason) };
    }
    if let Some(image) = failed.and_then(base) {
        return of_base(image, without_place(&reason));
    }
    if any(&reason, &LAYER) {
        return BuildError::LayerBroken { reason: without_place(&reason) };
    }
    if let Some(error) = step.as_ref().and_then(|step| source::missing(step, &reason)) {
        return error;
    }
    match step {
        Some(step) => BuildError::StepBroken { step, reason: without_place(&reason) },
        None => BuildError::Other { reason },
    }
}

fn without_frames(message: &str) -> &str {
    FRAMES.iter().find_map(|frame| message.strip_prefix(frame)).map_or(message, without_frames)
}

/// Without the words for where in the graph it happened.
fn without_place(reason: &str) -> String {
    let frames =
        ["failed to load cache key: ", "failed to compute cache key: ", "failed to calculate checksum of ref "];
    let rest = frames.iter().find_map(|frame| reason.strip_prefix(frame)).unwrap_or(reason);
    // Since 23.0 what was wanted stands before: `busybox:9: failed to resolve source metadata for docker.io/…: `.
    let rest = rest
        .split_once("failed to resolve source metadata for ")
        .and_then(|(_, rest)| rest.split_once(": "))
        .map_or(rest, |(_, rest)| rest);
    rest.to_owned()
}

/// buildkit `session/secrets`, `solver/llbsolver/ops/exec.go`: `secret npm: not found`; 20.10: `secret npm not found: not found`.
fn missing_secret(reason: &str) -> Option<String> {
    let rest = reason.strip_prefix("secret ")?.strip_suffix(": not found")?;
    Some(rest.strip_suffix(" not found").unwrap_or(rest).to_owned())
}

/// 20.10: `target stage X could not be found`; since 23.0 with quotation marks, since 27.0 with ` (did you mean Y?)`.
fn missing_target(reason: &str) -> Option<String> {
    let (target, _) = reason.strip_prefix("target stage ")?.split_once(" could not be found")?;
    Some(target.trim_matches('"').to_owned())
}

/// The vertices in which images are looked up (buildkit `frontend/dockerfile/dockerfile2llb`, `frontend/gateway`).
fn base(failed: &Failed) -> Option<String> {
    let instruction = failed.instruction.as_str();
    instruction
        .strip_prefix("load metadata for ")
        .or_else(|| instruction.strip_prefix("FROM "))
        .map(|image| familiar(image).to_owned())
}

fn frontend(failed: &Failed) -> Option<String> {
    failed.instruction.strip_prefix("resolve image config for ").map(|image| familiar(image).to_owned())
}

/// The name of an image as people write it.
fn familiar(image: &str) -> &str {
    let image = image.strip_prefix("docker-image://").unwrap_or(image);
    let image = image.split_once('@').map_or(image, |(image, _)| image);
    image.strip_prefix("docker.io/library/").or_else(|| image.strip_prefix("docker.io/")).unwrap_or(image)
}

/// The first text between two characters.
fn quoted(text: &str, open: char, close: char) -> Option<String> {
    let (_, rest) = text.split_once(open)?;
    rest.split_once(close).map(|(inside, _)| inside.to_owned())
}

/// What became of a cache image that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheState {
    /// It does not exist.
    Absent,
    /// The registry wants another login, or any.
    Denied,
    /// Another reason, in the engine's words.
    Unusable(String),
}

impl CacheState {
    /// What the error of a vertex that imports a cache says.
    #[must_use]
    pub fn of(error: &str) -> Self {
        let reason = without_place(&one_line(error));
        if any(&reason, &["401", "403", "denied", "unauthorized", "no basic auth credentials", "insufficient_scope"]) {
            Self::Denied
        } else if any(&reason, &["not found", "404", "manifest unknown", "MANIFEST_UNKNOWN", "NAME_UNKNOWN"]) {
            Self::Absent
        } else {
            Self::Unusable(reason)
        }
    }
}

#[cfg(test)]
mod tests;
