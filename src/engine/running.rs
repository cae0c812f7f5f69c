//! A build under way, and what becomes of it when nobody waits for it any more.

use super::lines::{Line, LineStream};
use super::{Error, Trace};

/// A build under way. Dropping it before its end hands the rest of the stream to the trace.
pub(super) struct Running<'a> {
    lines: Option<LineStream>,
    trace: &'a Trace,
}

impl<'a> Running<'a> {
    pub(super) fn new(lines: LineStream, trace: &'a Trace) -> Self {
        Self { lines: Some(lines), trace }
    }

    /// The next line; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Line>, Error> {
        let Some(lines) = &mut self.lines else { return Ok(None) };
        let next = lines.next().await;
        if !matches!(next, Ok(Some(_))) {
            self.lines = None;
        }
        next
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(lines) = self.lines.take() {
            self.trace.follow(lines);
        }
    }
}
