#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use crate::dockerfile::Dockerfile;

fn lines(text: &str) -> Vec<(String, usize, usize)> {
    let parsed = Dockerfile::parse(text.as_bytes());
    let lines = parsed.instructions().iter().map(|found| (found.command.keyword.clone(), found.line, found.last_line));
    lines.collect()
}

fn line(keyword: &str, first: usize, last: usize) -> (String, usize, usize) {
    (keyword.to_owned(), first, last)
}

#[test]
fn instructions_know_their_first_and_last_line() {
    let text = "\u{feff}# a\n\nfrom a\r\n  RUN x \\\n  # why\n\n  y \\  \n z\nCOPY <<EOF <<-X /\nFROM no\nEOF\n\tX\nonbuild run --a <<E\nE\nCMD [\"<<a\"]";
    assert_eq!(
        lines(text),
        [line("FROM", 3, 3), line("RUN", 4, 8), line("COPY", 9, 12), line("RUN", 13, 14), line("CMD", 15, 15)]
    );
}

#[test]
fn a_line_goes_on_after_an_escape_that_is_not_escaped() {
    assert_eq!(lines("RUN a\\\\\nRUN b"), [line("RUN", 1, 1), line("RUN", 2, 2)]);
    assert_eq!(lines("# escape=`\nRUN a\\\nRUN b`\nc"), [line("RUN", 2, 2), line("RUN", 3, 4)]);
    assert_eq!(lines("\\\nRUN a"), [line("RUN", 1, 2)]);
    assert_eq!(lines("RUN a \\"), [line("RUN", 1, 1)]);
}

#[test]
fn what_only_looks_like_a_here_document_is_none() {
    assert_eq!(lines("RUN echo $((1 <<3))\nRUN b\n").len(), 2);
    assert_eq!(lines("RUN [\"<<A\", \"b\"]\nRUN b\nA\n").len(), 3);
    assert_eq!(lines("CMD <<A\nRUN b\nA\n").len(), 3);
}

#[test]
fn a_word_across_lines_has_a_place_on_each() {
    let source = b"COPY a\\\n  # x\nb c\n";
    let parsed = Dockerfile::parse(source);
    let instruction = parsed.instructions().first().unwrap();
    let word = instruction.words().first().unwrap().clone();
    assert_eq!(word.text, "ab");
    assert_eq!(instruction.places(&word.range), [5..6, 14..15]);
}

#[test]
fn many_here_documents_without_an_end_take_no_long_time() {
    let text: String = (0..20_000).map(|number| format!("RUN <<A{number}\n")).collect();
    assert_eq!(lines(&text).len(), 20_000);
}

fn dockerfile() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        "(FROM|RUN|COPY|ADD|ONBUILD|ARG|from) ",
        "(--mount=|--from=|--link |<<EOF|<<-\"E O\"|EOF|\\[\"|\"\\]|\\$\\{|# syntax=|# escape=`)",
        "(\\\\|`|\"|'|\n|\r\n|\t| |a|\\.\\./|,|=|\u{feff}|\u{a0})",
        any::<char>().prop_map(String::from),
    ];
    let text = prop::collection::vec(part, 0..60).prop_map(|parts| parts.concat().into_bytes());
    prop_oneof![4 => text, 1 => prop::collection::vec(any::<u8>(), 0..200)]
}

proptest! {
    #[test]
    fn any_text_is_read_and_each_part_has_its_place(source in dockerfile()) {
        let parsed = Dockerfile::parse(&source);
        let mut last = 0;
        for instruction in parsed.instructions() {
            prop_assert!(instruction.line > last && instruction.last_line >= instruction.line);
            last = instruction.last_line;
            let whole = 0..instruction.text.len();
            let joined: Vec<u8> =
                instruction.places(&whole).into_iter().flat_map(|place| source.get(place).unwrap().to_vec()).collect();
            prop_assert_eq!(&joined, &instruction.text);
            for word in instruction.paths() {
                prop_assert!(word.range.end <= instruction.text.len());
            }
        }
    }
}
