//! The pairs of the environment, as text where they are text.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

/// The environment of the process, or of a test.
pub(super) struct Environment {
    text: BTreeMap<String, String>,
    not_utf8: BTreeSet<String>,
}

impl Environment {
    /// Takes the pairs; a name that is not UTF-8 is nobody's and is left out.
    pub(super) fn new(pairs: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut environment = Self { text: BTreeMap::new(), not_utf8: BTreeSet::new() };
        for (name, value) in pairs {
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => drop(environment.text.insert(name, value)),
                Err(_) => drop(environment.not_utf8.insert(name)),
            }
        }
        environment
    }

    /// The value as it is, empty included.
    pub(super) fn verbatim(&self, name: &str) -> Option<&str> {
        self.text.get(name).map(String::as_str)
    }

    /// The value without white space around it; an empty one is unset.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.verbatim(name).map(str::trim).filter(|value| !value.is_empty())
    }

    /// The names of all that is text and not empty, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.text.iter().filter(|(_, value)| !value.trim().is_empty()).map(|(name, _)| name.as_str())
    }

    /// All values that are text.
    pub(super) fn values(&self) -> impl Iterator<Item = &str> {
        self.text.values().map(String::as_str)
    }

    /// The names whose value is no text, in order.
    pub(super) fn not_utf8(&self) -> impl Iterator<Item = &str> {
        self.not_utf8.iter().map(String::as_str)
    }
}

/// Splits the name of an array's part: `TAG_COUNT` and `TAG_0` belong to `TAG`.
pub(super) fn array_of(name: &str) -> Option<&str> {
    let (base, part) = name.rsplit_once('_')?;
    let is_part = part == "COUNT" || (!part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    is_part.then_some(base)
}

/// Whether a value is the text of a reference, `$NAME` or `${NAME}`: what an undefined variable may arrive as.
pub(super) fn is_reference(value: &str) -> bool {
    let Some(rest) = value.strip_prefix('$') else { return false };
    let name = rest.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(rest);
    is_name(name)
}

/// Whether a text can be the name of a variable.
pub(super) fn is_name(text: &str) -> bool {
    let begins_well = text.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    begins_well && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_a_whole_name_with_or_without_braces() {
        for value in ["$AWS_KEY", "${AWS_KEY}", "$x", "$_1"] {
            assert!(is_reference(value), "{value}");
        }
        for value in ["", "$", "${}", "$1", "${A", "$A-b", "x$A", "$A ", "$$A"] {
            assert!(!is_reference(value), "{value}");
        }
    }

    #[test]
    fn parts_of_an_array_know_its_name() {
        assert_eq!(array_of("BUILD_ARGS_COUNT"), Some("BUILD_ARGS"));
        assert_eq!(array_of("BUILD_ARGS_12"), Some("BUILD_ARGS"));
        for name in ["BUILD_ARGS", "TAG_", "TAG_x1", "COUNT", "0"] {
            assert_eq!(array_of(name), None, "{name}");
        }
    }

    #[test]
    fn empty_and_blank_values_are_unset() {
        let pairs = [("A", ""), ("B", " \n"), ("C", " c\n")].map(|(name, value)| (name.into(), value.into()));
        let environment = Environment::new(pairs);
        assert_eq!(["A", "B", "C", "D"].map(|name| environment.get(name)), [None, None, Some("c"), None]);
        assert_eq!(environment.names().collect::<Vec<_>>(), ["C"]);
    }
}
