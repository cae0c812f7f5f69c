//! The one owner of stderr.

use std::fmt::Write as _;
use std::io::{BufWriter, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style as Paint};
use secrecy::SecretString;
use tokio::sync::{mpsc, oneshot};

use super::Event;
use super::mask::Masks;
use super::sanitize::{Line, Lines, one_line};
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
    output: Lines,
    step: Option<(usize, usize)>,
    /// Nobody reads stderr any more, which is no reason to fail the run.
    deaf: bool,
}

impl<W: Write> Printer<W> {
    pub(super) fn new(out: W, style: Style) -> Self {
        let output = Lines::new(LONGEST_LINE);
        Self { out: BufWriter::new(out), style, masks: Masks::default(), output, step: None, deaf: false }
    }

    /// Prints until the last sender is gone.
    pub(super) fn run(mut self, mut receiver: mpsc::Receiver<Message>) {
        while let Some(message) = receiver.blocking_recv() {
            self.take(message);
            if receiver.is_empty() {
                self.flush();
            }
        }
        self.end_output();
        self.flush();
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Event(Event::StepOutput(text)) => self.step_output(&text),
            Message::Mask(secret) => {
                self.masks.add(&secret);
                self.output.set_room(LONGEST_LINE + self.masks.longest());
            }
            Message::Flush(answer) => {
                self.flush();
                let _ = answer.send(());
            }
            Message::Event(event) => {
                self.end_output();
                self.event(event);
            }
            Message::Done(lines, took) => {
                self.end_output();
                self.done(&lines, took);
            }
            Message::Failed(failures, took) => {
                self.end_output();
                self.failed(&failures, took);
            }
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Title(text) => {
                let text = self.clean(&text);
                let title = self.paint(BOLD, &text);
                self.line(&format!("{title}\n"));
            }
            Event::GroupStarted(name) => {
                let name = self.paint(BOLD, name);
                self.line(&name);
            }
            Event::GroupFinished(took) => self.mark("  ", true, &duration(took)),
            Event::GroupFailed(took) => self.mark("  ", false, &duration(took)),
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
            Event::StepStarted { number, total, instruction } => {
                self.step = Some((number, total));
                let instruction = self.clean(&instruction);
                let text = self.paint(BOLD, &format!("[{number}/{total}] {instruction}"));
                self.line(&format!("  {text}"));
            }
            Event::StepFinished { took, cached } => {
                let text = format!("{}{}", self.step(), if cached { "cached".to_owned() } else { duration(took) });
                self.mark("  ", true, &text);
            }
            Event::StepFailed { took, exit_code } => {
                let code = exit_code.map(|code| format!("exit code {code} after ")).unwrap_or_default();
                let text = format!("{}{code}{}", self.step(), duration(took));
                self.mark("  ", false, &text);
            }
            Event::Debug(text) if self.style.debug => {
                let text = self.clean(&text);
                let text = self.paint(DIM, &format!("debug: {text}"));
                self.line(&format!("  {text}"));
            }
            Event::Debug(_) | Event::StepOutput(_) => {}
        }
    }

    fn step_output(&mut self, text: &str) {
        let mut done = Vec::new();
        self.output.push(text, |line| done.push(line));
        for line in done {
            self.output_line(&line);
        }
    }

    fn end_output(&mut self) {
        if let Some(line) = self.output.finish() {
            self.output_line(&line);
        }
    }

    fn output_line(&mut self, line: &Line) {
        let text = self.shown(line);
        self.line(format!("        {text}").trim_end());
    }

    fn step(&self) -> String {
        self.step.map(|(number, total)| format!("[{number}/{total}] ")).unwrap_or_default()
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

    fn done(&mut self, lines: &[String], took: Duration) {
        self.line("");
        for (index, line) in lines.iter().enumerate() {
            let text = self.clean(line);
            let took = if index == 0 { format!(" in {}", duration(took)) } else { String::new() };
            self.mark("", true, &format!("{text}{took}"));
        }
    }

    fn failed(&mut self, failures: &[Failure], took: Duration) {
        self.line("");
        for failure in failures {
            self.advice("", &self.paint(BAD, "✖"), &failure.message, failure.hint.as_deref());
        }
        self.line(&format!("exit code {} after {}", error::exit_code(failures) as u8, duration(took)));
    }

    /// Text that did not come as step output, on one line and without secrets.
    fn clean(&self, text: &str) -> String {
        self.shown(&Line { text: one_line(text), dropped: 0 })
    }

    fn shown(&self, line: &Line) -> String {
        let (mut text, beyond) = self.masks.apply(&line.text, LONGEST_LINE);
        let left_out = beyond + line.dropped;
        if left_out > 0 {
            let _ = write!(
                text,
                "… ({} more {})",
                counted(left_out),
                if left_out == 1 { "character" } else { "characters" }
            );
        }
        text
    }

    fn paint(&self, paint: Paint, text: &str) -> String {
        if self.style.color { format!("{paint}{text}{paint:#}") } else { text.to_owned() }
    }

    fn line(&mut self, text: &str) {
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
