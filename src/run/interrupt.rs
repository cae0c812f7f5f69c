//! SIGINT and SIGTERM. As process 1 of its container the pipe has no default action for either.

use std::fmt;
use std::io;

use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use crate::error::{ExitCode, Explain};

/// The signals that end a run.
#[derive(Debug)]
pub(super) struct Interrupts {
    interrupt: Stream,
    terminate: Stream,
}

/// The run was interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interrupted {
    /// By SIGINT.
    Interrupt,
    /// By SIGTERM.
    Terminate,
}

impl Interrupts {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// The next signal.
    pub(super) async fn next(&mut self) -> Interrupted {
        tokio::select! {
            _ = self.interrupt.recv() => Interrupted::Interrupt,
            _ = self.terminate.recv() => Interrupted::Terminate,
        }
    }
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signal = match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        };
        write!(f, "interrupted by {signal}")
    }
}

impl std::error::Error for Interrupted {}

impl Explain for Interrupted {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Interrupt => ExitCode::Interrupted,
            Self::Terminate => ExitCode::Terminated,
        }
    }

    fn hint(&self) -> Option<String> {
        None
    }
}
