//! The threads that compress: as many as there are cores, each with a compressor of its own.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::available_parallelism;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::Codec;
use super::budget::{Budget, Share, held};
use super::codec::Encoder;

/// More take more than an engine's export gives, and each holds some megabytes.
const AT_MOST: usize = 8;

/// Threads for the layers of one image, and what they may hold. They end when this is dropped.
#[derive(Debug)]
pub struct Workers {
    codec: Codec,
    pub(super) budget: Budget,
    queue: mpsc::Sender<Job>,
}

/// A block to be compressed.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) block: Bytes,
    /// Of the budget, for the result.
    pub(super) room: Share,
    pub(super) result: oneshot::Sender<Bytes>,
}

impl Workers {
    /// As many as there are cores.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self::with(codec, available_parallelism().map_or(1, usize::from).min(AT_MOST))
    }

    pub(super) fn with(codec: Codec, count: usize) -> Self {
        let (queue, jobs) = mpsc::channel();
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..count {
            let jobs = Arc::clone(&jobs);
            spawn_blocking(move || work(codec, &jobs));
        }
        Self { codec, budget: Budget::new(), queue }
    }

    /// How they compress.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Puts a block into the queue.
    pub(super) fn queue(&self) -> mpsc::Sender<Job> {
        self.queue.clone()
    }
}

/// Until the queue is closed. Who waits for the result of a worker that failed sees that it will not come.
fn work(codec: Codec, jobs: &Mutex<mpsc::Receiver<Job>>) -> Option<()> {
    let (mut encoder, mut buffer) = (Encoder::new(codec)?, Vec::new());
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { block, mut room, result }) = job else { return Some(()) };
        let member = encoder.encode(&block, &mut buffer)?;
        let share = room.split(member.len())?;
        let _ = result.send(held(member.to_vec(), share));
    }
}
