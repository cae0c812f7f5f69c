//! Which lines of which build step are shown, and when.
//!
//! Steps may run at the same time. One of them is in front: what it prints is shown at once. What the others print is held
//! back and shown in one piece, when a step comes to the front or ends. With `DEBUG` nothing is held back and nothing left
//! out: each line is shown at once under its step's name.

use std::collections::VecDeque;
use std::time::Duration;

use super::event::{End, Step};
use super::sanitize::{Line, Lines};
use super::units::counted;

/// How many bytes of a step are shown from its start, as far as they come. A thousand lines: more than is read, and most
/// steps print less.
const HEAD: usize = 64 << 10;

/// How many bytes of its end are shown if it prints more, since errors stand at the end.
const TAIL: usize = 16 << 10;

/// How many bytes of output are shown in all. A hundred full steps; with the lines that are not output it leaves a log well
/// below the 10 MB that a log is to stay below.
const ALL: usize = 6_000_000;

/// How many bytes are held back at most of steps that are not in front.
const HELD: usize = 4 << 20;

/// How many steps are told apart at the same time.
const OPEN: usize = 128;

/// How much of a failed step is shown once more.
const AGAIN: (usize, usize) = (50, 8 << 10);

/// Of how many failed steps the end is kept: those that failed at the same time.
const FAILED: usize = 4;

/// What a line costs beside its text.
const MARGIN: usize = 9;

/// One line to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// The output of this step follows.
    Header {
        /// Which.
        step: Step,
        /// Whether it had a header before.
        again: bool,
    },
    /// A line that it printed, and with `DEBUG` which step printed it.
    Text(Option<Step>, String),
    /// Our own words among its output.
    Remark(String),
    /// Its end.
    End {
        /// Which.
        step: Step,
        /// How long it ran.
        took: Duration,
        /// How it ended.
        end: End,
        /// Whether its header is not right above.
        alone: bool,
        /// How many lines of it are not shown.
        hidden: u64,
    },
    /// It is still running.
    Running(Step, Duration),
}

/// The last lines of a step, and how many it printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ending {
    /// The lines.
    pub(super) lines: Vec<String>,
    /// How many there were in all.
    pub(super) of: u64,
}

/// The steps that run.
#[derive(Debug)]
pub(super) struct Steps {
    debug: bool,
    room: usize,
    open: Vec<Open>,
    front: Option<usize>,
    /// The step to which a further line would belong as the log stands.
    on_paper: Option<usize>,
    /// Bytes of output that were shown or are held.
    spent: usize,
    held: usize,
    failed: Vec<(usize, Ending)>,
}

/// A step that runs.
#[derive(Debug)]
struct Open {
    step: Step,
    lines: Lines,
    /// Whether it had a header.
    shown: bool,
    /// Lines so far.
    seen: u64,
    /// How many of them, from the first on, were shown or are held.
    passed: u64,
    head: usize,
    held: Vec<String>,
    last: VecDeque<String>,
    last_bytes: usize,
    /// Whether it printed nothing since it was last said to be running.
    quiet: bool,
    cut: bool,
}

impl Steps {
    /// Keeps `room` characters of each line.
    pub(super) fn new(debug: bool, room: usize) -> Self {
        let (open, failed) = (Vec::new(), Vec::new());
        Self { debug, room, open, front: None, on_paper: None, spent: 0, held: 0, failed }
    }

    /// Changes how many characters of a line are kept.
    pub(super) fn set_room(&mut self, room: usize) {
        self.room = room;
        for open in &mut self.open {
            open.lines.set_room(room);
        }
    }

    pub(super) fn started(&mut self, step: Step, rows: &mut Vec<Row>) {
        let at = self.open(step, rows);
        if self.debug {
            self.header(at, rows);
        } else if self.front.is_none() && self.failed.is_empty() {
            self.bring_forward(at, rows);
        }
    }

    /// Takes text; `clean` words a line for the log.
    pub(super) fn output(&mut self, id: usize, text: &str, clean: impl Fn(&Line) -> String, rows: &mut Vec<Row>) {
        let at = self.open(Step { id, ..Step::default() }, rows);
        if !self.debug && self.front.is_none() && self.failed.is_empty() {
            self.bring_forward(at, rows);
        }
        let mut whole = Vec::new();
        self.open[at].lines.push(text, |line| whole.push(clean(&line)));
        for line in whole {
            self.take(at, line, rows);
        }
    }

    pub(super) fn running(&mut self, step: Step, since: Duration, rows: &mut Vec<Row>) {
        let id = step.id;
        rows.push(Row::Running(step, since));
        let Some(at) = self.position(id) else { return };
        let front = self.front.and_then(|front| self.position(front));
        if front == Some(at) {
            self.open[at].quiet = true;
        } else if !self.debug && !self.open[at].held.is_empty() && front.is_some_and(|front| self.open[front].quiet) {
            // The step in front has nothing to say, and this one has.
            self.bring_forward(at, rows);
        }
    }

    pub(super) fn ended(
        &mut self,
        step: Step,
        took: Duration,
        end: End,
        clean: impl Fn(&Line) -> String,
        rows: &mut Vec<Row>,
    ) {
        let (id, mut hidden) = (step.id, 0);
        if let Some(at) = self.position(id) {
            if let Some(line) = self.open[at].lines.finish() {
                self.take(at, clean(&line), rows);
            }
            if end == End::Canceled && self.front != Some(id) && !self.debug {
                hidden = self.open[at].seen;
            } else {
                self.rest(at, rows);
            }
            let open = self.close(at);
            if let End::Failed(_) = end {
                self.failed.truncate(FAILED - 1);
                self.failed.push((id, open.ending()));
            }
        } else if let End::Failed(_) = end {
            self.failed.truncate(FAILED - 1);
            self.failed.push((id, Ending::default()));
        }
        let alone = self.on_paper != Some(id);
        if !alone {
            self.on_paper = None;
        }
        rows.push(Row::End { step, took, end, alone, hidden });
        if self.front.is_none() && self.failed.is_empty() && !self.debug {
            let next = self.open.iter().position(|open| !open.held.is_empty());
            if let Some(at) = next.or_else(|| (!self.open.is_empty()).then_some(0)) {
                self.bring_forward(at, rows);
            }
        }
    }

    /// Shows what is still held: the build is over, whatever became of its steps.
    pub(super) fn finish(&mut self, clean: impl Fn(&Line) -> String, rows: &mut Vec<Row>) {
        while !self.open.is_empty() {
            if let Some(line) = self.open[0].lines.finish() {
                self.take(0, clean(&line), rows);
            }
            self.rest(0, rows);
            self.close(0);
        }
        self.on_paper = None;
    }

    /// Another build may begin.
    pub(super) fn forget(&mut self) {
        self.failed.clear();
    }

    /// The last lines of a step that failed.
    pub(super) fn ending(&self, id: usize) -> Ending {
        let found = self.failed.iter().find(|(failed, _)| *failed == id);
        found.map(|(_, ending)| ending.clone()).unwrap_or_default()
    }

    fn position(&self, id: usize) -> Option<usize> {
        self.open.iter().position(|open| open.step.id == id)
    }

    fn open(&mut self, step: Step, rows: &mut Vec<Row>) -> usize {
        if let Some(at) = self.position(step.id) {
            if self.open[at].is_nameless() && step != self.open[at].step {
                self.open[at].step = step;
                self.on_paper = None;
            }
            return at;
        }
        if self.open.len() == OPEN {
            let at = usize::from(self.front == Some(self.open[0].step.id));
            self.rest(at, rows);
            self.close(at);
        }
        self.open.push(Open {
            step,
            lines: Lines::new(self.room),
            shown: false,
            seen: 0,
            passed: 0,
            head: 0,
            held: Vec::new(),
            last: VecDeque::new(),
            last_bytes: 0,
            quiet: false,
            cut: false,
        });
        self.open.len() - 1
    }

    fn close(&mut self, at: usize) -> Open {
        let open = self.open.remove(at);
        self.held -= open.held.iter().map(|line| cost(line)).sum::<usize>();
        if self.front == Some(open.step.id) {
            self.front = None;
        }
        open
    }

    fn bring_forward(&mut self, at: usize, rows: &mut Vec<Row>) {
        self.front = Some(self.open[at].step.id);
        self.header(at, rows);
        self.show_held(at, rows);
    }

    fn header(&mut self, at: usize, rows: &mut Vec<Row>) {
        let open = &mut self.open[at];
        if self.on_paper == Some(open.step.id) {
            return;
        }
        self.on_paper = Some(open.step.id);
        if open.is_nameless() {
            return;
        }
        let again = std::mem::replace(&mut open.shown, true);
        // With `DEBUG` each line has its step's name.
        if !(again && self.debug) {
            rows.push(Row::Header { step: open.step.clone(), again });
        }
    }

    fn show_held(&mut self, at: usize, rows: &mut Vec<Row>) {
        for line in std::mem::take(&mut self.open[at].held) {
            self.held -= cost(&line);
            rows.push(Row::Text(None, line));
        }
    }

    fn take(&mut self, at: usize, line: String, rows: &mut Vec<Row>) {
        let front = self.front == Some(self.open[at].step.id);
        let open = &mut self.open[at];
        open.keep_last(line.clone());
        open.quiet = false;
        let cost = cost(&line);
        let fits = open.passed + 1 == open.seen
            && open.head + cost <= HEAD
            && self.spent + cost <= ALL
            && (front || self.held + cost <= HELD);
        if !fits && !self.debug {
            if front && !std::mem::replace(&mut open.cut, true) {
                self.header(at, rows);
                rows.push(Row::Remark(
                    "more follows, of which the end will be shown; `DEBUG=true` shows all".to_owned(),
                ));
            }
            return;
        }
        open.passed += 1;
        open.head += cost;
        self.spent += cost;
        if self.debug {
            let step = (!open.is_nameless()).then(|| open.tag());
            self.header(at, rows);
            rows.push(Row::Text(step, line));
        } else if front {
            self.header(at, rows);
            rows.push(Row::Text(None, line));
        } else {
            open.held.push(line);
            self.held += cost;
        }
    }

    /// Shows what a step has printed and is not yet shown.
    fn rest(&mut self, at: usize, rows: &mut Vec<Row>) {
        let open = &self.open[at];
        let missing = open.seen - open.passed;
        if open.held.is_empty() && missing == 0 {
            return;
        }
        self.header(at, rows);
        self.show_held(at, rows);
        let open = &mut self.open[at];
        let mut tail: Vec<String> = Vec::new();
        let mut bytes = 0;
        for line in open.last.iter().rev().take(usize::try_from(missing).unwrap_or(usize::MAX)) {
            bytes += cost(line);
            if self.spent + bytes > ALL {
                break;
            }
            tail.push(line.clone());
        }
        self.spent += bytes;
        let left_out = missing - tail.len() as u64;
        open.passed = open.seen;
        if left_out > 0 {
            let lines = if left_out == 1 { "line" } else { "lines" };
            rows.push(Row::Remark(format!("{} {lines} left out; `DEBUG=true` shows all", counted(left_out))));
        }
        rows.extend(tail.into_iter().rev().map(|line| Row::Text(None, line)));
    }
}

impl Open {
    fn keep_last(&mut self, line: String) {
        self.seen += 1;
        self.last_bytes += cost(&line);
        self.last.push_back(line);
        while self.last_bytes > TAIL
            && let Some(first) = self.last.pop_front()
        {
            self.last_bytes -= cost(&first);
        }
    }

    /// Whether what it prints is all that is known of it.
    fn is_nameless(&self) -> bool {
        self.step.label.is_empty() && self.step.instruction.is_empty()
    }

    /// What names it in front of each line.
    fn tag(&self) -> Step {
        let instruction = if self.step.label.is_empty() { self.step.instruction.clone() } else { String::new() };
        Step { id: self.step.id, label: self.step.label.clone(), instruction }
    }

    fn ending(&self) -> Ending {
        let mut bytes = 0;
        let within = |line: &&String| {
            bytes += line.len();
            bytes <= AGAIN.1
        };
        let mut lines: Vec<String> = self.last.iter().rev().take(AGAIN.0).take_while(within).cloned().collect();
        lines.reverse();
        Ending { lines, of: self.seen }
    }
}

fn cost(line: &str) -> usize {
    line.len() + MARGIN
}

#[cfg(test)]
mod tests;
