//! Variables in words, as buildkit's `frontend/dockerfile/shell` puts them in.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use crate::image::Platform;

/// No value that is worth knowing is longer; values can double in each line.
const LIMIT: usize = 4096;

/// Deeper than anybody nests defaults.
const DEPTH: usize = 16;

/// What BuildKit sets by itself, known in `FROM` without being declared.
const PLATFORM: [&str; 8] = [
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETARCH",
    "TARGETVARIANT",
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDARCH",
    "BUILDVARIANT",
];

/// Build arguments by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Those of a platform that is built on and for.
    #[must_use]
    pub fn of_platform(os: &str, architecture: &str) -> Self {
        let platform = Platform::of(os, architecture);
        Self::of_platforms(&platform, &platform)
    }

    /// Those of the platform that is built on, and the one that is built for.
    #[must_use]
    pub fn of_platforms(build: &Platform, target: &Platform) -> Self {
        let value = |name: &str| {
            let platform = if name.starts_with("TARGET") { target } else { build };
            match name {
                "TARGETOS" | "BUILDOS" => platform.os.clone(),
                "TARGETARCH" | "BUILDARCH" => platform.architecture().to_owned(),
                "TARGETVARIANT" | "BUILDVARIANT" => platform.variant().to_owned(),
                _ => platform.to_string(),
            }
        };
        Self(PLATFORM.iter().map(|name| ((*name).to_owned(), value(name))).collect())
    }

    /// With those of the user, which go before.
    #[must_use]
    pub fn with(mut self, given: impl IntoIterator<Item = (String, String)>) -> Self {
        self.0.extend(given);
        self
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn set(&mut self, name: &str, value: String) {
        self.0.insert(name.to_owned(), value);
    }

    pub(super) fn forget(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// Only those that are known without being declared.
    pub(super) fn platform(&self) -> Self {
        Self(
            self.0
                .iter()
                .filter(|(name, _)| PLATFORM.contains(&name.as_str()))
                .map(|(a, b)| (a.clone(), b.clone()))
                .collect(),
        )
    }
}

/// Splits at white space outside quotes; quotes and escapes stay (buildkit `parser.parseWords`).
pub(super) fn words(text: &str, escape: u8) -> Vec<String> {
    let escape = char::from(escape);
    let mut words = vec![String::new()];
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            (None, _) if character.is_whitespace() => {
                words.push(String::new());
                continue;
            }
            _ => {}
        }
        let Some(word) = words.last_mut() else { break };
        word.push(character);
        if character == escape && quote != Some('\'') {
            word.extend(characters.next());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A word with its variables put in and its quotes taken away; a variable without a value is empty. `None` for what is not
/// valid, too large, or of newer engines only (`${name#pattern}`, `${name/a/b}`).
pub(super) fn word(text: &str, variables: &Variables, escape: u8) -> Option<String> {
    Expansion { rest: text.chars().peekable(), variables, escape: char::from(escape) }.until(None, DEPTH)
}

struct Expansion<'a> {
    rest: Peekable<Chars<'a>>,
    variables: &'a Variables,
    escape: char,
}

impl Expansion<'_> {
    fn until(&mut self, end: Option<char>, depth: usize) -> Option<String> {
        let mut text = String::new();
        while text.len() <= LIMIT {
            let Some(character) = self.rest.next() else { return end.is_none().then_some(text) };
            match character {
                _ if Some(character) == end => return Some(text),
                '\'' => loop {
                    match self.rest.next()? {
                        '\'' => break,
                        other => text.push(other),
                    }
                },
                '"' => self.quoted(&mut text, depth)?,
                '$' => text.push_str(&self.variable(depth)?),
                _ if character == self.escape => text.extend(self.rest.next()),
                _ => text.push(character),
            }
        }
        None
    }

    fn quoted(&mut self, text: &mut String, depth: usize) -> Option<()> {
        loop {
            match self.rest.next()? {
                '"' => return Some(()),
                '$' => text.push_str(&self.variable(depth)?),
                other if other == self.escape => match self.rest.next()? {
                    escaped if escaped == self.escape || matches!(escaped, '"' | '$') => text.push(escaped),
                    escaped => text.extend([other, escaped]),
                },
                other => text.push(other),
            }
        }
    }

    fn variable(&mut self, depth: usize) -> Option<String> {
        if self.rest.next_if_eq(&'{').is_none() {
            let name = self.name();
            return Some(if name.is_empty() { "$".to_owned() } else { self.value(&name).unwrap_or_default() });
        }
        let name = self.name();
        let depth = depth.checked_sub(1)?;
        let (empty_counts, operator) = match self.rest.next()? {
            '}' => return Some(self.value(&name).unwrap_or_default()),
            ':' => (false, self.rest.next()?),
            operator => (true, operator),
        };
        let value = self.value(&name).filter(|value| empty_counts || !value.is_empty());
        let word = self.until(Some('}'), depth)?;
        match operator {
            '-' => Some(value.unwrap_or(word)),
            '+' => Some(value.map(|_| word).unwrap_or_default()),
            '?' => value,
            _ => None,
        }
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(character) = self.rest.next_if(|next| next.is_alphanumeric() || *next == '_') {
            name.push(character);
        }
        name
    }

    fn value(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn expanded(text: &str) -> Option<String> {
        let variables =
            [("A", "1"), ("E", ""), ("LONG_2", "x")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        word(text, &Variables::default().with(variables), b'\\')
    }

    #[test]
    fn variables_get_their_values() {
        for (text, value) in [
            ("a$A-${LONG_2}", "a1-x"),
            ("${NO}${NO:-d}${E:-e}${E-f}${A:+g}${NO+h}", "deg"),
            ("${NO:-${NO:-$A}}", "1"),
            ("'$A'\"$A\\$\"\\$A", "$A1$$A"),
            ("$", "$"),
        ] {
            assert_eq!(expanded(text).as_deref(), Some(value), "{text}");
        }
        for text in ["${A", "${A#1}", "${A/1/2}", "'a", "\"a", "${NO:?x}", &"${a:-".repeat(40)] {
            assert_eq!(expanded(text), None, "{text}");
        }
    }

    #[test]
    fn words_keep_their_quotes() {
        assert_eq!(words(r#"A="b c"  D=e\ f 'g h'"#, b'\\'), [r#"A="b c""#, r"D=e\ f", "'g h'"]);
    }

    proptest! {
        #[test]
        fn any_word_is_read(text in "([$\\{\\}:+'\"\\\\A-C-]|\\PC){0,40}") {
            expanded(&text);
            words(&text, b'\\');
        }
    }
}
