//! The engine's texts, put back into the user's words.

use super::catalogue::Folder;
use super::edits::LineMap;
use super::{VIRTUAL_CONTEXT, VIRTUAL_ROOT};

/// Knows what was put into the Dockerfile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wording {
    folders: Vec<Folder>,
    lines: LineMap,
}

impl Wording {
    pub(super) fn new(folders: Vec<Folder>, lines: LineMap) -> Self {
        Self { folders, lines }
    }

    /// The user's line for a line of what is served.
    #[must_use]
    pub fn line(&self, served: usize) -> usize {
        self.lines.line(served)
    }

    /// A vertex name, a line of the log or an error without the virtual folders, and with the user's line.
    #[must_use]
    pub fn restore(&self, text: &str) -> String {
        let text = self.restore_line(text);
        if self.folders.is_empty() || !text.contains(VIRTUAL_ROOT) {
            return text;
        }
        let text = self
            .folders
            .iter()
            .fold(text, |text, folder| without(&with_from(&text, folder), &folder.path, Some(&folder.name)));
        without(&text, VIRTUAL_CONTEXT, None)
    }

    /// `dockerfile parse error on line 5: …`; 20.10 says `parse error line 5`.
    fn restore_line(&self, text: &str) -> String {
        let number = || {
            let after = text.find("parse error ")? + "parse error ".len();
            let start = after + text.get(after..)?.find("line ")? + "line ".len();
            let digits = text.get(start..)?.bytes().take_while(u8::is_ascii_digit).count();
            Some((start, start + digits, text.get(start..start + digits)?.parse().ok()?))
        };
        match number().filter(|_| !self.lines.is_plain()) {
            Some((start, end, line)) => {
                let (before, after) = (text.get(..start).unwrap_or_default(), text.get(end..).unwrap_or_default());
                format!("{before}{}{after}", self.line(line))
            }
            None => text.to_owned(),
        }
    }
}

/// `COPY .ecr-pipe/assets/a /` was `COPY --from=assets a /`.
fn with_from(text: &str, folder: &Folder) -> String {
    let copy = text.find(&format!("{}/", folder.path)).and_then(|at| text.get(..at)?.rfind("COPY "));
    match copy.map(|at| at + "COPY ".len()) {
        Some(at) => {
            let (before, after) = (text.get(..at).unwrap_or_default(), text.get(at..).unwrap_or_default());
            format!("{before}--from={} {after}", folder.name)
        }
        None => text.to_owned(),
    }
}

/// Without a folder before its paths; the folder itself is `.`, or `/` where the engine says it so. A mount says by `from=`
/// whose folder it is.
fn without(text: &str, folder: &str, name: Option<&str>) -> String {
    let ends_path = |next: char| next.is_whitespace() || "\"'`,:;)]".contains(next);
    let mut restored = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(folder) {
        restored.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + folder.len()..).unwrap_or_default();
        if !rest.starts_with(|next| next == '/' || ends_path(next)) && !rest.is_empty() {
            restored.push_str(folder);
            continue;
        }
        let path = rest.strip_prefix('/').unwrap_or(rest);
        let is_whole = path.is_empty() || path.starts_with(ends_path);
        let key = ["source=", "src="].into_iter().find(|key| restored.ends_with(key));
        match (key, name) {
            (Some(key), Some(name)) => {
                restored.truncate(restored.len() - key.len());
                restored.push_str(&format!("from={name}"));
                if !is_whole {
                    restored.push_str(&format!(",{key}"));
                }
            }
            (Some(_), None) if is_whole && restored.ends_with(",source=") => {
                restored.truncate(restored.len() - ",source=".len());
            }
            (None, _) if is_whole && !restored.ends_with('/') => restored.push('.'),
            _ => {}
        }
        rest = path;
    }
    restored.push_str(rest);
    restored
}
