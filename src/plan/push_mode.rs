//! Who pushes: the engine, which compresses what it has not pulled and connects for each request anew, or the pipe, to which the engine
//! must first give all of the image. The figures behind it: `docs/benchmarks.md`, "What `auto` chooses".

use std::time::Duration;

use crate::compress::Codec;
use crate::config::PushMode;
use crate::engine::Facts;
use crate::progress::bytes;
use crate::registry::Distance;

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

/// Layers, and the bytes of them when they are not compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layers {
    /// How many.
    pub count: u64,
    /// How large all of them are together.
    pub bytes: u64,
}

/// How much there is of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// All layers.
    pub all: Layers,
    /// Those that the registry is not known to have.
    pub new: Layers,
    /// The bytes of the largest of these.
    pub largest: u64,
}

/// What a push has to do with.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// The engine.
    pub engine: &'a Facts,
    /// Cores of the machine.
    pub cores: usize,
    /// How far the registry is.
    pub distance: Distance,
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
const OLD: Pace = Pace { layer: 32_000, push: 29_500, export: 220_000 };
/// From 28 on.
const NEW: Pace = Pace { layer: 67_000, push: 61_000, export: 236_000 };
/// What the pipe compresses, hashes and sends on a core while it reads the export, in kB per second.
const PIPE: u64 = 150_000;
/// What an engine needs for a layer that it sends, besides its bytes.
const SENT: Duration = Duration::from_millis(8);
/// What an engine needs before an export begins.
const EXPORT: Duration = Duration::from_millis(10);
/// What it needs for a layer of it, besides its bytes.
const EXPORTED: Duration = Duration::from_millis(4);
/// What an engine needs for a request by itself: TLS begins with each.
const ASKED_BY_ENGINE: Duration = Duration::from_millis(2);
/// What the pipe needs for one.
const ASKED_BY_PIPE: Duration = Duration::from_millis(1);
/// How many layers are sent or asked for at once, by either.
const AT_ONCE: u64 = 5;

/// How long a push takes.
#[derive(Clone, Copy)]
struct Time {
    /// To read, compress and hash.
    work: Duration,
    /// To ask the registry.
    requests: Duration,
}

impl Time {
    fn sum(self) -> Duration {
        self.work + self.requests
    }

    /// By an engine of the graphdriver kind. It connects for each request anew (moby `distribution/registry.go`: `DisableKeepAlives`). One
    /// asks for the way to log in, one for each layer that is there; four send a layer and look whether it has arrived (`push_v2.go`);
    /// then come five for the configuration, and the manifest.
    fn by_engine(load: &Load, site: &Site<'_>) -> Self {
        let pace = Pace::of(site.engine);
        let largest = time(load.largest, pace.layer);
        let work = largest.max(time(load.new.bytes, pace.push * site.cores())) + times(SENT, load.new.count);
        let rounds = 7 + rounds(load.all.count.saturating_sub(load.new.count)) + 4 * rounds(load.new.count);
        Self { work, requests: times(site.request() + ASKED_BY_ENGINE, rounds) }
    }

    /// By the pipe, which keeps its connections; the first has been made, more come about at once. New layers take two requests each
    /// while the export is read, the configuration three; the manifest is put and read back.
    fn by_pipe(load: &Load, site: &Site<'_>) -> Self {
        let export = EXPORT + time(load.all.bytes, Pace::of(site.engine).export) + times(EXPORTED, load.all.count);
        let work = export + time(load.new.bytes, PIPE * site.cores());
        let answer = site.distance.answer + ASKED_BY_PIPE;
        let meanwhile = times(answer, 2 * rounds(load.new.count)).saturating_sub(work);
        Self { work, requests: meanwhile + times(answer, 5) + site.distance.connection }
    }
}

impl Load {
    /// Of an image of which the registry has all layers.
    #[must_use]
    pub fn of(count: u64, bytes: u64) -> Self {
        Self { all: Layers { count, bytes }, ..Self::default() }
    }

    /// One of its layers is new.
    pub fn add_new(&mut self, size: u64) {
        self.new.count += 1;
        self.new.bytes = self.new.bytes.saturating_add(size);
        self.largest = self.largest.max(size);
    }
}

impl Site<'_> {
    fn cores(&self) -> u64 {
        u64::try_from(self.cores).unwrap_or(1).max(1)
    }

    /// How long one takes that begins with a connection.
    fn request(&self) -> Duration {
        self.distance.connection + self.distance.answer
    }
}

impl Pace {
    /// An engine of which nothing is known counts as a new one.
    fn of(engine: &Facts) -> &'static Self {
        let major = engine.version.split('.').next().and_then(|major| major.parse().ok());
        if major.is_some_and(|major: u64| major < 28) { &OLD } else { &NEW }
    }
}

/// For bytes at a pace.
fn time(bytes: u64, pace: u64) -> Duration {
    Duration::from_micros(bytes.saturating_mul(1000) / pace)
}

fn times(each: Duration, count: u64) -> Duration {
    each.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX))
}

fn rounds(layers: u64) -> u64 {
    layers.div_ceil(AT_ONCE)
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
pub fn quicker_pusher(load: &Load, site: &Site<'_>) -> Push {
    let share = format!("{} of {} are new", bytes(load.new.bytes), bytes(load.all.bytes));
    let (engine, pipe) = (Time::by_engine(load, site), Time::by_pipe(load, site));
    if engine.sum() <= pipe.sum() {
        return Push::by(Pusher::Engine, share);
    }
    if engine.work + pipe.requests > pipe.work + engine.requests {
        return Push::by(Pusher::Pipe, format!("{share}, which the engine would compress on one core for each layer"));
    }
    let request = (site.request() + ASKED_BY_ENGINE).as_millis();
    Push::by(
        Pusher::Pipe,
        format!("{share}, and the engine would connect for each request anew, which takes {request} ms"),
    )
}

/// Whether the pipe is quicker than what an engine has left to do after so long.
#[must_use]
pub fn overtakes(load: &Load, site: &Site<'_>, spent: Duration) -> bool {
    Time::by_engine(load, site).sum() > Time::by_pipe(load, site).sum() + spent
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

    const NEAR: Distance = Distance { answer: Duration::ZERO, connection: Duration::ZERO };
    const FAR: Distance = Distance { answer: Duration::from_millis(50), connection: Duration::from_millis(100) };

    /// On two cores; layers that are new and layers that are there, in kB.
    fn push(version: &str, distance: Distance, new: &[u64], there: &[u64]) -> Push {
        let all: Vec<u64> = there.iter().chain(new).map(|size| size * 1_000).collect();
        let mut load = Load::of(all.len() as u64, all.iter().sum());
        for size in new {
            load.add_new(size * 1_000);
        }
        quicker_pusher(&load, &Site { engine: &facts(version), cores: 2, distance })
    }

    fn quicker(version: &str, new: &[u64], there: &[u64]) -> Pusher {
        push(version, NEAR, new, there).by
    }

    #[test]
    fn the_pipe_pushes_where_most_is_new_and_the_engine_is_slow() {
        for version in ["20.10.24", "26.1.5+dfsg1"] {
            assert_eq!(quicker(version, &[29_000; 10], &[2_000]), Pusher::Pipe, "{version}");
            assert_eq!(quicker(version, &[29_000; 5], &[29_000; 5]), Pusher::Pipe, "{version}");
            assert_eq!(quicker(version, &[29_000; 3], &[29_000; 7]), Pusher::Engine, "{version}");
            assert_eq!(quicker(version, &[97_000], &[97_000; 2]), Pusher::Pipe, "{version}: on one core");
        }
    }

    #[test]
    fn a_newer_engine_is_overtaken_where_nearly_all_is_new() {
        assert_eq!(quicker("28.5.2", &[29_000; 10], &[2_000]), Pusher::Pipe);
        assert_eq!(quicker("28.5.2", &[290_000], &[]), Pusher::Pipe);
        assert_eq!(quicker("28.5.2", &[29_000; 7], &[29_000; 3]), Pusher::Engine);
        assert_eq!(quicker("28.5.2", &[60_000], &[230_000]), Pusher::Engine);
    }

    /// The layers of the images under *Small images and a far registry* in `docs/benchmarks.md`.
    #[test]
    fn a_small_image_is_pushed_by_the_pipe_if_all_of_it_is_new() {
        for version in ["20.10.24", "26.1.5", "28.5.2", "unknown"] {
            assert_eq!(quicker(version, &[1_000, 1_000, 1_000, 2_000], &[]), Pusher::Pipe, "{version}");
            assert_eq!(quicker(version, &[300; 11], &[]), Pusher::Pipe, "{version}");
            assert_eq!(quicker(version, &[300], &[300; 10]), Pusher::Engine, "{version}");
            assert_eq!(quicker(version, &[], &[300; 11]), Pusher::Engine, "{version}");
        }
    }

    #[test]
    fn what_is_known_the_engine_pushes_unless_the_registry_is_far() {
        for version in ["20.10.24", "26.1.5", "28.5.2", "unknown"] {
            for (there, far) in [(4_000_000, Pusher::Engine), (290_000, Pusher::Pipe), (30_000, Pusher::Pipe)] {
                assert_eq!(push(version, NEAR, &[2_000], &[there]).by, Pusher::Engine, "{version}: {there}");
                assert_eq!(push(version, FAR, &[2_000], &[there]).by, far, "{version}: {there}");
            }
        }
    }

    #[test]
    fn what_an_engine_has_done_counts_for_it() {
        let (engine, cores) = (&facts("26.1.5"), 2);
        let site = Site { engine, cores, distance: NEAR };
        let mut load = Load::of(3, 291_000_000);
        assert!(!overtakes(&load, &site, Duration::ZERO));
        load.add_new(97_000_000);
        assert!(overtakes(&load, &site, Duration::ZERO));
        assert!(!overtakes(&load, &site, Duration::from_secs(2)));
    }

    #[test]
    fn sizes_and_times_without_measure_are_no_fault() {
        let mut load = Load::of(u64::MAX, u64::MAX);
        load.add_new(u64::MAX);
        let distance = Distance { answer: Duration::from_mins(1), connection: Duration::from_mins(2) };
        for distance in [Distance::default(), distance] {
            let _ = quicker_pusher(&load, &Site { engine: &facts("26.1.5"), cores: 0, distance });
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
    fn the_reason_tells_how_much_is_new_and_what_makes_the_difference() {
        let why = |distance, new: &[u64], there: &[u64]| push("26.1.5", distance, new, there).why;
        assert_eq!(why(NEAR, &[2_000], &[288_000]), "2.0 MB of 290.0 MB are new");
        let compress = "290.0 MB of 290.0 MB are new, which the engine would compress on one core for each layer";
        assert_eq!(why(NEAR, &[290_000], &[]), compress);
        let connect =
            "2.0 MB of 5.0 MB are new, and the engine would connect for each request anew, which takes 152 ms";
        assert_eq!(why(FAR, &[2_000], &[3_000]), connect);
    }
}
