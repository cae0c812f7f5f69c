//! A folder to send, and what of it.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::error::{Error, Variable};
use super::ignore_file::read_ignore;
use super::placement::IGNORE;
use super::walk::Selection;

/// A folder, and which files of it are sent. Nothing of it but its ignore file has been looked at yet.
#[derive(Clone, Debug)]
pub struct Tree {
    /// The folder, all symlinks resolved.
    pub(crate) root: PathBuf,
    pub(crate) selection: Selection,
    pub(crate) source_date_epoch: Option<u64>,
}

impl Tree {
    /// Opens a named context: a folder that has its own `.dockerignore` and no Dockerfile.
    ///
    /// The own folders of the pipe are never sent, and nothing sent is newer than `SOURCE_DATE_EPOCH`.
    ///
    /// # Errors
    /// All that is wrong with the folder and the ignore file.
    pub fn open(
        name: &str,
        folder: &Path,
        own_folders: &[PathBuf],
        source_date_epoch: Option<u64>,
    ) -> Result<Self, Vec<Error>> {
        let variable = Variable::Named(name.to_owned());
        let (mut tree, mut errors) =
            Self::bare(&variable, folder, own_folders, source_date_epoch).map_err(|error| vec![error])?;
        match read_ignore(&ignore_path(folder)) {
            Ok(file) => tree.selection.ignore = file.map(|file| file.root.rules).unwrap_or_default(),
            Err(more) => errors.extend(more),
        }
        if errors.is_empty() { Ok(tree) } else { Err(errors) }
    }

    /// A folder without its ignore file, and which own folders of the pipe it lies in.
    pub(super) fn bare(
        variable: &Variable,
        folder: &Path,
        own_folders: &[PathBuf],
        source_date_epoch: Option<u64>,
    ) -> Result<(Self, Vec<Error>), Error> {
        let root = open_root(variable, folder)?;
        let mut errors = Vec::new();
        let mut barred = Vec::new();
        for own in own_folders {
            let real = real_path(own);
            if root.starts_with(&real) {
                errors.push(Error::InOwnFolder { variable: variable.clone(), path: folder.into(), own: own.clone() });
            } else if let Ok(path) = real.strip_prefix(&root) {
                barred.push(path.as_os_str().as_bytes().to_vec());
            }
        }
        let selection = Selection { barred, ..Selection::default() };
        Ok((Self { root, selection, source_date_epoch }, errors))
    }

    /// The time of a file as it is sent.
    pub(crate) fn time(&self, mtime: i64) -> i64 {
        self.source_date_epoch.and_then(|epoch| i64::try_from(epoch).ok()).map_or(mtime, |epoch| mtime.min(epoch))
    }
}

/// Where a folder's own ignore file lies.
pub(super) fn ignore_path(folder: &Path) -> PathBuf {
    if folder == Path::new(".") { PathBuf::from(IGNORE) } else { folder.join(IGNORE) }
}

/// Resolves the context's folder, which may be a symlink itself, as docker does.
fn open_root(variable: &Variable, path: &Path) -> Result<PathBuf, Error> {
    let failed = |source: io::Error| {
        let (variable, path) = (variable.clone(), path.to_path_buf());
        match source.kind() {
            io::ErrorKind::NotFound => Error::Missing { variable, path },
            io::ErrorKind::NotADirectory => Error::NotFolder { variable, path },
            _ => Error::Denied { variable, path, source },
        }
    };
    let real = fs::canonicalize(path).map_err(failed)?;
    // Opens it: a folder that only lacks read permission is told apart from no folder.
    match fs::read_dir(&real) {
        Ok(_) => Ok(real),
        Err(error) => Err(failed(error)),
    }
}

/// The path with all symlinks resolved, as far as it exists.
fn real_path(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let existing = path.ancestors().find_map(|above| Some((above, fs::canonicalize(above).ok()?)));
    let Some((above, mut real)) = existing else { return path };
    for component in path.strip_prefix(above).unwrap_or(Path::new("")).components() {
        match component {
            Component::ParentDir => drop(real.pop()),
            component => real.push(component),
        }
    }
    real
}

#[cfg(test)]
mod tests;
