//! `result.json`. Its schema is documented in `docs/result.md`, which a test holds to this.

use serde::Serialize;

use super::{Delivery, Outcome};
use crate::image::Digest;

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
    image_id: Option<&'a str>,
    image_bytes: Option<u64>,
    tags: Vec<Tag<'a>>,
    repositories: Vec<Repository<'a>>,
    engine: Option<&'a str>,
    source: Source<'a>,
    seconds: Seconds,
}

#[derive(Serialize)]
struct Repository<'a> {
    repository: String,
    image_uri: String,
    tags: Vec<Tag<'a>>,
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
    let first = outcome.repositories.first();
    let bitbucket = outcome.bitbucket;
    // A thousandth is more than anybody can use, and reads better than a double in full.
    let seconds = |span: std::time::Duration| (span.as_secs_f64() * 1000.0).round() / 1000.0;
    let result = Result {
        schema_version: SCHEMA_VERSION,
        pipe_version: env!("CARGO_PKG_VERSION"),
        finished_at: outcome.finished_at,
        repository: first.map(|first| first.repository.to_string()).unwrap_or_default(),
        image_uri: first.map(|first| first.repository.at(outcome.digest)).unwrap_or_default(),
        digest: outcome.digest.as_str(),
        media_type: outcome.media_type,
        image_id: outcome.image_id,
        image_bytes: outcome.image_bytes,
        tags: first.map(tags).unwrap_or_default(),
        repositories: outcome.repositories.iter().map(|delivery| repository(delivery, outcome.digest)).collect(),
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

fn repository<'a>(delivery: &'a Delivery, digest: &Digest) -> Repository<'a> {
    Repository {
        repository: delivery.repository.to_string(),
        image_uri: delivery.repository.at(digest),
        tags: tags(delivery),
    }
}

fn tags(delivery: &Delivery) -> Vec<Tag<'_>> {
    delivery
        .tags
        .iter()
        .map(|(name, previous)| Tag {
            name: name.as_str(),
            uri: delivery.repository.tagged(name),
            previous_digest: previous.as_ref().map(Digest::as_str),
        })
        .collect()
}
