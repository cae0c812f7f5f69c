//! What every expected failure says of itself: an exit code of the contract, a message, and the next step.
//!
//! Each adapter has one error enum of its own and implements [`Explain`] for it by an exhaustive match; a run ends with
//! the [`Failure`]s made from them. A message is a lowercase fragment that names the variable, file or resource, says
//! what was found and what is accepted, and never holds a secret.

use std::fmt;

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
    /// Interrupted by SIGINT.
    Interrupted = 130,
    /// Interrupted by SIGTERM.
    Terminated = 143,
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

/// The exit code of several failures: that of the earliest stage, which is the lowest code.
#[must_use]
pub fn exit_code(failures: &[Failure]) -> ExitCode {
    failures.iter().map(|failure| failure.code).min().unwrap_or(ExitCode::Bug)
}
