//! Instructions with their lines, as buildkit's `frontend/dockerfile/parser` finds them.

use std::cell::LazyCell;
use std::ops::Range;

use super::flag::{Flag, flags};
use super::here_document::{self, Ends, HereDocument};
use super::words::{Word, discard_bom, is_space, json_array, trim_start, words};

/// One instruction, its continuation lines joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Its first line, from 1.
    pub line: usize,
    /// Its last line, here-documents included.
    pub last_line: usize,
    /// What it does; of `ONBUILD` what it does later.
    pub command: Command,
    /// Whether it is an `ONBUILD`.
    pub onbuild: bool,
    /// The joined text.
    pub(super) text: Vec<u8>,
    /// Where the parts of the text stand in the Dockerfile.
    pieces: Vec<Piece>,
    here_documents: Vec<HereDocument>,
}

/// An instruction's word and what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// In upper case: `RUN`.
    pub keyword: String,
    /// Its flags, in order.
    pub flags: Vec<Flag>,
    /// Where the arguments begin in the text.
    arguments: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    text: usize,
    source: usize,
    length: usize,
}

impl Instruction {
    /// The value of a flag.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<&str> {
        self.command.flags.iter().find(|flag| flag.name == name)?.value.as_deref()
    }

    /// The arguments, split at white space.
    pub(super) fn words(&self) -> Vec<Word> {
        words(&self.text, self.command.arguments)
    }

    /// The arguments of `COPY` and `ADD`: in both forms.
    pub(super) fn paths(&self) -> Vec<Word> {
        json_array(&self.text, self.command.arguments).unwrap_or_else(|| self.words())
    }

    /// The arguments as they stand.
    #[must_use]
    pub fn arguments(&self) -> String {
        String::from_utf8_lossy(self.text.get(self.command.arguments..).unwrap_or_default()).into_owned()
    }

    /// Whether it has a here-document.
    #[must_use]
    pub fn has_here_document(&self) -> bool {
        !self.here_documents.is_empty()
    }

    /// Whether one of its here-documents is such only since engine 28.2.
    pub(super) fn has_spaced_here_document(&self) -> bool {
        self.here_documents.iter().any(|document| document.spaced)
    }

    /// Whether a word of it stands for a here-document.
    pub(super) fn is_here_document(&self, word: &str) -> bool {
        here_document::of_word(word).is_some_and(|document| self.here_documents.contains(&document))
    }

    /// The places in the Dockerfile of a part of the text: one for each line.
    pub(super) fn places(&self, range: &Range<usize>) -> Vec<Range<usize>> {
        let first = self.pieces.partition_point(|piece| piece.text + piece.length < range.start);
        let mut places: Vec<Range<usize>> = Vec::new();
        for piece in self.pieces.iter().skip(first).take_while(|piece| piece.text <= range.end) {
            let start = range.start.max(piece.text);
            let end = range.end.min(piece.text + piece.length);
            if start < end || (range.is_empty() && places.is_empty()) {
                let offset = |at: usize| at - piece.text + piece.source;
                places.push(offset(start)..offset(end));
            }
        }
        places
    }
}

/// All instructions of a Dockerfile.
pub(super) fn instructions(source: &[u8], escape: u8) -> Vec<Instruction> {
    let bom = source.len() - discard_bom(source).len();
    let lines = Lines::of(source, bom);
    let texts: Vec<&[u8]> = lines.iter().map(|line| line.text).collect();
    let ends = LazyCell::new(|| Ends::of(&texts));
    let mut found = Vec::new();
    let mut next = 0;
    while let Some(mut open) = Open::begin(&lines, &mut next, escape) {
        while open.continued
            && let Some(line) = lines.get(next)
        {
            next += 1;
            if !is_blank_or_comment(line.text) {
                open.add(line.text, line.source, escape);
            }
        }
        let mut instruction = open.close(escape);
        let arguments = instruction.text.get(instruction.command.arguments..).unwrap_or_default();
        let may_have = matches!(instruction.command.keyword.as_str(), "RUN" | "COPY" | "ADD");
        if may_have && instruction.text.windows(2).any(|pair| pair == b"<<") && !here_document::is_json(arguments) {
            // What only looks like one, such as a shift, has no line with its end.
            for document in here_document::of_line(&String::from_utf8_lossy(&instruction.text)) {
                if let Some(end) = ends.find(&document, next) {
                    next = end + 1;
                    instruction.here_documents.push(document);
                }
            }
        }
        instruction.last_line = next;
        found.push(instruction);
    }
    found
}

/// A line without its end.
struct Line<'a> {
    text: &'a [u8],
    source: usize,
}

struct Lines;

impl Lines {
    fn of(source: &[u8], bom: usize) -> Vec<Line<'_>> {
        let mut at = bom;
        let whole = source.get(bom..).unwrap_or_default().split_inclusive(|byte| *byte == b'\n');
        whole
            .map(|line| {
                let end = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
                let start = at;
                at += line.len();
                Line { text: line.get(..end).unwrap_or_default(), source: start }
            })
            .collect()
    }
}

/// Both are skipped within a continued instruction too.
fn is_blank_or_comment(line: &[u8]) -> bool {
    matches!(trim_start(line).first(), None | Some(b'#'))
}

/// An instruction that is being read.
struct Open {
    line: usize,
    text: Vec<u8>,
    pieces: Vec<Piece>,
    continued: bool,
}

impl Open {
    fn begin(lines: &[Line<'_>], next: &mut usize, escape: u8) -> Option<Self> {
        let line = loop {
            let line = lines.get(*next)?;
            *next += 1;
            if !is_blank_or_comment(line.text) {
                break line;
            }
        };
        let trimmed = trim_start(line.text);
        let mut open = Self { line: *next, text: Vec::new(), pieces: Vec::new(), continued: false };
        open.add(trimmed, line.source + line.text.len() - trimmed.len(), escape);
        Some(open)
    }

    fn add(&mut self, line: &[u8], source: usize, escape: u8) {
        let continued = continued(line, escape);
        let part = continued.unwrap_or(line);
        self.continued = continued.is_some();
        self.pieces.push(Piece { text: self.text.len(), source, length: part.len() });
        self.text.extend_from_slice(part);
    }

    fn close(self, escape: u8) -> Instruction {
        let mut command = command(&self.text, 0, escape);
        let onbuild = command.keyword == "ONBUILD";
        if onbuild {
            command = self::command(&self.text, command.arguments, escape);
        }
        Instruction {
            line: self.line,
            last_line: self.line,
            command,
            onbuild,
            text: self.text,
            pieces: self.pieces,
            here_documents: Vec::new(),
        }
    }
}

/// What stands before the character that continues a line, unless that is itself escaped.
fn continued(line: &[u8], escape: u8) -> Option<&[u8]> {
    let end = line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t'))?;
    let before = line.get(..end)?;
    (line.get(end) == Some(&escape) && before.last() != Some(&escape)).then_some(before)
}

fn command(text: &[u8], from: usize, escape: u8) -> Command {
    let skip = |from: usize, space: bool| {
        let rest = text.get(from..).unwrap_or_default();
        from + rest.iter().position(|byte| is_space(*byte) != space).unwrap_or(rest.len())
    };
    let start = skip(from, true);
    let end = skip(start, false);
    let keyword = String::from_utf8_lossy(text.get(start..end).unwrap_or_default()).to_ascii_uppercase();
    let (flags, arguments) = flags(text, end, escape);
    Command { keyword, flags, arguments }
}

#[cfg(test)]
mod tests;
