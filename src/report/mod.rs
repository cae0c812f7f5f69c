//! What a run leaves: `image.env`, `result.json`, the variables of later steps, and one line on stdout.
//!
//! All of it is written only after the registry confirmed the digest.

mod env;
mod folder;
mod json;
mod later_steps;

pub use folder::{Error, Folder};
pub use later_steps::append as append_for_later_steps;

use crate::config::Bitbucket;
use crate::image::{Digest, Repository, Tag};

/// What was pushed, as the registry confirmed it.
#[derive(Clone, Debug)]
pub struct Outcome<'a> {
    /// The repositories in the order of `IMAGE`; never empty.
    pub repositories: &'a [Delivery],
    /// The digest that every tag names now.
    pub digest: &'a Digest,
    /// The media type of the manifest.
    pub media_type: &'a str,
    /// The engine's id of the image, which is the digest of its configuration. `None` for an index that was not built now.
    pub image_id: Option<&'a str>,
    /// The bytes of all layers as the registry keeps them.
    pub image_bytes: Option<u64>,
    /// Where the build came from.
    pub bitbucket: &'a Bitbucket,
    /// The engine's version; `None` where none was needed.
    pub engine: Option<&'a str>,
    /// When the run ended, RFC 3339.
    pub finished_at: &'a str,
    /// How long its parts took.
    pub took: Took,
}

/// A repository that has the image.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The repository.
    pub repository: Repository,
    /// The tags in the order of `TAG`, each with what it named before.
    pub tags: Vec<(Tag, Option<Digest>)>,
}

/// How long the parts of a run took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Took {
    /// The checks.
    pub checks: std::time::Duration,
    /// The build, context included.
    pub build: std::time::Duration,
    /// The push of all tags.
    pub push: std::time::Duration,
}

/// The four variables that a later command or step can read.
fn variables(outcome: &Outcome<'_>) -> [(&'static str, String); 4] {
    let first = outcome.repositories.first();
    let tags: Vec<&str> = first.iter().flat_map(|delivery| &delivery.tags).map(|(tag, _)| tag.as_str()).collect();
    [
        ("IMAGE_URI", first.map(|delivery| delivery.repository.at(outcome.digest)).unwrap_or_default()),
        ("IMAGE_DIGEST", outcome.digest.to_string()),
        ("IMAGE_TAG", tags.first().copied().unwrap_or_default().to_owned()),
        ("IMAGE_TAGS", tags.join(",")),
    ]
}

#[cfg(test)]
mod tests;
