//! One blob to several registries at once: read once, and the slowest sets the pace.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Registry;
use super::upload::{NotTaken, Piece};
use crate::image::Digest;

/// How many pieces may wait for each registry.
const WAITING: usize = 4;
/// How long a registry may take no bytes before the others go on without it.
const STALL: Duration = Duration::from_mins(1);

/// Where the bytes are written.
#[derive(Debug)]
pub struct Spread {
    sinks: Vec<Sink>,
}

#[derive(Debug)]
enum Sink {
    Open(mpsc::Sender<Piece>),
    /// It has ended its upload, for a reason that it tells itself.
    Closed,
    /// It takes no more bytes.
    Stalled,
}

impl Spread {
    /// Hands bytes to all registries that still take some.
    pub async fn write(&mut self, bytes: &Bytes) {
        self.hand(|| Piece::Bytes(bytes.clone())).await;
    }

    /// Ends the blob, of which this is the digest. Without it no registry keeps it.
    pub async fn end(&mut self, digest: &Digest) {
        self.hand(|| Piece::End(digest.clone())).await;
    }

    async fn hand(&mut self, piece: impl Fn() -> Piece) {
        for sink in &mut self.sinks {
            let Sink::Open(sender) = sink else { continue };
            match timeout(STALL, sender.send(piece())).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => *sink = Sink::Closed,
                Err(_) => *sink = Sink::Stalled,
            }
        }
    }
}

/// Uploads to all of the registries what the source writes. How it went for each of them, in their order.
///
/// # Errors
/// That of the source; then no registry has the blob by this upload.
pub async fn spread<T, E>(
    registries: &[&Registry],
    source: impl AsyncFnOnce(&mut Spread) -> Result<T, E>,
) -> Result<(T, Vec<Result<(), NotTaken>>), E> {
    let begun = join_all(registries.iter().map(|registry| registry.begin())).await;
    let (sinks, uploads): (Vec<_>, Vec<_>) = begun
        .into_iter()
        .zip(registries)
        .map(|(begun, registry)| {
            let (sender, receiver) = mpsc::channel(WAITING);
            let sink = if begun.is_ok() { Sink::Open(sender) } else { Sink::Closed };
            (sink, async move { registry.receive(begun.map_err(NotTaken::for_good)?, receiver).await })
        })
        .unzip();
    let feeding = async {
        let mut spread = Spread { sinks };
        let fed = source(&mut spread).await;
        let stalled: Vec<bool> = spread.sinks.iter().map(|sink| matches!(sink, Sink::Stalled)).collect();
        (fed, stalled)
    };
    let ((fed, stalled), ends) = tokio::join!(feeding, join_all(uploads));
    let fed = fed?;
    let told = ends.into_iter().zip(stalled).zip(registries).map(|((end, stalled), registry)| match end {
        Err(_) if stalled => Err(NotTaken { error: Box::new(registry.lost("it takes no more bytes")), again: true }),
        end => end,
    });
    Ok((fed, told.collect()))
}
