//! The sending end of the log.

use std::io::Write;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::{mpsc, oneshot};

use super::Event;
use super::printer::{Message, Printer, Style};
use crate::error::Failure;

/// How many messages may wait for the printer. The engine words a chunk of build output at up to 32 KiB, so that this
/// bounds what waits to about 2 MiB.
const WAITING: usize = 64;

/// The sending end of the log. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Log {
    sender: mpsc::Sender<Message>,
}

impl Log {
    /// Starts the printer on a thread of its own. It ends when the last clone of the log is gone.
    ///
    /// # Errors
    ///
    /// The system refuses another thread.
    pub fn start(stderr: impl Write + Send + 'static, style: Style) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel(WAITING);
        let printer = Printer::new(stderr, style);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || printer.run(receiver))?;
        Ok(Self { sender })
    }

    /// Sends an event; waits while the printer is behind, so that memory stays flat.
    pub async fn send(&self, event: Event) {
        self.tell(Message::Event(event)).await;
    }

    /// Sends an event only if the printer is not behind: for diagnostics, which come from places that cannot wait.
    pub fn offer(&self, event: Event) {
        let _ = self.sender.try_send(Message::Event(event));
    }

    /// From now on the secret is printed as `***`, if it has at least 6 characters; each line of one that has several.
    pub async fn mask(&self, secret: SecretString) {
        self.tell(Message::Mask(secret)).await;
    }

    /// The last lines of a run that did what was asked: `✔ …`, the first with the time it took.
    pub async fn done(&self, lines: Vec<String>, took: Duration) {
        self.tell(Message::Done(lines, took)).await;
    }

    /// The last lines of a run that failed: for each failure `✖ …` and its hint, then the exit code and the time.
    pub async fn failed(&self, failures: &[Failure], took: Duration) {
        self.tell(Message::Failed(failures.to_vec(), took)).await;
    }

    /// Returns when everything sent so far has been written.
    pub async fn flush(&self) {
        let (answer, written) = oneshot::channel();
        self.tell(Message::Flush(answer)).await;
        let _ = written.await;
    }

    async fn tell(&self, message: Message) {
        // A printer that is gone means that the run is over: nothing is left to tell.
        let _ = self.sender.send(message).await;
    }

    /// A log whose events can be looked at.
    #[cfg(test)]
    pub(crate) fn recorded() -> (Self, Recording) {
        let (sender, receiver) = mpsc::channel(10_000);
        (Self { sender }, Recording(receiver))
    }
}

/// The events of a [`Log::recorded`].
#[cfg(test)]
pub(crate) struct Recording(mpsc::Receiver<Message>);

#[cfg(test)]
impl Recording {
    /// The secrets that have been sent so far. Events are lost.
    pub(crate) fn masked(&mut self) -> Vec<SecretString> {
        let mut masked = Vec::new();
        while let Ok(message) = self.0.try_recv() {
            if let Message::Mask(secret) = message {
                masked.push(secret);
            }
        }
        masked
    }

    /// What has been sent so far.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Ok(message) = self.0.try_recv() {
            if let Message::Event(event) = message {
                events.push(event);
            }
        }
        events
    }
}
