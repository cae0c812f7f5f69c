//! What can be wrong with the environment.

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::error::{ExitCode, Explain, Failure};

use super::Warning;
use super::environment::array_of;
use super::variables::{HONOURED, VARIABLES, variable};

/// One thing wrong with the environment. No message quotes the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A required variable is unset or empty.
    #[error("`{variable}` is missing: {meaning}")]
    Missing {
        /// The variable.
        variable: &'static str,
        /// What it is for.
        meaning: &'static str,
        /// A variable that is set and nearly has its name.
        nearly: Option<String>,
    },
    /// Nothing says which tag to push.
    #[error("`TAG` is missing, and neither `BITBUCKET_BRANCH` nor `BITBUCKET_TAG` is set to take it from")]
    NoTag,
    /// A push needs credentials and there are none.
    #[error(
        "no AWS credentials: neither `AWS_KEY` and `AWS_SECRET` (or `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`) nor {}",
        if *.token { "`AWS_OIDC_ROLE_ARN` is set" } else { "`AWS_OIDC_ROLE_ARN` and `BITBUCKET_STEP_OIDC_TOKEN` are set" }
    )]
    NoCredentials {
        /// Whether the step has an OIDC token.
        token: bool,
        /// Whether there is an `AWS_ROLE_ARN`, which needs credentials itself.
        role: bool,
    },
    /// One of the two halves of a key is unset.
    #[error("`{given}` is set but `{missing}` is not")]
    HalfAKey {
        /// What is set.
        given: String,
        /// What is unset, with its other spelling.
        missing: &'static str,
    },
    /// A value that is no text.
    #[error("`{variable}` holds bytes that are not UTF-8")]
    NotUtf8 {
        /// The variable.
        variable: String,
    },
    /// Two spellings of one variable with two values.
    #[error("`{first}` and `{second}` are two spellings of one variable and differ")]
    Spellings {
        /// One spelling.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// The parts of an array do not fit.
    #[error("`{variable}` {reason}")]
    Array {
        /// The variable, or the part of its array.
        variable: String,
        /// What does not fit.
        reason: String,
    },
    /// A variable of the contract that this version does not know what to do with.
    #[error("`{variable}` is not supported in this version")]
    Unsupported {
        /// The variable.
        variable: &'static str,
        /// The values that are accepted, if any.
        harmless: &'static [&'static str],
    },
    /// The value is the text of a reference to a variable: what an undefined variable of Bitbucket arrives as.
    #[error("{}", reference(.variable, .found.as_deref()))]
    Reference {
        /// The variable.
        variable: String,
        /// The value; `None` where it must not be shown.
        found: Option<String>,
    },
    /// The table of variables and what reads it do not fit.
    #[error("the variables of this version and their table disagree")]
    Table,
    /// The value, or an entry of it, is not accepted.
    #[error("`{variable}`: {reason}")]
    Value {
        /// The variable.
        variable: String,
        /// What was found and what is accepted.
        reason: String,
        /// The next step.
        hint: Option<String>,
    },
}

/// The message for a value that is the text of a reference.
pub(super) fn reference(variable: &str, found: Option<&str>) -> String {
    let found = found.map_or_else(|| "of a reference".to_owned(), |found| format!("`{found}`"));
    format!(
        "`{variable}` holds the literal text {found}: that variable is not defined in this repository or deployment"
    )
}

impl Problem {
    /// The variable it belongs to.
    #[must_use]
    pub fn variable(&self) -> &str {
        match self {
            Self::Missing { variable, .. } | Self::Unsupported { variable, .. } => variable,
            Self::NoTag => "TAG",
            Self::NoCredentials { .. } => "AWS_KEY",
            Self::Table => "",
            Self::HalfAKey { given: variable, .. }
            | Self::NotUtf8 { variable }
            | Self::Array { variable, .. }
            | Self::Reference { variable, .. }
            | Self::Value { variable, .. } => variable,
            Self::Spellings { first, .. } => first,
        }
    }

    /// Where it stands in the table of variables; what is not of the contract comes last.
    fn position(&self) -> usize {
        let name = self.variable();
        let is = |name: &str| VARIABLES.iter().position(|variable| variable.names().any(|spelling| spelling == name));
        is(name).or_else(|| array_of(name).and_then(is)).unwrap_or(VARIABLES.len())
    }
}

/// A value that would be accepted.
fn example(name: &str) -> Option<&'static str> {
    let of_contract = variable(name).map(|variable| variable.example);
    let of_honoured = || HONOURED.iter().find(|honoured| honoured.name == name).map(|honoured| honoured.example);
    of_contract.or_else(of_honoured).filter(|example| !example.is_empty())
}

impl Explain for Problem {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::NoCredentials { .. } => ExitCode::Credentials,
            Self::Table => ExitCode::Bug,
            Self::Missing { .. }
            | Self::NoTag
            | Self::HalfAKey { .. }
            | Self::NotUtf8 { .. }
            | Self::Spellings { .. }
            | Self::Array { .. }
            | Self::Unsupported { .. }
            | Self::Reference { .. }
            | Self::Value { .. } => ExitCode::Variables,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { nearly: Some(nearly), variable, .. } => {
                Some(format!("`{nearly}` is set; rename it to `{variable}`"))
            }
            Self::Missing { nearly: None, variable, .. } => {
                Some(format!("set `{variable}` under `variables:` of the pipe"))
            }
            Self::NoTag => Some("set `TAG`".to_owned()),
            Self::NoCredentials { token: true, role: true } => Some(
                "the step has an OIDC token: rename `AWS_ROLE_ARN` to `AWS_OIDC_ROLE_ARN` if that role trusts Bitbucket's tokens, or pass the keys that may assume it".to_owned(),
            ),
            Self::NoCredentials { token: true, role: false } => Some(
                "the step has an OIDC token: set `AWS_OIDC_ROLE_ARN` to the role that trusts it, or pass `AWS_KEY` and `AWS_SECRET`".to_owned(),
            ),
            Self::NoCredentials { token: false, .. } => Some(
                "define `AWS_KEY` and `AWS_SECRET` as secured repository variables and pass them under `variables:` of the pipe, or set `AWS_OIDC_ROLE_ARN` and add `oidc: true` to the step, or set `PUSH` to `false`".to_owned(),
            ),
            Self::HalfAKey { missing, .. } => Some(format!(
                "set `{missing}` too; a pipe sees only what is listed under its `variables:`"
            )),
            Self::NotUtf8 { .. } => Some("write the value as UTF-8 text".to_owned()),
            Self::Spellings { first, second } => Some(format!("keep `{first}` or `{second}`")),
            Self::Array { .. } => Some("write the list under `variables:` as a YAML list or as one text".to_owned()),
            Self::Unsupported { harmless: [], variable } => Some(format!("remove `{variable}`")),
            Self::Unsupported { harmless, variable } => {
                let values: Vec<String> = harmless.iter().map(|value| format!("`{value}`")).collect();
                Some(format!("remove `{variable}` or set it to {}", values.join(" or ")))
            }
            Self::Reference { .. } => Some("define it in the repository's, workspace's or deployment's settings".to_owned()),
            Self::Table => Some("report this with the names, not the values, of the pipe's variables".to_owned()),
            Self::Value { hint: Some(hint), .. } => Some(hint.clone()),
            Self::Value { hint: None, variable, .. } => example(variable).map(|example| format!("write it like `{example}`")),
        }
    }
}

/// Everything wrong with an environment: never empty.
#[derive(Clone, Debug)]
pub struct Problems {
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
    output_dir: PathBuf,
    secrets: Vec<SecretString>,
}

impl Problems {
    /// The problems, in the order of the table of variables as far as they belong to one of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.problems.iter()
    }

    /// What is odd besides; a misspelt name may explain a missing variable.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// `OUTPUT_DIR`, where an earlier run may have left what this one must not be taken for.
    #[must_use]
    pub fn output_dir(&self) -> &Path {
        &self.output_dir
    }

    /// What must be masked in the log all the same: a secret may stand in a variable that a message quotes.
    #[must_use]
    pub fn secrets(&self) -> &[SecretString] {
        &self.secrets
    }

    /// The problems as the user reads them.
    #[must_use]
    pub fn failures(&self) -> Vec<Failure> {
        self.problems.iter().cloned().map(Failure::from).collect()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.problems.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// What reading has found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Warning>,
}

impl Findings {
    pub(super) fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// A value that is not accepted.
    pub(super) fn value(&mut self, variable: &str, reason: impl Into<String>, hint: Option<String>) {
        // What is quoted is foreign text, which must not steer a terminal.
        let mut reason: String = reason.into();
        if reason.contains(char::is_control) {
            reason =
                reason.chars().map(|c| if c.is_control() { c.escape_debug().to_string() } else { c.into() }).collect();
        }
        self.problem(Problem::Value { variable: variable.to_owned(), reason, hint });
    }

    /// What one of some words stands for, in any case; the default when there is none, or another one.
    pub(super) fn choice<T: Copy + Default>(&mut self, variable: &str, word: Option<&str>, words: &[(&str, T)]) -> T {
        let Some(found) = word else { return T::default() };
        if let Some((_, chosen)) = words.iter().find(|(word, _)| found.eq_ignore_ascii_case(word)) {
            return *chosen;
        }
        let names: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        let (last, others) = names.split_last().map_or(("", &[][..]), |(last, others)| (last.as_str(), others));
        let expected = format!("{} or {last}", others.join(", "));
        self.value(variable, format!("`{}` is not accepted, expected {expected}", found.escape_debug()), None);
        T::default()
    }

    pub(super) fn warn(&mut self, message: impl Into<String>, hint: Option<String>) {
        self.warnings.push(Warning { message: message.into(), hint });
    }

    /// All problems, if there was any; else the value with the warnings.
    pub(super) fn conclude<T>(
        self,
        value: Option<T>,
        output_dir: &Path,
        secrets: &[SecretString],
    ) -> Result<(T, Vec<Warning>), Problems> {
        let Self { mut problems, warnings } = self;
        match value {
            Some(value) if problems.is_empty() => return Ok((value, warnings)),
            // Whoever returns no value reports why.
            None if problems.is_empty() => problems.push(Problem::Table),
            Some(_) | None => problems.sort_by_key(Problem::position),
        }
        Err(Problems { problems, warnings, output_dir: output_dir.to_path_buf(), secrets: secrets.to_vec() })
    }
}
