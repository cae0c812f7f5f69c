//! Here-documents: `RUN <<EOF` (buildkit `parser.heredocsFromLine`).

use std::collections::HashMap;

use super::words::trim_start;

/// What a word such as `3<<-"EOF"` begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HereDocument {
    /// The line that ends it.
    pub(super) end: String,
    /// Whether tabs may stand before that line.
    pub(super) tabs: bool,
    /// Whether white space stands before its name, which engines before 28.2 do not take for a here-document.
    pub(super) spaced: bool,
}

/// The here-documents that a line begins; none when a quote is not closed.
pub(super) fn of_line(line: &str) -> Vec<HereDocument> {
    if !line.contains("<<") {
        return Vec::new();
    }
    words(line).unwrap_or_default().iter().filter_map(|word| of_word(word)).collect()
}

/// The here-document that a word is.
pub(super) fn of_word(word: &str) -> Option<HereDocument> {
    let name = word.trim_start_matches(|first: char| first.is_ascii_digit()).strip_prefix("<<")?;
    let (name, tabs) = name.strip_prefix('-').map_or((name, false), |name| (name, true));
    let spaced = name.starts_with(char::is_whitespace);
    let end = unquoted(name.trim_start());
    (!end.is_empty() && !name.contains('<')).then_some(HereDocument { end, tabs, spaced })
}

/// Splits at white space outside quotes; quotes and escapes stay, and what stands between `<<` and its word.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = vec![String::new()];
    let mut quote = None;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        let word = words.last_mut()?;
        match (quote, character) {
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            (None | Some('"'), '\\') => {
                word.push(character);
                word.extend(characters.next());
                continue;
            }
            (None, '<') if word.ends_with('<') => {
                word.push(character);
                while let Some(space) = characters.next_if(|next| next.is_whitespace()) {
                    word.push(space);
                }
                continue;
            }
            (None, _) if character.is_whitespace() => {
                words.push(String::new());
                continue;
            }
            _ => {}
        }
        word.push(character);
    }
    quote.is_none().then_some(words)
}

fn unquoted(word: &str) -> String {
    let mut text = String::new();
    let mut quote = None;
    let mut characters = word.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            (None, '\\') => text.extend(characters.next()),
            _ => text.push(character),
        }
    }
    text
}

/// Where the lines are that may end a here-document, so that finding one does not read all lines each time.
pub(super) struct Ends<'a> {
    whole: HashMap<&'a [u8], Vec<usize>>,
    without_tabs: HashMap<&'a [u8], Vec<usize>>,
}

impl<'a> Ends<'a> {
    pub(super) fn of(lines: &[&'a [u8]]) -> Self {
        let mut ends = Self { whole: HashMap::new(), without_tabs: HashMap::new() };
        for (number, line) in lines.iter().enumerate() {
            let tabs = line.iter().take_while(|byte| **byte == b'\t').count();
            ends.whole.entry(line).or_default().push(number);
            ends.without_tabs.entry(line.get(tabs..).unwrap_or_default()).or_default().push(number);
        }
        ends
    }

    /// The first line from `from` on that ends the document.
    pub(super) fn find(&self, document: &HereDocument, from: usize) -> Option<usize> {
        let index = if document.tabs { &self.without_tabs } else { &self.whole };
        let numbers = index.get(document.end.as_bytes())?;
        numbers.get(numbers.partition_point(|number| *number < from)).copied()
    }
}

/// Whether the arguments of `RUN`, `COPY` and `ADD` are such that no here-document is looked for in them.
pub(super) fn is_json(arguments: &[u8]) -> bool {
    trim_start(arguments).starts_with(b"[") && serde_json::from_slice::<Vec<String>>(arguments).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn here_documents_are_words_outside_quotes() {
        let ends = |line| of_line(line).into_iter().map(|found| (found.end, found.tabs)).collect::<Vec<_>>();
        assert_eq!(ends("RUN cat <<-\"E O\" 3<<X >x"), [("E O".to_owned(), true), ("X".to_owned(), false)]);
        assert_eq!(ends("RUN cat << EOF"), [("EOF".to_owned(), false)]);
        for line in ["RUN echo 'x <<EOF y'", "RUN it's <<EOF", "RUN a<<EOF", "RUN a <<<EOF", "RUN a \\<<EOF"] {
            assert_eq!(ends(line), [], "{line}");
        }
    }
}
