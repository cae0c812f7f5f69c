//! What a step prints, as it comes: bytes that end anywhere.

/// How much of the end is kept for whoever looks for the reason of a failure.
const KEPT: usize = 8 << 10;

/// Makes text of the bytes of one step.
#[derive(Debug, Default)]
pub(super) struct Text {
    /// The beginning of a character.
    rest: Vec<u8>,
    last: Option<String>,
}

impl Text {
    /// The text of these bytes; what is not UTF-8 becomes U+FFFD.
    pub(super) fn push(&mut self, bytes: &[u8]) -> String {
        let mut whole = std::mem::take(&mut self.rest);
        whole.extend_from_slice(bytes);
        let end = whole.len() - unfinished(&whole);
        self.rest = whole.split_off(end);
        let text = String::from_utf8_lossy(&whole).into_owned();
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
            text.push("ä line\n".as_bytes());
        }
        text.push(b"the end");
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
        text.push(format!("{}\nsecond\n", "x".repeat(KEPT)).as_bytes());
        assert_eq!(text.last(), "second\n");
        text.push("y".repeat(3 * KEPT).as_bytes());
        assert_eq!(text.last(), "");
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_bytes_are_cut(whole in ".*", cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
            let bytes = whole.as_bytes();
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            at.extend([0, bytes.len()]);
            at.sort_unstable();
            let mut text = Text::default();
            let parts: String = at.windows(2).map(|pair| text.push(&bytes[pair[0]..pair[1]])).collect();
            prop_assert_eq!(parts, whole);
        }

        #[test]
        fn bytes_that_are_no_text_do_no_harm(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..10)) {
            let mut text = Text::default();
            for chunk in chunks {
                text.push(&chunk);
                prop_assert!(text.rest.len() < 4);
            }
        }
    }
}
