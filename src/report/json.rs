//! `result.json`. Its schema is documented in `docs/result.md`, which a test holds to this.

use serde::Serialize;

use super::Outcome;

/// Raised when a field changes its meaning or goes away; new fields do not raise it.
const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Result<'a> {
    schema_version: u32,
    pipe_version: &'static str,
    finished_at: &'a str,
    repository: String,
    image_uri: String,
    digest: &'a str,
    media_type: &'a str,
    image_id: &'a str,
    image_bytes: Option<u64>,
    tags: Vec<Tag<'a>>,
    engine: &'a str,
    source: Source<'a>,
    seconds: Seconds,
}

#[derive(Serialize)]
struct Tag<'a> {
    name: &'a str,
    uri: String,
    previous_digest: Option<&'a str>,
}

#[derive(Serialize)]
struct Source<'a> {
    repository: Option<&'a str>,
    branch: Option<&'a str>,
    tag: Option<&'a str>,
    commit: Option<&'a str>,
    build_number: Option<&'a str>,
}

#[derive(Serialize)]
struct Seconds {
    checks: f64,
    build: f64,
    push: f64,
}

/// The file's text.
pub(super) fn text(outcome: &Outcome<'_>) -> serde_json::Result<String> {
    let tags = outcome.tags.iter().map(|(tag, previous)| Tag {
        name: tag.as_str(),
        uri: outcome.repository.tagged(tag),
        previous_digest: previous.as_ref().map(crate::image::Digest::as_str),
    });
    let bitbucket = outcome.bitbucket;
    // A thousandth is more than anybody can use, and reads better than a double in full.
    let seconds = |span: std::time::Duration| (span.as_secs_f64() * 1000.0).round() / 1000.0;
    let result = Result {
        schema_version: SCHEMA_VERSION,
        pipe_version: env!("CARGO_PKG_VERSION"),
        finished_at: outcome.finished_at,
        repository: outcome.repository.to_string(),
        image_uri: outcome.repository.at(outcome.digest),
        digest: outcome.digest.as_str(),
        media_type: outcome.media_type,
        image_id: outcome.image_id,
        image_bytes: outcome.image_bytes,
        tags: tags.collect(),
        engine: outcome.engine,
        source: Source {
            repository: bitbucket.repository.as_deref(),
            branch: bitbucket.branch.as_deref(),
            tag: bitbucket.tag.as_deref(),
            commit: bitbucket.commit.as_deref(),
            build_number: bitbucket.build_number.as_deref(),
        },
        seconds: Seconds {
            checks: seconds(outcome.took.checks),
            build: seconds(outcome.took.build),
            push: seconds(outcome.took.push),
        },
    };
    Ok(serde_json::to_string_pretty(&result)? + "\n")
}
