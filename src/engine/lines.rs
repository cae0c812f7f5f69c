//! The JSON lines in which the engine tells how a build, pull or push goes on.

use std::sync::Arc;

use bytes::{Buf, BytesMut};
use http_body_util::BodyExt;
use serde::Deserialize;

use super::Error;
use super::transport::{Answer, Transport};

/// The longest line that is read: the classic builder words step output in chunks of 32 KiB; BuildKit puts into one message what all
/// steps printed since the last, each at most 200 KiB a second, and the engine makes base64 of it. A longer line is skipped,
/// so that memory stays bounded whoever writes it.
const LONGEST: usize = 8 << 20;

/// The most of an error's body that is read.
const LONGEST_ERROR: usize = 64 << 10;

/// One line (moby `pkg/jsonmessage`, `api/types/registry` and `build`).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Line {
    pub(super) stream: Option<String>,
    pub(super) status: Option<String>,
    pub(super) id: Option<String>,
    #[serde(rename = "progressDetail")]
    pub(super) progress: Option<Progress>,
    #[serde(rename = "errorDetail")]
    pub(super) detail: Option<Detail>,
    pub(super) error: Option<String>,
    pub(super) aux: Option<serde_json::Value>,
}

/// How far a layer is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Progress {
    pub(super) current: Option<u64>,
    pub(super) total: Option<u64>,
}

/// Why it failed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Detail {
    pub(super) code: Option<i64>,
    pub(super) message: String,
}

impl Line {
    /// The failure that the line tells, with a code if a command ended with one.
    pub(super) fn failure(&self) -> Option<(&str, Option<i64>)> {
        match (&self.detail, &self.error) {
            (Some(detail), _) => Some((&detail.message, detail.code.filter(|code| *code != 0))),
            (None, Some(error)) => Some((error, None)),
            (None, None) => None,
        }
    }
}

/// The lines of an answer as they come.
#[derive(Debug)]
pub(super) struct LineStream {
    transport: Arc<Transport>,
    answer: Answer,
    call: &'static str,
    buffer: BytesMut,
    searched: usize,
    skipping: bool,
    ended: bool,
}

impl LineStream {
    pub(super) fn new(transport: Arc<Transport>, answer: Answer, call: &'static str) -> Self {
        Self { transport, answer, call, buffer: BytesMut::new(), searched: 0, skipping: false, ended: false }
    }

    /// The next line; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Line>, Error> {
        loop {
            if let Some(line) = self.take()? {
                return Ok(Some(line));
            }
            if self.ended {
                return Ok(None);
            }
            match self.answer.response.body_mut().frame().await {
                Some(Ok(frame)) => self.buffer.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
                Some(Err(error)) => return Err(self.transport.dropped(&error)),
                None => {
                    self.ended = true;
                    // The last line may lack its end.
                    self.buffer.extend_from_slice(b"\n");
                }
            }
        }
    }

    /// Lets the engine know that nobody waits for what it does. What it still has to say can be read to the end.
    pub(super) fn hang_up(&self) {
        self.answer.hang_up();
    }

    fn take(&mut self) -> Result<Option<Line>, Error> {
        while let Some(at) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') {
            let mut line = self.buffer.split_to(self.searched + at + 1);
            line.truncate(self.searched + at);
            self.searched = 0;
            if std::mem::take(&mut self.skipping) || line.trim_ascii().is_empty() {
                continue;
            }
            return decode(&line)
                .map(Some)
                .map_err(|reason| Error::NotUnderstood { call: self.call.to_owned(), reason });
        }
        self.searched = self.buffer.len();
        if self.skipping || self.buffer.len() > LONGEST {
            self.skipping = true;
            self.buffer.advance(self.searched);
            self.searched = 0;
        }
        Ok(None)
    }
}

fn decode(line: &[u8]) -> Result<Line, String> {
    // The engine replaces what is no UTF-8 in output, not what others say through it.
    serde_json::from_str(&String::from_utf8_lossy(line)).map_err(|error| error.to_string())
}

/// The words of an answer that is an error: the `message` of its JSON, else its text.
pub(super) async fn error_text(mut answer: Answer) -> String {
    let mut text = Vec::new();
    while let Some(Ok(frame)) = answer.response.body_mut().frame().await {
        text.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
        if text.len() > LONGEST_ERROR {
            text.truncate(LONGEST_ERROR);
            break;
        }
    }
    let text = String::from_utf8_lossy(&text);
    let json: Option<serde_json::Value> = serde_json::from_str(&text).ok();
    match json.as_ref().and_then(|json| json.get("message")).and_then(|message| message.as_str()) {
        Some(message) => message.to_owned(),
        None => text.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_failure_has_its_code_when_a_command_ended_with_one() {
        let line = decode(br#"{"errorDetail":{"code":17,"message":"The command"},"error":"The command"}"#).unwrap();
        assert_eq!(line.failure(), Some(("The command", Some(17))));
        let line = decode(br#"{"errorDetail":{"message":"COPY failed"},"error":"COPY failed"}"#).unwrap();
        assert_eq!(line.failure(), Some(("COPY failed", None)));
        assert_eq!(decode(br#"{"error":"old"}"#).unwrap().failure(), Some(("old", None)));
    }

    #[test]
    fn progress_and_odd_bytes_are_read() {
        let line =
            decode(br#"{"status":"Pushing","progressDetail":{"current":1,"total":2},"id":"55483ad42a28"}"#).unwrap();
        assert_eq!(line.progress.and_then(|progress| progress.total), Some(2));
        assert_eq!(decode(b"{\"stream\":\"a\xffb\"}").unwrap().stream.unwrap(), "a\u{fffd}b");
        assert!(decode(b"<html>").is_err());
    }
}
