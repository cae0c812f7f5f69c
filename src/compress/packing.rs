//! A layer on its way to be a blob.

use std::sync::mpsc::Sender;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};

use super::Workers;
use super::budget::{Budget, Share};
use super::workers::Job;
use crate::image::{Digest, Hasher};

/// What is compressed at once. Measured in `docs/benchmarks.md`, "Compression".
pub(super) const BLOCK: usize = 1 << 20;

/// What became of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// The digest of the layer as it was.
    pub diff_id: Digest,
    /// The digest of the blob.
    pub digest: Digest,
    /// The size of the blob in bytes.
    pub size: u64,
}

/// Where a layer goes in.
#[derive(Debug)]
pub struct Packing {
    budget: Budget,
    /// `None`: the layer stays as it is.
    workers: Option<Sender<Job>>,
    /// What is known of its size that was not yet written.
    left: u64,
    block: Vec<u8>,
    share: Option<Share>,
    blocks: mpsc::UnboundedSender<Block>,
}

/// Where the blob comes out.
#[derive(Debug)]
pub struct Blob {
    /// Its bytes. They count as on their way as long as anybody holds them. What the budget allows bounds it.
    pub pieces: mpsc::UnboundedReceiver<Bytes>,
    /// What became of it, when all pieces came. `None` if the layer was not written to its end.
    pub packed: JoinHandle<Option<Packed>>,
}

/// A block in its place in the layer.
#[derive(Debug)]
enum Block {
    /// It is being compressed.
    Compressed { block: Bytes, result: oneshot::Receiver<Bytes> },
    /// It stays as it is.
    AsItIs(Bytes),
    /// There are no more.
    End,
}

impl Packing {
    /// Begins to compress a layer.
    #[must_use]
    pub fn compress(workers: &Workers, size: u64) -> (Self, Blob) {
        Self::new(workers, Some(workers.queue()), size)
    }

    /// Begins a layer that stays as it is.
    #[must_use]
    pub fn keep(workers: &Workers, size: u64) -> (Self, Blob) {
        Self::new(workers, None, size)
    }

    fn new(workers: &Workers, queue: Option<Sender<Job>>, size: u64) -> (Self, Blob) {
        let (blocks, in_order) = mpsc::unbounded_channel();
        let (sender, pieces) = mpsc::unbounded_channel();
        let packed = spawn_blocking(move || put_together(in_order, &sender));
        let budget = workers.budget.clone();
        (Self { budget, workers: queue, left: size, block: Vec::new(), share: None, blocks }, Blob { pieces, packed })
    }

    /// Takes more of the layer; waits while too much is on its way.
    pub async fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.block.capacity() == 0 {
                self.begin_block().await;
            }
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK - self.block.len()));
            self.block.extend_from_slice(now);
            self.left = self.left.saturating_sub(now.len() as u64);
            bytes = later;
            if self.block.len() == BLOCK {
                self.end_block();
            }
        }
    }

    /// The layer is whole. What was merely dropped is not.
    pub async fn end(mut self) {
        if self.block.capacity() == 0 {
            self.begin_block().await;
        }
        self.end_block();
        let _ = self.blocks.send(Block::End);
    }

    async fn begin_block(&mut self) {
        let size = usize::try_from(self.left).unwrap_or(BLOCK).clamp(1, BLOCK);
        // Taken at once for the block and for what it becomes, so that nothing on its way ever waits for more.
        self.share = self.budget.share(if self.workers.is_some() { 2 * size } else { size }).await;
        self.block = self.budget.buffer(size);
    }

    fn end_block(&mut self) {
        let block = std::mem::take(&mut self.block);
        let Some(mut share) = self.share.take() else { return };
        let in_order = match &self.workers {
            None => Block::AsItIs(self.budget.held(block, share)),
            Some(workers) => {
                let Some(own) = share.split(block.capacity()) else { return };
                let (sender, result) = oneshot::channel();
                let block = self.budget.held(block, own);
                let _ = workers.send(Job { block: block.clone(), room: share, result: sender });
                Block::Compressed { block, result }
            }
        };
        let _ = self.blocks.send(in_order);
    }
}

/// Hashes what goes in and what comes out, off everybody else's thread.
fn put_together(mut blocks: mpsc::UnboundedReceiver<Block>, pieces: &mpsc::UnboundedSender<Bytes>) -> Option<Packed> {
    let (mut diff_id, mut digest, mut size) = (Hasher::default(), Hasher::default(), 0);
    let mut is_kept = true;
    loop {
        let piece = match blocks.blocking_recv()? {
            Block::Compressed { block, result } => {
                is_kept = false;
                diff_id.update(&block);
                drop(block);
                result.blocking_recv().ok()?
            }
            Block::AsItIs(block) => block,
            Block::End => break,
        };
        digest.update(&piece);
        size += piece.len() as u64;
        // Nobody may want the blob any more, but its digest is still of use.
        let _ = pieces.send(piece);
    }
    let digest = digest.finish();
    let diff_id = if is_kept { digest.clone() } else { diff_id.finish() };
    Some(Packed { diff_id, digest, size })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::io::Read as _;

    use futures_util::FutureExt as _;

    use super::super::Codec;
    use super::super::budget::BUDGET;
    use super::*;

    /// As it comes in pieces, with so many threads.
    async fn pack(codec: Codec, layer: &[u8], piece: usize, threads: usize) -> (Packed, Vec<u8>) {
        let workers = Workers::with(codec, threads);
        let (packing, blob) = Packing::compress(&workers, layer.len() as u64);
        run(packing, blob, layer, piece).await
    }

    async fn run(mut packing: Packing, mut blob: Blob, layer: &[u8], piece: usize) -> (Packed, Vec<u8>) {
        let writing = async {
            for piece in layer.chunks(piece) {
                packing.write(piece).await;
            }
            packing.end().await;
        };
        let reading = async {
            let mut bytes = Vec::new();
            while let Some(piece) = blob.pieces.recv().await {
                bytes.extend_from_slice(&piece);
            }
            bytes
        };
        let ((), bytes) = tokio::join!(writing, reading);
        (blob.packed.await.unwrap().unwrap(), bytes)
    }

    fn layer(length: usize) -> Vec<u8> {
        (0_u32..).flat_map(|number| (number / 7).wrapping_mul(number).to_le_bytes()).take(length).collect()
    }

    fn unpack(codec: Codec, blob: &[u8]) -> Vec<u8> {
        let mut layer = Vec::new();
        match codec {
            Codec::Gzip => {
                flate2::read::MultiGzDecoder::new(blob).read_to_end(&mut layer).unwrap();
            }
            Codec::Zstd => {
                let mut rest = blob;
                while !rest.is_empty() {
                    let (first, after) = rest.split_at(zstd_safe::find_frame_compressed_size(rest).unwrap());
                    let mut block = Vec::with_capacity(BLOCK);
                    zstd_safe::decompress(&mut block, first).unwrap();
                    layer.extend(block);
                    rest = after;
                }
            }
        }
        layer
    }

    #[tokio::test]
    async fn a_blob_is_the_same_however_its_layer_came_and_however_many_cores_there_are() {
        let layer = layer(3 * BLOCK + 17);
        for codec in [Codec::Gzip, Codec::Zstd] {
            let (packed, blob) = pack(codec, &layer, 30_000, 1).await;
            assert_eq!(packed.diff_id, Digest::of(&layer));
            assert_eq!((packed.digest.clone(), packed.size), (Digest::of(&blob), blob.len() as u64));
            assert!(unpack(codec, &blob) == layer, "{codec:?}");
            for (piece, threads) in [(1_000, 2), (BLOCK, 3), (BLOCK + 1, 8), (usize::MAX, 2)] {
                assert_eq!(pack(codec, &layer, piece, threads).await.0, packed, "{codec:?}: {piece}, {threads}");
            }
        }
    }

    #[tokio::test]
    async fn sizes_around_that_of_a_block_are_whole() {
        for codec in [Codec::Gzip, Codec::Zstd] {
            for length in [0, 1, 1024, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK] {
                let layer = layer(length);
                let (packed, blob) = pack(codec, &layer, 100_000, 2).await;
                assert_eq!(packed.diff_id, Digest::of(&layer));
                assert!(unpack(codec, &blob) == layer, "{codec:?}: {length}");
            }
        }
    }

    #[tokio::test]
    async fn a_layer_that_is_kept_is_only_hashed() {
        let layer = layer(2 * BLOCK + 1);
        let (packing, blob) = Packing::keep(&Workers::with(Codec::Gzip, 1), layer.len() as u64);
        let (packed, bytes) = run(packing, blob, &layer, 70_000).await;
        assert!(bytes == layer);
        let digest = Digest::of(&layer);
        assert_eq!(packed, Packed { diff_id: digest.clone(), digest, size: layer.len() as u64 });
    }

    #[tokio::test]
    async fn a_layer_that_breaks_off_has_no_blob() {
        let workers = Workers::with(Codec::Gzip, 1);
        let (mut packing, mut blob) = Packing::compress(&workers, 10_000_000);
        packing.write(&layer(BLOCK + 1)).await;
        drop(packing);
        while blob.pieces.recv().await.is_some() {}
        assert_eq!(blob.packed.await.unwrap(), None);
    }

    #[tokio::test]
    async fn more_than_the_budget_is_read_only_when_something_was_taken() {
        let workers = Workers::with(Codec::Gzip, 2);
        let mut state = 1_u64;
        let noise = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        });
        let noise: Vec<u8> = noise.take(BLOCK / 8).flatten().collect();
        let (mut packing, mut blob) = Packing::compress(&workers, u64::MAX);
        // Each is as large as before, and a further one needs room for itself and for what it becomes.
        let most = BUDGET / BLOCK - 1;
        for _ in 0..most {
            packing.write(&noise).await;
        }
        while blob.pieces.len() < most {
            tokio::task::yield_now().await;
        }
        assert!(packing.write(&noise).now_or_never().is_none(), "nobody takes the blob");
        drop(blob.pieces.recv().await.unwrap());
        packing.write(&noise).await;
    }
}
