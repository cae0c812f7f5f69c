//! How far away a registry is, as its answers tell.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What a machine that is at its other checks too needs by itself for an answer, and for the handshake of a connection. Less is no distance.
const OWN: Duration = Duration::from_millis(5);
const HANDSHAKE: Duration = Duration::from_millis(10);

/// How far away a registry is, beside the work that this machine has with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Distance {
    /// Until it answers a request on a connection that is open.
    pub answer: Duration,
    /// How long it takes to connect to it.
    pub connection: Duration,
}

/// How long a registry took for its first answer, which began with a connection, and for its quickest.
#[derive(Debug, Default)]
pub(super) struct Latency(Mutex<Option<(Duration, Duration)>>);

impl Latency {
    /// Takes down an answer.
    pub(super) fn add(&self, took: Duration) {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *answers = Some(answers.map_or((took, took), |(first, quickest)| (first, quickest.min(took))));
    }

    /// What the answers tell. TCP and TLS 1.3 take two round trips, and an answer is no quicker than one; what a first answer took
    /// besides was a name, or chance.
    pub(super) fn distance(&self) -> Distance {
        let answers = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, quickest) = answers.unwrap_or_default();
        let answer = quickest.saturating_sub(OWN);
        Distance { answer, connection: first.saturating_sub(quickest + HANDSHAKE).min(2 * answer) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distance(answers: &[u64]) -> (u128, u128) {
        let latency = Latency::default();
        for millis in answers {
            latency.add(Duration::from_millis(*millis));
        }
        let Distance { answer, connection } = latency.distance();
        (answer.as_millis(), connection.as_millis())
    }

    #[test]
    fn what_the_first_answer_took_longer_was_the_connection() {
        assert_eq!(distance(&[165, 60, 55, 70]), (50, 100));
        assert_eq!(distance(&[75, 55, 200]), (50, 10));
    }

    #[test]
    fn a_connection_takes_no_longer_than_two_answers() {
        assert_eq!(distance(&[900, 55]), (50, 100));
    }

    #[test]
    fn what_a_machine_needs_by_itself_is_no_distance() {
        assert_eq!(distance(&[17, 4]), (0, 0));
    }

    #[test]
    fn one_answer_tells_nothing_of_connections() {
        assert_eq!(distance(&[95]), (90, 0));
        assert_eq!(distance(&[55, 60]), (50, 0));
        assert_eq!(distance(&[]), (0, 0));
    }
}
