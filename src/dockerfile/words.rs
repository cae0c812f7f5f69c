//! Bytes of a Dockerfile's line taken apart, each part with its place.

use std::ops::Range;

/// A word and where it stands in the text of its instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) range: Range<usize>,
}

pub(super) fn discard_bom(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// Without white space in front, by Unicode's idea of it.
pub(super) fn trim_start(text: &[u8]) -> &[u8] {
    let mut rest = text;
    while let Some(chunk) = rest.utf8_chunks().next() {
        let trimmed = chunk.valid().trim_start();
        rest = rest.get(chunk.valid().len() - trimmed.len()..).unwrap_or_default();
        if !trimmed.is_empty() || !chunk.invalid().is_empty() {
            break;
        }
    }
    rest
}

/// What separates words (buildkit `parser.reWhitespace`).
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\x0b' | b'\x0c' | b'\r')
}

/// The words from an offset on, split at white space whatever the quotes.
pub(super) fn words(text: &[u8], from: usize) -> Vec<Word> {
    let mut words = Vec::new();
    let mut start = None;
    for at in from..=text.len() {
        let space = text.get(at).is_none_or(|byte| is_space(*byte));
        match (start, space) {
            (None, false) => start = Some(at),
            (Some(begin), true) => {
                words.push(word(text, begin..at));
                start = None;
            }
            _ => {}
        }
    }
    words
}

/// The strings of a JSON array from an offset on, each with the place of its content; `None` when it is no array of strings.
pub(super) fn json_array(text: &[u8], from: usize) -> Option<Vec<Word>> {
    let json = text.get(from..)?;
    let strings: Vec<String> = trim_start(json).starts_with(b"[").then(|| serde_json::from_slice(json).ok())??;
    let mut ranges = Vec::new();
    let (mut open, mut escaped) = (None, false);
    for (at, byte) in text.iter().enumerate().skip(from) {
        match (open, byte) {
            (None, b'"') => open = Some(at + 1),
            (Some(_), _) if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(start), b'"') => {
                ranges.push(start..at);
                open = None;
            }
            _ => {}
        }
    }
    (ranges.len() == strings.len())
        .then(|| strings.into_iter().zip(ranges).map(|(text, range)| Word { text, range }).collect())
}

fn word(text: &[u8], range: Range<usize>) -> Word {
    let bytes = text.get(range.clone()).unwrap_or_default();
    Word { text: String::from_utf8_lossy(bytes).into_owned(), range }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_strings_know_their_places() {
        let places = |words: Vec<Word>| words.into_iter().map(|word| (word.text, word.range)).collect::<Vec<_>>();
        assert_eq!(
            places(words(b"COPY  a\t\"b c ", 4)),
            [("a".into(), 6..7), ("\"b".into(), 8..10), ("c".into(), 11..12)]
        );
        let json = json_array(br#"COPY ["a\"b", "c"]"#, 5).map(places);
        assert_eq!(json, Some(vec![("a\"b".into(), 7..11), ("c".into(), 15..16)]));
        assert_eq!(json_array(b"[1]", 0), None);
        assert_eq!(json_array(b"[\"a\"", 0), None);
        assert_eq!(trim_start("\u{a0}\t \u{85}x ".as_bytes()), b"x ");
        assert_eq!(trim_start(b" \xff "), b"\xff ");
        assert_eq!(trim_start(b"  "), b"");
    }
}
