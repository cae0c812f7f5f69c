//! How many bytes may be on their way at once, from the engine to the last registry that takes them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::packing::BLOCK;

/// All layers that are read, compressed and sent at one time. What a slow registry has not taken counts, so the engine waits.
pub(super) const BUDGET: usize = 24 << 20;

/// What is left of the budget, and buffers to be used again: memory that is new to a process costs about as much as hashing it does.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    left: Arc<Semaphore>,
    spare: Spare,
}

type Spare = Arc<Mutex<Vec<Vec<u8>>>>;

/// A part of the budget, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Share(OwnedSemaphorePermit);

impl Budget {
    pub(super) fn new() -> Self {
        Self { left: Arc::new(Semaphore::new(BUDGET)), spare: Spare::default() }
    }

    /// Waits for so many bytes. First come, first served: whoever holds a share never waits for a second one to give it back.
    pub(super) async fn share(&self, bytes: usize) -> Option<Share> {
        let bytes = u32::try_from(bytes.min(BUDGET)).ok()?;
        Arc::clone(&self.left).acquire_many_owned(bytes).await.ok().map(Share)
    }

    /// An empty buffer for so many bytes.
    pub(super) fn buffer(&self, bytes: usize) -> Vec<u8> {
        let spare = if bytes == BLOCK { lock(&self.spare).pop() } else { None };
        spare.unwrap_or_else(|| Vec::with_capacity(bytes))
    }

    /// As [`held`], of a [`Self::buffer`], which is then spare.
    pub(super) fn held(&self, bytes: Vec<u8>, share: Share) -> Bytes {
        struct Lent(Vec<u8>, Spare, #[expect(dead_code, reason = "to be dropped with the bytes")] Share);
        impl AsRef<[u8]> for Lent {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
        impl Drop for Lent {
            fn drop(&mut self) {
                let mut buffer = std::mem::take(&mut self.0);
                if buffer.capacity() == BLOCK {
                    buffer.clear();
                    lock(&self.1).push(buffer);
                }
            }
        }
        Bytes::from_owner(Lent(bytes, Arc::clone(&self.spare), share))
    }
}

fn lock(spare: &Spare) -> MutexGuard<'_, Vec<Vec<u8>>> {
    spare.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Share {
    /// Takes so many bytes out of it, or what is left.
    pub(super) fn split(&mut self, bytes: usize) -> Option<Self> {
        self.0.split(bytes.min(self.0.num_permits())).map(Self)
    }
}

/// Bytes that keep their share until the last who holds them lets go.
pub(super) fn held(bytes: Vec<u8>, share: Share) -> Bytes {
    struct Held(Vec<u8>, #[expect(dead_code, reason = "to be dropped with the bytes")] Share);
    impl AsRef<[u8]> for Held {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    Bytes::from_owner(Held(bytes, share))
}
