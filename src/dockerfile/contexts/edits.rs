//! Changes to a Dockerfile's bytes that leave each of its lines where it is, and lines put between them.

use std::ops::Range;

use crate::dockerfile::Instruction;

/// The changes, gathered and then made at once.
pub(super) struct Edits<'a> {
    source: &'a [u8],
    /// Where each line begins.
    lines: Vec<usize>,
    changes: Vec<(Range<usize>, String)>,
    /// After which lines one is put.
    inserted: Vec<usize>,
}

/// The user's line for each line of what is served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineMap {
    /// The lines that are not the user's, in order.
    inserted: Vec<usize>,
}

impl LineMap {
    /// The user's line; of a line that was put in, the one before it.
    #[must_use]
    pub fn line(&self, served: usize) -> usize {
        served - self.inserted.partition_point(|inserted| *inserted <= served)
    }

    pub(super) fn is_plain(&self) -> bool {
        self.inserted.is_empty()
    }
}

impl<'a> Edits<'a> {
    pub(super) fn of(source: &'a [u8]) -> Self {
        let ends = source.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(ends).collect();
        Self { source, lines, changes: Vec::new(), inserted: Vec::new() }
    }

    /// Puts text before a character of the instruction, on its line.
    pub(super) fn insert(&mut self, instruction: &Instruction, at: usize, text: &str) {
        let places = [at..at + 1, at..at].into_iter().find_map(|range| instruction.places(&range).into_iter().next());
        if let Some(place) = places {
            self.changes.push((place.start..place.start, text.to_owned()));
        }
    }

    /// Replaces a part of the instruction: the new text stands where the part begins.
    pub(super) fn replace(&mut self, instruction: &Instruction, range: &Range<usize>, text: &str) {
        let mut text = text.to_owned();
        for place in instruction.places(range) {
            self.changes.push((place, std::mem::take(&mut text)));
        }
    }

    /// Whether anything is changed.
    pub(super) fn any(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Makes comments of all its lines.
    pub(super) fn comment_out(&mut self, instruction: &Instruction) {
        for number in instruction.line..=instruction.last_line {
            if let Some(start) = self.lines.get(number - 1) {
                self.changes.push((*start..*start, "# ".to_owned()));
            }
        }
    }

    /// Puts a line after an instruction.
    pub(super) fn insert_line(&mut self, after: &Instruction, line: &str) {
        let text = |at: usize| {
            let ends = at == 0 || self.source.get(at - 1) == Some(&b'\n');
            if ends { format!("{line}\n") } else { format!("\n{line}") }
        };
        let at = self.lines.get(after.last_line).copied().unwrap_or(self.source.len());
        self.changes.push((at..at, text(at)));
        self.inserted.push(after.last_line);
    }

    /// The changed text.
    pub(super) fn apply(mut self) -> (Vec<u8>, LineMap) {
        self.changes.sort_by_key(|(range, _)| range.start);
        self.inserted.sort_unstable();
        let mut text = Vec::with_capacity(self.source.len());
        let mut done = 0;
        for (range, new) in self.changes {
            text.extend_from_slice(self.source.get(done..range.start).unwrap_or_default());
            text.extend_from_slice(new.as_bytes());
            done = done.max(range.end);
        }
        text.extend_from_slice(self.source.get(done..).unwrap_or_default());
        let inserted = self.inserted.into_iter().enumerate().map(|(before, after)| after + before + 1).collect();
        (text, LineMap { inserted })
    }
}
