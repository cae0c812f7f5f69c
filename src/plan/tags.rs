//! Whether the tags may be pushed.

use crate::aws::Mutability;
use crate::error::{ExitCode, Explain};
use crate::image::{Digest, Repository, Tag};

/// What a repository gets.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The tags, in the order of `TAG`.
    pub tags: Vec<PlannedTag>,
}

/// A tag and what it names before the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedTag {
    /// The tag.
    pub tag: Tag,
    /// The image it names now, if it exists.
    pub now: Option<Digest>,
}

/// What forbids the plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// The tag is taken and may not be moved.
    #[error("tag `{tag}` exists in `{repository}` as {now}, and the repository's tags are immutable")]
    TagTaken {
        /// The tag.
        tag: Tag,
        /// Its repository.
        repository: Repository,
        /// What it names.
        now: Digest,
    },
}

impl Explain for Forbidden {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::TagTaken { .. } => ExitCode::Repository,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::TagTaken { .. } => Some(
                "choose a `TAG` that is new with each build, such as `$BITBUCKET_BUILD_NUMBER` or `$BITBUCKET_COMMIT`"
                    .to_owned(),
            ),
        }
    }
}

impl Plan {
    /// Puts the findings together.
    ///
    /// `mutability` is `None` when the key may not ask for it; a taken tag is then found at the push only.
    ///
    /// # Errors
    /// One failure for each tag that is taken and may not be moved.
    pub fn new(
        repository: &Repository,
        tags: Vec<PlannedTag>,
        mutability: Option<&Mutability>,
    ) -> Result<Self, Vec<Forbidden>> {
        let taken: Vec<Forbidden> = tags
            .iter()
            .filter(|planned| mutability.is_some_and(|mutability| mutability.forbids_moving(&planned.tag)))
            .filter_map(|planned| {
                let now = planned.now.clone()?;
                Some(Forbidden::TagTaken { tag: planned.tag.clone(), repository: repository.clone(), now })
            })
            .collect();
        if taken.is_empty() { Ok(Self { tags }) } else { Err(taken) }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]

    use super::*;
    use crate::image::Name;

    fn plan(tags: &[(&str, bool)], mutability: Option<&Mutability>) -> Result<Plan, Vec<Forbidden>> {
        let Ok(Name::Full(repository)) = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/web".parse() else {
            panic!("a repository")
        };
        let planned = |&(tag, taken): &(&str, bool)| PlannedTag {
            tag: tag.parse().unwrap(),
            now: taken.then(|| Digest::of(b"an image")),
        };
        Plan::new(&repository, tags.iter().map(planned).collect(), mutability)
    }

    #[test]
    fn a_taken_tag_forbids_only_where_it_may_not_move() {
        let immutable = Mutability::new(true, vec!["latest".to_owned()]);
        let forbidden =
            plan(&[("1.0", true), ("1.1", false), ("2.0", true), ("latest", true)], Some(&immutable)).unwrap_err();
        let tags: Vec<&str> = forbidden.iter().map(|Forbidden::TagTaken { tag, .. }| tag.as_str()).collect();
        assert_eq!(tags, ["1.0", "2.0"], "each of them, and no other");
        assert!(plan(&[("1.0", true)], Some(&Mutability::new(false, Vec::new()))).is_ok());
        assert!(plan(&[("1.1", false)], Some(&immutable)).is_ok());
    }

    #[test]
    fn what_the_key_may_not_ask_forbids_nothing_before_the_push() {
        assert_eq!(plan(&[("1.0", true)], None).unwrap().tags.len(), 1);
    }
}
