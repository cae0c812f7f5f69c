//! `SKIP_UNCHANGED`.

use std::time::Duration;

use crate::image::Tag;
use crate::plan::is_fingerprint;

use super::boolean::boolean;
use super::duration::duration;
use super::problem::Findings;
use super::raw::Raw;

/// `SKIP_UNCHANGED`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SkipUnchanged {
    /// Every run builds.
    #[default]
    No,
    /// An image of the same inputs will do, however old.
    Any,
    /// An image of the same inputs will do up to this age.
    Younger(Duration),
}

impl SkipUnchanged {
    /// Itself, or off.
    pub(super) fn unless(self, off: bool) -> Self {
        if off { Self::No } else { self }
    }

    /// Whether inputs are compared at all.
    #[must_use]
    pub fn is_on(self) -> bool {
        self != Self::No
    }
}

/// Reads the variable, and refuses tags that look like its own.
pub(super) fn read(raw: &Raw, tags: &[Tag], findings: &mut Findings) -> SkipUnchanged {
    let Some(text) = raw.scalars.skip_unchanged.as_deref() else { return SkipUnchanged::No };
    let skip = match (boolean(text), duration(text)) {
        (Some(false), _) => SkipUnchanged::No,
        (Some(true), _) => SkipUnchanged::Any,
        (None, Some(age)) if !age.is_zero() => SkipUnchanged::Younger(age),
        (None, _) => {
            let reason = format!("`{text}` is not accepted, expected `true`, `false` or the greatest age of the image");
            findings.value("SKIP_UNCHANGED", reason, None);
            SkipUnchanged::No
        }
    };
    if skip.is_on()
        && let Some(tag) = tags.iter().find(|tag| is_fingerprint(tag))
    {
        let reason = format!("`{tag}` has the form of the tags by which `SKIP_UNCHANGED` knows images");
        findings.value(raw.name("TAG"), reason, Some("choose another tag".to_owned()));
    }
    skip
}

#[cfg(test)]
mod tests {
    use super::super::tests::{config, problems, warnings};
    use super::*;

    #[test]
    fn it_is_a_boolean_or_an_age() {
        assert_eq!(config(&[]).skip_unchanged, SkipUnchanged::No);
        for (text, expected) in [
            ("off", SkipUnchanged::No),
            ("0", SkipUnchanged::No),
            ("True", SkipUnchanged::Any),
            ("1", SkipUnchanged::Any),
            ("7d", SkipUnchanged::Younger(Duration::from_hours(7 * 24))),
            ("12H", SkipUnchanged::Younger(Duration::from_hours(12))),
        ] {
            assert_eq!(config(&[("SKIP_UNCHANGED", text)]).skip_unchanged, expected, "{text}");
        }
    }

    #[test]
    fn anything_else_is_told_with_what_is_accepted() {
        insta::assert_snapshot!(problems(&[("SKIP_UNCHANGED", "a week")]), @r"
        `SKIP_UNCHANGED`: `a week` is not accepted, expected `true`, `false` or the greatest age of the image
          hint: write it like `7d`
        ");
        insta::assert_snapshot!(problems(&[("SKIP_UNCHANGED", "0s")]), @r"
        `SKIP_UNCHANGED`: `0s` is not accepted, expected `true`, `false` or the greatest age of the image
          hint: write it like `7d`
        ");
    }

    #[test]
    fn a_tag_that_looks_like_one_of_its_own_is_refused() {
        let tag = format!("unchanged-{}", "0123456789".repeat(4));
        insta::assert_snapshot!(problems(&[("SKIP_UNCHANGED", "true"), ("TAG", &tag)]), @r"
        `TAG`: `unchanged-0123456789012345678901234567890123456789` has the form of the tags by which `SKIP_UNCHANGED` knows images
          hint: choose another tag
        ");
        assert_eq!(config(&[("TAG", &tag)]).tags.len(), 1, "without it that is a tag as any other");
    }

    #[test]
    fn without_a_push_it_does_nothing() {
        insta::assert_snapshot!(warnings(&[("SKIP_UNCHANGED", "true"), ("PUSH", "false")]), @r"
        `SKIP_UNCHANGED` does nothing while `PUSH` is `false`
          hint: remove `SKIP_UNCHANGED` where `PUSH` is `false`
        ");
    }
}
