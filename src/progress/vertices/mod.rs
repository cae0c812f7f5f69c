//! The log of a BuildKit build, from what the engine says of the vertices of its graph (`moby.buildkit.trace`).
//!
//! Each message tells what has changed: vertices that began, ended or failed, states of transfers, output, warnings. A
//! vertex is reported many times. Here all of it becomes events about the steps of the Dockerfile; which of the lines are
//! shown when, and how many, is for the printer. State is bounded whatever the engine sends.

mod name;
mod pull;
mod summary;
mod text;
mod vertex;
mod warnings;

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use bollard_buildkit_proto::moby::buildkit::v1::{self, StatusResponse, VertexLog, VertexStatus};

use super::event::{End, Event};
use super::units::{bytes, duration};
use crate::dockerfile::Step;
use name::Kind;
use pull::Pull;
pub use summary::{CacheImport, Failed, Summary};
use text::{beginning, ending};
use vertex::{State, Vertex, between};
use warnings::Warnings;

/// After how long a step that runs says so, and then again.
const ANNOUNCED: Duration = Duration::from_secs(30);

/// How long a vertex may pause before its end is told.
const PAUSE: Duration = Duration::from_secs(1);

/// How often a transfer says how far it is.
const BETWEEN: Duration = Duration::from_secs(10);

/// How many vertices are known; what comes beyond is not shown. The largest Dockerfiles have some hundreds.
const VERTICES: usize = 8_192;

/// The bytes of a name that are kept, of each and of all. Instructions with here-documents are long.
const NAME: (usize, usize) = (4 << 10, 4 << 20);

/// The bytes of each name that are kept beyond that sum, and of a digest.
const SHORT: usize = 128;

/// The bytes of an error that are kept: it names the command, and ends with the reason.
const ERROR: usize = 4 << 10;

/// How many cache look-ups and failures are kept.
const KEPT: usize = 64;

/// Of how many steps that run at the same time the layers are followed and the last output is kept.
const AT_ONCE: usize = 128;

/// What the engine says where it leaves out output (BuildKit's `util/progress/logs`).
const CLIPPED: &str = "[output clipped, log limit ";

type Place = Box<dyn Fn(&Step) -> Option<usize> + Send>;
type Line = Box<dyn Fn(usize) -> usize + Send>;

/// One build's vertices.
pub struct Vertices {
    dockerfile: String,
    place: Place,
    line: Line,
    known: HashMap<String, usize>,
    vertices: Vec<Vertex>,
    names: usize,
    pulls: usize,
    last_kept: usize,
    imports: Vec<CacheImport>,
    failures: Vec<(usize, String)>,
    warnings: Warnings,
    is_clipped: bool,
}

impl fmt::Debug for Vertices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vertices").field("vertices", &self.vertices.len()).finish_non_exhaustive()
    }
}

impl Vertices {
    /// At the start of a build of this Dockerfile. `place` says in which line of it a step stands.
    #[must_use]
    pub fn new(dockerfile: &str, place: impl Fn(&Step) -> Option<usize> + Send + 'static) -> Self {
        Self {
            dockerfile: dockerfile.to_owned(),
            place: Box::new(place),
            line: Box::new(|line| line),
            known: HashMap::new(),
            vertices: Vec::new(),
            names: 0,
            pulls: 0,
            last_kept: 0,
            imports: Vec::new(),
            failures: Vec::new(),
            warnings: Warnings::default(),
            is_clipped: false,
        }
    }

    /// The engine was served a Dockerfile with other lines: `line` makes one of the user's of one of the engine's.
    #[must_use]
    pub fn served_as(mut self, line: impl Fn(usize) -> usize + Send + 'static) -> Self {
        self.line = Box::new(line);
        self
    }

    /// Takes a message of the engine.
    pub fn status(&mut self, response: &StatusResponse, now: Instant) -> Vec<Event> {
        let mut events = Vec::new();
        // In one message the order is not that of time. What a step said comes before its end.
        for report in &response.vertexes {
            self.known(&report.digest, &report.name, now);
        }
        for status in &response.statuses {
            self.transfer(status, now, &mut events);
        }
        for log in &response.logs {
            self.output(log, now, &mut events);
        }
        for report in &response.vertexes {
            self.report(report, now, &mut events);
        }
        let place = |line| format!("{}:{}", self.dockerfile, (self.line)(line));
        events.extend(response.warnings.iter().filter_map(|warning| self.warnings.take(warning, place)));
        events
    }

    /// To be called about once a second, since silence has to be told, too.
    pub fn tick(&mut self, now: Instant) -> Vec<Event> {
        let mut events = Vec::new();
        for at in 0..self.vertices.len() {
            let vertex = &mut self.vertices[at];
            match vertex.state {
                State::Running if !vertex.shown && now - vertex.began >= vertex.patience() => show(vertex, &mut events),
                State::Running if vertex.shown && now - vertex.told >= ANNOUNCED => {
                    vertex.told = now;
                    let (step, since) = (vertex.step.clone(), now - vertex.began);
                    events.push(Event::StepRunning { step, since });
                }
                State::Paused(since) if now - since >= PAUSE => self.end(at, End::Done, now, &mut events),
                _ => {}
            }
        }
        events
    }

    /// The build has ended well.
    pub fn finish(&mut self, now: Instant) -> Vec<Event> {
        let mut events = Vec::new();
        self.end_all(End::Done, now, &mut events);
        events.extend(self.warnings.rest());
        events
    }

    /// The build has ended badly, and the engine said this.
    pub fn fail(&mut self, message: &str, now: Instant) -> Vec<Event> {
        let mut events = Vec::new();
        self.end_all(End::Canceled, now, &mut events);
        events.extend(self.warnings.rest());
        // Several may have failed at the same time.
        let culprit = self.failures.iter().position(|(_, error)| message.contains(error.as_str())).unwrap_or(0);
        if culprit > 0 {
            self.failures.swap(0, culprit);
        }
        if let Some((at, error)) = self.failures.first() {
            let reason = name::exit_code(error).map_or_else(|| error.clone(), |code| format!("exit code {code}"));
            let (step, place) = (self.vertices[*at].step.clone(), self.place(*at));
            events.push(Event::FailedStep { step, place, reason });
        }
        events
    }

    /// What has become of the build so far.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let steps = || self.vertices.iter().filter(|vertex| vertex.kind == Kind::Instruction);
        let failed = self.failures.first().map(|(at, error)| {
            let vertex = &self.vertices[*at];
            let name = full_name(vertex);
            Failed {
                stage: Step::of_vertex(&name).and_then(|step| step.stage),
                label: vertex.step.label.clone(),
                instruction: vertex.step.instruction.clone(),
                place: self.place(*at),
                exit_code: name::exit_code(error),
                error: error.clone(),
                last: vertex.text.last().to_owned(),
            }
        });
        Summary {
            steps: steps().count(),
            cached: steps().filter(|vertex| vertex.cached).count(),
            bases: self.vertices.iter().filter_map(base).collect(),
            imports: self.imports.clone(),
            sent: self.vertices.iter().map(|vertex| vertex.sent).fold(0, u64::saturating_add),
            failed,
            warnings: self.warnings.count(),
        }
    }

    /// The vertex of this digest, which is a new one if there is room.
    fn known(&mut self, digest: &str, name: &str, now: Instant) -> Option<usize> {
        if let Some(at) = self.known.get(digest).copied() {
            if self.vertices[at].is_nameless() && !name.is_empty() {
                self.names += name.len().min(NAME.0);
                let name = self.cut(name);
                self.vertices[at].rename(name);
            }
            return Some(at);
        }
        if self.vertices.len() == VERTICES || digest.len() > SHORT {
            return None;
        }
        let name = self.cut(name);
        self.names += name.len();
        let at = self.vertices.len();
        self.vertices.push(Vertex::new(at + 1, name, now));
        self.known.insert(digest.to_owned(), at);
        Some(at)
    }

    fn cut<'a>(&self, name: &'a str) -> &'a str {
        beginning(name, if self.names < NAME.1 { NAME.0 } else { SHORT })
    }

    fn transfer(&mut self, status: &VertexStatus, now: Instant, events: &mut Vec<Event>) {
        let Some(at) = self.known.get(&status.vertex).copied() else { return };
        let vertex = &mut self.vertices[at];
        let (current, total) = (u64::try_from(status.current).unwrap_or(0), u64::try_from(status.total).unwrap_or(0));
        if vertex.kind == Kind::Context && status.id.starts_with("transferring ") {
            vertex.sent = vertex.sent.max(current);
            if status.completed.is_none() && now - vertex.told >= BETWEEN {
                vertex.told = now;
                events.push(Event::Note(format!("context: {} sent so far", bytes(vertex.sent))));
            }
            return;
        }
        if vertex.pull.is_none() {
            if self.pulls == AT_ONCE || (vertex.state == State::Ended && !vertex.cached) {
                return;
            }
            self.pulls += 1;
        }
        let took =
            status.completed.map(|completed| status.started.map_or(Duration::ZERO, |from| between(from, completed)));
        let state = pull::State { id: &status.id, current, total, took };
        let pull = vertex.pull.get_or_insert_with(|| Pull::new(vertex.kind != Kind::Instruction, now));
        if let Some(line) = pull.update(&state, now) {
            show(vertex, events);
            events.push(Event::StepOutput { step: vertex.step.id, text: format!("{line}\n") });
        }
    }

    fn output(&mut self, log: &VertexLog, now: Instant, events: &mut Vec<Event>) {
        let Some(at) = self.known(&log.vertex, "", now) else { return };
        let vertex = &mut self.vertices[at];
        if !vertex.text.is_kept() && self.last_kept < AT_ONCE {
            vertex.text.keep();
            self.last_kept += 1;
        }
        let text = vertex.text.push(log.stream, &log.msg);
        let clipped = clipped(&text).filter(|_| !self.is_clipped);
        if let Some(limit) = clipped {
            self.is_clipped = true;
            events.push(Event::Warning {
                message: format!(
                    "the engine leaves out some of what {} prints: its limit is {limit}",
                    short_name(vertex)
                ),
                hint: Some("let the step print less, or into a file: `DEBUG` cannot bring it back".to_owned()),
            });
        }
        if !text.is_empty() {
            show(vertex, events);
            events.push(Event::StepOutput { step: vertex.step.id, text });
        }
    }

    fn report(&mut self, report: &v1::Vertex, now: Instant, events: &mut Vec<Event>) {
        let Some(at) = self.known.get(&report.digest).copied() else { return };
        if report.started.is_some() {
            // What it needs is done for good.
            for input in &report.inputs {
                if let Some(input) = self.known.get(input).copied()
                    && matches!(self.vertices[input].state, State::Paused(_))
                {
                    self.end(input, End::Done, now, events);
                }
            }
        }
        let vertex = &mut self.vertices[at];
        let ended = vertex.state == State::Ended;
        if ended && vertex.cached && report.error.is_empty() {
            // It is fetched after all, which its layers told of.
            if let (true, Some(completed)) = (vertex.shown, report.completed) {
                vertex.ran(report.started, completed);
                self.end(at, End::Cached, now, events);
            }
            return;
        }
        vertex.cached |= report.cached;
        let Some(completed) = report.completed else {
            if report.started.is_some() && vertex.state != State::Running {
                if !matches!(vertex.state, State::Paused(_)) {
                    (vertex.began, vertex.told) = (now, now);
                }
                vertex.state = State::Running;
                if vertex.patience().is_zero() && !ended {
                    show(vertex, events);
                }
            }
            return;
        };
        vertex.ran(report.started, completed);
        if !ended {
            vertex.state = State::Paused(now);
        }
        let is_import = matches!(vertex.kind, Kind::Import(_));
        if !report.error.is_empty() {
            let error = ending(&report.error, ERROR);
            let is_known = || self.failures.iter().any(|(failed, _)| *failed == at);
            // What was reported as done may yet fail: a layer from a cache that cannot be fetched.
            if !ended || !(is_known() || is_import || name::is_canceled(error)) {
                self.end_badly(at, error, now, events);
            }
        } else if vertex.cached {
            self.end(at, End::Cached, now, events);
        } else if !ended && !vertex.may_go_on() {
            self.end(at, End::Done, now, events);
        }
    }

    fn end_badly(&mut self, at: usize, error: &str, now: Instant, events: &mut Vec<Event>) {
        if name::is_canceled(error) {
            self.end(at, End::Canceled, now, events);
        } else if let Kind::Import(_) = self.vertices[at].kind {
            self.imported(at, Some(error.to_owned()), now);
            self.end(at, End::Skipped, now, events);
        } else {
            if self.failures.len() < KEPT {
                self.failures.push((at, error.to_owned()));
            }
            self.end(at, End::Failed(name::exit_code(error)), now, events);
        }
    }

    fn end_all(&mut self, end: End, now: Instant, events: &mut Vec<Event>) {
        for at in 0..self.vertices.len() {
            match self.vertices[at].state {
                State::Running => self.end(at, end, now, events),
                State::Paused(_) => self.end(at, End::Done, now, events),
                State::Waiting | State::Ended => {}
            }
        }
    }

    fn end(&mut self, at: usize, end: End, now: Instant, events: &mut Vec<Event>) {
        let vertex = &mut self.vertices[at];
        let text = vertex.text.finish();
        if !text.is_empty() {
            show(vertex, events);
            events.push(Event::StepOutput { step: vertex.step.id, text });
        }
        let took = vertex.took(now);
        let failed = matches!(end, End::Failed(_));
        vertex.state = State::Ended;
        self.pulls -= usize::from(vertex.pull.take().is_some());
        if !failed {
            self.last_kept -= usize::from(std::mem::take(&mut vertex.text).is_kept());
        }
        let shown = std::mem::take(&mut vertex.shown);
        if std::mem::replace(&mut vertex.end_told, true) && !shown && !failed {
            return;
        }
        if shown || failed || vertex.is_step() {
            events.push(Event::StepEnded { step: vertex.step.clone(), took, end });
        } else {
            events.push(Event::Debug(format!("{}: {}", full_name(vertex), duration(took))));
        }
        if vertex.kind == Kind::Context && end == End::Done {
            events.push(Event::Note(format!("context: {} sent in {}", bytes(vertex.sent), duration(took))));
        }
        if end == End::Done {
            self.imported(at, None, now);
        }
    }

    fn imported(&mut self, at: usize, error: Option<String>, now: Instant) {
        let vertex = &self.vertices[at];
        if let Kind::Import(reference) = &vertex.kind
            && self.imports.len() < KEPT
        {
            self.imports.push(CacheImport { reference: reference.clone(), error, took: vertex.took(now) });
        }
    }

    fn place(&self, at: usize) -> Option<String> {
        let name = full_name(&self.vertices[at]);
        let line = (self.place)(&Step::of_vertex(&name)?)?;
        Some(format!("{}:{line}", self.dockerfile))
    }
}

fn show(vertex: &mut Vertex, events: &mut Vec<Event>) {
    if !vertex.is_nameless() && !std::mem::replace(&mut vertex.shown, true) {
        events.push(Event::StepStarted(vertex.step.clone()));
    }
}

/// The limit, if the engine says that it was reached: `200KiB/s`, `2MiB`.
fn clipped(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once(CLIPPED)?;
    rest.split_once(" reached]").map(|(limit, _)| limit).filter(|limit| limit.len() < SHORT)
}

fn short_name(vertex: &Vertex) -> String {
    let label = &vertex.step.label;
    if label.is_empty() { format!("`{}`", vertex.step.instruction) } else { format!("step {label}") }
}

/// The image that a vertex fetches, where its digest is told: one of the engine's own is taken without.
fn base(vertex: &Vertex) -> Option<String> {
    let image = vertex.step.instruction.strip_prefix("FROM ")?.trim();
    image.contains("@sha256:").then(|| image.to_owned())
}

fn full_name(vertex: &Vertex) -> String {
    let (label, instruction) = (&vertex.step.label, &vertex.step.instruction);
    if label.is_empty() { instruction.clone() } else { format!("[{label}] {instruction}") }
}

#[cfg(test)]
mod tests;
