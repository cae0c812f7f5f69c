//! What becomes of the tags: built and pushed, left alone, or given what they name elsewhere.

use crate::aws::Mutability;
use crate::config::IfTagExists;
use crate::error::{ExitCode, Explain};
use crate::image::{Digest, Repository, Tag};

/// A tag and what it names before the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedTag {
    /// The tag.
    pub tag: Tag,
    /// The image it names now, if it exists.
    pub now: Option<Digest>,
}

/// What the checks found in one repository.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// The repository.
    pub repository: &'a Repository,
    /// The tag policy at the push. `None` when the key may not ask for it; a taken tag is then found at the push only.
    pub mutability: Option<&'a Mutability>,
    /// The tag policy before the run changes it; `None` where it changes nothing.
    pub before: Option<&'a Mutability>,
    /// The tags, in the order of `TAG`, the same in every repository.
    pub tags: &'a [PlannedTag],
}

/// What will be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Course {
    /// Build; every tag names the new image afterwards.
    Build,
    /// Build; the tags that are missing name the image of those that exist, if that is what was built.
    Compare {
        /// The image of the tags that exist.
        digest: Digest,
        /// Which repository has it.
        holder: usize,
        /// What is missing, by tag and then by repository.
        gaps: Vec<Gap>,
    },
    /// Build nothing: each tag exists, in all repositories or in some, from which the others get it.
    Keep {
        /// What is missing, by tag and then by repository.
        gaps: Vec<Gap>,
    },
    /// Build nothing: an image with the same inputs is in every repository.
    Retag {
        /// The image.
        digest: Digest,
        /// The tags that do not name it yet, by tag and then by repository; they come from where they go to.
        gaps: Vec<Gap>,
    },
}

/// A tag that a repository lacks, and where its image is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The tag.
    pub tag: Tag,
    /// What it is to name.
    pub digest: Digest,
    /// The repository that has this image.
    pub from: usize,
    /// The repository that lacks the tag.
    pub to: usize,
}

/// What forbids every course.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// The tag is taken and may not be moved.
    #[error("tag `{tag}` exists in `{repository}` as {now}, and the repository's tags are {}immutable", if *.is_wish { "to be " } else { "" })]
    TagTaken {
        /// The tag.
        tag: Tag,
        /// Its repository.
        repository: Repository,
        /// What it names.
        now: Digest,
        /// Whether it is this run that makes the tag immutable.
        is_wish: bool,
    },
    /// The tag exists, which the user does not want.
    #[error("tag `{tag}` exists in `{repository}` as {now}, and `IF_TAG_EXISTS` is `fail`")]
    TagExists {
        /// The tag.
        tag: Tag,
        /// Its repository.
        repository: Repository,
        /// What it names.
        now: Digest,
    },
    /// One tag names two images in two repositories.
    #[error("tag `{tag}` names {one} in `{first}`, but {other} in `{second}`")]
    OneTagTwoImages {
        /// The tag.
        tag: Tag,
        /// A repository.
        first: Repository,
        /// What the tag names there.
        one: Digest,
        /// Another repository.
        second: Repository,
        /// What the tag names there.
        other: Digest,
    },
    /// Some tags exist, and not for one image, so that the others can have neither.
    #[error(
        "tags `{first}` and `{second}` exist and name different images, {one} and {other}: the missing tags cannot name both"
    )]
    TwoImages {
        /// A tag.
        first: Tag,
        /// What it names.
        one: Digest,
        /// Another tag.
        second: Tag,
        /// What it names.
        other: Digest,
    },
}

impl Explain for Forbidden {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::TagTaken { .. } | Self::TagExists { .. } | Self::OneTagTwoImages { .. } | Self::TwoImages { .. } => {
                ExitCode::Repository
            }
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::TagTaken { is_wish: true, .. } => {
                "choose a `TAG` that is new with each build, such as `$BITBUCKET_BUILD_NUMBER`, or name the tags that are to move in `TAG_MUTABILITY_EXCEPT`"
                    .to_owned()
            }
            Self::TagTaken { is_wish: false, .. } => {
                "choose a `TAG` that is new with each build, such as `$BITBUCKET_BUILD_NUMBER`; if this step is only run again, `IF_TAG_EXISTS=skip` keeps what is there"
                    .to_owned()
            }
            Self::TagExists { .. } => {
                "choose a `TAG` that is new with each build, or set `IF_TAG_EXISTS` to `skip` or `overwrite`".to_owned()
            }
            Self::OneTagTwoImages { .. } => {
                "choose a new `TAG`, or delete the tag where it is wrong and run the step again".to_owned()
            }
            Self::TwoImages { .. } => {
                "leave a tag that moves, such as `latest`, out of `TAG`, or set `IF_TAG_EXISTS=overwrite`".to_owned()
            }
        })
    }
}

/// The built image is not the one that the tags which exist name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} {digest}, which is not what was built: {difference}", names(.existing))]
pub struct NotTheSame {
    /// The tags.
    pub existing: Vec<Tag>,
    /// What they name.
    pub digest: Digest,
    /// The first difference that was found.
    pub difference: String,
}

fn names(tags: &[Tag]) -> String {
    let quoted: Vec<String> = tags.iter().map(|tag| format!("`{tag}`")).collect();
    match quoted.as_slice() {
        [one] => format!("tag {one} exists and names"),
        several => format!("tags {} exist and name", several.join(", ")),
    }
}

impl Explain for NotTheSame {
    fn exit_code(&self) -> ExitCode {
        ExitCode::Repository
    }

    fn hint(&self) -> Option<String> {
        Some(
            "no tag was changed: choose new tags for the new image, or set `IF_TAG_EXISTS=overwrite` to move those that may move"
                .to_owned(),
        )
    }
}

/// Decides what becomes of the tags.
///
/// # Errors
/// Everything that forbids it, each tag and repository by itself.
pub fn course(rule: IfTagExists, standings: &[Standing<'_>]) -> Result<Course, Vec<Forbidden>> {
    let forbidden: Vec<Forbidden> = match rule {
        IfTagExists::Overwrite => {
            let may_not_move = |standing: &Standing<'_>, tag: &Tag| {
                standing.mutability.is_some_and(|mutability| mutability.forbids_moving(tag))
            };
            existing(standings)
                .filter(|(standing, tag, _)| may_not_move(standing, tag))
                .map(|(standing, tag, now)| Forbidden::TagTaken {
                    tag: tag.clone(),
                    repository: standing.repository.clone(),
                    now: now.clone(),
                    is_wish: standing.before.is_some_and(|before| !before.forbids_moving(tag)),
                })
                .collect()
        }
        IfTagExists::Fail => existing(standings)
            .map(|(standing, tag, now)| Forbidden::TagExists {
                tag: tag.clone(),
                repository: standing.repository.clone(),
                now: now.clone(),
            })
            .collect(),
        IfTagExists::Skip => return keep(standings),
    };
    if forbidden.is_empty() { Ok(Course::Build) } else { Err(forbidden) }
}

/// Every tag that exists, with its repository and what it names.
fn existing<'a>(standings: &'a [Standing<'a>]) -> impl Iterator<Item = (&'a Standing<'a>, &'a Tag, &'a Digest)> {
    standings.iter().flat_map(|standing| {
        standing.tags.iter().filter_map(move |planned| Some((standing, &planned.tag, planned.now.as_ref()?)))
    })
}

/// The course that moves nothing.
fn keep(standings: &[Standing<'_>]) -> Result<Course, Vec<Forbidden>> {
    let named = named(standings)?;
    let Some((first, holder)) = named.iter().find_map(|(tag, holder)| Some((*tag, (*holder)?))) else {
        return Ok(Course::Build);
    };
    let is_whole = standings.iter().flat_map(|standing| standing.tags).all(|planned| planned.now.is_some());
    let other = named.iter().find(|(_, other)| other.is_some_and(|other| other.digest != holder.digest));
    if let (Some((second, Some(other))), false) = (other, is_whole) {
        let (first, one, second, other) =
            (first.clone(), holder.digest.clone(), (*second).clone(), other.digest.clone());
        return Err(vec![Forbidden::TwoImages { first, one, second, other }]);
    }
    let mut gaps = Vec::new();
    for (at, (tag, own)) in named.iter().enumerate() {
        let Holder { place: from, digest } = own.unwrap_or(holder);
        for (to, standing) in standings.iter().enumerate() {
            if standing.tags.get(at).is_some_and(|planned| planned.now.is_none()) {
                gaps.push(Gap { tag: (*tag).clone(), digest: digest.clone(), from, to });
            }
        }
    }
    if named.iter().all(|(_, holder)| holder.is_some()) {
        Ok(Course::Keep { gaps })
    } else {
        Ok(Course::Compare { digest: holder.digest.clone(), holder: holder.place, gaps })
    }
}

/// A repository that has an image.
#[derive(Clone, Copy)]
struct Holder<'a> {
    place: usize,
    digest: &'a Digest,
}

/// Each tag with the first repository that has it, if one has.
///
/// # Errors
/// Tags that name different images in different repositories.
fn named<'a>(standings: &[Standing<'a>]) -> Result<Vec<(&'a Tag, Option<Holder<'a>>)>, Vec<Forbidden>> {
    let mut named = Vec::new();
    let mut forbidden = Vec::new();
    let tags = standings.first().map(|standing| standing.tags).unwrap_or_default();
    for (at, PlannedTag { tag, .. }) in tags.iter().enumerate() {
        let now = |standing: &Standing<'a>| standing.tags.get(at).and_then(|planned| planned.now.as_ref());
        let mut holders =
            standings.iter().enumerate().filter_map(|(place, standing)| Some(Holder { place, digest: now(standing)? }));
        let first = holders.next();
        if let Some(first) = first
            && let Some(second) = holders.find(|second| second.digest != first.digest)
        {
            forbidden.push(Forbidden::OneTagTwoImages {
                tag: tag.clone(),
                first: standings[first.place].repository.clone(),
                one: first.digest.clone(),
                second: standings[second.place].repository.clone(),
                other: second.digest.clone(),
            });
        }
        named.push((tag, first));
    }
    if forbidden.is_empty() { Ok(named) } else { Err(forbidden) }
}

impl Course {
    /// Whether an image is built.
    #[must_use]
    pub fn builds(&self) -> bool {
        match self {
            Self::Build | Self::Compare { .. } => true,
            Self::Keep { .. } | Self::Retag { .. } => false,
        }
    }
}

/// The tags that exist and name another image.
#[must_use]
pub fn strangers(tags: &[PlannedTag], digest: &Digest) -> Vec<Tag> {
    let differs = |planned: &&PlannedTag| planned.now.as_ref().is_some_and(|now| now != digest);
    tags.iter().filter(differs).map(|planned| planned.tag.clone()).collect()
}

#[cfg(test)]
mod tests;
