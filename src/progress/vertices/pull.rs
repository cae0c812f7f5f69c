//! The layers of an image on their way into the engine: many states, few lines.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::super::units::{bytes, duration};

/// How long between lines that say how far it is.
const BETWEEN: Duration = Duration::from_secs(10);

/// How many blobs are told apart: an image has at most 127 layers, and a manifest and a configuration.
const BLOBS: usize = 256;

/// What the engine says of one blob. The ids are those of BuildKit's `util/pull/pullprogress` and `cache/refs.go`:
/// `sha256:…` while it travels, `extracting sha256:…` while it is unpacked. Of a layer that a cache import found the engine's
/// own worker says `pulling sha256:…` (moby `builder-next/worker`).
#[derive(Clone, Copy, Debug)]
pub(super) struct State<'a> {
    pub(super) id: &'a str,
    pub(super) current: u64,
    pub(super) total: u64,
    /// How long it took, once it is done.
    pub(super) took: Option<Duration>,
}

/// One pull.
#[derive(Debug)]
pub(super) struct Pull {
    blobs: BTreeMap<String, Blob>,
    is_image: bool,
    told: Instant,
}

#[derive(Debug, Default)]
struct Blob {
    current: u64,
    total: u64,
    is_here: bool,
    /// Whether it was unpacked, as only layers are.
    is_layer: bool,
    is_told: bool,
}

impl Pull {
    /// Of an image the manifest and the configuration travel, too; of a step, which is cached elsewhere, only layers.
    pub(super) fn new(is_image: bool, now: Instant) -> Self {
        Self { blobs: BTreeMap::new(), is_image, told: now }
    }

    /// Takes a state, and words a line if there is something to tell.
    pub(super) fn update(&mut self, state: &State<'_>, now: Instant) -> Option<String> {
        let (verb, digest) = state.id.rsplit_once(' ').unwrap_or(("", state.id));
        let short: String = digest.strip_prefix("sha256:")?.chars().take(12).collect();
        if self.blobs.len() == BLOBS && !self.blobs.contains_key(&short) {
            return None;
        }
        let blob = self.blobs.entry(short.clone()).or_default();
        match verb {
            "extracting" => blob.is_layer = true,
            "pulling" => {
                // It has no sizes.
                let is_new = state.took.is_some() && !std::mem::replace(&mut blob.is_told, true);
                return state.took.filter(|_| is_new).map(|took| format!("{short} pulled in {}", duration(took)));
            }
            "" => {
                blob.current = blob.current.max(state.current);
                blob.total = blob.total.max(state.total);
                blob.is_here |= state.took.is_some();
            }
            _ => return None,
        }
        if blob.is_here && (blob.is_layer || !self.is_image) && !blob.is_told {
            blob.is_told = true;
            return Some(format!("{short} pulled {}", bytes(blob.total)));
        }
        if now - self.told < BETWEEN || blob.is_here {
            return None;
        }
        self.told = now;
        let sum = |of: fn(&Blob) -> u64| self.blobs.values().map(of).fold(0, u64::saturating_add);
        Some(format!("pulled {} of {} so far", bytes(sum(|blob| blob.current)), bytes(sum(|blob| blob.total))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_told_with_their_sizes_and_manifests_are_not() {
        let (now, done) = (Instant::now(), Some(Duration::from_millis(1_500)));
        let later = now + BETWEEN;
        let mut pull = Pull::new(true, now);
        let mut tell = |id, current, took, now| pull.update(&State { id, current, total: 2_000_000, took }, now);
        assert_eq!(tell("resolve docker.io/library/busybox:1.36", 0, done, now), None);
        assert_eq!(tell("sha256:aaaaaaaaaaaaaaaa", 444, done, now), None);
        assert_eq!(tell("sha256:bbbbbbbbbbbbbbbb", 1_000_000, None, now), None);
        let line = tell("sha256:bbbbbbbbbbbbbbbb", 1_500_000, None, later);
        assert_eq!(line.as_deref(), Some("pulled 1.5 MB of 4.0 MB so far"));
        assert_eq!(tell("sha256:bbbbbbbbbbbbbbbb", 2_000_000, done, later), None);
        let line = tell("extracting sha256:bbbbbbbbbbbbbbbb", 0, None, later);
        assert_eq!(line.as_deref(), Some("bbbbbbbbbbbb pulled 2.0 MB"));
        assert_eq!(tell("extracting sha256:bbbbbbbbbbbbbbbb", 0, done, later), None);
        assert_eq!(tell("pulling sha256:cccccccccccccccc", 0, None, later), None);
        let line = tell("pulling sha256:cccccccccccccccc", 0, done, later);
        assert_eq!(line.as_deref(), Some("cccccccccccc pulled in 1.5s"));
        assert_eq!(tell("pulling sha256:cccccccccccccccc", 0, done, later), None);
        let mut pull = Pull::new(false, now);
        let state = State { id: "sha256:dddddddddddddddd", current: 9, total: 2_000_000, took: done };
        assert_eq!(pull.update(&state, now).as_deref(), Some("dddddddddddd pulled 2.0 MB"));
    }
}
