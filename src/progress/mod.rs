//! The log: work sends [`Event`]s, one printer owns stderr.

use std::time::Duration;

use secrecy::SecretString;

/// One thing that happened, for people to read.
#[derive(Clone, Debug)]
pub enum Event {
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

/// The sending end of the log. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Log {
    sender: tokio::sync::mpsc::Sender<Message>,
}

/// What travels to the printer.
#[derive(Debug)]
pub(crate) enum Message {
    /// Print this.
    Event(Event),
    /// From now on replace this text by `***` wherever it would be printed.
    Mask(SecretString),
    /// Answer when everything before this has been printed.
    Flush(tokio::sync::oneshot::Sender<()>),
}

impl Log {
    /// Sends an event; waits while the printer is behind, so that memory stays flat.
    pub async fn send(&self, event: Event) {
        // A printer that is gone means that the run is over: nothing is left to tell.
        let _ = self.sender.send(Message::Event(event)).await;
    }

    /// From now on the secret is printed as `***`.
    pub async fn mask(&self, secret: SecretString) {
        let _ = self.sender.send(Message::Mask(secret)).await;
    }
}
