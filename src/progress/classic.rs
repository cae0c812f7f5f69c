//! The stream of the classic builder (moby `builder/dockerfile/`), sorted and made into events.
//!
//! The engine words its own lines one chunk each, and a step's output in chunks of whatever size came; so a chunk is the
//! engine's only if all of it is. A build step can print such a chunk itself. That may spoil its own log, no more: numbers
//! of steps must follow one another, and nothing is removed because of an id that was printed unless it is new.

use std::time::{Duration, Instant};

use super::event::{self, End, Event};
use super::layers::{Layers, State};

/// What one chunk of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunk<'a> {
    /// `Step 3/9 : RUN make`
    Step {
        /// From 1.
        number: usize,
        /// How many there are.
        total: usize,
        /// What stands in the Dockerfile.
        instruction: &'a str,
    },
    /// ` ---> Using cache`
    Cached,
    /// ` ---> Running in 151d357ae2d6`: a container was made.
    Running(&'a str),
    /// `Removing intermediate container …` (20.10), ` ---> Removed intermediate container …` (since 23.0)
    Removed,
    /// ` ---> ` and no id: `FROM scratch` makes no image.
    Scratch,
    /// ` ---> 0cdbf38007b9`: the image after a step.
    Image(&'a str),
    /// `Successfully built 0cdbf38007b9`
    Built(&'a str),
    /// `[Warning] One or more build-args [X] were not consumed`
    Warning(&'a str),
    /// Anything else: what the step printed.
    Output(&'a str),
}

/// Sorts a chunk of text.
#[must_use]
pub fn sort(text: &str) -> Chunk<'_> {
    if let Some(step) = step(text) {
        return step;
    }
    let Some(line) = text.strip_suffix('\n') else { return Chunk::Output(text) };
    let arrow = line.strip_prefix(" ---> ");
    if arrow == Some("") {
        return Chunk::Scratch;
    }
    if arrow == Some("Using cache") {
        return Chunk::Cached;
    }
    if let Some(id) = arrow.filter(|id| is_short_id(id)) {
        return Chunk::Image(id);
    }
    if let Some(id) = arrow.and_then(|rest| rest.strip_prefix("Running in ")).filter(|id| is_short_id(id)) {
        return Chunk::Running(id);
    }
    let removed = arrow.and_then(|rest| rest.strip_prefix("Removed intermediate container "));
    if removed.or_else(|| line.strip_prefix("Removing intermediate container ")).is_some_and(is_short_id) {
        return Chunk::Removed;
    }
    if let Some(id) = line.strip_prefix("Successfully built ").filter(|id| is_short_id(id)) {
        return Chunk::Built(id);
    }
    match arrow.unwrap_or(line).strip_prefix("[Warning] ") {
        Some(warning) if !warning.contains('\n') => Chunk::Warning(warning),
        _ => Chunk::Output(text),
    }
}

fn step(text: &str) -> Option<Chunk<'_>> {
    let (number, rest) = text.strip_prefix("Step ")?.split_once('/')?;
    let (total, instruction) = rest.split_once(" : ")?;
    Some(Chunk::Step { number: number.parse().ok()?, total: total.parse().ok()?, instruction })
}

fn is_short_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A step of the Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// From 1.
    pub number: usize,
    /// How many there are.
    pub total: usize,
    /// What stands in the Dockerfile.
    pub instruction: String,
}

/// Makes events of the stream.
#[derive(Debug, Default)]
pub struct Classic {
    step: Option<Step>,
    began: Option<Instant>,
    cached: bool,
    line_end_due: bool,
    layers: Layers,
}

impl Classic {
    /// At the start of a build.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The step that began last.
    #[must_use]
    pub fn step(&self) -> Option<&Step> {
        self.step.as_ref()
    }

    /// Takes a chunk of text, the value of `stream`.
    pub fn text(&mut self, text: &str, now: Instant) -> Vec<Event> {
        let line_end_due = std::mem::take(&mut self.line_end_due);
        match sort(text) {
            Chunk::Output("\n") if line_end_due => Vec::new(),
            Chunk::Step { number, total, instruction } if self.follows(number, total) => {
                let mut events = self.finish(now);
                self.step = Some(Step { number, total, instruction: instruction.to_owned() });
                (self.began, self.cached, self.line_end_due) = (Some(now), false, true);
                events.extend(self.name().map(Event::StepStarted));
                events
            }
            Chunk::Cached => {
                self.cached = true;
                Vec::new()
            }
            Chunk::Running(_) | Chunk::Removed | Chunk::Scratch | Chunk::Image(_) | Chunk::Built(_) => Vec::new(),
            Chunk::Warning(text) => vec![warning(text)],
            Chunk::Step { .. } | Chunk::Output(_) => vec![self.output(text.to_owned())],
        }
    }

    /// Takes a state of a layer, or what else the engine says when it pulls.
    pub fn pull(&mut self, state: &State<'_>, now: Instant) -> Option<Event> {
        let says_itself = state.status.starts_with("Pulling from ") || state.status.starts_with("Digest: ");
        let line = if says_itself { Some(state.status.to_owned()) } else { self.layers.update(state, now) };
        line.map(|line| self.output(format!("{line}\n")))
    }

    /// The end of the last step, after which nothing comes.
    pub fn finish(&mut self, now: Instant) -> Vec<Event> {
        self.end(if self.cached { End::Cached } else { End::Done }, now)
    }

    /// The end of the last step by a failure.
    pub fn fail(&mut self, exit_code: Option<i64>, now: Instant) -> Vec<Event> {
        self.end(End::Failed(exit_code), now)
    }

    fn end(&mut self, end: End, now: Instant) -> Vec<Event> {
        let ended = self.began.take().zip(self.name());
        // What a look into the cache takes is not of interest.
        let took = |began| if end == End::Cached { Duration::ZERO } else { now - began };
        ended.map(|(began, step)| Event::StepEnded { step, took: took(began), end }).into_iter().collect()
    }

    fn output(&self, text: String) -> Event {
        Event::StepOutput { step: self.step.as_ref().map_or(0, |step| step.number), text }
    }

    fn name(&self) -> Option<event::Step> {
        let Step { number, total, instruction } = self.step.as_ref()?;
        Some(event::Step { id: *number, label: format!("{number}/{total}"), instruction: instruction.clone() })
    }

    fn follows(&self, number: usize, total: usize) -> bool {
        match &self.step {
            None => number == 1,
            Some(last) => number == last.number + 1 && total == last.total,
        }
    }
}

fn warning(text: &str) -> Event {
    // moby builder/dockerfile/buildargs.go
    let unused =
        text.strip_prefix("One or more build-args [").and_then(|rest| rest.strip_suffix("] were not consumed"));
    match unused {
        Some(names) => Event::Warning {
            message: format!("`BUILD_ARGS`: the Dockerfile has no `ARG` for {}", quoted(names)),
            hint: Some("add `ARG` lines after `FROM`, or take the names out of `BUILD_ARGS`".to_owned()),
        },
        None => Event::Warning { message: text.to_owned(), hint: None },
    }
}

fn quoted(names: &str) -> String {
    names.split_whitespace().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_both_generations_of_the_engine_are_known() {
        assert_eq!(sort("Step 3/9 : RUN make"), Chunk::Step { number: 3, total: 9, instruction: "RUN make" });
        assert_eq!(sort(" ---> Using cache\n"), Chunk::Cached);
        assert_eq!(sort(" ---> \n"), Chunk::Scratch);
        assert_eq!(sort(" ---> Running in 151d357ae2d6\n"), Chunk::Running("151d357ae2d6"));
        assert_eq!(sort("Removing intermediate container 151d357ae2d6\n"), Chunk::Removed);
        assert_eq!(sort(" ---> Removed intermediate container d9b20437a917\n"), Chunk::Removed);
        assert_eq!(sort(" ---> 0f28463a483f\n"), Chunk::Image("0f28463a483f"));
        assert_eq!(sort("Successfully built 0cdbf38007b9\n"), Chunk::Built("0cdbf38007b9"));
        assert_eq!(sort("[Warning] One\n"), Chunk::Warning("One"));
        assert_eq!(sort(" ---> [Warning] The requested\n"), Chunk::Warning("The requested"));
    }

    #[test]
    fn what_only_looks_alike_is_output() {
        for text in [
            " ---> 0f28463a483f",
            "x ---> 0f28463a483f\n",
            " ---> 0F28463A483F\n",
            "Step x/9 : RUN",
            " ---> 0f28463a483f\nmore\n",
            "\n",
        ] {
            assert_eq!(sort(text), Chunk::Output(text));
        }
    }

    #[test]
    fn steps_begin_and_end_with_their_durations() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut classic = Classic::new();
        let step =
            |id, instruction: &str| event::Step { id, label: format!("{id}/2"), instruction: instruction.to_owned() };
        let ended = |step, seconds, end| Event::StepEnded { step, took: Duration::from_secs(seconds), end };
        let output = |text: &str| Event::StepOutput { step: 2, text: text.to_owned() };
        let (from, run) = (step(1, "FROM busybox"), step(2, "RUN make"));
        assert_eq!(classic.text("Step 1/2 : FROM busybox", at(0)), [Event::StepStarted(from.clone())]);
        assert_eq!(classic.text("\n", at(0)), []);
        assert_eq!(classic.text(" ---> 057d0c1f1b34\n", at(1)), []);
        let next = [ended(from, 2, End::Done), Event::StepStarted(run.clone())];
        assert_eq!(classic.text("Step 2/2 : RUN make", at(2)), next);
        assert_eq!(classic.text("\n", at(2)), []);
        assert_eq!(classic.text("\n", at(2)), [output("\n")]);
        assert_eq!(classic.text("Step 1/1 : FROM x", at(2)), [output("Step 1/1 : FROM x")]);
        assert_eq!(classic.fail(Some(17), at(5)), [ended(run, 3, End::Failed(Some(17)))]);
        assert_eq!(classic.finish(at(6)), []);
    }

    #[test]
    fn a_cached_step_says_so_and_the_next_does_not() {
        let now = Instant::now();
        let mut classic = Classic::new();
        classic.text("Step 1/2 : FROM busybox", now);
        classic.text(" ---> Using cache\n", now);
        let ended = classic.text("Step 2/2 : RUN a", now);
        assert!(matches!(ended[0], Event::StepEnded { end: End::Cached, .. }), "{ended:?}");
        let ended = classic.finish(now);
        assert!(matches!(ended[..], [Event::StepEnded { end: End::Done, .. }]), "{ended:?}");
    }

    #[test]
    fn build_args_that_were_not_consumed_are_named() {
        let Event::Warning { message, .. } = warning("One or more build-args [A B] were not consumed") else {
            panic!()
        };
        assert_eq!(message, "`BUILD_ARGS`: the Dockerfile has no `ARG` for `A`, `B`");
    }
}
