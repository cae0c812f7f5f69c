//! The ordered walk over what is sent: a folder before its content, siblings by their bytes.
//!
//! Folders are opened one below the other and never by path, so that nothing leads out of the context, not even a folder
//! that becomes a symlink meanwhile. Held in memory are the names of the folders on the way to the current entry.
//!
//! An excluded folder is entered only when an exception could lie in it, and appears only when something in it is kept.

use std::ffi::{CStr, CString};
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, Stat};
use rustix::io::Errno;

use super::error::{Error, owned};
use super::ignore::{Ignore, Verdict};
use super::warning::Warning;

/// Which paths of a folder are sent. Paths are relative to it, with slashes and without any at the ends.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The ignore file in force.
    pub ignore: Ignore,
    /// Files and folders that are left out whatever the ignore file says.
    pub barred: Vec<Vec<u8>>,
    /// A path that is sent though the ignore file excludes it. No parent of it may be excluded.
    pub required: Option<Vec<u8>>,
}

impl Selection {
    /// Whether the path is sent if it exists.
    #[must_use]
    pub fn includes(&self, path: &[u8]) -> bool {
        let barred = self.barred.iter().any(|barred| {
            path.strip_prefix(barred.as_slice()).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        });
        !barred && (self.required.as_deref() == Some(path) || !self.ignore.excludes(path))
    }
}

/// One file or folder that is sent.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Relative to the context.
    pub path: &'a [u8],
    /// Its metadata; of a file that of the open one.
    pub stat: &'a Stat,
    /// What it is.
    pub node: Node,
}

/// What an entry is.
#[derive(Debug)]
pub enum Node {
    /// A folder.
    Folder {
        /// The folder itself is excluded and only appears because something in it is kept.
        implied: bool,
    },
    /// A regular file, open for reading.
    File(OwnedFd),
    /// A symlink and where it leads.
    Symlink(CString),
    /// A named pipe.
    Fifo,
}

/// What a walk comes across.
#[derive(Debug)]
pub enum Finding<'a> {
    /// The next thing to send.
    Entry(Entry<'a>),
    /// Something odd.
    Warning(Warning),
    /// Something that should be sent and cannot. The walk goes on behind it if the visitor wants.
    Problem(Error),
}

/// A folder being walked.
struct Level {
    folder: OwnedFd,
    names: std::vec::IntoIter<(CString, FileType)>,
    verdict: Verdict,
    /// The length of its path.
    length: usize,
    /// Its metadata while it is an excluded folder that has not appeared yet.
    unseen: Option<Stat>,
}

struct Walk<'a, V> {
    selection: &'a Selection,
    visit: V,
    levels: Vec<Level>,
    path: Vec<u8>,
    /// For the kernel's lists of names.
    buffer: Vec<u8>,
}

/// Walks a folder and shows the visitor all that is selected, until it breaks.
pub fn walk<B>(root: &Path, selection: &Selection, visit: impl FnMut(Finding<'_>) -> ControlFlow<B>) -> ControlFlow<B> {
    let buffer = Vec::with_capacity(32 * 1024);
    let mut walk = Walk { selection, visit, levels: Vec::new(), path: Vec::new(), buffer };
    match rustix::fs::openat(CWD, root, FOLDER, Mode::empty()) {
        Ok(folder) => walk.enter(folder, Verdict::default(), None)?,
        Err(errno) => (walk.visit)(Finding::Problem(Error::Denied { path: root.into(), source: errno.into() }))?,
    }
    while let Some(level) = walk.levels.last_mut() {
        walk.path.truncate(level.length);
        match level.names.next() {
            Some((name, kind)) => walk.step(&name, kind)?,
            None => drop(walk.levels.pop()),
        }
    }
    ControlFlow::Continue(())
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// Not to wait for the other end, should the file be a named pipe by now.
const FILE: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl<B, V: FnMut(Finding<'_>) -> ControlFlow<B>> Walk<'_, V> {
    fn step(&mut self, name: &CStr, listed: FileType) -> ControlFlow<B> {
        if !self.path.is_empty() {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(name.to_bytes());
        if self.selection.barred.contains(&self.path) {
            return ControlFlow::Continue(());
        }
        let Some(level) = self.levels.last() else { return ControlFlow::Continue(()) };
        let verdict = self.selection.ignore.judge(&self.path, &level.verdict);
        let excluded = verdict.is_excluded() && self.selection.required.as_ref() != Some(&self.path);
        let parent = level.folder.as_fd();
        // Some file systems do not tell kinds in their lists.
        let kind = match listed {
            FileType::Unknown => match stat(parent, name) {
                Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                Err(_) if excluded => return ControlFlow::Continue(()),
                Err(errno) => return self.problem(errno),
            },
            listed => listed,
        };
        if excluded {
            return if kind == FileType::Directory {
                self.step_excluded(name, verdict)
            } else {
                ControlFlow::Continue(())
            };
        }
        match kind {
            FileType::Directory => match open(parent, name, FOLDER) {
                Ok((folder, stat)) => {
                    self.entry(&stat, Node::Folder { implied: false })?;
                    self.enter(folder, verdict, None)
                }
                Err(errno) => self.problem(errno),
            },
            FileType::RegularFile => match open(parent, name, FILE) {
                Ok((file, stat)) if FileType::from_raw_mode(stat.st_mode) == kind => {
                    self.entry(&stat, Node::File(file))
                }
                Ok(_) => self.problem(Errno::NOENT),
                Err(errno) => self.problem(errno),
            },
            FileType::Symlink => {
                match stat(parent, name).and_then(|stat| Ok((stat, rustix::fs::readlinkat(parent, name, Vec::new())?)))
                {
                    Ok((stat, target)) => self.entry(&stat, Node::Symlink(target)),
                    Err(errno) => self.problem(errno),
                }
            }
            FileType::Fifo => match stat(parent, name) {
                Ok(stat) => self.entry(&stat, Node::Fifo),
                Err(errno) => self.problem(errno),
            },
            FileType::Socket => (self.visit)(Finding::Warning(Warning::Socket(owned(&self.path)))),
            FileType::CharacterDevice | FileType::BlockDevice | FileType::Unknown => {
                (self.visit)(Finding::Problem(Error::Device { path: owned(&self.path) }))
            }
        }
    }

    /// Enters an excluded folder if there may be something to keep in it.
    fn step_excluded(&mut self, name: &CStr, verdict: Verdict) -> ControlFlow<B> {
        let Some(level) = self.levels.last() else { return ControlFlow::Continue(()) };
        if !self.selection.ignore.may_hold_exceptions_below(&self.path, &verdict) {
            return ControlFlow::Continue(());
        }
        match open(level.folder.as_fd(), name, FOLDER) {
            Ok((folder, stat)) => self.enter(folder, verdict, Some(stat)),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => ControlFlow::Continue(()),
            Err(_) => (self.visit)(Finding::Warning(Warning::Unsearchable(owned(&self.path)))),
        }
    }

    /// Reads the names in the folder at the current path.
    fn enter(&mut self, folder: OwnedFd, verdict: Verdict, unseen: Option<Stat>) -> ControlFlow<B> {
        match names(folder.as_fd(), &mut self.buffer) {
            Ok(names) => {
                let length = self.path.len();
                self.levels.push(Level { folder, names: names.into_iter(), verdict, length, unseen });
                ControlFlow::Continue(())
            }
            Err(errno) => self.problem(errno),
        }
    }

    /// Shows an entry, and before it the excluded folders that it lies in.
    fn entry(&mut self, stat: &Stat, node: Node) -> ControlFlow<B> {
        for level in &mut self.levels {
            if let Some(stat) = level.unseen.take() {
                let path = &self.path[..level.length];
                (self.visit)(Finding::Entry(Entry { path, stat: &stat, node: Node::Folder { implied: true } }))?;
            }
        }
        (self.visit)(Finding::Entry(Entry { path: &self.path, stat, node }))
    }

    fn problem(&mut self, errno: Errno) -> ControlFlow<B> {
        (self.visit)(Finding::Problem(problem(&self.path, errno)))
    }
}

/// The failure to open or read something that was in its folder's list.
pub(super) fn problem(path: &[u8], errno: Errno) -> Error {
    match errno {
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP => Error::Vanished { path: owned(path) },
        errno => Error::Unreadable { path: owned(path), source: io::Error::from(errno) },
    }
}

fn open(parent: BorrowedFd<'_>, name: &CStr, flags: OFlags) -> Result<(OwnedFd, Stat), Errno> {
    let opened = rustix::fs::openat(parent, name, flags, Mode::empty())?;
    let stat = rustix::fs::fstat(&opened)?;
    Ok((opened, stat))
}

fn stat(parent: BorrowedFd<'_>, name: &CStr) -> Result<Stat, Errno> {
    rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)
}

fn names(folder: BorrowedFd<'_>, buffer: &mut Vec<u8>) -> Result<Vec<(CString, FileType)>, Errno> {
    let mut names = Vec::new();
    let mut list = RawDir::new(folder, buffer.spare_capacity_mut());
    while let Some(entry) = list.next() {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push((entry.file_name().to_owned(), entry.file_type()));
        }
    }
    names.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    Ok(names)
}

#[cfg(test)]
mod tests;
