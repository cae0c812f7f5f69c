//! One layer: out of the engine's export, and into the registries that lack it.

use bytes::Bytes;
use futures_util::Stream;

use super::Stop;
use super::told::Told;
use crate::archive::{self, Archive};
use crate::compress::{Packing, gzip};
use crate::engine;
use crate::image::{Digest, Hasher};
use crate::registry::Spread;

/// A layer that has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    /// The digest of what the engine gave.
    pub(super) given: Digest,
    /// The digest and the size of the blob.
    pub(super) blob: Digest,
    pub(super) size: u64,
}

/// The layer that an archive has come to.
pub(super) struct Layer<'a, S> {
    pub(super) archive: &'a mut Archive<S>,
    pub(super) path: &'a str,
    pub(super) size: u64,
}

impl<S: Stream<Item = Result<Bytes, engine::Error>> + Unpin> Layer<'_, S> {
    /// Compresses it on the way.
    pub(super) async fn pack(self, spread: &mut Spread, told: &mut Told<'_>) -> Result<Sent, Stop> {
        let Packing { input, mut output, packed } = gzip();
        let feeding = async move {
            let mut read = 0;
            while let Some(piece) = self.archive.piece().await? {
                read += piece.len() as u64;
                told.pushing(self.path, read, self.size).await;
                if input.send(piece).await.is_err() {
                    break;
                }
            }
            Ok::<_, archive::Error>(())
        };
        let sending = async {
            while let Some(piece) = output.recv().await {
                spread.write(&piece).await;
            }
        };
        let (fed, ()) = tokio::join!(feeding, sending);
        fed?;
        let packed = packed.await.ok().flatten().ok_or(Stop::Bug("the compressor gave no blob"))?;
        spread.end(&packed.digest).await;
        Ok(Sent { given: packed.diff_id, blob: packed.digest, size: packed.size })
    }

    /// Passes it on as it is.
    pub(super) async fn pass_on(self, spread: &mut Spread, told: &mut Told<'_>) -> Result<Sent, Stop> {
        let mut hasher = Hasher::default();
        let mut read = 0;
        while let Some(piece) = self.archive.piece().await? {
            hasher.update(&piece);
            read += piece.len() as u64;
            told.pushing(self.path, read, self.size).await;
            spread.write(&piece).await;
        }
        let digest = hasher.finish();
        spread.end(&digest).await;
        Ok(Sent { given: digest.clone(), blob: digest, size: read })
    }
}
