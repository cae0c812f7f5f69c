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
    /// A build step begins, or goes on after its end was told.
    StepStarted(Step),
    /// Text that a build step printed: foreign, not yet cleaned, not necessarily whole lines.
    StepOutput {
        /// The step's [`Step::id`].
        step: usize,
        /// The text.
        text: String,
    },
    /// A build step has been running for so long that a reader may ask whether it still does.
    StepRunning {
        /// Which.
        step: Step,
        /// Time since it began.
        since: Duration,
    },
    /// A build step has ended. It need not have been started: what is cached never is.
    StepEnded {
        /// Which.
        step: Step,
        /// How long it ran.
        took: Duration,
        /// How it ended.
        end: End,
    },
    /// Why the build failed: this step, whose last lines are shown once more.
    FailedStep {
        /// Which.
        step: Step,
        /// Where it stands: `Dockerfile:12`.
        place: Option<String>,
        /// What is wrong with it.
        reason: String,
    },
    /// For `DEBUG` only.
    Debug(String),
}

/// How a build step is called in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Tells it apart from the other steps of the build. 0 is no step: what it prints stands by itself.
    pub id: usize,
    /// What stands in its brackets: `2/4`, `build 2/4`. Nothing if the engine gives it none: `exporting to image`.
    pub label: String,
    /// The instruction as the engine words it.
    pub instruction: String,
}

/// How a build step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Well.
    Done,
    /// The engine took it from its cache.
    Cached,
    /// Badly, with the exit code of its command, if that is what failed.
    Failed(Option<i64>),
    /// The engine stopped it, since another step failed or the build was cancelled.
    Canceled,
    /// It failed, and the engine goes on without it: a cache that is not there.
    Skipped,
}
