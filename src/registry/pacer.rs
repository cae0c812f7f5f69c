//! How often manifests may be put.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// ECR takes 10 `PutImage` a second from an account in a region (user guide, "Amazon ECR service quotas"), and other steps may
/// push at the same time.
const AT_MOST: usize = 8;
const WITHIN: Duration = Duration::from_secs(1);

/// Lets no more than 8 through within any second.
#[derive(Debug, Default)]
pub struct Pacer {
    turns: Mutex<VecDeque<Instant>>,
}

impl Pacer {
    /// Returns when it is one's turn.
    pub async fn turn(&self) {
        let wait = self.reserve(Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes the next turn that is free; how long it is until then.
    fn reserve(&self, now: Instant) -> Duration {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let free = match turns.len() {
            AT_MOST.. => turns.pop_front().map_or(now, |oldest| oldest + WITHIN),
            _ => now,
        };
        let turn = free.max(now);
        turns.push_back(turn);
        turn - now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_second_has_more_turns_than_the_quota_leaves() {
        let (pacer, start) = (Pacer::default(), Instant::now());
        let waits: Vec<_> = (0..20).map(|_| pacer.reserve(start)).collect();
        assert!(waits[..8].iter().all(Duration::is_zero));
        assert!(waits[8..16].iter().all(|wait| *wait == WITHIN));
        assert!(waits[16..].iter().all(|wait| *wait == 2 * WITHIN));
    }

    #[test]
    fn who_comes_rarely_never_waits() {
        let (pacer, start) = (Pacer::default(), Instant::now());
        for turn in 0..50 {
            assert!(pacer.reserve(start + turn * Duration::from_millis(126)).is_zero());
        }
    }
}
