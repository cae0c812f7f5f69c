//! One vertex and where it stands.

use std::time::{Duration, Instant};

use bollard_buildkit_proto::google::protobuf::Timestamp;

use super::super::event;
use super::name::{Kind, parts};
use super::pull::Pull;
use super::text::Text;

/// Where a vertex stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It has not begun.
    Waiting,
    /// It runs.
    Running,
    /// It was reported as done at that time, but may go on: the engine reports a look into its cache and the resolving of
    /// an image as runs of their own.
    Paused(Instant),
    /// Its end was told.
    Ended,
}

/// A node of the build's graph.
#[derive(Debug)]
pub(super) struct Vertex {
    pub(super) step: event::Step,
    pub(super) kind: Kind,
    pub(super) state: State,
    /// Whether its beginning was told, and its end not yet.
    pub(super) shown: bool,
    /// Sticky: an engine with the containerd store reports a cached vertex as done once more.
    pub(super) cached: bool,
    pub(super) began: Instant,
    /// When it was last said to be running.
    pub(super) told: Instant,
    /// Whether its end was told once; it may have gone on since.
    pub(super) end_told: bool,
    pub(super) text: Text,
    pub(super) pull: Option<Pull>,
    /// Bytes of a context.
    pub(super) sent: u64,
    took: Duration,
    run: Option<(Timestamp, Duration)>,
}

impl Vertex {
    pub(super) fn new(id: usize, name: &str, now: Instant) -> Self {
        let mut vertex = Self {
            step: event::Step { id, ..event::Step::default() },
            kind: Kind::Internal,
            state: State::Waiting,
            shown: false,
            cached: false,
            began: now,
            told: now,
            end_told: false,
            text: Text::default(),
            pull: None,
            sent: 0,
            took: Duration::ZERO,
            run: None,
        };
        vertex.rename(name);
        vertex
    }

    /// Whether it is known by its output only.
    pub(super) fn is_nameless(&self) -> bool {
        self.step.label.is_empty() && self.step.instruction.is_empty()
    }

    pub(super) fn rename(&mut self, name: &str) {
        let (label, instruction) = parts(name);
        (self.step.label, self.step.instruction) = (label, instruction.to_owned());
        self.kind = Kind::of(name);
    }

    /// How long it runs before it is shown, if it says nothing.
    pub(super) fn patience(&self) -> Duration {
        match self.kind {
            Kind::Instruction => Duration::ZERO,
            // Until then it is known to be pulled or cached.
            Kind::From => Duration::from_secs(1),
            Kind::Context | Kind::Import(_) | Kind::Internal => Duration::from_secs(5),
        }
    }

    /// Whether it may go on after it was reported as done.
    pub(super) fn may_go_on(&self) -> bool {
        !matches!(self.kind, Kind::Instruction | Kind::Import(_))
    }

    pub(super) fn is_step(&self) -> bool {
        matches!(self.kind, Kind::Instruction | Kind::From)
    }

    /// Notes a run of it, of which the end may be reported more than once.
    pub(super) fn ran(&mut self, started: Option<Timestamp>, completed: Timestamp) {
        let Some(started) = started else { return };
        let length = between(started, completed);
        match &mut self.run {
            Some((last, counted)) if *last == started => {
                self.took = self.took.saturating_sub(*counted).saturating_add(length);
                *counted = length;
            }
            _ => {
                self.took = self.took.saturating_add(length);
                self.run = Some((started, length));
            }
        }
    }

    /// How long it ran by the engine's clock, or if that did not tell by ours.
    pub(super) fn took(&self, now: Instant) -> Duration {
        if self.state == State::Running || self.run.is_none() { now - self.began } else { self.took }
    }
}

/// From one time of the engine's to another.
pub(super) fn between(from: Timestamp, to: Timestamp) -> Duration {
    let nanos = |time: Timestamp| i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos);
    u64::try_from(nanos(to) - nanos(from)).map_or(Duration::ZERO, Duration::from_nanos)
}
