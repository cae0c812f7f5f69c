//! One layer on its way to the registries that lack it.

use bytes::Bytes;
use futures_util::future::join_all;

use crate::compress::{Blob, Packed};
use crate::registry::{NotTaken, Registry, Spread, spread};

/// A piece for the registries, so that what waits in each connection stays small.
const PIECE: usize = 128 * 1024;

/// What came of a layer, if it came to its end.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) packed: Packed,
    /// For each registry how it went.
    pub(super) ends: Vec<Result<(), NotTaken>>,
}

/// Sends a blob as it comes. `None` if it broke off, or the compressor failed.
pub(super) async fn send(mut blob: Blob, registries: &[&Registry]) -> Option<Sent> {
    let first = blob.pieces.recv().await?;
    let Some(second) = blob.pieces.recv().await else {
        // All of it is here: it is sent in one piece, and again and again where that fails.
        let packed = blob.packed.await.ok()??;
        let puts = registries.iter().map(async |registry| {
            registry.put_blob(&packed.digest, &first).await.map(|_| ()).map_err(NotTaken::after_all_tries)
        });
        let ends = join_all(puts).await;
        return Some(Sent { packed, ends });
    };
    let sending = spread(registries, async |spread: &mut Spread| {
        for piece in [first, second] {
            write(spread, &piece).await;
        }
        while let Some(piece) = blob.pieces.recv().await {
            write(spread, &piece).await;
        }
        let packed = blob.packed.await.ok().flatten().ok_or(())?;
        spread.end(&packed.digest).await;
        Ok::<_, ()>(packed)
    });
    let (packed, ends) = sending.await.ok()?;
    Some(Sent { packed, ends })
}

async fn write(spread: &mut Spread, piece: &Bytes) {
    let mut at = 0;
    while at < piece.len() {
        let end = piece.len().min(at + PIECE);
        spread.write(&piece.slice(at..end)).await;
        at = end;
    }
}
