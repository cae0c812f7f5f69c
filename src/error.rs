//! What every expected failure says of itself: an exit code of the contract, a message, and the next step.
//!
//! Each adapter has one error enum of its own and implements [`Explain`] for it by an exhaustive match; a run ends with
//! the [`Failure`]s made from them. A message is a lowercase fragment that names the variable, file or resource, says
//! what was found and what is accepted, and never holds a secret.

use std::fmt;
use std::io;

/// The exit codes of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ExitCode {
    /// The run did what was asked.
    Done = 0,
    /// A fault of ecr-pipe itself.
    Bug = 1,
    /// A variable, the Dockerfile or the build context is not usable.
    Variables = 2,
    /// AWS credentials are missing or refused, or a permission is lacking.
    Credentials = 3,
    /// The repository is missing, or its tag policy forbids the tag.
    Repository = 4,
    /// The engine cannot be reached or refuses the request.
    Engine = 5,
    /// The build failed.
    Build = 6,
    /// The push failed.
    Push = 7,
    /// The image is pushed, and its scan has findings that are too severe, or no result.
    Scan = 8,
    /// Interrupted by SIGINT.
    Interrupted = 130,
    /// Interrupted by SIGTERM.
    Terminated = 143,
}

impl ExitCode {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Done,
        Self::Bug,
        Self::Variables,
        Self::Credentials,
        Self::Repository,
        Self::Engine,
        Self::Build,
        Self::Push,
        Self::Scan,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// One line for the README.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Bug => "a fault of ecr-pipe: please report it",
            Self::Variables => "a variable, the Dockerfile or the build context",
            Self::Credentials => "AWS credentials or permission",
            Self::Repository => "repository missing, or its tag policy forbids the tag",
            Self::Engine => "the engine cannot be reached or refuses",
            Self::Build => "the build failed",
            Self::Push => "the push failed",
            Self::Scan => "the image is pushed, but its scan found too much or has no result",
            Self::Interrupted | Self::Terminated => "interrupted",
        }
    }

    /// The codes with their meanings; those of one meaning share a row.
    #[must_use]
    pub fn table() -> Vec<(String, &'static str)> {
        let mut rows: Vec<(String, &str)> = Vec::new();
        for code in Self::ALL {
            let number = code as u8;
            match rows.last_mut() {
                Some((codes, meaning)) if *meaning == code.meaning() => codes.push_str(&format!(", {number}")),
                _ => rows.push((number.to_string(), code.meaning())),
            }
        }
        rows
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}

/// An expected failure: the `Display` form is the message.
pub trait Explain: std::error::Error {
    /// The exit code that this failure alone would give.
    fn exit_code(&self) -> ExitCode;

    /// The one next step, a full clause without a period: `create it with …`.
    fn hint(&self) -> Option<String>;
}

/// One failure as the user reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit code of this failure alone.
    pub code: ExitCode,
    /// A lowercase fragment: what was found and what is accepted.
    pub message: String,
    /// The next step.
    pub hint: Option<String>,
}

impl<E: Explain> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { code: error.exit_code(), message: error.to_string(), hint: error.hint() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

/// The system's words for an error, without the number that Rust's library adds to them: it means nothing to a user.
#[must_use]
pub fn words(error: &io::Error) -> String {
    let text = error.to_string();
    let number = |rest: &str| rest.find(')').filter(|end| rest[..*end].bytes().all(|byte| byte.is_ascii_digit()));
    match text.split_once(" (os error ").and_then(|(before, rest)| Some((before, &rest[number(rest)? + 1..]))) {
        Some((before, after)) => format!("{before}{after}"),
        None => text,
    }
}

/// The exit code of several failures: that of the earliest stage, which is the lowest code.
#[must_use]
pub fn exit_code(failures: &[Failure]) -> ExitCode {
    failures.iter().map(|failure| failure.code).min().unwrap_or(ExitCode::Bug)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_an_error_of_the_system_is_left_out() {
        assert_eq!(words(&io::Error::from_raw_os_error(13)), "Permission denied");
        let wrapped = io::Error::other("Permission denied (os error 13) at path \"/x\"");
        assert_eq!(words(&wrapped), "Permission denied at path \"/x\"");
        for text in ["it is not a regular file", "an (os error of mine)", "(os error "] {
            assert_eq!(words(&io::Error::other(text)), text);
        }
    }

    #[test]
    fn the_readme_has_the_table_of_exit_codes() {
        let rows: String =
            ExitCode::table().iter().map(|(codes, meaning)| format!("| {codes} | {meaning} |\n")).collect();
        let table = format!("\n| exit code | meaning |\n| --- | --- |\n{rows}\n");
        assert!(include_str!("../README.md").contains(&table), "README.md lacks this table:{table}");
    }

    #[test]
    fn the_exit_code_of_several_failures_is_that_of_the_earliest_stage() {
        let failure = |code| Failure { code, message: String::new(), hint: None };
        assert_eq!(exit_code(&[failure(ExitCode::Push), failure(ExitCode::Credentials)]), ExitCode::Credentials);
    }
}
