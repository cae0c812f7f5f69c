//! Trees on disk for the tests of this module, and tars read back.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::StreamExt;
use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps};
use tempfile::TempDir;

use super::*;

/// A folder that goes away; paths are relative to it.
pub(crate) struct Sandbox(TempDir);

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, path: impl AsRef<[u8]>) -> PathBuf {
        self.root().join(OsStr::from_bytes(path.as_ref()))
    }

    pub(crate) fn folder(&self, path: impl AsRef<[u8]>) -> &Self {
        fs::create_dir_all(self.path(path)).unwrap();
        self
    }

    pub(crate) fn file(&self, path: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    pub(crate) fn symlink(&self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> &Self {
        symlink(OsStr::from_bytes(target.as_ref()), self.path(path)).unwrap();
        self
    }

    pub(crate) fn hard_link(&self, path: impl AsRef<[u8]>, first: impl AsRef<[u8]>) -> &Self {
        fs::hard_link(self.path(first), self.path(path)).unwrap();
        self
    }

    pub(crate) fn fifo(&self, path: impl AsRef<[u8]>) -> &Self {
        rustix::fs::mknodat(CWD, self.path(path), FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
        self
    }

    pub(crate) fn mode(&self, path: impl AsRef<[u8]>, mode: u32) -> &Self {
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    pub(crate) fn mtime(&self, path: impl AsRef<[u8]>, seconds: i64) -> &Self {
        let time = Timespec { tv_sec: seconds, tv_nsec: 7 };
        let times = Timestamps { last_access: time, last_modification: time };
        rustix::fs::utimensat(CWD, self.path(path), &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
        self
    }

    pub(crate) fn request(&self) -> Request {
        Request { root: self.root().into(), ..Request::default() }
    }

    pub(crate) fn open(&self) -> Context {
        Context::open(&self.request()).unwrap()
    }
}

/// A member of a tar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) kind: ::tar::EntryType,
    pub(crate) mode: u32,
    pub(crate) mtime: u64,
    /// Where a link leads, or the content of a file.
    pub(crate) content: Vec<u8>,
}

/// All members by path, folders without their slash.
pub(crate) type Members = BTreeMap<Vec<u8>, Member>;

/// The tar of a context and how it went.
pub(crate) fn send(context: Context) -> (Vec<std::io::Result<bytes::Bytes>>, Sent) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (chunks, outcome) = Arc::new(context).tar();
        (chunks.collect().await, outcome.take().unwrap())
    })
}

/// The bytes of a tar that must work.
pub(crate) fn pack(context: Context) -> Vec<u8> {
    let (chunks, sent) = send(context);
    let bytes: Vec<u8> = chunks.into_iter().flat_map(|chunk| chunk.unwrap().to_vec()).collect();
    assert!(sent.error.is_none(), "{:?}", sent.error);
    assert_eq!(sent.bytes, bytes.len() as u64);
    assert_eq!(bytes.len() % 512, 0);
    bytes
}

/// The members of a tar in order.
pub(crate) fn list(tar: &[u8]) -> Vec<(Vec<u8>, Member)> {
    let mut members = Vec::new();
    let mut extended = BTreeMap::new();
    // Raw, because the crate takes a line feed in a PAX value for its end.
    for entry in ::tar::Archive::new(tar).entries().unwrap().raw(true) {
        let mut entry = entry.unwrap();
        let header = entry.header().clone();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        if header.entry_type().is_pax_local_extensions() {
            extended = records(&content);
            continue;
        }
        let path = extended.remove("path").unwrap_or_else(|| header.path_bytes().into_owned());
        let link = extended.remove("linkpath").or_else(|| Some(header.link_name_bytes()?.into_owned()));
        assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
        assert!(header.username_bytes().unwrap_or_default().is_empty());
        content.extend(link.unwrap_or_default());
        let (kind, mode, mtime) = (header.entry_type(), header.mode().unwrap(), header.mtime().unwrap());
        assert_eq!(path.ends_with(b"/"), kind.is_dir());
        let member = Member { kind, mode, mtime, content };
        members.push((path.strip_suffix(b"/").unwrap_or(&path).to_vec(), member));
    }
    members
}

/// The records of a PAX header, by their lengths.
fn records(mut text: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut records = BTreeMap::new();
    while !text.is_empty() {
        let space = text.iter().position(|byte| *byte == b' ').unwrap();
        let length: usize = str::from_utf8(&text[..space]).unwrap().parse().unwrap();
        let record = text[space + 1..length].strip_suffix(b"\n").unwrap();
        let equals = record.iter().position(|byte| *byte == b'=').unwrap();
        records.insert(str::from_utf8(&record[..equals]).unwrap().to_owned(), record[equals + 1..].to_vec());
        text = &text[length..];
    }
    records
}

/// The paths of a tar in order, as text.
pub(crate) fn paths(context: Context) -> Vec<String> {
    list(&pack(context)).into_iter().map(|(path, _)| String::from_utf8(path).unwrap()).collect()
}

/// What the classic builder has left after reading the Dockerfile: all but what it removes.
pub(crate) fn built_from(context: Context) -> Members {
    let dockerfile = context.dockerfile_name().as_bytes().to_vec();
    let text = context.dockerfile().text.clone();
    let list = list(&pack(context));
    let mut members: Members = list.clone().into_iter().collect();
    assert_eq!(members.len(), list.len(), "a path twice");
    assert_eq!(String::from_utf8_lossy(&members[&dockerfile].content), text);
    if let Some(ignore) = members.get(b".dockerignore".as_slice()) {
        let rules = ignore::Ignore::parse(&ignore.content).unwrap_or_default();
        for path in [b".dockerignore".as_slice(), &dockerfile] {
            if rules.engine_removes(path) {
                members.remove(path);
            }
        }
    }
    members
}

/// Takes from this thread what lets root read everything.
pub(crate) fn drop_privileges() {
    use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
    let mut sets = capabilities(None).unwrap();
    sets.effective.remove(CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH);
    set_capabilities(None, sets).unwrap();
}
