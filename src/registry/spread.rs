//! One blob to several registries at once: read once, and the slowest sets the pace.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::Registry;
use super::upload::{NotTaken, Piece};
use crate::image::Digest;

/// How many pieces may wait for each registry.
const WAITING: usize = 4;
/// How long a registry may take no bytes before the others go on without it. What is still in its socket then, reqwest gives up
/// after half a minute (`tcp_user_timeout`).
const STALL: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 60 });

/// Where the bytes are written.
#[derive(Debug)]
pub struct Spread {
    sinks: Vec<Option<Sink>>,
}

/// An upload that takes bytes. It ends for reasons that it tells itself, or when it is told that it takes too long.
#[derive(Debug)]
struct Sink {
    pieces: mpsc::Sender<Piece>,
    stalled: oneshot::Sender<()>,
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
        for place in &mut self.sinks {
            let Some(sink) = place else { continue };
            match timeout(STALL, sink.pieces.send(piece())).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => *place = None,
                Err(_) => {
                    let _ = place.take().map(|sink| sink.stalled.send(()));
                }
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
            let (sender, pieces) = mpsc::channel(WAITING);
            let (told, stalled) = oneshot::channel();
            let sink = begun.is_ok().then_some(Sink { pieces: sender, stalled: told });
            let upload = async move {
                let place = begun.map_err(NotTaken::for_good)?;
                tokio::select! {
                    end = registry.receive(place, pieces) => end,
                    Ok(()) = stalled => {
                        let error = registry.lost("it takes no more bytes");
                        Err(NotTaken { again: true, stalled: true, ..NotTaken::for_good(error) })
                    }
                }
            };
            (sink, upload)
        })
        .unzip();
    let feeding = async {
        let mut spread = Spread { sinks };
        source(&mut spread).await
    };
    let (fed, ends) = tokio::join!(feeding, join_all(uploads));
    Ok((fed?, ends))
}
