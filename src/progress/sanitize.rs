//! Foreign text made fit for a log: whole lines without control characters, of bounded length.
//!
//! What a terminal would act on is taken out: escape sequences (ECMA-48: CSI, OSC, DCS, SOS, PM, APC, in their 7-bit and
//! 8-bit forms) with their contents, other control characters, and the characters that turn the direction of a text. Tabs
//! stay. A carriage return starts the line anew, so that of a progress bar only its last state is left.

/// One line, of which the end may have been left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The text, without line end.
    pub text: String,
    /// How many characters at its end were left out.
    pub dropped: u64,
}

/// Where in an escape sequence the text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In none.
    Text,
    /// After ESC, perhaps with intermediate characters.
    Escape,
    /// After CSI, until a final character `@`–`~`.
    Sequence,
    /// In a string such as a window title, until ST or BEL.
    Quoted,
    /// In a string, after an ESC that may begin ST.
    QuotedEscape,
}

/// Makes lines of chunks that end anywhere.
#[derive(Debug)]
pub struct Lines {
    room: usize,
    text: String,
    length: usize,
    dropped: u64,
    place: Place,
    returned: bool,
}

impl Lines {
    /// Keeps at most this many characters of a line.
    #[must_use]
    pub fn new(room: usize) -> Self {
        Self { room, text: String::new(), length: 0, dropped: 0, place: Place::Text, returned: false }
    }

    /// Changes how many characters of a line are kept, from here on.
    pub fn set_room(&mut self, room: usize) {
        self.room = room;
    }

    /// Takes a chunk and calls `done` for each line that it completes.
    pub fn push(&mut self, chunk: &str, mut done: impl FnMut(Line)) {
        for character in chunk.chars() {
            // A line end also ends an unfinished sequence: one that never ends must not swallow the rest of the log.
            if character == '\n' {
                done(self.take());
                continue;
            }
            self.place = match (self.place, character) {
                (Place::Text | Place::Escape | Place::Sequence, '\u{1b}') | (Place::Escape, '\u{20}'..='\u{2f}') => {
                    Place::Escape
                }
                (Place::Text, '\u{9b}') | (Place::Escape, '[') | (Place::Sequence, '\u{20}'..='\u{3f}') => {
                    Place::Sequence
                }
                (Place::Text, '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}')
                | (Place::Escape, 'P' | 'X' | ']' | '^' | '_') => Place::Quoted,
                (Place::Text, _) => {
                    self.keep(character);
                    Place::Text
                }
                (Place::Quoted, '\u{1b}') => Place::QuotedEscape,
                // ST or BEL; the final character, or one that has no business there: what follows is text again.
                (Place::Quoted, '\u{7}' | '\u{9c}')
                | (Place::QuotedEscape, '\\')
                | (Place::Escape | Place::Sequence, _) => Place::Text,
                (Place::Quoted | Place::QuotedEscape, _) => Place::Quoted,
            };
        }
    }

    /// The line that has begun, if it holds anything.
    pub fn finish(&mut self) -> Option<Line> {
        let line = self.take();
        (!line.text.is_empty()).then_some(line)
    }

    fn take(&mut self) -> Line {
        (self.length, self.place, self.returned) = (0, Place::Text, false);
        Line { text: std::mem::take(&mut self.text), dropped: std::mem::take(&mut self.dropped) }
    }

    fn keep(&mut self, character: char) {
        if character == '\r' {
            self.returned = true;
            return;
        }
        if is_removed(character) {
            return;
        }
        if std::mem::take(&mut self.returned) {
            self.text.clear();
            (self.length, self.dropped) = (0, 0);
        }
        if self.length < self.room {
            self.text.push(character);
            self.length += 1;
        } else {
            self.dropped += 1;
        }
    }
}

fn is_removed(character: char) -> bool {
    (character.is_control() && character != '\t')
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Foreign text as one line: lines are joined by a space.
#[must_use]
pub fn one_line(text: &str) -> String {
    let mut whole = String::with_capacity(text.len());
    let mut add = |line: Line| {
        let part = line.text.trim();
        if !part.is_empty() {
            if !whole.is_empty() {
                whole.push(' ');
            }
            whole.push_str(part);
        }
    };
    let mut lines = Lines::new(usize::MAX);
    lines.push(text, &mut add);
    lines.finish().into_iter().for_each(add);
    whole
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn lines_of(chunks: &[&str]) -> Vec<String> {
        let mut lines = Lines::new(100);
        let mut all = Vec::new();
        for chunk in chunks {
            lines.push(chunk, |line| all.push(line.text));
        }
        all.extend(lines.finish().map(|line| line.text));
        all
    }

    #[test]
    fn lines_come_whole_however_the_chunks_are_cut() {
        assert_eq!(lines_of(&["a", "b\nc", "\n", "\nd"]), ["ab", "c", "", "d"]);
    }

    #[test]
    fn colours_titles_and_other_sequences_are_taken_out() {
        assert_eq!(lines_of(&["\u{1b}[91merr\n\u{1b}[0m"]), ["err"]);
        assert_eq!(lines_of(&["a\u{1b}]0;title\u{7}b\u{1b}]8;;http://x\u{1b}\\c"]), ["abc"]);
        assert_eq!(lines_of(&["a\u{1b}[", "1;3", "1mb"]), ["ab"]);
        assert_eq!(lines_of(&["a\u{9b}2Jb\u{1b}(Bc\u{1b}7d"]), ["abcd"]);
        assert_eq!(lines_of(&["a\u{1b}Pqdata\u{1b}\\b\u{7}\u{8}\u{0}c\u{7f}"]), ["abc"]);
    }

    #[test]
    fn a_sequence_that_never_ends_costs_only_its_own_line() {
        assert_eq!(lines_of(&["a\u{1b}]0;title\nb\u{1b}[12\nc"]), ["a", "b", "c"]);
    }

    #[test]
    fn of_a_progress_bar_the_last_state_is_left() {
        assert_eq!(lines_of(&["10%\r", "20%\r30%\n", "dos\r\n"]), ["30%", "dos"]);
        assert_eq!(lines_of(&["a\r\u{1b}[Kb\n"]), ["b"]);
    }

    #[test]
    fn text_cannot_turn_its_direction() {
        assert_eq!(lines_of(&["user\u{202e}nimda\u{2066}\t!"]), ["usernimda\t!"]);
    }

    #[test]
    fn a_line_of_a_mebibyte_is_cut_and_what_is_left_out_is_counted() {
        let mut lines = Lines::new(4_096);
        let mut all = Vec::new();
        for _ in 0..1_024 {
            lines.push(&"é".repeat(1_024), |line| all.push(line));
        }
        lines.push("\n", |line| all.push(line));
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].text.chars().count(), 4_096);
        assert_eq!(all[0].dropped, 1_044_480);
    }

    #[test]
    fn several_lines_become_one() {
        assert_eq!(one_line("a\n  b\r\n\u{1b}[1mc\n"), "a b c");
    }

    proptest! {
        #[test]
        fn nothing_a_terminal_acts_on_is_left(chunks in prop::collection::vec(any::<String>(), 0..6)) {
            let mut lines = Lines::new(10);
            let mut all = Vec::new();
            for chunk in &chunks {
                lines.push(chunk, |line| all.push(line));
            }
            all.extend(lines.finish());
            for line in all {
                prop_assert!(line.text.chars().all(|character| !is_removed(character)));
                prop_assert!(line.text.chars().count() <= 10);
            }
        }

        #[test]
        fn where_the_chunks_are_cut_changes_nothing(text in "[a-c\r\n\t\u{1b}\\[;m\\]\u{7}]{0,40}", cut in any::<prop::sample::Index>()) {
            let at = cut.index(text.len() + 1);
            let at = (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            prop_assert_eq!(lines_of(&[&text]), lines_of(&[&text[..at], &text[at..]]));
        }
    }
}
