//! What a step prints, as it comes: bytes that end anywhere.

/// How much of the end is kept for whoever looks for the reason of a failure.
const KEPT: usize = 8 << 10;

/// The number of standard error (BuildKit's `util/progress/logs`).
const STDERR: i64 = 2;

/// Makes text of the bytes of one step, in whole lines.
#[derive(Debug, Default)]
pub(super) struct Text {
    /// The lines that have begun on standard output and on standard error. An engine gives what a step prints to both in any order, and
    /// what came between would hide half a secret from who masks it.
    begun: [Vec<u8>; 2],
    last: Option<String>,
}

impl Text {
    /// The lines that these bytes complete, or what there is of one that is too long to wait for. What is not UTF-8 becomes U+FFFD.
    pub(super) fn push(&mut self, stream: i64, bytes: &[u8]) -> String {
        let begun = &mut self.begun[usize::from(stream == STDERR)];
        begun.extend_from_slice(bytes);
        let lines = begun.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let end = if begun.len() - lines > KEPT { begun.len() - unfinished(begun) } else { lines };
        let later = begun.split_off(end);
        let whole = std::mem::replace(begun, later);
        self.take(&whole)
    }

    /// The lines that have begun, when no more comes.
    pub(super) fn finish(&mut self) -> String {
        let begun = std::mem::take(&mut self.begun);
        let lines: Vec<&[u8]> = begun.iter().map(Vec::as_slice).filter(|line| !line.is_empty()).collect();
        self.take(&lines.join(&b'\n'))
    }

    fn take(&mut self, whole: &[u8]) -> String {
        let text = String::from_utf8_lossy(whole).into_owned();
        if let Some(last) = &mut self.last {
            if text.len() > KEPT {
                last.clear();
                last.push_str(last_lines(&text));
            } else {
                last.push_str(&text);
                if last.len() > 2 * KEPT {
                    *last = last_lines(last).to_owned();
                }
            }
        }
        text
    }

    /// From now on the last of it is kept.
    pub(super) fn keep(&mut self) {
        self.last.get_or_insert_default();
    }

    pub(super) fn is_kept(&self) -> bool {
        self.last.is_some()
    }

    /// The last of it, foreign and unchecked, if it was kept.
    pub(super) fn last(&self) -> &str {
        self.last.as_deref().unwrap_or_default()
    }
}

/// The whole lines within the last [`KEPT`] bytes: half a line might begin with half a secret, which nothing would mask.
fn last_lines(text: &str) -> &str {
    let end = &text[text.ceil_char_boundary(text.len().saturating_sub(KEPT))..];
    end.split_once('\n').map_or("", |(_, lines)| lines)
}

/// The beginning of a text that is longer than `room` bytes, up to a space: half a word might be half a secret.
pub(super) fn beginning(text: &str, room: usize) -> &str {
    if text.len() <= room {
        return text;
    }
    let begins = &text[..text.floor_char_boundary(room)];
    begins.rsplit_once(char::is_whitespace).map_or("", |(words, _)| words)
}

/// The same of its end.
pub(super) fn ending(text: &str, room: usize) -> &str {
    if text.len() <= room {
        return text;
    }
    let ends = &text[text.ceil_char_boundary(text.len() - room)..];
    ends.split_once(char::is_whitespace).map_or("", |(_, words)| words)
}

/// How many bytes at the end begin a character that may still be finished.
fn unfinished(bytes: &[u8]) -> usize {
    (1..=bytes.len().min(3))
        .find(|count| {
            let length = match bytes[bytes.len() - count] {
                0xc2..=0xdf => 2,
                0xe0..=0xef => 3,
                0xf0..=0xf4 => 4,
                _ => return false,
            };
            *count < length && bytes[bytes.len() - count + 1..].iter().all(|byte| matches!(byte, 0x80..=0xbf))
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_end_is_kept_and_no_more() {
        let mut text = Text::default();
        text.keep();
        for _ in 0..10_000 {
            text.push(1, "ä line\n".as_bytes());
        }
        text.push(1, b"the end");
        text.finish();
        assert!(text.last().ends_with("line\nthe end"));
        assert!(text.last().len() <= 2 * KEPT);
    }

    #[test]
    fn what_is_cut_is_cut_between_words_and_lines() {
        assert_eq!(beginning("RUN make all", 12), "RUN make all");
        assert_eq!(beginning("RUN make all", 10), "RUN make");
        assert_eq!(beginning("RUN", 2), "");
        assert_eq!(ending("a: exit code: 17", 14), "exit code: 17");
        assert_eq!(ending("a: exit code: 17", 13), "code: 17");
        let mut text = Text::default();
        text.keep();
        text.push(1, format!("{}\nsecond\n", "x".repeat(KEPT)).as_bytes());
        assert_eq!(text.last(), "second\n");
        text.push(1, "y".repeat(3 * KEPT).as_bytes());
        assert_eq!(text.last(), "");
    }

    #[test]
    fn standard_output_and_error_share_no_line() {
        let mut text = Text::default();
        let parts = [(1, "cut se"), (2, " another\nand"), (1, "cret\nend"), (0, " of it")];
        let told: Vec<String> = parts.iter().map(|(stream, part)| text.push(*stream, part.as_bytes())).collect();
        assert_eq!(told, ["", " another\n", "cut secret\n", ""]);
        assert_eq!(text.finish(), "end of it\nand");
        assert_eq!(text.finish(), "");
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_bytes_are_cut(whole in ".*", cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
            let bytes = whole.as_bytes();
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            at.extend([0, bytes.len()]);
            at.sort_unstable();
            let mut text = Text::default();
            let parts: String = at.windows(2).map(|pair| text.push(1, &bytes[pair[0]..pair[1]])).collect();
            prop_assert_eq!(parts + &text.finish(), whole);
        }

        #[test]
        fn bytes_that_are_no_text_do_no_harm(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..10)) {
            let mut text = Text::default();
            for chunk in chunks {
                text.push(2, &chunk);
                prop_assert!(text.begun[1].len() <= KEPT);
            }
        }
    }
}
