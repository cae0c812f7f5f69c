//! An ignore file on disk.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::dockerfile::{self, LIMIT};
use super::error::Error;
use super::ignore::Ignore;
use super::placement::RootIgnore;

/// An ignore file that was read.
pub(super) struct IgnoreFile {
    pub(super) path: PathBuf,
    pub(super) root: RootIgnore,
}

/// Reads an ignore file, through a symlink too; `None` when it does not exist.
pub(super) fn read_ignore(path: &Path) -> Result<Option<IgnoreFile>, Vec<Error>> {
    let failed = |source| vec![Error::IgnoreUnreadable { path: path.into(), source }];
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
    };
    // Never wait for a named pipe.
    match fs::metadata(path) {
        Ok(target) if target.is_file() || target.is_dir() => {}
        Ok(_) => return Err(failed(io::Error::other("it is not a regular file"))),
        // A symlink to nowhere, which docker takes for no file.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    }
    let content = match dockerfile::read(path) {
        Ok(Some(content)) => content,
        Ok(None) => return Err(vec![Error::TooLarge { path: path.into(), limit: LIMIT }]),
        Err(error) => return Err(failed(error)),
    };
    let rules = Ignore::parse(&content).map_err(|lines| {
        lines.into_iter().map(|line| Error::IgnorePattern { path: path.into(), line }).collect::<Vec<_>>()
    })?;
    let (mode, mtime) = (metadata.mode() & 0o7777, metadata.mtime());
    let root = RootIgnore { content, rules, regular: metadata.is_file(), mode, mtime };
    Ok(Some(IgnoreFile { path: path.into(), root }))
}
