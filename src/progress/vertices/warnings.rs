//! What the checks of the Dockerfile have to say (BuildKit's `frontend/dockerfile/linter`).

use std::collections::HashSet;

use bollard_buildkit_proto::moby::buildkit::v1::VertexWarning;

use super::super::Event;

/// How many are shown.
const SHOWN: usize = 10;

/// How many are told apart. More lines of a Dockerfile than anyone has.
const COUNTED: usize = 10_000;

/// The warnings so far.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    seen: HashSet<(String, i32)>,
}

impl Warnings {
    /// How many different ones there were.
    pub(super) fn count(&self) -> usize {
        self.seen.len()
    }

    /// Takes a warning, and shows it if it is new. `place` words the place of a line of the served Dockerfile.
    pub(super) fn take(&mut self, warning: &VertexWarning, place: impl Fn(usize) -> String) -> Option<Event> {
        let line = warning.ranges.first().and_then(|range| range.start).map_or(0, |start| start.line);
        let text = String::from_utf8_lossy(&warning.short);
        // The rule's name and the subject are told apart by the whole text, of which a beginning will do.
        let key: String = text.chars().take(200).collect();
        if self.seen.len() == COUNTED || !self.seen.insert((key, line)) || self.seen.len() > SHOWN {
            return None;
        }
        let place = usize::try_from(line).ok().filter(|line| *line > 0).map(place);
        let text = text.strip_suffix(&format!(" (line {line})")).unwrap_or(&text);
        let message = place.map_or_else(|| text.to_owned(), |place| format!("{place}: {text}"));
        let hint = (!warning.url.is_empty()).then(|| format!("see {}", warning.url));
        Some(Event::Warning { message, hint })
    }

    /// How many were not shown.
    pub(super) fn rest(&self) -> Option<Event> {
        let more = self.seen.len().saturating_sub(SHOWN);
        let warnings = if more == 1 { "warning" } else { "warnings" };
        (more > 0).then(|| Event::Note(format!("and {more} more {warnings} of the Dockerfile checks")))
    }
}
