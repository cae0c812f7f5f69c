//! The thread of a call: it tells what there is, then sends what is asked for.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::follow::follow;
use super::index::{Index, Opened, Opener};
use super::metadata::Query;
use super::requests::{End, Requests};
use super::source::{Finding, Source};
use super::wire::Packet;
use crate::context::filter::Filter;
use crate::context::stream::{Output, Stop};
use crate::context::walk::problem;
use crate::context::{Error, Sent, Warning, owned};

/// The most that fsutil puts into one packet.
const PACKET: usize = 32 * 1024;

/// Answers one call. Blocks the thread.
pub(super) fn answer(source: &Source, query: &Query, requests: &Arc<Requests>, output: Output) {
    let mut sender = Sender { requests, output, sent: Sent::default() };
    let failure = match sender.run(source, query) {
        Ok(()) | Err(Failure::End(End::Finished)) => {
            let _ = sender.packet(&Packet::fin()).and_then(|()| sender.flush());
            None
        }
        Err(Failure::End(End::Gone)) => None,
        Err(Failure::End(End::Refused(text))) => Some(text),
        Err(Failure::Unreadable(error)) => {
            let text = error.to_string();
            sender.sent.error = Some(error);
            Some(text)
        }
    };
    if let Some(text) = &failure {
        let _ = sender.packet(&Packet::error(text)).and_then(|()| sender.flush());
    }
    sender.output.close(sender.sent, failure);
}

/// Why a call ends.
enum Failure {
    End(End),
    Unreadable(Error),
}

impl From<End> for Failure {
    fn from(end: End) -> Self {
        Self::End(end)
    }
}

struct Sender<'a> {
    requests: &'a Requests,
    output: Output,
    sent: Sent,
}

impl Sender<'_> {
    fn run(&mut self, source: &Source, query: &Query) -> Result<(), Failure> {
        let filter = filter(source, query).map_err(End::Refused)?;
        let index = self.stats(source, &filter)?;
        let mut opener = Opener::new(source, index);
        let mut last = 0;
        loop {
            last = if let Some(next) = self.requests.next(last)? {
                next
            } else {
                self.flush()?;
                self.requests.wait(last)?
            };
            self.content(last, &mut opener)?;
        }
    }

    /// Tells what there is.
    fn stats(&mut self, source: &Source, filter: &Filter) -> Result<Index, Failure> {
        let mut index = Index::default();
        // One such name says enough.
        let mut warned = false;
        let stop = source.walk(filter, |finding| {
            let sent = match finding {
                Finding::Stat(stat, part) => {
                    index.push(&stat, part);
                    if !warned && [&stat.path, &stat.linkname].iter().any(|text| str::from_utf8(text).is_err()) {
                        self.sent.warnings.push(Warning::NotUtf8(owned(&stat.path)));
                        warned = true;
                    }
                    self.requests
                        .offer(stat.is_file())
                        .map_err(Failure::End)
                        .and_then(|()| self.packet(&Packet::stat(Some(stat))))
                }
                Finding::Warning(warning) => {
                    self.sent.warnings.push(warning);
                    Ok(())
                }
                Finding::Problem(error) => Err(Failure::Unreadable(error)),
            };
            sent.map_or_else(ControlFlow::Break, ControlFlow::Continue)
        });
        match stop {
            ControlFlow::Break(failure) => Err(failure),
            ControlFlow::Continue(()) => {
                self.packet(&Packet::stat(None))?;
                Ok(index)
            }
        }
    }

    /// Sends one file, of exactly the size that was announced.
    fn content(&mut self, id: u32, opener: &mut Opener<'_>) -> Result<(), Failure> {
        let unreadable = |opener: &Opener<'_>, errno| Failure::Unreadable(problem(&opener.shown(id), errno));
        match opener.open(id).map_err(|errno| unreadable(opener, errno))? {
            Opened::Memory(content) => {
                for data in content.chunks(PACKET) {
                    self.before_data(id, data.len())?;
                    unless_gone(self.output.write(data))?;
                    self.sent.bytes += data.len() as u64;
                }
            }
            Opened::File { file, expected, found } => {
                let shrunk = |found| Error::Shrunk { path: owned(&opener.shown(id)), expected, found };
                if found < expected {
                    return Err(Failure::Unreadable(shrunk(found)));
                }
                let mut left = expected;
                while left > 0 {
                    let now = usize::try_from(left).unwrap_or(usize::MAX).min(PACKET);
                    self.before_data(id, now)?;
                    let copied = unless_gone(self.output.copy(&file, now))?;
                    self.sent.bytes += copied.count as u64;
                    left -= copied.count as u64;
                    if let Some(errno) = copied.error {
                        return Err(unreadable(opener, errno));
                    }
                    if copied.count < now {
                        return Err(Failure::Unreadable(shrunk(expected - left)));
                    }
                }
                let grown = found > expected
                    || (expected > PACKET as u64
                        && rustix::fs::fstat(&file).is_ok_and(|stat| crate::context::size(&stat) > expected));
                if grown {
                    self.sent.warnings.push(Warning::Grown(owned(&opener.shown(id))));
                }
            }
        }
        self.packet(&Packet::end_of(id))?;
        self.sent.files += 1;
        Ok(())
    }

    fn before_data(&mut self, id: u32, length: usize) -> Result<(), Failure> {
        unless_gone(self.output.write_with(|buffer| Packet::frame_before_data(id, length, buffer)))
    }

    fn packet(&mut self, packet: &Packet) -> Result<(), Failure> {
        unless_gone(self.output.write_with(|buffer| packet.frame(buffer)))
    }

    fn flush(&mut self) -> Result<(), Failure> {
        unless_gone(self.output.flush())
    }
}

fn unless_gone<T>(written: ControlFlow<Stop, T>) -> Result<T, Failure> {
    match written {
        ControlFlow::Continue(value) => Ok(value),
        ControlFlow::Break(_) => Err(Failure::End(End::Gone)),
    }
}

/// What the metadata asks for.
fn filter(source: &Source, query: &Query) -> Result<Filter, String> {
    let follow = if query.follow.is_empty() { None } else { follow(source, &query.follow) };
    let all = !query.follow.is_empty() && follow.is_none();
    let include = (!all && (follow.is_some() || !query.include.is_empty()))
        .then(|| query.include.iter().chain(follow.iter().flatten()).map(Vec::as_slice));
    Filter::new(include, query.exclude.iter().map(Vec::as_slice))
        .map_err(|line| format!("bad pattern `{}`: {}", line.text.escape_debug(), line.problem))
}
