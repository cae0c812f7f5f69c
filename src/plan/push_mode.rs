//! Who pushes: the engine, which compresses what it has not pulled, or the pipe, to which the engine must first give all of the
//! image. The figures behind it: `docs/benchmarks.md`, "What `auto` chooses".

use crate::compress::Codec;
use crate::config::PushMode;
use crate::engine::Facts;
use crate::progress::bytes;

/// Who pushes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pusher {
    /// The engine.
    Engine,
    /// The pipe.
    Pipe,
}

/// Who pushes, and why, in words for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// Who.
    pub by: Pusher,
    /// Why.
    pub why: String,
}

/// How much there is of an image, in bytes of layers that are not compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// All layers.
    pub total: u64,
    /// Those that the registry is not known to have.
    pub new: u64,
    /// The largest of these.
    pub largest: u64,
}

/// How fast a generation of engines is, in kB per second.
struct Pace {
    /// What its push compresses of one layer, which takes one core.
    layer: u64,
    /// What it compresses on a core while it is at several layers.
    push: u64,
    /// Its export, from the request to the last byte.
    export: u64,
}

/// Up to 27.
const OLD: Pace = Pace { layer: 26_000, push: 21_000, export: 165_000 };
/// From 28 on.
const NEW: Pace = Pace { layer: 60_000, push: 43_000, export: 175_000 };
/// What the pipe compresses, hashes and sends on a core while it reads the export, in kB per second.
const PIPE: u64 = 130_000;
/// What the pipe has to gain before it takes the work from the engine, in milliseconds.
const GAIN: u64 = 250;

impl Load {
    /// Milliseconds until the engine has pushed it.
    fn by_engine(self, pace: &Pace, cores: u64) -> u64 {
        (self.largest / pace.layer).max(self.new / (pace.push * cores))
    }

    /// Milliseconds until the pipe has pushed it.
    fn by_pipe(self, pace: &Pace, cores: u64) -> u64 {
        self.total / pace.export + self.new / (PIPE * cores)
    }
}

impl Push {
    fn by(by: Pusher, why: impl Into<String>) -> Self {
        Self { by, why: why.into() }
    }
}

/// What is decided without knowing the layers; `None` when their sizes count.
#[must_use]
pub fn pusher_by_kind(wish: PushMode, codec: Codec, sets_times: bool, facts: &Facts) -> Option<Push> {
    match (wish, codec) {
        (PushMode::Engine, _) => Some(Push::by(Pusher::Engine, "`PUSH_MODE` is `engine`")),
        (PushMode::Direct, _) => Some(Push::by(Pusher::Pipe, "`PUSH_MODE` is `direct`")),
        (PushMode::Auto, _) if facts.keeps_compressed() => {
            Some(Push::by(Pusher::Engine, "its containerd store has compressed the layers already"))
        }
        (PushMode::Auto, _) if sets_times => {
            Some(Push::by(Pusher::Pipe, "`SOURCE_DATE_EPOCH` is set, and an engine keeps the times of the build"))
        }
        (PushMode::Auto, Codec::Zstd) => Some(Push::by(Pusher::Pipe, "an engine compresses with gzip only")),
        (PushMode::Auto, Codec::Gzip) => None,
    }
}

/// Who is quicker.
#[must_use]
pub fn quicker_pusher(load: Load, facts: &Facts, cores: usize) -> Push {
    let pace = if major(&facts.version) < 28 { &OLD } else { &NEW };
    let cores = u64::try_from(cores).unwrap_or(1).max(1);
    let share = format!("{} of {} are new", bytes(load.new), bytes(load.total));
    if load.by_pipe(pace, cores) + GAIN < load.by_engine(pace, cores) {
        Push::by(Pusher::Pipe, format!("{share}, which the engine would compress on one core for each layer"))
    } else {
        Push::by(Pusher::Engine, share)
    }
}

/// An engine of which nothing is known counts as a new one.
fn major(version: &str) -> u64 {
    version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{ApiVersion, Storage};

    fn facts(version: &str) -> Facts {
        Facts {
            version: version.to_owned(),
            api: ApiVersion { major: 1, minor: 41 },
            storage: None,
            index: None,
            plugins: Vec::new(),
            os: "linux".to_owned(),
            architecture: "amd64".to_owned(),
            address: String::new(),
        }
    }

    /// In MB, on two cores.
    fn quicker(version: &str, largest: u64, new: u64, total: u64) -> Pusher {
        let load = Load { total: total * 1_000_000, new: new * 1_000_000, largest: largest * 1_000_000 };
        quicker_pusher(load, &facts(version), 2).by
    }

    #[test]
    fn the_pipe_pushes_where_most_is_new_and_the_engine_is_slow() {
        assert_eq!(quicker("20.10.24", 97, 290, 290), Pusher::Pipe);
        assert_eq!(quicker("26.1.5+dfsg1", 97, 290, 290), Pusher::Pipe);
        assert_eq!(quicker("26.1.5", 29, 29, 290), Pusher::Engine);
    }

    #[test]
    fn a_newer_engine_is_overtaken_where_nearly_all_is_new() {
        assert_eq!(quicker("28.5.2", 97, 290, 290), Pusher::Pipe);
        assert_eq!(quicker("28.5.2", 290, 290, 290), Pusher::Pipe);
        assert_eq!(quicker("28.5.2", 97, 194, 290), Pusher::Engine);
        assert_eq!(quicker("28.5.2", 60, 60, 290), Pusher::Engine);
    }

    #[test]
    fn what_is_small_or_known_the_engine_pushes() {
        for version in ["20.10.24", "26.1.5", "28.5.2", "unknown"] {
            assert_eq!(quicker(version, 0, 0, 4_000), Pusher::Engine, "{version}");
            assert_eq!(quicker(version, 5, 5, 5), Pusher::Engine, "{version}");
        }
    }

    #[test]
    fn some_kinds_of_push_only_one_of_them_can_do() {
        let by = |wish, codec, facts: &Facts| pusher_by_kind(wish, codec, false, facts).map(|push| push.by);
        let plain = facts("26.1.5");
        assert_eq!(by(PushMode::Auto, Codec::Gzip, &plain), None);
        assert_eq!(by(PushMode::Auto, Codec::Zstd, &plain), Some(Pusher::Pipe));
        assert_eq!(by(PushMode::Engine, Codec::Gzip, &plain), Some(Pusher::Engine));
        assert_eq!(by(PushMode::Direct, Codec::Gzip, &plain), Some(Pusher::Pipe));
        let storage = Some(Storage { driver: "overlayfs".to_owned(), containerd: true });
        let packed = Facts { storage, ..plain };
        assert_eq!(by(PushMode::Auto, Codec::Gzip, &packed), Some(Pusher::Engine));
        assert_eq!(by(PushMode::Direct, Codec::Gzip, &packed), Some(Pusher::Pipe));
    }

    #[test]
    fn the_reason_tells_how_much_is_new() {
        let push = quicker_pusher(Load { total: 290_000_000, new: 2_000_000, largest: 2_000_000 }, &facts("26.1.5"), 2);
        assert_eq!(push, Push::by(Pusher::Engine, "2.0 MB of 290.0 MB are new"));
    }
}
