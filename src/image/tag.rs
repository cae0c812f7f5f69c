//! A tag of an image.

use std::fmt;

/// A legal tag: `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(String);

/// The text is no tag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no legal tag: {reason}")]
pub struct TagError {
    /// The text found.
    pub found: String,
    /// Which character or length is wrong.
    pub reason: String,
    /// The nearest legal tag, if there is one.
    pub nearest: Option<Tag>,
}

/// The greatest length of a tag: `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}` of the OCI distribution specification.
const MAXIMUM: usize = 128;

impl Tag {
    /// The nearest legal tag to a text such as the name of a branch: `feature/x` gives `feature-x`. Runs of illegal
    /// characters become one `-`, leading `.` and `-` go, the rest is cut to 128 characters. A legal tag is its own
    /// nearest. `None` when nothing legal is left.
    #[must_use]
    pub fn nearest(text: &str) -> Option<Self> {
        let mut tag = String::with_capacity(text.len().min(MAXIMUM));
        let mut gap = false;
        for character in text.chars() {
            if !is_legal(character) {
                gap = true;
                continue;
            }
            // A gap is only written once something follows it, so that `feature/` does not end in `-`.
            if gap && !tag.is_empty() && tag.len() < MAXIMUM {
                tag.push('-');
            }
            gap = false;
            if tag.len() == MAXIMUM {
                break;
            }
            if !tag.is_empty() || may_begin(character) {
                tag.push(character);
            }
        }
        if tag.is_empty() { None } else { Some(Self(tag)) }
    }

    /// The text of the tag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Tag {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, TagError> {
        match fault(text) {
            None => Ok(Self(text.to_owned())),
            Some(reason) => Err(TagError { found: text.to_owned(), reason, nearest: Self::nearest(text) }),
        }
    }
}

fn may_begin(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

fn is_legal(character: char) -> bool {
    may_begin(character) || matches!(character, '.' | '-')
}

fn fault(text: &str) -> Option<String> {
    let Some(first) = text.chars().next() else { return Some("it is empty".to_owned()) };
    if let Some(wrong) = text.chars().find(|character| !is_legal(*character)) {
        return Some(format!("it holds `{}`; accepted are letters, digits, `.`, `_` and `-`", wrong.escape_debug()));
    }
    if !may_begin(first) {
        return Some(format!("it begins with `{first}`; accepted there is a letter, a digit or `_`"));
    }
    (text.len() > MAXIMUM).then(|| format!("it has {} characters; accepted are at most {MAXIMUM}", text.len()))
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn nearest(text: &str) -> Option<String> {
        Tag::nearest(text).map(|tag| tag.to_string())
    }

    #[test]
    fn a_tag_with_a_slash_is_refused_and_the_nearest_legal_one_offered() {
        let error = "feature/x".parse::<Tag>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`feature/x` is no legal tag: it holds `/`; accepted are letters, digits, `.`, `_` and `-`"
        );
        assert_eq!(error.nearest.unwrap().as_str(), "feature-x");
    }

    #[test]
    fn each_fault_of_a_tag_is_named() {
        for (text, reason) in [
            ("", "it is empty"),
            (".hidden", "it begins with `.`; accepted there is a letter, a digit or `_`"),
            ("-x", "it begins with `-`; accepted there is a letter, a digit or `_`"),
            ("a b", "it holds ` `; accepted are letters, digits, `.`, `_` and `-`"),
            ("a\nb", "it holds `\\n`; accepted are letters, digits, `.`, `_` and `-`"),
            ("straße", "it holds `ß`; accepted are letters, digits, `.`, `_` and `-`"),
        ] {
            assert_eq!(text.parse::<Tag>().unwrap_err().reason, reason);
        }
    }

    #[test]
    fn the_length_of_a_tag_ends_at_128() {
        assert!("a".repeat(128).parse::<Tag>().is_ok());
        let error = "a".repeat(129).parse::<Tag>().unwrap_err();
        assert_eq!(error.reason, "it has 129 characters; accepted are at most 128");
        assert_eq!(error.nearest.unwrap().as_str(), "a".repeat(128));
    }

    #[test]
    fn names_of_branches_become_tags() {
        for (branch, tag) in [
            ("main", "main"),
            ("feature/x", "feature-x"),
            ("feature//PROJ-1: über", "feature-PROJ-1-ber"),
            ("dependabot/npm_and_yarn/a@1.2.3", "dependabot-npm_and_yarn-a-1.2.3"),
            ("/x/", "x"),
            ("-.-x", "x"),
            ("v1-", "v1-"),
        ] {
            assert_eq!(nearest(branch).unwrap(), tag);
        }
    }

    #[test]
    fn a_name_without_a_legal_character_has_no_nearest_tag() {
        for branch in ["", "///", "…", "-", ".-."] {
            assert_eq!(nearest(branch), None, "{branch}");
        }
    }

    proptest! {
        #[test]
        fn legal_tags_read_back_as_themselves(text in "[A-Za-z0-9_][A-Za-z0-9._-]{0,127}") {
            let tag: Tag = text.parse().unwrap();
            prop_assert_eq!(tag.to_string(), text.clone());
            prop_assert_eq!(Tag::nearest(&text), Some(tag));
        }

        #[test]
        fn the_nearest_tag_is_always_legal(text in "([A-Za-z./ -]|\\PC){0,300}") {
            if let Some(tag) = Tag::nearest(&text) {
                prop_assert_eq!(tag.as_str().parse::<Tag>(), Ok(tag.clone()));
            }
        }
    }
}
