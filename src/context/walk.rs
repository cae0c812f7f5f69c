//! The ordered walk over what is sent: a folder before its content, siblings by their bytes.
//!
//! Folders are opened one below the other and never by path, so that nothing leads out of the context, not even a folder
//! that becomes a symlink meanwhile. Held in memory are the names of the folders on the way to the current entry.
//!
//! A folder that stays behind is entered only when something to keep could lie in it, and appears only when there is.

use std::ffi::{CStr, CString};
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, Stat};
use rustix::io::Errno;

use super::error::{Error, owned};
use super::filter::{Asked, Filter};
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

/// How someone sees the tree.
#[derive(Clone, Copy, Debug, Default)]
pub struct View<'a> {
    /// The path at which the tree's folder appears; empty for the root itself.
    pub at: &'a [u8],
    /// What is asked for, by paths as they appear.
    pub filter: Option<&'a Filter>,
}

/// One file or folder that is sent.
#[derive(Debug)]
pub struct Entry<'a> {
    /// As it appears in the view.
    pub path: &'a [u8],
    /// Its metadata; of a file that of the open one.
    pub stat: &'a Stat,
    /// What it is.
    pub node: Node<'a>,
}

/// What an entry is.
#[derive(Debug)]
pub enum Node<'a> {
    /// A folder.
    Folder {
        /// The open one.
        folder: BorrowedFd<'a>,
        /// The folder itself stays behind and only appears because something in it is kept.
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

/// What both sets of rules say of a folder or file.
#[derive(Clone, Default)]
struct Judgement {
    own: Verdict,
    asked: Asked,
}

/// A folder being walked.
struct Level {
    folder: OwnedFd,
    names: std::vec::IntoIter<(CString, FileType)>,
    judgement: Judgement,
    /// The length of its path.
    length: usize,
    /// Its metadata while it is a folder that stays behind and has not appeared yet.
    unseen: Option<Stat>,
}

struct Walk<'a, V> {
    selection: &'a Selection,
    filter: Option<&'a Filter>,
    visit: V,
    levels: Vec<Level>,
    path: Vec<u8>,
    /// Where in the path that part begins which is relative to the tree.
    inside: usize,
    /// For the kernel's lists of names.
    buffer: Vec<u8>,
}

/// Walks a folder and shows the visitor all that is selected, until it breaks.
pub fn walk<B>(root: &Path, selection: &Selection, visit: impl FnMut(Finding<'_>) -> ControlFlow<B>) -> ControlFlow<B> {
    view(root, selection, View::default(), visit)
}

/// Walks a folder and shows the visitor all that is selected and asked for, until it breaks.
pub fn view<B>(
    root: &Path,
    selection: &Selection,
    view: View<'_>,
    visit: impl FnMut(Finding<'_>) -> ControlFlow<B>,
) -> ControlFlow<B> {
    let asked = match view.filter {
        Some(filter) if !view.at.is_empty() => {
            let asked = filter.judge_whole(view.at);
            if !filter.keeps(&asked) && !filter.may_keep_below(view.at, &asked) {
                return ControlFlow::Continue(());
            }
            asked
        }
        _ => Asked::default(),
    };
    let inside = if view.at.is_empty() { 0 } else { view.at.len() + 1 };
    let (path, buffer) = (view.at.to_vec(), Vec::with_capacity(32 * 1024));
    let mut walk = Walk { selection, filter: view.filter, visit, levels: Vec::new(), path, inside, buffer };
    match rustix::fs::openat(CWD, root, FOLDER, Mode::empty()) {
        Ok(folder) => walk.enter(folder, Judgement { own: Verdict::default(), asked }, None)?,
        Err(errno) => (walk.visit)(Finding::Problem(problem(root.as_os_str().as_bytes(), errno)))?,
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

pub(crate) const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// Not to wait for the other end, should the file be a named pipe by now.
pub(crate) const FILE: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl<B, V: FnMut(Finding<'_>) -> ControlFlow<B>> Walk<'_, V> {
    fn step(&mut self, name: &CStr, listed: FileType) -> ControlFlow<B> {
        if !self.path.is_empty() {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(name.to_bytes());
        let own_path = &self.path[self.inside..];
        if self.selection.barred.iter().any(|barred| barred == own_path) {
            return ControlFlow::Continue(());
        }
        let Some(level) = self.levels.last() else { return ControlFlow::Continue(()) };
        let own = self.selection.ignore.judge(own_path, &level.judgement.own);
        let asked = self.filter.map(|filter| filter.judge(&self.path, &level.judgement.asked)).unwrap_or_default();
        let excluded = (own.is_excluded() && self.selection.required.as_deref() != Some(own_path))
            || self.filter.is_some_and(|filter| !filter.keeps(&asked));
        let judgement = Judgement { own, asked };
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
                self.step_excluded(name, judgement)
            } else {
                ControlFlow::Continue(())
            };
        }
        match kind {
            FileType::Directory => match open(parent, name, FOLDER) {
                Ok((folder, stat)) => {
                    self.entry(&stat, Node::Folder { folder: folder.as_fd(), implied: false })?;
                    self.enter(folder, judgement, None)
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
            FileType::Socket => (self.visit)(Finding::Warning(Warning::Socket(owned(&self.path[self.inside..])))),
            FileType::CharacterDevice | FileType::BlockDevice | FileType::Unknown => {
                (self.visit)(Finding::Problem(Error::Device { path: owned(&self.path[self.inside..]) }))
            }
        }
    }

    /// Enters a folder that stays behind if there may be something to keep in it.
    fn step_excluded(&mut self, name: &CStr, judgement: Judgement) -> ControlFlow<B> {
        let Some(level) = self.levels.last() else { return ControlFlow::Continue(()) };
        let Judgement { own, asked } = &judgement;
        let ignore = &self.selection.ignore;
        let selected = !own.is_excluded() || ignore.may_change_below(&self.path[self.inside..], own);
        let wanted = self.filter.is_none_or(|filter| filter.may_keep_below(&self.path, asked));
        if !(selected && wanted) {
            return ControlFlow::Continue(());
        }
        match open(level.folder.as_fd(), name, FOLDER) {
            Ok((folder, stat)) => self.enter(folder, judgement, Some(stat)),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => ControlFlow::Continue(()),
            Err(_) => (self.visit)(Finding::Warning(Warning::Unsearchable(owned(&self.path[self.inside..])))),
        }
    }

    /// Reads the names in the folder at the current path.
    fn enter(&mut self, folder: OwnedFd, judgement: Judgement, unseen: Option<Stat>) -> ControlFlow<B> {
        match names(folder.as_fd(), &mut self.buffer) {
            Ok(names) => {
                let length = self.path.len();
                self.levels.push(Level { folder, names: names.into_iter(), judgement, length, unseen });
                ControlFlow::Continue(())
            }
            Err(errno) => self.problem(errno),
        }
    }

    /// Shows an entry, and before it the unseen folders that it lies in.
    fn entry(&mut self, stat: &Stat, node: Node<'_>) -> ControlFlow<B> {
        for level in &mut self.levels {
            if let Some(stat) = level.unseen.take() {
                let path = &self.path[..level.length];
                let node = Node::Folder { folder: level.folder.as_fd(), implied: true };
                (self.visit)(Finding::Entry(Entry { path, stat: &stat, node }))?;
            }
        }
        (self.visit)(Finding::Entry(Entry { path: &self.path, stat, node }))
    }

    fn problem(&mut self, errno: Errno) -> ControlFlow<B> {
        (self.visit)(Finding::Problem(problem(&self.path[self.inside..], errno)))
    }
}

/// The failure to open or read something that was in its folder's list.
pub(crate) fn problem(path: &[u8], errno: Errno) -> Error {
    match errno {
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP => Error::Vanished { path: owned(path) },
        errno => Error::Unreadable { path: owned(path), source: io::Error::from(errno) },
    }
}

pub(crate) fn open(parent: BorrowedFd<'_>, name: &CStr, flags: OFlags) -> Result<(OwnedFd, Stat), Errno> {
    let opened = rustix::fs::openat(parent, name, flags, Mode::empty())?;
    let stat = rustix::fs::fstat(&opened)?;
    Ok((opened, stat))
}

pub(crate) fn stat(parent: BorrowedFd<'_>, name: &CStr) -> Result<Stat, Errno> {
    rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)
}

pub(crate) fn names(folder: BorrowedFd<'_>, buffer: &mut Vec<u8>) -> Result<Vec<(CString, FileType)>, Errno> {
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
