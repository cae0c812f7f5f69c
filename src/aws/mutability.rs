//! Whether a tag may be moved.

use aws_sdk_ecr::types::{ImageTagMutability, ImageTagMutabilityExclusionFilter, Repository};

use crate::image::Tag;

/// The tag policy of a repository: `imageTagMutability` with its exclusion filters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutability {
    immutable: bool,
    /// Wildcard filters: the tags that they match are under the opposite rule.
    exclusions: Vec<String>,
}

impl Mutability {
    /// A policy.
    #[must_use]
    pub fn new(immutable: bool, exclusions: Vec<String>) -> Self {
        Self { immutable, exclusions }
    }

    pub(super) fn of(repository: &Repository) -> Self {
        Self::from_parts(repository.image_tag_mutability.as_ref(), repository.image_tag_mutability_exclusion_filters())
    }

    pub(super) fn from_parts(rule: Option<&ImageTagMutability>, filters: &[ImageTagMutabilityExclusionFilter]) -> Self {
        // A value of a later API that is unknown here is taken for mutable: then the registry has the last word.
        let immutable =
            matches!(rule, Some(ImageTagMutability::Immutable | ImageTagMutability::ImmutableWithExclusion));
        Self { immutable, exclusions: filters.iter().map(|filter| filter.filter().to_owned()).collect() }
    }

    /// Whether tags are immutable but for the exclusions.
    #[must_use]
    pub fn is_immutable(&self) -> bool {
        self.immutable
    }

    /// The wildcard filters of the tags that are under the opposite rule.
    #[must_use]
    pub fn exclusions(&self) -> &[String] {
        &self.exclusions
    }

    /// Whether both say the same, in whatever order their filters are.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let within =
            |these: &Self, those: &Self| these.exclusions.iter().all(|filter| those.exclusions.contains(filter));
        self.immutable == other.immutable && within(self, other) && within(other, self)
    }

    /// `immutable but for latest*`
    #[must_use]
    pub fn rule(&self) -> String {
        let rule = if self.immutable { "immutable" } else { "mutable" };
        if self.exclusions.is_empty() {
            rule.to_owned()
        } else {
            format!("{rule} but for {}", self.exclusions.join(", "))
        }
    }

    /// Whether the tag, once it exists, keeps its image for ever.
    #[must_use]
    pub fn forbids_moving(&self, tag: &Tag) -> bool {
        let excluded = self.exclusions.iter().any(|filter| matches(filter.as_bytes(), tag.as_str().as_bytes()));
        self.immutable != excluded
    }
}

impl std::fmt::Display for Mutability {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.immutable { "immutable tags" } else { "mutable tags" })?;
        if self.exclusions.is_empty() { Ok(()) } else { write!(f, " but for {}", self.exclusions.join(", ")) }
    }
}

/// `*` stands for any text, also none; everything else for itself (ECR user guide, "Image tag mutability exclusion filters").
fn matches(filter: &[u8], text: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    // Where to go on when what follows the last `*` does not fit: let the `*` take one byte more.
    let mut retry: Option<(usize, usize)> = None;
    while read < text.len() {
        if filter.get(at) == Some(&b'*') {
            at += 1;
            retry = Some((at, read));
        } else if filter.get(at) == Some(&text[read]) {
            at += 1;
            read += 1;
        } else if let Some((after, from)) = retry {
            retry = Some((after, from + 1));
            (at, read) = (after, from + 1);
        } else {
            return false;
        }
    }
    filter[at..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_in_a_filter_stands_for_any_text() {
        for (filter, text, fits) in [
            ("*", "", true),
            ("*", "anything", true),
            ("dev-*", "dev-1", true),
            ("dev-*", "dev-", true),
            ("dev-*", "dev", false),
            ("*-rc*", "1.0-rc1", true),
            ("*a*b", "aab", true),
            ("*a*b", "aba", false),
            ("latest", "latest", true),
            ("latest", "latest2", false),
            ("", "x", false),
        ] {
            assert_eq!(matches(filter.as_bytes(), text.as_bytes()), fits, "{filter} {text}");
        }
    }

    #[test]
    fn excluded_tags_are_under_the_opposite_rule() {
        let latest: Tag = "latest".parse().unwrap();
        let release: Tag = "1.0".parse().unwrap();
        let immutable = Mutability::new(true, vec!["lat*".to_owned()]);
        assert!(immutable.forbids_moving(&release) && !immutable.forbids_moving(&latest));
        let mutable = Mutability::new(false, vec!["1.*".to_owned()]);
        assert!(mutable.forbids_moving(&release) && !mutable.forbids_moving(&latest));
        assert_eq!(immutable.to_string(), "immutable tags but for lat*");
    }

    proptest! {
        #[test]
        fn the_matcher_agrees_with_a_recursive_one(filter in "[ab*]{0,8}", text in "[ab]{0,10}") {
            fn model(filter: &[u8], text: &[u8]) -> bool {
                match filter.split_first() {
                    None => text.is_empty(),
                    Some((b'*', rest)) => (0..=text.len()).any(|from| model(rest, &text[from..])),
                    Some((byte, rest)) => text.first() == Some(byte) && model(rest, &text[1..]),
                }
            }
            prop_assert_eq!(matches(filter.as_bytes(), text.as_bytes()), model(filter.as_bytes(), text.as_bytes()));
        }
    }
}
