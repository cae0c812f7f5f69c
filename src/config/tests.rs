//! Helpers for the tests of this folder, and tests of whole environments.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fmt::Write as _;

use super::*;
use crate::error::Explain as _;

mod properties;
mod whole;

/// What every run needs.
pub(super) const LEAST: [(&str, &str); 4] = [
    ("AWS_KEY", "AKIAIOSFODNN7EXAMPLE"),
    ("AWS_SECRET", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("IMAGE", "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop"),
    ("TAG", "v1"),
];

/// Reads exactly these pairs.
pub(super) fn exactly(pairs: &[(&str, &str)]) -> Result<Config, Problems> {
    Config::read(pairs.iter().map(|(name, value)| (name.into(), value.into())))
}

/// Reads what every run needs and these pairs, which go first.
pub(super) fn read(pairs: &[(&str, &str)]) -> Result<Config, Problems> {
    let least = LEAST.iter().filter(|(name, _)| pairs.iter().all(|(other, _)| other != name));
    exactly(&pairs.iter().chain(least).copied().collect::<Vec<_>>())
}

/// The configuration of an environment that has no problem.
pub(crate) fn config(pairs: &[(&str, &str)]) -> Config {
    read(pairs).unwrap()
}

/// The messages and hints of an environment that has problems.
pub(super) fn problems(pairs: &[(&str, &str)]) -> String {
    explain(&read(pairs).unwrap_err())
}

/// The messages and hints of the warnings of an environment that has no problem.
pub(super) fn warnings(pairs: &[(&str, &str)]) -> String {
    lines(config(pairs).warnings.iter().map(|warning| (warning.message.clone(), warning.hint.clone())))
}

/// The messages and hints of problems, a line each.
pub(super) fn explain(problems: &Problems) -> String {
    lines(problems.iter().map(|problem| (problem.to_string(), problem.hint())))
}

fn lines(items: impl Iterator<Item = (String, Option<String>)>) -> String {
    items.fold(String::new(), |mut text, (message, hint)| {
        writeln!(text, "{message}").unwrap();
        if let Some(hint) = hint {
            writeln!(text, "  hint: {hint}").unwrap();
        }
        text
    })
}
