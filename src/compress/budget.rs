//! How many bytes may be on their way at once, from the engine to the last registry that takes them.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// All layers that are read, compressed and sent at one time. What a slow registry has not taken counts, so the engine waits.
pub(super) const BUDGET: usize = 24 << 20;

/// What is left of the budget.
#[derive(Clone, Debug)]
pub(super) struct Budget(Arc<Semaphore>);

/// A part of the budget, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Share(OwnedSemaphorePermit);

impl Budget {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(BUDGET)))
    }

    /// Waits for so many bytes. First come, first served: whoever holds a share never waits for a second one to give it back.
    pub(super) async fn share(&self, bytes: usize) -> Option<Share> {
        let bytes = u32::try_from(bytes.min(BUDGET)).ok()?;
        Arc::clone(&self.0).acquire_many_owned(bytes).await.ok().map(Share)
    }
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
