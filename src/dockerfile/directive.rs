//! Parser directives: the comments before everything else that are none (buildkit `frontend/dockerfile/parser/directives.go`).

use serde_json::Value;

use super::words::{discard_bom, trim_start};

/// What the directives say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directives {
    /// The character that continues a line and takes the meaning from the next one: `\` or `` ` ``.
    pub escape: u8,
    /// The frontend's image of `# syntax=`. Newer engines also take `// syntax=` and `{"syntax": …}`.
    pub syntax: Option<String>,
    /// The value of `# check=`.
    pub check: Option<String>,
}

impl Default for Directives {
    fn default() -> Self {
        Self { escape: b'\\', syntax: None, check: None }
    }
}

impl Directives {
    pub(super) fn of(source: &[u8]) -> Self {
        let text = discard_bom(source);
        let mut found = Self::default();
        for (name, value) in leading(text, b"#") {
            match name.as_str() {
                "escape" if value == "`" => found.escape = b'`',
                "check" => found.check = Some(value),
                _ => {}
            }
        }
        found.syntax = syntax(text);
        found
    }
}

/// Looked for past a `#!` line too, which the parser itself does not do.
fn syntax(text: &[u8]) -> Option<String> {
    let text = if text.starts_with(b"#!") { after_line(text) } else { text };
    let of_comments = |comment| leading(text, comment).find(|(name, _)| name == "syntax").map(|(_, value)| value);
    let value = of_comments(b"#".as_slice()).or_else(|| of_comments(b"//".as_slice()));
    let reference = |value: String| value.split(' ').next().unwrap_or_default().to_owned();
    value.map(reference).or_else(|| {
        let json = trim_start(text).starts_with(b"{").then(|| serde_json::from_slice::<Value>(text).ok()).flatten()?;
        Some(json.get("syntax")?.as_str()?.to_owned())
    })
}

fn after_line(text: &[u8]) -> &[u8] {
    text.iter().position(|byte| *byte == b'\n').and_then(|end| text.get(end + 1..)).unwrap_or_default()
}

/// The directives in front, by their names in lower case; the first line that is none ends them.
fn leading<'a>(text: &'a [u8], comment: &'a [u8]) -> impl Iterator<Item = (String, String)> + 'a {
    text.split(|byte| *byte == b'\n').map_while(move |line| {
        let line = String::from_utf8_lossy(line.strip_prefix(comment)?).into_owned();
        let (name, value) = line.split_once('=')?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        let known = matches!(name.as_str(), "syntax" | "escape" | "check");
        (known && !value.is_empty()).then(|| (name, value.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_stand_before_everything_else() {
        let found =
            Directives::of(b"\xef\xbb\xbf# syntax = docker/dockerfile:1 x\r\n#ESCAPE=`\r\n# check=skip=all\nFROM a\n");
        assert_eq!(found.syntax.as_deref(), Some("docker/dockerfile:1"));
        assert_eq!((found.escape, found.check.as_deref()), (b'`', Some("skip=all")));
        for text in ["# a comment\n# syntax=x\n", "\n# syntax=x\n", "FROM a\n# syntax=x", "# other=1\n# syntax=x\n"] {
            assert_eq!(Directives::of(text.as_bytes()), Directives::default(), "{text}");
        }
    }

    #[test]
    fn syntax_is_found_in_all_its_forms() {
        for text in ["#!/usr/bin/env x\n# syntax=a", "// syntax=a\nx", "{\"syntax\": \"a\", \"b\": 1}"] {
            assert_eq!(Directives::of(text.as_bytes()).syntax.as_deref(), Some("a"), "{text}");
        }
    }
}
