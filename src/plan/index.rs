//! `INDEX_FROM`: whether images make an index, and what becomes of the tags.

use super::{Course, Forbidden, PlannedTag, Standing, course};
use crate::config::IfTagExists;
use crate::error::{ExitCode, Explain, Failure};
use crate::image::{Digest, Platform, Repository, Tag};
use crate::registry::{Entry, Reference};

/// What a member contributes to an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contribution {
    /// The member as the user names it.
    pub text: String,
    /// Its image, or those of the index that it is.
    pub entries: Vec<Entry>,
}

/// What keeps images from becoming an index.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unjoinable {
    /// No repository has it.
    #[error("`INDEX_FROM`: {} no {reference}", have(.repositories))]
    Missing {
        /// What was looked for.
        reference: Reference,
        /// Where.
        repositories: Vec<Repository>,
    },
    /// It is named in a repository that is none of `IMAGE`.
    #[error("`INDEX_FROM`: `{text}` is not in a repository of `IMAGE`: an index and its images lie in one repository")]
    Elsewhere {
        /// The member.
        text: String,
    },
    /// One tag names two images in two repositories.
    #[error("`INDEX_FROM`: `{text}` names {one} in `{first}`, but {other} in `{second}`")]
    OneTagTwoImages {
        /// The member.
        text: String,
        /// A repository.
        first: Repository,
        /// What the tag names there.
        one: Digest,
        /// Another repository.
        second: Repository,
        /// What the tag names there.
        other: Digest,
    },
    /// It runs on nothing: an attestation alone, a chart, something else.
    #[error("`INDEX_FROM`: `{text}` is no image: {digest} names no platform that it runs on")]
    NoImage {
        /// The member.
        text: String,
        /// The manifest.
        digest: Digest,
    },
    /// It is an index of nothing, or of indexes.
    #[error("`INDEX_FROM`: `{text}` is an index {what}")]
    NoImages {
        /// The member.
        text: String,
        /// What is in it.
        what: &'static str,
    },
    /// Two images for one platform.
    #[error(
        "`INDEX_FROM`: `{first}` and `{second}` both have an image for {platform}, {one}{}: an index has one for each platform",
        if one == other { String::new() } else { format!(" and {other}") }
    )]
    SamePlatform {
        /// The platform.
        platform: Platform,
        /// A member.
        first: String,
        /// Its image.
        one: Digest,
        /// Another member.
        second: String,
        /// Its image.
        other: Digest,
    },
    /// Some tags exist, which are to stay, and name something else.
    #[error("tag `{tag}` exists and names {now}, and the index of `INDEX_FROM` is {index}")]
    NotTheIndex {
        /// The tag.
        tag: Tag,
        /// What it names.
        now: Digest,
        /// What it would name.
        index: Digest,
    },
}

fn have(repositories: &[Repository]) -> String {
    let names: Vec<String> = repositories.iter().map(|repository| format!("`{repository}`")).collect();
    if names.len() == 1 { format!("{} has", names.join("")) } else { format!("{} have", names.join(" and ")) }
}

impl Explain for Unjoinable {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Missing { .. }
            | Self::Elsewhere { .. }
            | Self::OneTagTwoImages { .. }
            | Self::NoImage { .. }
            | Self::NoImages { .. }
            | Self::SamePlatform { .. } => ExitCode::Variables,
            Self::NotTheIndex { .. } => ExitCode::Repository,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Missing { .. } => {
                "let the steps that push the images to `IMAGE` end before this one begins, and name here what they push"
            }
            Self::Elsewhere { .. } => {
                "let its step push it to a repository of `IMAGE` too, or add its repository to `IMAGE`"
            }
            Self::OneTagTwoImages { .. } => {
                "name the image by its digest, which its step prints and leaves in `IMAGE_DIGEST`"
            }
            Self::NoImage { .. } => "name an image; an attestation comes along with the index that it is in",
            Self::NoImages { .. } => "name the images themselves",
            Self::SamePlatform { .. } => {
                "let each step push a tag of its own, on a machine of its platform, such as a step with `runtime: cloud: arch: arm`"
            }
            Self::NotTheIndex { .. } => {
                "no tag was changed: choose new tags for the new index, or set `IF_TAG_EXISTS=overwrite` to move those that may move"
            }
        };
        Some(hint.to_owned())
    }
}

/// The entries of an index, in the order of the members.
///
/// # Errors
/// Every pair that is for one platform.
pub fn join(members: &[Contribution]) -> Result<Vec<Entry>, Vec<Unjoinable>> {
    let mut joined: Vec<(&str, &Entry)> = Vec::new();
    let mut problems = Vec::new();
    for Contribution { text, entries } in members {
        for entry in entries {
            if let (Some(platform), false) = (&entry.platform, entry.is_attestation()) {
                let is_same = |(_, other): &&(&str, &Entry)| {
                    !other.is_attestation() && other.platform.as_ref().is_some_and(|other| other.is_same(platform))
                };
                if let Some((first, other)) = joined.iter().find(is_same) {
                    problems.push(Unjoinable::SamePlatform {
                        platform: platform.clone(),
                        first: (*first).to_owned(),
                        one: other.digest.clone(),
                        second: text.clone(),
                        other: entry.digest.clone(),
                    });
                }
            }
            joined.push((text, entry));
        }
    }
    if problems.is_empty() { Ok(joined.into_iter().map(|(_, entry)| entry.clone()).collect()) } else { Err(problems) }
}

/// What becomes of the tags for an index, which, unlike what is yet to be built, is known before. A tag that names it already is in
/// nobody's way.
///
/// # Errors
/// Everything that forbids it.
pub fn index_course(rule: IfTagExists, index: &Digest, standings: &[Standing<'_>]) -> Result<Course, Vec<Failure>> {
    let failures = |forbidden: Vec<Forbidden>| forbidden.into_iter().map(Failure::from).collect::<Vec<_>>();
    match rule {
        IfTagExists::Fail => course(rule, standings).map_err(failures),
        IfTagExists::Overwrite => {
            let moving: Vec<Vec<PlannedTag>> = standings.iter().map(|standing| moving(standing.tags, index)).collect();
            let standings = standings.iter().zip(&moving).map(|(standing, tags)| Standing { tags, ..*standing });
            course(rule, &standings.collect::<Vec<_>>()).map_err(failures)
        }
        IfTagExists::Skip => match course(rule, standings).map_err(failures)? {
            Course::Compare { digest, .. } if digest != *index => {
                let tags = standings.iter().flat_map(|standing| standing.tags);
                let named =
                    tags.filter(|planned| planned.now.as_ref() == Some(&digest)).map(|planned| planned.tag.clone());
                let refuse = |tag| Unjoinable::NotTheIndex { tag, now: digest.clone(), index: index.clone() };
                Err(named.take(1).map(refuse).map(Failure::from).collect())
            }
            course => Ok(course),
        },
    }
}

/// The tags, as if those that name the index did not exist.
fn moving(tags: &[PlannedTag], index: &Digest) -> Vec<PlannedTag> {
    let of = |PlannedTag { tag, now }: &PlannedTag| PlannedTag {
        tag: tag.clone(),
        now: now.clone().filter(|now| now != index),
    };
    tags.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::aws::Mutability;
    use crate::image::Name;

    fn entry(text: &str, platform: &str) -> Entry {
        Entry {
            media_type: String::new(),
            size: 1,
            digest: Digest::of(text.as_bytes()),
            platform: Some(platform.parse().unwrap_or_else(|_| Platform::of("unknown", "unknown"))),
            artifact_type: None,
            annotations: None,
        }
    }

    fn member(text: &str, platforms: &[&str]) -> Contribution {
        let entries = platforms.iter().map(|platform| entry(&format!("{text} {platform}"), platform)).collect();
        Contribution { text: text.to_owned(), entries }
    }

    #[test]
    fn members_are_joined_in_their_order_with_their_attestations() {
        let members = [member("b", &["linux/arm64", "?"]), member("a", &["linux/amd64", "?"])];
        let joined: Vec<Digest> = join(&members).unwrap().into_iter().map(|entry| entry.digest).collect();
        let expected = ["b linux/arm64", "b ?", "a linux/amd64", "a ?"].map(|text| Digest::of(text.as_bytes()));
        assert_eq!(joined, expected);
    }

    #[test]
    fn two_images_for_one_platform_are_no_index() {
        let members = [member("a", &["linux/amd64"]), member("b", &["linux/arm64", "linux/x86_64"])];
        let problems = join(&members).unwrap_err();
        let (one, other) = (Digest::of(b"a linux/amd64"), Digest::of(b"b linux/x86_64"));
        assert_eq!(
            problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [format!(
                "`INDEX_FROM`: `a` and `b` both have an image for linux/amd64, {one} and {other}: an index has one for each platform"
            )]
        );
        let twice = join(&[member("a", &["linux/amd64"]), member("a", &["linux/amd64"])]).unwrap_err();
        assert!(twice[0].to_string().contains(&format!("{one}: an index")), "{}", twice[0]);
    }

    fn repository() -> Repository {
        let Ok(Name::Full(repository)) = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop".parse() else {
            panic!("a repository")
        };
        repository
    }

    #[test]
    fn a_tag_that_names_the_index_already_is_in_nobodys_way() {
        let (index, other) = (Digest::of(b"index"), Digest::of(b"other"));
        let repository = repository();
        let immutable = Mutability::new(true, Vec::new());
        let course = |rule, now: [Option<&Digest>; 2]| {
            let names = ["1", "2"].into_iter().zip(now);
            let tags = names.map(|(tag, now)| PlannedTag { tag: tag.parse().unwrap(), now: now.cloned() });
            let tags: Vec<PlannedTag> = tags.collect();
            let standing =
                Standing { repository: &repository, mutability: Some(&immutable), before: None, tags: &tags };
            index_course(rule, &index, &[standing])
        };
        assert_eq!(course(IfTagExists::Overwrite, [Some(&index), None]), Ok(Course::Build));
        assert!(course(IfTagExists::Overwrite, [Some(&other), None]).is_err());
        assert!(course(IfTagExists::Fail, [Some(&index), None]).is_err());
        assert!(matches!(course(IfTagExists::Skip, [Some(&index), None]), Ok(Course::Compare { .. })));
        assert!(matches!(course(IfTagExists::Skip, [Some(&other), Some(&other)]), Ok(Course::Keep { .. })));
        let refused = course(IfTagExists::Skip, [Some(&other), None]).unwrap_err();
        assert_eq!(
            refused[0].message,
            format!("tag `1` exists and names {other}, and the index of `INDEX_FROM` is {index}")
        );
        assert_eq!(refused[0].code, ExitCode::Repository);
    }
}
