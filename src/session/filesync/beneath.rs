//! Opening below a folder, one component after the other, so that no symlink leads anywhere.

use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, Stat};
use rustix::io::Errno;

use crate::context::walk::{FILE, FOLDER, names, open};

/// What lies at a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    /// A symlink and where it leads.
    Symlink(Vec<u8>),
    Other,
}

/// A folder by its path below another one, both of them real.
pub(super) fn folder(root: &Path, path: &[u8]) -> Result<OwnedFd, Errno> {
    let mut folder = rustix::fs::openat(CWD, root, FOLDER, Mode::empty())?;
    for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
        folder = rustix::fs::openat(&folder, name, FOLDER, Mode::empty())?;
    }
    Ok(folder)
}

/// A regular file in a folder, open for reading.
pub(super) fn file(folder: impl AsFd, name: &[u8]) -> Result<(OwnedFd, Stat), Errno> {
    let name = CString::new(name).map_err(|_| Errno::INVAL)?;
    let (file, stat) = open(folder.as_fd(), &name, FILE)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok((file, stat)),
        _ => Err(Errno::NOENT),
    }
}

/// What lies at a path below a folder.
pub(super) fn look(root: &Path, path: &[u8]) -> Result<Kind, Errno> {
    let (parent, name) = match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (&b""[..], path),
    };
    if name.is_empty() {
        return Ok(Kind::Folder);
    }
    look_in(folder(root, parent)?, name)
}

/// All names in a folder that a predicate wants, and what they are.
pub(super) fn list(root: &Path, path: &[u8], wanted: impl Fn(&[u8]) -> bool) -> Result<Vec<(Vec<u8>, Kind)>, Errno> {
    let folder = folder(root, path)?;
    let mut found = Vec::new();
    for (name, kind) in names(folder.as_fd(), &mut Vec::with_capacity(32 * 1024))? {
        let name = name.into_bytes();
        if !wanted(&name) {
            continue;
        }
        let kind = match kind {
            FileType::Directory => Kind::Folder,
            FileType::Symlink | FileType::Unknown => match look_in(&folder, &name) {
                Ok(kind) => kind,
                Err(_) => continue,
            },
            _ => Kind::Other,
        };
        found.push((name, kind));
    }
    Ok(found)
}

fn look_in(folder: impl AsFd, name: &[u8]) -> Result<Kind, Errno> {
    let stat = rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Symlink(rustix::fs::readlinkat(&folder, name, Vec::new())?.into_bytes()),
        _ => Kind::Other,
    })
}
