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
pub(crate) const CHUNK: usize = 128 * 1024;
/// How many chunks may wait to be sent. With those being filled and sent this is all the memory a context takes.
pub(crate) const WAITING: usize = 4;

static ZEROS: [u8; 32 * 1024] = [0; 32 * 1024];

/// How sending went.
#[derive(Debug, Default)]
pub struct Sent {
    /// Files whose content was handed on.
    pub files: u64,
    /// Bytes that were handed on: of the tar, or of the files that an engine asked for.
    pub bytes: u64,
    /// What was odd.
    pub warnings: Vec<Warning>,
    /// Why a stream ended early, unless its reader dropped it.
    pub error: Option<Error>,
}

/// Why the work ends early: a failure, or nobody reads any more.
#[derive(Debug)]
pub(crate) struct Stop(pub(crate) Option<Error>);

/// Tells how sending went, be it by one stream or by several.
#[derive(Clone, Debug, Default)]
pub struct Outcome(Arc<Mutex<Option<Sent>>>);

impl Outcome {
    /// How it went, once: there as soon as a stream has ended, by its end or by an error. `None` before that, and for
    /// a moment after the stream was dropped.
    #[must_use]
    pub fn take(&self) -> Option<Sent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn add(&self, sent: Sent) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all = all.get_or_insert_default();
        all.files += sent.files;
        all.bytes += sent.bytes;
        // Streams of one tree come across the same things.
        let new: Vec<_> = sent.warnings.into_iter().filter(|warning| !all.warnings.contains(warning)).collect();
        all.warnings.extend(new);
        all.error = all.error.take().or(sent.error);
    }
}

/// What is sent, in chunks. After an error there is no more.
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
            // The other end must say that it is done; what merely stops is not whole.
            None => Some(Err(io::ErrorKind::UnexpectedEof.into())),
        })
    }
}

/// The writing end.
pub(crate) struct Output {
    buffer: Vec<u8>,
    sender: mpsc::Sender<Message>,
    outcome: Outcome,
    sent: u64,
    /// Buffers that were sent come back here.
    returned: (reuse::Sender<Vec<u8>>, reuse::Receiver<Vec<u8>>),
}

/// What one read gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read {
    /// How many bytes there were, also those that were not kept.
    pub(crate) count: u64,
    /// How many there could have been.
    pub(crate) room: u64,
}

/// What of a file was appended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Copied {
    /// How many bytes it had.
    pub(crate) count: usize,
    /// Why there were no more, unless it ended.
    pub(crate) error: Option<Errno>,
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
    pub(crate) fn new(outcome: Outcome) -> (Self, Chunks) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let buffer = Vec::with_capacity(CHUNK);
        let output = Self { buffer, sender, outcome, sent: 0, returned: reuse::channel() };
        (output, Chunks { receiver, done: false })
    }

    /// How many bytes were handed on.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Appends bytes.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> ControlFlow<Stop> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(self.room()));
            self.buffer.extend_from_slice(now);
            bytes = later;
            self.flush_when_full()?;
        }
        ControlFlow::Continue(())
    }

    /// Appends what a function appends, which is little.
    pub(crate) fn write_with(&mut self, append: impl FnOnce(&mut Vec<u8>)) -> ControlFlow<Stop> {
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
    pub(crate) fn zeros(&mut self, count: usize) -> ControlFlow<Stop> {
        self.write(&ZEROS[..count])
    }

    /// Reads once into all the room there is, and keeps at most `most` bytes of it.
    pub(crate) fn read(&mut self, file: &OwnedFd, most: u64) -> ControlFlow<Stop, Result<Read, Errno>> {
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
    pub(crate) fn finish(&mut self) -> ControlFlow<Stop> {
        self.zeros(1024)?;
        self.flush()
    }

    /// Appends exactly so many bytes: those of a file, and zeros where it has fewer or cannot be read.
    pub(crate) fn copy(&mut self, file: &OwnedFd, count: usize) -> ControlFlow<Stop, Copied> {
        let mut copied = Copied { count: 0, error: None };
        let mut left = count;
        let mut ended = false;
        while left > 0 {
            let before = self.buffer.len();
            let most = left.min(self.room()).min(ZEROS.len());
            // Safe code needs bytes to read into.
            self.buffer.extend_from_slice(&ZEROS[..most]);
            let read = if ended {
                Ok(most)
            } else {
                rustix::io::retry_on_intr(|| rustix::io::read(file, &mut self.buffer[before..]))
            };
            match read {
                Ok(read) if read > 0 => {
                    self.buffer.truncate(before + read);
                    left -= read;
                    copied.count += if ended { 0 } else { read };
                }
                read => {
                    self.buffer.truncate(before);
                    copied.error = read.err();
                    ended = true;
                }
            }
            self.flush_when_full()?;
        }
        ControlFlow::Continue(copied)
    }

    /// Says how it went, then ends the stream, with an error if there was a failure.
    pub(crate) fn close(self, sent: Sent, failure: Option<String>) {
        self.outcome.add(sent);
        // Its reader may be gone.
        let _ = self.sender.blocking_send(failure.map_or(Message::End, Message::Failed));
    }

    fn room(&self) -> usize {
        CHUNK.saturating_sub(self.buffer.len())
    }

    fn flush_when_full(&mut self) -> ControlFlow<Stop> {
        if self.room() == 0 { self.flush() } else { ControlFlow::Continue(()) }
    }

    /// Hands on what there is.
    pub(crate) fn flush(&mut self) -> ControlFlow<Stop> {
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use futures_util::StreamExt;

    use super::super::sandbox::Sandbox;
    use super::*;

    #[tokio::test]
    async fn what_a_file_lacks_is_filled_up_and_told() {
        let tree = Sandbox::new();
        tree.file("a", vec![1; 50_000]);
        let outcome = Outcome::default();
        let (mut output, chunks) = Output::new(outcome.clone());
        let file = OwnedFd::from(std::fs::File::open(tree.path("a")).unwrap());
        let folder = OwnedFd::from(std::fs::File::open(tree.root()).unwrap());
        let work = tokio::task::spawn_blocking(move || {
            let copied = output.copy(&file, 150_000).continue_value().unwrap();
            assert_eq!((copied.count, copied.error), (50_000, None));
            let copied = output.copy(&folder, 10).continue_value().unwrap();
            assert_eq!((copied.count, copied.error), (0, Some(Errno::ISDIR)));
            assert!(output.flush().is_continue());
            output.close(Sent { files: 1, ..Sent::default() }, None);
        });
        let bytes: Vec<u8> = chunks.flat_map(|chunk| futures_util::stream::iter(chunk.unwrap())).collect().await;
        work.await.unwrap();
        assert_eq!(bytes, [vec![1; 50_000], vec![0; 100_010]].concat());
        assert_eq!(outcome.take().unwrap().files, 1);
    }

    #[test]
    fn the_outcomes_of_several_streams_are_one() {
        let outcome = Outcome::default();
        let vanished = |path: &str| Some(Error::Vanished { path: path.into() });
        let sent = |files, error| Sent { files, bytes: 10, warnings: vec![Warning::Git], error };
        outcome.add(sent(1, None));
        outcome.add(sent(2, vanished("a")));
        outcome.add(sent(3, vanished("b")));
        let all = outcome.take().unwrap();
        assert_eq!((all.files, all.bytes, all.warnings.len()), (6, 30, 1));
        assert!(matches!(all.error, Some(Error::Vanished { path }) if path.as_os_str() == "a"));
        assert!(outcome.take().is_none());
    }
}
