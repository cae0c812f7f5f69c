//! The flags of an instruction, which stand before its arguments (buildkit `parser/split_command.go`).

use std::ops::Range;

/// A flag: `--name=value` or `--name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// Without the dashes.
    pub name: String,
    /// Quotes and escapes taken away.
    pub value: Option<String>,
    /// Where it stands in the text of the instruction.
    pub(super) range: Range<usize>,
}

impl Flag {
    /// Whether it switches something on.
    pub(super) fn is_on(&self) -> bool {
        self.value.as_deref().is_none_or(|value| !value.eq_ignore_ascii_case("false"))
    }
}

/// The flags from an offset on, and where the arguments begin.
pub(super) fn flags(text: &[u8], from: usize, escape: u8) -> (Vec<Flag>, usize) {
    let mut flags = Vec::new();
    let mut at = from;
    loop {
        while text.get(at).is_some_and(u8::is_ascii_whitespace) || text.get(at) == Some(&b'\x0b') {
            at += 1;
        }
        if !text.get(at..).unwrap_or_default().starts_with(b"--") {
            return (flags, at);
        }
        let (bytes, end) = word(text, at, escape);
        // A lone `--` ends the flags.
        if bytes.len() == 2 {
            return (flags, end);
        }
        flags.push(flag(&bytes, at..end));
        at = end;
    }
}

/// One word without quotes and escapes, and where it ends.
fn word(text: &[u8], start: usize, escape: u8) -> (Vec<u8>, usize) {
    let mut bytes = Vec::new();
    let mut quote = None;
    let mut at = start;
    while let Some(byte) = text.get(at).copied() {
        match quote {
            None if byte.is_ascii_whitespace() || byte == b'\x0b' => break,
            None if matches!(byte, b'"' | b'\'') => quote = Some(byte),
            Some(open) if open == byte => quote = None,
            _ => {
                if byte == escape {
                    at += 1;
                }
                bytes.extend(text.get(at));
            }
        }
        at += 1;
    }
    (bytes, at.min(text.len()))
}

fn flag(bytes: &[u8], range: Range<usize>) -> Flag {
    let text = String::from_utf8_lossy(bytes.get(2..).unwrap_or_default()).into_owned();
    match text.split_once('=') {
        Some((name, value)) => Flag { name: name.to_owned(), value: Some(value.to_owned()), range },
        None => Flag { name: text, value: None, range },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_end_at_the_first_word_without_dashes() {
        let text = br#"COPY --from="a b" --link  --chown=1\ 2 x --y z"#;
        let (found, arguments) = flags(text, 4, b'\\');
        let names: Vec<_> = found.iter().map(|flag| (flag.name.as_str(), flag.value.as_deref())).collect();
        assert_eq!(names, [("from", Some("a b")), ("link", None), ("chown", Some("1 2"))]);
        assert_eq!(text.get(arguments..), Some(b"x --y z".as_slice()));
        assert_eq!(found.first().map(|flag| flag.range.clone()), Some(5..17));
        assert_eq!(flags(b"-- --x", 0, b'\\').0, []);
        assert_eq!(flags(b"--a\\", 0, b'\\').1, 4);
    }
}
