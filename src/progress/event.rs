//! What can be told.

use std::time::Duration;

/// One thing that happened, for people to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The first line: name and version.
    Title(String),
    /// A group of lines begins: `Checks`, `Build`, `Push`.
    GroupStarted(&'static str),
    /// The group that began last has ended well.
    GroupFinished(Duration),
    /// The group that began last has ended badly.
    GroupFailed(Duration),
    /// A name and what it is, one line: `engine`, `26.1.5, API 1.45, overlay2`.
    Fact(&'static str, String),
    /// A line within the group.
    Note(String),
    /// Something odd that stops nothing.
    Warning {
        /// A lowercase fragment.
        message: String,
        /// The next step.
        hint: Option<String>,
    },
    /// A build step begins.
    StepStarted {
        /// From 1.
        number: usize,
        /// How many there are.
        total: usize,
        /// The instruction as the engine words it.
        instruction: String,
    },
    /// Text that a build step printed: foreign, not yet cleaned, not necessarily whole lines.
    StepOutput(String),
    /// The step that began last has ended.
    StepFinished {
        /// Time since it began.
        took: Duration,
        /// Whether the engine took it from its cache.
        cached: bool,
    },
    /// The step that began last has failed.
    StepFailed {
        /// Time since it began.
        took: Duration,
        /// The exit code of its command, if that is what failed.
        exit_code: Option<i64>,
    },
    /// For `DEBUG` only.
    Debug(String),
}
