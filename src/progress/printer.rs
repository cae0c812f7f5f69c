//! The one owner of stderr.

use std::fmt::Write as _;
use std::io::{BufWriter, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style as Paint};
use secrecy::SecretString;
use tokio::sync::{mpsc, oneshot};

use super::event::{End, Event, Step};
use super::mask::Masks;
use super::sanitize::{Line, one_line};
use super::steps::{Row, Steps};
use super::units::{counted, duration};
use crate::error::{self, Failure};

/// What the reader of the log wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Colours, which is to say that `NO_COLOR` is not set.
    pub color: bool,
    /// Whether [`Event::Debug`] is shown, which is `DEBUG`.
    pub debug: bool,
}

/// What travels to the printer.
#[derive(Debug)]
pub(super) enum Message {
    /// Print this.
    Event(Event),
    /// From now on replace this text by `***` wherever it would be printed.
    Mask(SecretString),
    /// The last lines of a run that did what was asked.
    Done(Vec<String>, Duration),
    /// The last lines of a run that did not.
    Failed(Vec<Failure>, Duration),
    /// Answer when everything before this has been printed.
    Flush(oneshot::Sender<()>),
}

/// The most characters of one line that are printed: enough for a compiler's command line, too few to fill a log.
const LONGEST_LINE: usize = 4_096;

/// The most characters of an instruction where it is named again.
const SHORT: usize = 80;

/// After so many bytes only the end of the log is written, unless with `DEBUG`: what is cut step by step still has no end if
/// there is no end of steps. With `DEBUG` the bound is what the engine lets through: of each step 200 KiB a second and 2 MiB
/// in all with BuildKit (its `util/progress/logs`), all with the classic builder.
const ROOM: u64 = 9_000_000;

/// What even the end of the log stays below: 10 MB, in which a log can be looked at.
const ROOM_WITH_END: u64 = 9_990_000;

const BOLD: Paint = Paint::new().bold();
const DIM: Paint = Paint::new().dimmed();
const GOOD: Paint = AnsiColor::Green.on_default();
const BAD: Paint = AnsiColor::Red.on_default();
const ODD: Paint = AnsiColor::Yellow.on_default();

/// Formats events and writes them.
pub(super) struct Printer<W: Write> {
    out: BufWriter<W>,
    style: Style,
    masks: Masks,
    steps: Steps,
    /// Bytes so far.
    written: u64,
    full: bool,
    /// What is printed now is the end of the log.
    is_end: bool,
    /// How many of the last lines are empty.
    empty: usize,
    /// Nobody reads stderr any more, which is no reason to fail the run.
    deaf: bool,
}

impl<W: Write> Printer<W> {
    pub(super) fn new(out: W, style: Style) -> Self {
        let steps = Steps::new(style.debug, LONGEST_LINE);
        let (out, masks) = (BufWriter::new(out), Masks::default());
        Self { out, style, masks, steps, written: 0, full: false, is_end: false, empty: 0, deaf: false }
    }

    /// Prints until the last sender is gone.
    pub(super) fn run(mut self, mut receiver: mpsc::Receiver<Message>) {
        while let Some(message) = receiver.blocking_recv() {
            self.take(message);
            if receiver.is_empty() {
                self.flush();
            }
        }
        self.end_steps();
        self.flush();
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Mask(secret) => {
                self.masks.add(&secret);
                self.steps.set_room(LONGEST_LINE + self.masks.longest());
            }
            Message::Flush(answer) => {
                self.flush();
                let _ = answer.send(());
            }
            Message::Event(event) => self.event(event),
            Message::Done(lines, took) => {
                self.end_steps();
                self.is_end = true;
                self.done(&lines, took);
            }
            Message::Failed(failures, took) => {
                self.end_steps();
                self.is_end = true;
                self.failed(&failures, took);
            }
        }
        self.is_end = false;
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Title(text) => {
                let text = self.clean(&text);
                let title = self.paint(BOLD, &text);
                self.line(&format!("{title}\n"));
            }
            Event::GroupStarted(name) => {
                self.steps.forget();
                let name = self.paint(BOLD, name);
                self.line(&name);
            }
            Event::GroupFinished(took) => self.group_ended(true, took),
            Event::GroupFailed(took) => self.group_ended(false, took),
            Event::Fact(name, value) => {
                let value = self.clean(&value);
                self.line(&format!("  {name:<11} {value}"));
            }
            Event::Note(text) => {
                let text = self.clean(&text);
                self.line(&format!("  {text}"));
            }
            Event::Warning { message, hint } => {
                self.advice("  ", &self.paint(ODD, "warning:"), &message, hint.as_deref());
            }
            Event::StepStarted(step) => self.rows(|steps, _, rows| steps.started(step, rows)),
            Event::StepOutput { step, text } => self.rows(|steps, clean, rows| steps.output(step, &text, clean, rows)),
            Event::StepRunning { step, since } => self.rows(|steps, _, rows| steps.running(step, since, rows)),
            Event::StepEnded { step, took, end } => {
                self.rows(|steps, clean, rows| steps.ended(step, took, end, clean, rows));
            }
            Event::FailedStep { step, place, reason } => {
                self.is_end = true;
                self.failed_step(&step, place.as_deref(), &reason);
            }
            Event::Debug(text) if self.style.debug => {
                let text = self.clean(&text);
                let text = self.paint(DIM, &format!("debug: {text}"));
                self.line(&format!("  {text}"));
            }
            Event::Debug(_) => {}
        }
    }

    /// Lets the steps say what is to be shown, and shows it.
    fn rows(&mut self, say: impl FnOnce(&mut Steps, &dyn Fn(&Line) -> String, &mut Vec<Row>)) {
        let mut rows = Vec::new();
        let masks = &self.masks;
        say(&mut self.steps, &|line| shown(masks, line), &mut rows);
        for row in rows {
            self.row(row);
        }
    }

    fn row(&mut self, row: Row) {
        match row {
            Row::Header { step, again } => {
                let name = if again { self.short_name(&step) } else { self.name(&step, LONGEST_LINE) };
                let name = self.paint(BOLD, &name);
                self.line(&format!("  {name}{}", if again { " (goes on)" } else { "" }));
            }
            Row::Text(step, text) => {
                let step = step.map(|step| format!("{} ", self.tag(&step))).unwrap_or_default();
                self.line(format!("        {step}{text}").trim_end());
            }
            Row::Remark(text) => {
                let text = self.paint(DIM, &format!("… {text}"));
                self.line(&format!("        {text}"));
            }
            Row::Running(step, since) => {
                let text = format!("… {}: running for {}", self.short_name(&step), duration(since));
                let text = self.paint(DIM, &text);
                self.line(&format!("  {text}"));
            }
            Row::End { step, took, end, alone, hidden } => self.step_ended(&step, took, end, alone, hidden),
        }
    }

    fn step_ended(&mut self, step: &Step, took: Duration, end: End, alone: bool, hidden: u64) {
        let (mark, how) = match end {
            End::Done => (self.paint(GOOD, "✔"), duration(took)),
            // What is cached may yet have to be fetched.
            End::Cached if took >= Duration::from_millis(50) => {
                (self.paint(GOOD, "✔"), format!("cached, {}", duration(took)))
            }
            End::Cached => (self.paint(GOOD, "✔"), "cached".to_owned()),
            End::Failed(Some(code)) => (self.paint(BAD, "✖"), format!("exit code {code} after {}", duration(took))),
            End::Failed(None) => (self.paint(BAD, "✖"), format!("failed after {}", duration(took))),
            End::Canceled => (self.paint(DIM, "-"), format!("canceled after {}", duration(took))),
            End::Skipped => (self.paint(DIM, "-"), format!("not to be had after {}", duration(took))),
        };
        let hidden = match hidden {
            0 => String::new(),
            1 => ", 1 line not shown".to_owned(),
            lines => format!(", {} lines not shown", counted(lines)),
        };
        let text = match (step.label.is_empty(), alone) {
            (true, _) => format!("{}: {how}{hidden}", self.short_name(step)),
            (false, true) => format!("{} {how}{hidden}: {}", self.tag(step), self.instruction(step, LONGEST_LINE)),
            (false, false) => format!("{} {how}{hidden}", self.tag(step)),
        };
        self.line(&format!("  {mark} {text}"));
    }

    fn failed_step(&mut self, step: &Step, place: Option<&str>, reason: &str) {
        let ending = self.steps.ending(step.id);
        let name = self.name(step, LONGEST_LINE);
        self.mark("  ", false, &name);
        let place = place.map(|place| format!("{}: ", self.clean(place))).unwrap_or_default();
        let reason = self.clean(reason);
        let shown = ending.lines.len() as u64;
        let lines = match ending.of {
            0 => String::new(),
            of if of == shown => "; what it printed:".to_owned(),
            of => format!("; the last {} of {} lines that it printed:", counted(shown), counted(of)),
        };
        self.line(&format!("    {place}{reason}{lines}"));
        for line in &ending.lines {
            self.line(format!("        {line}").trim_end());
        }
    }

    fn group_ended(&mut self, good: bool, took: Duration) {
        self.end_steps();
        self.is_end = true;
        self.mark("  ", good, &duration(took));
    }

    fn end_steps(&mut self) {
        self.rows(|steps, clean, rows| steps.finish(clean, rows));
    }

    /// `[build 2/4] RUN make`
    fn name(&self, step: &Step, limit: usize) -> String {
        let instruction = self.instruction(step, limit);
        if step.label.is_empty() { instruction } else { format!("{} {instruction}", self.tag(step)) }
    }

    fn short_name(&self, step: &Step) -> String {
        self.name(step, SHORT)
    }

    /// `[build 2/4]`
    fn tag(&self, step: &Step) -> String {
        let tag = if step.label.is_empty() { self.instruction(step, SHORT) } else { self.clean(&step.label) };
        format!("[{tag}]")
    }

    fn instruction(&self, step: &Step, limit: usize) -> String {
        let text = self.clean(&step.instruction);
        match text.char_indices().nth(limit) {
            Some((end, _)) if limit == SHORT => format!("{}…", &text[..end]),
            _ => text,
        }
    }

    fn mark(&mut self, indent: &str, good: bool, text: &str) {
        let mark = if good { self.paint(GOOD, "✔") } else { self.paint(BAD, "✖") };
        self.line(&format!("{indent}{mark} {text}"));
    }

    fn advice(&mut self, indent: &str, mark: &str, message: &str, hint: Option<&str>) {
        let message = self.clean(message);
        self.line(&format!("{indent}{mark} {message}"));
        if let Some(hint) = hint {
            let hint = self.clean(hint);
            self.line(&format!("{indent}  hint: {hint}"));
        }
    }

    /// An empty line, unless there is one already.
    fn space(&mut self) {
        if self.empty == 0 {
            self.line("");
        }
    }

    fn done(&mut self, lines: &[String], took: Duration) {
        self.space();
        for (index, line) in lines.iter().enumerate() {
            let text = self.clean(line);
            let took = if index == 0 { format!(" in {}", duration(took)) } else { String::new() };
            self.mark("", true, &format!("{text}{took}"));
        }
    }

    fn failed(&mut self, failures: &[Failure], took: Duration) {
        self.space();
        for (at, failure) in failures.iter().enumerate() {
            // Failures of one kind, such as one in each region, share one hint.
            let is_said_below = failures.get(at + 1).is_some_and(|next| next.hint == failure.hint);
            let hint = failure.hint.as_deref().filter(|_| !is_said_below);
            self.advice("", &self.paint(BAD, "✖"), &failure.message, hint);
        }
        self.line(&format!("exit code {} after {}", error::exit_code(failures) as u8, duration(took)));
    }

    /// Text that did not come as step output, on one line and without secrets.
    fn clean(&self, text: &str) -> String {
        shown(&self.masks, &Line { text: one_line(text), dropped: 0 })
    }

    fn paint(&self, paint: Paint, text: &str) -> String {
        if self.style.color { format!("{paint}{text}{paint:#}") } else { text.to_owned() }
    }

    fn line(&mut self, text: &str) {
        let room = if self.is_end { ROOM_WITH_END } else { ROOM };
        let length = text.len() as u64 + 1;
        if self.style.debug || self.written + length <= room {
            self.write(text);
        } else if !std::mem::replace(&mut self.full, true) {
            self.write("  … the log is full: from here on only its end is shown; `DEBUG=true` shows all");
        }
    }

    fn write(&mut self, text: &str) {
        self.written += text.len() as u64 + 1;
        self.empty = if text.is_empty() || text.ends_with('\n') { self.empty + 1 } else { 0 };
        if !self.deaf {
            self.deaf = writeln!(self.out, "{text}").is_err();
        }
    }

    fn flush(&mut self) {
        if !self.deaf {
            self.deaf = self.out.flush().is_err();
        }
    }
}

/// A line as it is printed: without secrets, and not too long.
fn shown(masks: &Masks, line: &Line) -> String {
    let (mut text, beyond) = masks.apply(&line.text, LONGEST_LINE);
    let left_out = beyond + line.dropped;
    if left_out > 0 {
        let characters = if left_out == 1 { "character" } else { "characters" };
        let _ = write!(text, "… ({} more {characters})", counted(left_out));
    }
    text
}
