//! The members of `INDEX_FROM`: looked for in the repositories, and made an index of, before anything is changed.

use futures_util::future::join_all;

use super::destination::Destination;
use crate::config::IndexMember;
use crate::error::Failure;
use crate::image::{Digest, Platform};
use crate::plan::{Contribution, Unjoinable, join};
use crate::registry::{self, Content, Entry, Manifest, Reference, Registry};

/// An index that is to be.
pub(in super::super) struct Joined {
    pub(in super::super) index: Manifest,
    /// In the order of the index.
    pub(in super::super) parts: Vec<Part>,
}

/// What the index names.
pub(in super::super) struct Part {
    pub(in super::super) digest: Digest,
    /// A repository that has it.
    pub(in super::super) from: usize,
    /// Those that do not.
    pub(in super::super) lacking: Vec<usize>,
    /// For the log.
    pub(in super::super) words: String,
}

/// A member, as the repositories have it.
struct Found {
    manifest: Manifest,
    from: usize,
    lacking: Vec<usize>,
}

/// Finds all members, and joins them.
///
/// # Errors
/// Each member that is not there or is no image, and those that do not go together.
pub(super) async fn look(members: &[IndexMember], all: &[Destination]) -> Result<Joined, Vec<Failure>> {
    let looks = join_all(members.iter().map(|member| contribution(member, all))).await;
    let (mut looked, mut failures) = (Vec::new(), Vec::new());
    for look in looks {
        match look {
            Ok(one) => looked.push(one),
            Err(failure) => failures.push(failure),
        }
    }
    // A key that may not read is told once.
    failures.dedup();
    if !failures.is_empty() {
        return Err(failures);
    }
    let contributions: Vec<Contribution> = looked.iter().map(|(_, contribution)| contribution.clone()).collect();
    let failures = |problems: Vec<Unjoinable>| problems.into_iter().map(Failure::from).collect::<Vec<_>>();
    let entries = join(&contributions).map_err(failures)?;
    let index = registry::index(&entries).ok_or_else(|| vec![super::super::bug("the index cannot be written")])?;
    let parts = looked.into_iter().flat_map(|(Found { from, lacking, .. }, Contribution { text, entries })| {
        entries.into_iter().map(move |entry| Part {
            words: words(&entry, &text),
            digest: entry.digest,
            from,
            lacking: lacking.clone(),
        })
    });
    Ok(Joined { parts: parts.collect(), index })
}

fn words(entry: &Entry, text: &str) -> String {
    let what = match &entry.platform {
        _ if entry.is_attestation() => "attestation".to_owned(),
        Some(platform) => platform.to_string(),
        None => String::new(),
    };
    let named = if text.ends_with(entry.digest.as_str()) { String::new() } else { format!(", of `{text}`") };
    format!("{what}, {}{named}", entry.digest)
}

async fn contribution(member: &IndexMember, all: &[Destination]) -> Result<(Found, Contribution), Failure> {
    let found = find(member, all).await?;
    let text = member.text.clone();
    let registry = &all[found.from].registry;
    let entries = match found.manifest.entries() {
        None => vec![image(registry, &found.manifest, &text).await?],
        Some(entries) => {
            let is_index =
                |entry: &Entry| entry.media_type.contains("index") || entry.media_type.contains("manifest.list");
            if entries.iter().all(Entry::is_attestation) {
                return Err(Unjoinable::NoImages { text, what: "without an image in it" }.into());
            }
            if entries.iter().any(is_index) {
                return Err(Unjoinable::NoImages { text, what: "of indexes" }.into());
            }
            let mut whole = Vec::new();
            for entry in entries {
                whole.push(if entry.platform.is_some() {
                    entry
                } else {
                    with_platform(registry, entry, &text).await?
                });
            }
            whole
        }
    };
    Ok((found, Contribution { text, entries }))
}

/// Looks in all repositories for what the member names, or in the one that it names itself.
async fn find(member: &IndexMember, all: &[Destination]) -> Result<Found, Failure> {
    let IndexMember { text, repository, reference } = member;
    let is_there = |destination: &&Destination| !destination.is_missing();
    let is_asked = |destination: &Destination| repository.as_ref().is_none_or(|named| *named == destination.repository);
    if !all.iter().any(is_asked) {
        return Err(Unjoinable::Elsewhere { text: text.clone() }.into());
    }
    let looks = all.iter().map(async |destination| match Some(destination).filter(is_there) {
        Some(Destination { registry, .. }) if is_asked(destination) => registry.manifest(reference.clone()).await,
        Some(_) | None => Ok(None),
    });
    let looked: Vec<Option<Manifest>> = join_all(looks).await.into_iter().collect::<Result<_, _>>()?;
    let mut holders = looked.iter().enumerate().filter_map(|(place, found)| Some((place, found.as_ref()?)));
    let Some((from, manifest)) = holders.next() else {
        let asked = all.iter().filter(|destination| is_asked(destination));
        let repositories = asked.map(|destination| destination.repository.clone()).collect();
        return Err(Unjoinable::Missing { reference: reference.clone(), repositories }.into());
    };
    if let Some((place, other)) = holders.find(|(_, other)| other.digest != manifest.digest) {
        return Err(Unjoinable::OneTagTwoImages {
            text: text.clone(),
            first: all[from].repository.clone(),
            one: manifest.digest.clone(),
            second: all[place].repository.clone(),
            other: other.digest.clone(),
        }
        .into());
    }
    // Without the tag it may be there all the same.
    let looks = all.iter().zip(&looked).map(async |(destination, found)| match (found, reference) {
        (Some(_), _) => Ok(true),
        (None, Reference::Digest(_)) if is_asked(destination) => Ok(false),
        (None, _) if destination.is_missing() => Ok(false),
        (None, _) => Ok::<_, registry::Error>(destination.registry.manifest(&manifest.digest).await?.is_some()),
    });
    let there: Vec<bool> = join_all(looks).await.into_iter().collect::<Result<_, _>>()?;
    let lacking = there.iter().enumerate().filter(|(_, there)| !**there).map(|(place, _)| place).collect();
    Ok(Found { manifest: manifest.clone(), from, lacking })
}

/// The entry of an image, with the platform of its configuration.
async fn image(registry: &Registry, manifest: &Manifest, text: &str) -> Result<Entry, Failure> {
    let no_image = || Unjoinable::NoImage { text: text.to_owned(), digest: manifest.digest.clone() };
    let Content::Image(_) = manifest.content()? else { return Err(no_image().into()) };
    let config = manifest.config.as_ref().ok_or_else(no_image)?;
    let document = registry.document(config).await?;
    let platform: Platform = serde_json::from_slice(&document).map_err(|_| no_image())?;
    let is_image = !platform.os.is_empty() && !platform.architecture.is_empty() && !platform.is_unknown();
    if is_image { Ok(Entry::of(manifest, platform)) } else { Err(no_image().into()) }
}

/// An entry of an index that does not say what it runs on.
async fn with_platform(registry: &Registry, entry: Entry, text: &str) -> Result<Entry, Failure> {
    if entry.is_attestation() {
        return Ok(entry);
    }
    let missing = || registry::Error::Missing {
        repository: Box::new(registry.repository().clone()),
        what: format!("manifest {}", entry.digest),
    };
    let manifest = registry.manifest(&entry.digest).await?.ok_or_else(missing)?;
    let Entry { platform, .. } = image(registry, &manifest, text).await?;
    Ok(Entry { platform, ..entry })
}
