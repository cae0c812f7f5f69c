//! How often manifests may be put, and when nothing may be asked.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// ECR takes 10 `PutImage` a second from an account in a region (user guide, "Amazon ECR service quotas"), and other steps may
/// push at the same time.
const AT_MOST: usize = 8;
const WITHIN: Duration = Duration::from_secs(1);

/// Lets no more than 8 manifests through within any second, and no request at all while the registry wants a pause.
#[derive(Debug, Default)]
pub struct Pacer {
    turns: Mutex<VecDeque<Instant>>,
    pause: Mutex<Option<Instant>>,
}

impl Pacer {
    /// Returns when it is one's turn.
    pub async fn turn(&self) {
        let wait = self.reserve(Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Nothing is asked for so long. What one request is told holds for all, since ECR counts them together.
    pub(super) fn pause(&self, wait: Duration) {
        let end = Instant::now() + wait;
        let mut pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        *pause = pause.max(Some(end));
    }

    /// Returns when there is no pause.
    pub(super) async fn pass(&self) {
        while let Some(left) = self.left(Instant::now()) {
            tokio::time::sleep(left).await;
        }
    }

    /// What is left of the pause.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        let end = *self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        end?.checked_duration_since(now).filter(|left| !left.is_zero())
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
    fn a_pause_is_as_long_as_the_longest_that_was_asked_for() {
        let (pacer, start) = (Pacer::default(), Instant::now());
        assert_eq!(pacer.left(start), None);
        pacer.pause(Duration::from_secs(30));
        pacer.pause(Duration::from_secs(2));
        assert!(pacer.left(start).is_some_and(|left| left >= Duration::from_secs(30)));
        assert_eq!(pacer.left(start + Duration::from_mins(2)), None);
    }

    #[test]
    fn who_comes_rarely_never_waits() {
        let (pacer, start) = (Pacer::default(), Instant::now());
        for turn in 0..50 {
            assert!(pacer.reserve(start + turn * Duration::from_millis(126)).is_zero());
        }
    }
}
