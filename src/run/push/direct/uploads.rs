//! The layers that are on their way, while further ones are read.

use std::collections::VecDeque;
use std::pin::pin;

use futures_util::StreamExt as _;
use futures_util::future::{FutureExt as _, LocalBoxFuture};
use futures_util::stream::FuturesUnordered;

use super::layer::{Sent, send};
use crate::compress::Blob;
use crate::registry::Registry;

/// How many layers are sent at once, so many to each registry. An engine sends five.
const AT_ONCE: usize = 5;

/// A layer that is on its way no more.
#[derive(Debug)]
pub(super) struct Ended {
    /// Its path in the export.
    pub(super) path: String,
    /// Which registries it went to.
    pub(super) targets: Vec<usize>,
    /// `None` if it was not read to its end.
    pub(super) sent: Option<Sent>,
}

/// They end when this is dropped.
#[derive(Default)]
pub(super) struct Uploads<'a> {
    running: FuturesUnordered<LocalBoxFuture<'a, Ended>>,
    ended: VecDeque<Ended>,
}

impl<'a> Uploads<'a> {
    /// Begins one. It goes on whenever this is asked for something.
    pub(super) fn begin(&mut self, path: String, targets: Vec<usize>, blob: Blob, registries: Vec<&'a Registry>) {
        let sending = async move { Ended { path, targets, sent: send(blob, &registries).await } };
        self.running.push(sending.boxed_local());
    }

    /// Lets them go on while something else is done.
    pub(super) async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                Some(ended) = self.running.next() => self.ended.push_back(ended),
                done = &mut work => return done,
            }
        }
    }

    /// One that has ended. If there is none and no room for another, one is waited for.
    pub(super) async fn make_room(&mut self) -> Option<Ended> {
        match self.ended.pop_front() {
            None if self.running.len() >= AT_ONCE => self.running.next().await,
            ended => ended,
        }
    }

    /// The next one that ends; `None` when all have.
    pub(super) async fn next(&mut self) -> Option<Ended> {
        match self.ended.pop_front() {
            None => self.running.next().await,
            ended => ended,
        }
    }
}
