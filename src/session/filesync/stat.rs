//! What the engine is told of a folder or file: fsutil's `mkstat`, with the owner set to 0 as docker's clients do.

use std::os::fd::AsFd;

use rustix::fs::FileType;
use sha2::{Digest as _, Sha256};

use super::wire::Stat;
use crate::context::walk::{Entry, Node};
use crate::context::{Tree, xattrs};

/// Bits of Go's `fs.FileMode` beyond the permissions.
mod go {
    pub(super) const FOLDER: u32 = 1 << 31;
    pub(super) const SYMLINK: u32 = 1 << 27;
    pub(super) const NAMED_PIPE: u32 = 1 << 25;
    pub(super) const SETUID: u32 = 1 << 23;
    pub(super) const SETGID: u32 = 1 << 22;
    pub(super) const STICKY: u32 = 1 << 20;
    /// `fs.ModeType`: none of these is set for a regular file.
    pub(super) const TYPE: u32 = FOLDER | SYMLINK | 1 << 26 | NAMED_PIPE | 1 << 24 | 1 << 21 | 1 << 19;
}

impl Stat {
    /// Of an entry of the tree; `first` is the path under which the same file was sent before.
    pub(super) fn of(tree: &Tree, entry: &Entry<'_>, first: Option<&[u8]>) -> Self {
        let stat = entry.stat;
        let plain = Self {
            path: entry.path.to_vec(),
            mode: go_mode(stat.st_mode),
            size: stat.st_size,
            mod_time: nanoseconds(tree, stat.st_mtime, stat.st_mtime_nsec.cast_signed()),
            linkname: first.unwrap_or_default().to_vec(),
            ..Self::default()
        };
        match &entry.node {
            Node::Folder { folder, .. } => Self { size: 0, xattrs: xattrs(*folder), ..plain },
            Node::File(file) => Self { xattrs: xattrs(file.as_fd()), ..plain },
            // These two can have none that an image keeps.
            Node::Symlink(target) => Self { linkname: target.to_bytes().to_vec(), ..plain },
            Node::Fifo => plain,
        }
    }

    /// Of a folder that exists only here.
    pub(super) fn folder(path: &[u8]) -> Self {
        Self { path: path.to_vec(), mode: go::FOLDER | 0o755, ..Self::default() }
    }

    /// Of a file that exists only here. Its time stands for its content: an engine that still has a file of the same size
    /// and time from an earlier build does not ask for it again (`sameFile` in fsutil's `diff_containerd.go`).
    pub(super) fn file(path: &[u8], content: &[u8]) -> Self {
        let size = i64::try_from(content.len()).unwrap_or(i64::MAX);
        let digest = <[u8; 32]>::from(Sha256::digest(content));
        let number = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        // Such as file systems can keep: 31 bits of seconds.
        let seconds = (number >> 33).cast_signed();
        let nanoseconds = (number % 1_000_000_000).cast_signed();
        Self {
            path: path.to_vec(),
            mode: 0o644,
            size,
            mod_time: seconds * 1_000_000_000 + nanoseconds,
            ..Self::default()
        }
    }

    pub(super) fn is_folder(&self) -> bool {
        self.mode & go::FOLDER != 0
    }

    /// Whether its content can be asked for: fsutil's `fileCanRequestData`.
    pub(super) fn is_file(&self) -> bool {
        self.mode & go::TYPE == 0
    }
}

/// A time in nanoseconds, bounded by `SOURCE_DATE_EPOCH`.
fn nanoseconds(tree: &Tree, seconds: i64, nanoseconds: i64) -> i64 {
    let bounded = tree.time(seconds);
    let is_later = tree.source_date_epoch.and_then(|epoch| i64::try_from(epoch).ok()) == Some(bounded);
    bounded.saturating_mul(1_000_000_000).saturating_add(if is_later { 0 } else { nanoseconds })
}

/// Go's mode of the kernel's.
fn go_mode(mode: u32) -> u32 {
    let kind = match FileType::from_raw_mode(mode) {
        FileType::Directory => go::FOLDER,
        FileType::Symlink => go::SYMLINK,
        FileType::Fifo => go::NAMED_PIPE,
        _ => 0,
    };
    let special = [(0o4000, go::SETUID), (0o2000, go::SETGID), (0o1000, go::STICKY)];
    let special = special.iter().filter(|(bit, _)| mode & bit != 0).fold(0, |all, (_, bit)| all | bit);
    kind | special | mode & 0o777
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_those_of_go() {
        for (mode, expected) in [
            (0o100_644, 0o644),
            (0o104_755, 1 << 23 | 0o755),
            (0o102_755, 1 << 22 | 0o755),
            (0o040_755, 1 << 31 | 0o755),
            (0o041_777, 1 << 31 | 1 << 20 | 0o777),
            (0o120_777, 1 << 27 | 0o777),
            (0o010_600, 1 << 25 | 0o600),
        ] {
            assert_eq!(go_mode(mode), expected, "{mode:o}");
        }
    }

    #[test]
    fn only_regular_files_can_be_asked_for() {
        let stat = |mode| Stat { mode: go_mode(mode), ..Stat::default() };
        assert!(stat(0o107_777).is_file());
        assert!([0o040_755, 0o120_777, 0o010_600].into_iter().all(|mode| !stat(mode).is_file()));
    }

    #[test]
    fn files_in_memory_differ_in_time_when_they_differ_in_content() {
        let [one, other] = [b"FROM a", b"FROM b"].map(|content| Stat::file(b"Dockerfile", content));
        assert_ne!(one.mod_time, other.mod_time);
        assert_eq!(one, Stat::file(b"Dockerfile", b"FROM a"));
        assert!((0..1_i64 << 61).contains(&one.mod_time));
    }
}
