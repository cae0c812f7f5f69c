//! One line of an ignore file as a matcher.
//!
//! The meaning is that of moby/patternmatcher (`patternmatcher.go`): `*` and `?` stay within one path component, `**`
//! crosses components, classes and backslashes are as in Go's `filepath.Match`, and the syntax errors are those of
//! `filepath.Match`. Where moby's translation into a regular expression lets parts of that language through
//! (`[[:alpha:]]`, a bare `^`), the documented syntax of `filepath.Match` holds here instead. A backslash before a letter
//! or digit is refused: there moby fails (`\m`) or matches something that nobody meant (`\b`, `\d`), and nearly always
//! a path was written with backslashes.
//!
//! A pattern becomes a list of tokens, run as a set of states over the path: the time is bounded by tokens × length, so
//! no pattern blows up. Names need not be UTF-8: a byte that is not part of a character stands for itself.

use std::fmt;

/// A compiled pattern without its `!`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    tokens: Vec<Token>,
    /// The bytes of the literal tokens at the beginning, and how many tokens these are.
    prefix: (Vec<u8>, usize),
    /// The bytes of the literal tokens at the end.
    suffix: Vec<u8>,
}

/// What is wrong with a pattern; the conditions of Go's `filepath.ErrBadPattern`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A `!` with nothing behind it.
    LoneException,
    /// A `[` without its `]`.
    OpenClass,
    /// `[]` or `[^]`.
    EmptyClass,
    /// A range that lacks an end, such as `[a-]` or `[-a]`.
    OpenRange,
    /// A range that runs backwards, such as `[z-a]`.
    BackwardRange,
    /// A backslash before a letter or digit, which moby refuses or takes for something of regular expressions.
    EscapedLetter,
    /// A class that holds a byte that is not UTF-8.
    ForeignByte,
    /// A backslash with nothing behind it.
    TrailingBackslash,
    /// A line longer than 64 KiB, the limit of Go's `bufio.Scanner`.
    LongLine,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LoneException => "a `!` needs a pattern behind it",
            Self::OpenClass => "a `[` needs a `]`",
            Self::EmptyClass => "a `[…]` needs at least one character, and `]` must be written `\\]`",
            Self::OpenRange => "a range in `[…]` needs both ends, and `-` must be written `\\-`",
            Self::BackwardRange => "a range in `[…]` must not run backwards",
            Self::EscapedLetter => "a `\\` must not stand before a letter or digit, and folders are separated by `/`",
            Self::ForeignByte => "a `[…]` must be UTF-8",
            Self::TrailingBackslash => "a `\\` needs a character behind it",
            Self::LongLine => "a line must be shorter than 64 KiB",
        })
    }
}

/// A character of a path or pattern: a Unicode scalar value, or [`FOREIGN`] plus a byte that is not UTF-8.
type Unit = u32;

const FOREIGN: Unit = 0x11_0000;
const SLASH: Unit = b'/' as Unit;
const NEWLINE: Unit = b'\n' as Unit;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// Exactly this.
    Literal(Unit),
    /// `?`: one character within a component.
    One,
    /// `*`: any characters within a component.
    Component,
    /// `[…]`: one character, a slash too.
    Class { negated: bool, ranges: Vec<(Unit, Unit)> },
    /// `**/` or `**` before something else: nothing, or anything that ends in a slash.
    Folders { newline: bool },
    /// `**` at the end: anything.
    Rest { newline: bool },
}

impl Token {
    /// Whether the token may take this character of the path.
    fn takes(&self, unit: Unit) -> bool {
        match self {
            Self::Literal(literal) => *literal == unit,
            Self::One | Self::Component => unit != SLASH,
            Self::Class { negated, ranges } => {
                // Go decodes a byte that is not UTF-8 as the replacement character.
                let unit = if unit >= FOREIGN { char::REPLACEMENT_CHARACTER as Unit } else { unit };
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&unit)) != *negated
            }
            // moby writes these as `.`, which takes no newline.
            Self::Folders { newline } | Self::Rest { newline } => *newline || unit != NEWLINE,
        }
    }
}

impl Pattern {
    /// Compiles a cleaned pattern.
    ///
    /// # Errors
    /// The [`Problem`] that `filepath.Match` would refuse it for.
    pub fn compile(text: &[u8]) -> Result<Self, Problem> {
        let tokens = Compiler::new(text).tokens()?;
        let literal = |token: &Token| if let Token::Literal(unit) = token { Some(*unit) } else { None };
        let leading: Vec<Unit> = tokens.iter().map_while(literal).collect();
        let mut trailing: Vec<Unit> = tokens.iter().rev().map_while(literal).collect();
        trailing.reverse();
        Ok(Self { prefix: (bytes(&leading), leading.len()), suffix: bytes(&trailing), tokens })
    }

    /// Whether the whole path matches; its parents are not looked at. The path is relative, with slashes.
    #[must_use]
    pub fn matches(&self, path: &[u8]) -> bool {
        let (prefix, skipped) = &self.prefix;
        if *skipped == self.tokens.len() {
            return path == prefix;
        }
        if !path.ends_with(&self.suffix) {
            return false;
        }
        let Some(rest) = path.strip_prefix(prefix.as_slice()) else { return false };
        let tokens = &self.tokens[*skipped..];
        run(tokens, units(rest))[tokens.len()]
    }

    /// Whether some path below the folder could match. Never false when one could.
    #[must_use]
    pub fn may_match_below(&self, folder: &[u8]) -> bool {
        let states = run(&self.tokens, units(folder).chain([SLASH]));
        states[..self.tokens.len()].contains(&true)
    }
}

/// The states alive after the text: `states[i]` means that `tokens[i..]` is still to be matched.
fn run(tokens: &[Token], text: impl Iterator<Item = Unit>) -> Vec<bool> {
    let mut now = vec![false; tokens.len() + 1];
    let mut next = now.clone();
    enter(tokens, 0, &mut now);
    for unit in text {
        next.fill(false);
        for (index, token) in tokens.iter().enumerate() {
            if !now[index] || !token.takes(unit) {
                continue;
            }
            match token {
                Token::Literal(_) | Token::One | Token::Class { .. } => enter(tokens, index + 1, &mut next),
                Token::Component | Token::Rest { .. } => enter(tokens, index, &mut next),
                Token::Folders { .. } => {
                    // Once begun it can only be left behind a slash.
                    next[index] = true;
                    if unit == SLASH {
                        enter(tokens, index + 1, &mut next);
                    }
                }
            }
        }
        std::mem::swap(&mut now, &mut next);
        if !now.contains(&true) {
            break;
        }
    }
    now
}

/// Marks a state and those that follow it by taking nothing.
fn enter(tokens: &[Token], mut index: usize, states: &mut [bool]) {
    loop {
        states[index] = true;
        match tokens.get(index) {
            Some(Token::Component | Token::Folders { .. } | Token::Rest { .. }) => index += 1,
            _ => return,
        }
    }
}

struct Compiler {
    units: Vec<Unit>,
    at: usize,
}

impl Compiler {
    fn new(text: &[u8]) -> Self {
        Self { units: units(text).collect(), at: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.units.get(self.at).and_then(|unit| u8::try_from(*unit).ok()).filter(u8::is_ascii)
    }

    fn eat(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += 1;
        }
        found
    }

    fn next(&mut self) -> Option<Unit> {
        let unit = self.units.get(self.at).copied();
        self.at += 1;
        unit
    }

    fn tokens(mut self) -> Result<Vec<Token>, Problem> {
        let mut tokens = Vec::new();
        // moby compares such patterns as plain text, where a newline is nothing special.
        let mut plain = true;
        while let Some(special) = self.peek_or_literal(&mut tokens) {
            match special {
                b'*' if self.eat(b'*') => {
                    let first = tokens.is_empty();
                    let slash = self.eat(b'/');
                    if self.at == self.units.len() {
                        tokens.push(Token::Rest { newline: plain });
                    } else if first && !self.units[self.at..].iter().any(|unit| is_special(*unit)) {
                        // moby's suffix match: `**x` also takes `yx`, unlike a `**` elsewhere.
                        let newline = true;
                        tokens.push(if slash { Token::Folders { newline } } else { Token::Rest { newline } });
                    } else {
                        tokens.push(Token::Folders { newline: false });
                    }
                }
                b'*' => tokens.push(Token::Component),
                b'?' => tokens.push(Token::One),
                b'[' => tokens.push(self.class()?),
                b'\\' => tokens.push(Token::Literal(self.escaped(Problem::TrailingBackslash)?)),
                _ => tokens.push(Token::Literal(Unit::from(special))),
            }
            plain = false;
        }
        Ok(tokens)
    }

    /// Takes literals up to the next special character, and that.
    fn peek_or_literal(&mut self, tokens: &mut Vec<Token>) -> Option<u8> {
        while let Some(unit) = self.next() {
            if is_special(unit) {
                return u8::try_from(unit).ok();
            }
            tokens.push(Token::Literal(unit));
        }
        None
    }

    /// A class behind its `[`.
    fn class(&mut self) -> Result<Token, Problem> {
        let negated = self.eat(b'^');
        let mut ranges = Vec::new();
        loop {
            if self.eat(b']') {
                return if ranges.is_empty() { Err(Problem::EmptyClass) } else { Ok(Token::Class { negated, ranges }) };
            }
            let low = self.class_end()?;
            let high = if self.eat(b'-') { self.class_end()? } else { low };
            if low > high {
                return Err(Problem::BackwardRange);
            }
            ranges.push((low, high));
        }
    }

    /// One end of a range.
    fn class_end(&mut self) -> Result<Unit, Problem> {
        if matches!(self.peek(), Some(b'-' | b']')) {
            return Err(Problem::OpenRange);
        }
        if self.eat(b'\\') {
            return self.escaped(Problem::OpenClass);
        }
        match self.next() {
            None => Err(Problem::OpenClass),
            Some(unit) if unit >= FOREIGN => Err(Problem::ForeignByte),
            Some(unit) => Ok(unit),
        }
    }

    /// The character behind a backslash; Go's regular expressions take ASCII that is no letter or digit as it is.
    fn escaped(&mut self, missing: Problem) -> Result<Unit, Problem> {
        let unit = self.next().ok_or(missing)?;
        let plain = u8::try_from(unit).is_ok_and(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric());
        if plain { Ok(unit) } else { Err(Problem::EscapedLetter) }
    }
}

/// What moby does not copy into its plain forms; a stray `]` counts, though it stands for itself.
fn is_special(unit: Unit) -> bool {
    u8::try_from(unit).is_ok_and(|byte| matches!(byte, b'*' | b'?' | b'[' | b']' | b'\\'))
}

fn units(text: &[u8]) -> impl Iterator<Item = Unit> {
    text.utf8_chunks().flat_map(|chunk| {
        let foreign = chunk.invalid().iter().map(|byte| FOREIGN + Unit::from(*byte));
        chunk.valid().chars().map(Unit::from).chain(foreign)
    })
}

fn bytes(units: &[Unit]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(units.len());
    for unit in units {
        if let Some(char) = char::from_u32(*unit) {
            bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        } else if let Ok(byte) = u8::try_from(unit - FOREIGN) {
            bytes.push(byte);
        }
    }
    bytes
}

#[cfg(test)]
pub(in crate::context) mod tests;
