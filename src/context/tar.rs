//! The context as a tar, made while it is sent.
//!
//! The same tree gives the same bytes, whatever order its files were made in. A thread of its own walks the tree and
//! fills chunks, so that reading and sending overlap; the channel between them is bounded and the chunks are used
//! again, so that memory does not grow with the context.
//!
//! What differs from a plain copy of the tree is what docker's own client does: everything belongs to user 0, and an
//! excluded folder around something kept has the mode 0755 that the builder gives to folders it has to make.

use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::Stat;
use rustix::io::Errno;

use super::error::{Error, owned};
use super::header::{Member, encode, padding};
use super::links::Links;
use super::open::Context;
use super::placement::{Extra, IGNORE};
use super::stream::{Chunks, Outcome, Output, Sent, Stop};
use super::tree::Tree;
use super::walk::{Entry, Finding, Node, Selection, problem, walk};
use super::warning::Warning;
use ::tar::EntryType;

/// The mode of folders that a builder makes because something lies in them (`ImpliedDirectoryMode` in moby/go-archive).
const IMPLIED_MODE: u32 = 0o755;

impl Context {
    /// Begins to send: the stream is the body of the request, the outcome says afterwards how it went.
    ///
    /// The stream ends with an error when the context cannot be sent as a whole, so that no builder takes a part of it
    /// for all. Dropping it stops the work.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn tar(self: Arc<Self>) -> (Chunks, Outcome) {
        let outcome = Outcome::default();
        let (output, chunks) = Output::new(outcome.clone());
        tokio::task::spawn_blocking(move || self.send(output));
        (chunks, outcome)
    }

    fn send(&self, output: Output) {
        let mut packer = Packer { tree: &self.tree, links: Links::default(), files: 0, warnings: Vec::new(), output };
        let error = packer.pack(self).break_value().and_then(|stop| stop.0);
        let failure = error.as_ref().map(ToString::to_string);
        let Packer { files, warnings, output, .. } = packer;
        let bytes = output.sent();
        output.close(Sent { files, bytes, warnings, error }, failure);
    }

    /// What of the tree is in the tar.
    pub(super) fn sent(&self) -> Selection {
        let mut selection = self.tree.selection.clone();
        selection.required.clone_from(&self.placement.required);
        if self.placement.replaces_ignore {
            selection.barred.push(IGNORE.as_bytes().to_vec());
        }
        selection
    }
}

struct Packer<'a> {
    tree: &'a Tree,
    links: Links,
    files: u64,
    warnings: Vec<Warning>,
    output: Output,
}

impl Packer<'_> {
    fn pack(&mut self, context: &Context) -> ControlFlow<Stop> {
        for extra in &context.placement.extras {
            self.extra(extra)?;
        }
        walk(&context.tree.root, &context.sent(), |finding| match finding {
            Finding::Entry(entry) => self.entry(entry),
            Finding::Warning(warning) => {
                self.warnings.push(warning);
                ControlFlow::Continue(())
            }
            Finding::Problem(error) => ControlFlow::Break(Stop(Some(error))),
        })?;
        self.output.finish()
    }

    fn extra(&mut self, extra: &Extra) -> ControlFlow<Stop> {
        let size = extra.content.len() as u64;
        let (path, mode, mtime) = (extra.path.as_bytes(), extra.mode, self.tree.time(extra.mtime));
        self.header(&Member { kind: EntryType::Regular, path, link: b"", mode, mtime, size, capability: None })?;
        self.output.write(&extra.content)?;
        self.output.zeros(padding(size))
    }

    fn entry(&mut self, entry: Entry<'_>) -> ControlFlow<Stop> {
        let mtime = self.tree.time(entry.stat.st_mtime);
        let mode = entry.stat.st_mode & 0o7777;
        let plain =
            Member { kind: EntryType::Regular, path: entry.path, link: b"", mode, mtime, size: 0, capability: None };
        if let Some(first) = self.links.earlier(&entry) {
            // Borrowed from the map only for the header.
            let first = first.to_vec();
            return self.header(&Member { kind: EntryType::Link, link: &first, ..plain });
        }
        match entry.node {
            Node::Folder { implied, .. } => {
                let mode = if implied { IMPLIED_MODE } else { mode };
                self.header(&Member { kind: EntryType::Directory, mode, ..plain })
            }
            Node::Symlink(target) => {
                self.header(&Member { kind: EntryType::Symlink, link: target.to_bytes(), ..plain })
            }
            Node::Fifo => self.header(&Member { kind: EntryType::Fifo, ..plain }),
            Node::File(file) => {
                let capability = capability(&file);
                let size = size(entry.stat);
                self.header(&Member { size, capability: capability.as_deref(), ..plain })?;
                self.content(entry.path, &file, size)?;
                self.files += 1;
                ControlFlow::Continue(())
            }
        }
    }

    fn header(&mut self, member: &Member<'_>) -> ControlFlow<Stop> {
        self.output.write_with(|buffer| encode(member, buffer))
    }

    /// Sends exactly the size that the header announced.
    fn content(&mut self, path: &[u8], file: &OwnedFd, size: u64) -> ControlFlow<Stop> {
        let mut left = size;
        // Whether a read had room for more than was left: only then does it tell whether the file grew.
        let mut probed = false;
        let mut grown = false;
        while left > 0 {
            match self.output.read(file, left)? {
                Ok(read) if read.count == 0 => {
                    let error = Error::Shrunk { path: owned(path), expected: size, found: size - left };
                    return ControlFlow::Break(Stop(Some(error)));
                }
                Ok(read) => {
                    probed = read.room > left;
                    grown = read.count > left;
                    left = left.saturating_sub(read.count);
                }
                Err(Errno::INTR) => {}
                Err(errno) => return ControlFlow::Break(Stop(Some(problem(path, errno)))),
            }
        }
        if grown || (!probed && rustix::fs::fstat(file).is_ok_and(|stat| self::size(&stat) > size)) {
            self.warnings.push(Warning::Grown(owned(path)));
        }
        self.output.zeros(padding(size))
    }
}

pub(crate) fn size(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or_default()
}

/// The file capabilities, as docker sends them: without the user namespace that the third revision names, which means
/// nothing elsewhere (`ReadSecurityXattrToTarHeader` in moby/go-archive).
fn capability(file: &OwnedFd) -> Option<Vec<u8>> {
    let mut value = Vec::with_capacity(32);
    rustix::fs::fgetxattr(file, c"security.capability", rustix::buffer::spare_capacity(&mut value)).ok()?;
    if value.get(3) == Some(&3) {
        value[3] = 2;
        value.truncate(20);
    }
    Some(value)
}

#[cfg(test)]
mod tests;
