//! The pipe between the thread that reads the context and the task that sends it.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::mpsc as reuse;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use tokio::sync::mpsc;

use super::error::Error;
use super::warning::Warning;

/// The size of a chunk: large enough that system calls do not count, small enough to stay in the processor's cache.
pub(super) const CHUNK: usize = 128 * 1024;
/// How many chunks may wait to be sent. With those being filled and sent this is all the memory a context takes.
pub(super) const WAITING: usize = 4;

/// How sending went.
#[derive(Debug)]
pub struct Sent {
    /// Bytes of tar that were handed on.
    pub bytes: u64,
    /// What was odd.
    pub warnings: Vec<Warning>,
    /// Why the stream ended early, unless its reader dropped it.
    pub error: Option<Error>,
}

/// Why the work ends early: a failure, or nobody reads any more.
#[derive(Debug)]
pub(super) struct Stop(pub(super) Option<Error>);

/// Tells how sending went.
#[derive(Clone, Debug)]
pub struct Outcome(Arc<Mutex<Option<Sent>>>);

impl Outcome {
    /// How it went, once: there as soon as the stream has ended, by its end or by an error. `None` before that, and for
    /// a moment after the stream was dropped.
    #[must_use]
    pub fn take(&self) -> Option<Sent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, sent: Sent) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sent);
    }
}

/// The tar in chunks. After an error there is no more.
#[derive(Debug)]
pub struct Chunks {
    receiver: mpsc::Receiver<Message>,
    done: bool,
}

#[derive(Debug)]
enum Message {
    Chunk(Bytes),
    Failed(String),
    End,
}

impl Stream for Chunks {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        if self.done {
            return Poll::Ready(None);
        }
        let message = ready!(self.receiver.poll_recv(context));
        self.done = !matches!(message, Some(Message::Chunk(_)));
        Poll::Ready(match message {
            Some(Message::Chunk(chunk)) => Some(Ok(chunk)),
            Some(Message::End) => None,
            Some(Message::Failed(text)) => Some(Err(io::Error::other(text))),
            // The other end must say that it is done; a tar that merely stops is not whole.
            None => Some(Err(io::ErrorKind::UnexpectedEof.into())),
        })
    }
}

/// The writing end.
pub(super) struct Output {
    buffer: Vec<u8>,
    sender: mpsc::Sender<Message>,
    outcome: Outcome,
    sent: u64,
    /// Buffers that were sent come back here.
    returned: (reuse::Sender<Vec<u8>>, reuse::Receiver<Vec<u8>>),
}

/// What one read gave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read {
    /// How many bytes there were, also those that were not kept.
    pub(super) count: u64,
    /// How many there could have been.
    pub(super) room: u64,
}

/// A buffer on loan.
struct Loan {
    buffer: Vec<u8>,
    back: reuse::Sender<Vec<u8>>,
}

impl AsRef<[u8]> for Loan {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        // The writer may be gone.
        let _ = self.back.send(buffer);
    }
}

impl Output {
    pub(super) fn new() -> (Self, Chunks, Outcome) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let outcome = Outcome(Arc::default());
        let buffer = Vec::with_capacity(CHUNK);
        let output = Self { buffer, sender, outcome: outcome.clone(), sent: 0, returned: reuse::channel() };
        (output, Chunks { receiver, done: false }, outcome)
    }

    /// Appends bytes.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> ControlFlow<Stop> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(self.room()));
            self.buffer.extend_from_slice(now);
            bytes = later;
            self.flush_when_full()?;
        }
        ControlFlow::Continue(())
    }

    /// Appends what a function appends, which is little.
    pub(super) fn write_with(&mut self, append: impl FnOnce(&mut Vec<u8>)) -> ControlFlow<Stop> {
        const LITTLE: usize = 2048;
        if self.room() >= LITTLE {
            append(&mut self.buffer);
            // It was not that little, and the buffer has grown.
            if self.buffer.len() >= CHUNK {
                return self.flush();
            }
            return ControlFlow::Continue(());
        }
        let mut bytes = Vec::with_capacity(LITTLE);
        append(&mut bytes);
        self.write(&bytes)
    }

    /// Appends fewer than 1024 zeros.
    pub(super) fn zeros(&mut self, count: usize) -> ControlFlow<Stop> {
        self.write(&[0; 1024][..count])
    }

    /// Reads once into all the room there is, and keeps at most `most` bytes of it.
    pub(super) fn read(&mut self, file: &OwnedFd, most: u64) -> ControlFlow<Stop, Result<Read, Errno>> {
        // A small file is read at once, so it gets the room; the shorter chunk costs less than a second read.
        if most >= self.room() as u64 && most < (CHUNK / 8) as u64 {
            self.flush()?;
        }
        let before = self.buffer.len();
        let room = (self.buffer.capacity() - before) as u64;
        let count = match rustix::io::read(file, spare_capacity(&mut self.buffer)) {
            Ok(count) => count as u64,
            Err(errno) => return ControlFlow::Continue(Err(errno)),
        };
        if count > most {
            self.buffer.truncate(before + usize::try_from(most).unwrap_or(usize::MAX));
        }
        self.flush_when_full()?;
        ControlFlow::Continue(Ok(Read { count, room }))
    }

    /// Writes the end of a tar.
    pub(super) fn finish(&mut self) -> ControlFlow<Stop> {
        self.zeros(1024)?;
        self.flush()
    }

    /// Says how it went, then ends the stream.
    pub(super) fn close(self, warnings: Vec<Warning>, error: Option<Error>) {
        let message = error.as_ref().map_or(Message::End, |error| Message::Failed(error.to_string()));
        self.outcome.set(Sent { bytes: self.sent, warnings, error });
        // Its reader may be gone.
        let _ = self.sender.blocking_send(message);
    }

    fn room(&self) -> usize {
        CHUNK.saturating_sub(self.buffer.len())
    }

    fn flush_when_full(&mut self) -> ControlFlow<Stop> {
        if self.room() == 0 { self.flush() } else { ControlFlow::Continue(()) }
    }

    fn flush(&mut self) -> ControlFlow<Stop> {
        if self.buffer.is_empty() {
            return ControlFlow::Continue(());
        }
        let next = self.returned.1.try_recv().unwrap_or_else(|_| Vec::with_capacity(CHUNK));
        let buffer = std::mem::replace(&mut self.buffer, next);
        let length = buffer.len() as u64;
        let chunk = Bytes::from_owner(Loan { buffer, back: self.returned.0.clone() });
        match self.sender.blocking_send(Message::Chunk(chunk)) {
            Ok(()) => {
                self.sent += length;
                ControlFlow::Continue(())
            }
            Err(_) => ControlFlow::Break(Stop(None)),
        }
    }
}
