//! The layers of an image on their way: many states from the engine, few lines for the log.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::units::{bytes, duration};

/// How long a layer is on its way before a line says how far it is, and between such lines.
const BETWEEN: Duration = Duration::from_secs(10);

/// What the engine says of one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State<'a> {
    /// The short id of the layer.
    pub id: &'a str,
    /// `Pushing`, `Layer already exists`, `Pull complete`, …
    pub status: &'a str,
    /// Bytes done.
    pub current: Option<u64>,
    /// Bytes in all.
    pub total: Option<u64>,
}

/// The layers seen so far. There are as many entries as the image has layers, which is at most 127.
#[derive(Debug, Default)]
pub struct Layers {
    layers: BTreeMap<String, Layer>,
}

#[derive(Debug)]
struct Layer {
    began: Instant,
    told: Instant,
    size: Option<u64>,
    /// Seconds until the engine tries again.
    countdown: Option<u64>,
    ended: bool,
}

impl Layers {
    /// Takes a state, and words a line if there is something to tell.
    ///
    /// The words of the engine are those of moby `distribution/push_v2.go`, `pull_v2.go` and `xfer/`, and of its containerd
    /// image service's `progress.go`; of others nothing is said.
    pub fn update(&mut self, state: &State<'_>, now: Instant) -> Option<String> {
        let id = state.id;
        let layer = self.layers.entry(id.to_owned()).or_insert(Layer {
            began: now,
            told: now,
            size: None,
            countdown: None,
            ended: false,
        });
        if layer.ended {
            return None;
        }
        let (moved, verb) = match state.status {
            "Pushing" => (true, "pushing"),
            "Downloading" => (true, "pulling"),
            _ => (false, ""),
        };
        if moved {
            if layer.size.is_none() {
                // Until here it waited for its turn.
                (layer.began, layer.told) = (now, now);
            }
            layer.size = layer.size.max(state.total).max(state.current);
            if now - layer.told < BETWEEN {
                return None;
            }
            layer.told = now;
            return match (state.current, state.total) {
                (Some(current), Some(total)) if total > 0 => {
                    let percent = (u128::from(current) * 100 / u128::from(total)).min(100);
                    Some(format!("{id} {verb} {percent}% of {}", bytes(total)))
                }
                (Some(current), _) => Some(format!("{id} {verb} {}", bytes(current))),
                _ => None,
            };
        }
        let took = || match layer.size {
            Some(size) => format!("{} in {}", bytes(size), duration(now - layer.began)),
            None => format!("in {}", duration(now - layer.began)),
        };
        let line = match state.status {
            "Pushed" => format!("{id} pushed {}", took()),
            "Pull complete" => format!("{id} pulled {}", took()),
            "Layer already exists" | "Already exists" => format!("{id} already there"),
            status if status.starts_with("Mounted from") => {
                format!("{id} mounted from {}", &status["Mounted from".len()..].trim())
            }
            status if status.starts_with("Retrying in") => {
                let seconds = status.split_whitespace().nth(2).and_then(|word| word.parse().ok());
                // Counted down each second: only the start of a countdown is told.
                let is_new = seconds > layer.countdown || layer.countdown.is_none();
                layer.countdown = seconds;
                return is_new.then(|| format!("{id} {}", status.to_lowercase()));
            }
            _ => return None,
        };
        layer.ended = true;
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(states: &[(u64, &str, Option<u64>, Option<u64>)]) -> Vec<String> {
        let mut layers = Layers::default();
        let start = Instant::now();
        let tell = |(millis, status, current, total): &(u64, &'static str, _, _)| {
            let state = State { id: "3fa2b1c4d5e6", status, current: *current, total: *total };
            layers.update(&state, start + Duration::from_millis(*millis))
        };
        let states: Vec<(u64, &'static str, _, _)> = states
            .iter()
            .map(|(millis, status, current, total)| (*millis, &*String::leak((*status).to_owned()), *current, *total))
            .collect();
        states.iter().filter_map(tell).collect()
    }

    #[test]
    fn a_quick_layer_is_one_line() {
        let states = [
            (0, "Preparing", None, None),
            (5, "Waiting", None, None),
            (100, "Pushing", Some(100), Some(12_300_000)),
            (500, "Pushing", Some(12_400_000), Some(12_300_000)),
            (900, "Pushed", None, None),
            (901, "Pushed", None, None),
        ];
        assert_eq!(lines(&states), ["3fa2b1c4d5e6 pushed 12.4 MB in 0.8s"]);
    }

    #[test]
    fn a_slow_layer_is_told_of_every_ten_seconds() {
        let states: Vec<_> =
            (0..30).map(|second| (second * 1_000, "Pushing", Some(second * 1_000_000), Some(40_000_000))).collect();
        assert_eq!(lines(&states), ["3fa2b1c4d5e6 pushing 25% of 40.0 MB", "3fa2b1c4d5e6 pushing 50% of 40.0 MB"]);
    }

    #[test]
    fn a_layer_that_was_there_or_mounted_says_so() {
        assert_eq!(lines(&[(0, "Layer already exists", None, None)]), ["3fa2b1c4d5e6 already there"]);
        assert_eq!(lines(&[(0, "Mounted from team/base", None, None)]), ["3fa2b1c4d5e6 mounted from team/base"]);
    }

    #[test]
    fn a_countdown_to_a_retry_is_told_once() {
        let states = [
            (0, "Preparing", None, None),
            (10, "Retrying in 5 seconds", None, None),
            (1_010, "Retrying in 4 seconds", None, None),
            (4_010, "Retrying in 1 second", None, None),
            (6_010, "Retrying in 10 seconds", None, None),
            (7_010, "Retrying in 9 seconds", None, None),
        ];
        assert_eq!(lines(&states), ["3fa2b1c4d5e6 retrying in 5 seconds", "3fa2b1c4d5e6 retrying in 10 seconds"]);
    }
}
