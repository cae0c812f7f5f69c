//! A context, opened and checked before anything is sent.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::dockerfile::{self, Dockerfile, LIMIT};
use super::error::Error;
use super::ignore::Ignore;
use super::placement::{IGNORE, Placement, RootIgnore};
use super::walk::Selection;

/// What to open. Relative paths are relative to the working folder.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `CONTEXT`.
    pub root: PathBuf,
    /// `DOCKERFILE`.
    pub dockerfile: Option<PathBuf>,
    /// Folders and files that are never sent: the output folder, the pipes' storage. They need not exist.
    pub own_folders: Vec<PathBuf>,
    /// `SOURCE_DATE_EPOCH`: nothing sent is newer.
    pub source_date_epoch: Option<u64>,
}

/// A context whose Dockerfile and ignore file have been read. Nothing else has been looked at yet.
#[derive(Clone, Debug)]
pub struct Context {
    pub(super) root: PathBuf,
    pub(super) dockerfile: Dockerfile,
    pub(super) ignore_file: Option<PathBuf>,
    pub(super) selection: Selection,
    pub(super) placement: Placement,
    pub(super) source_date_epoch: Option<u64>,
}

impl Context {
    /// Opens a context.
    ///
    /// # Errors
    /// All that is wrong with the context's folder, the Dockerfile and the ignore file.
    pub fn open(request: &Request) -> Result<Self, Vec<Error>> {
        let root = open_root(&request.root).map_err(|error| vec![error])?;
        let mut errors = Vec::new();
        let mut barred = Vec::new();
        for own in &request.own_folders {
            let real = real_path(own);
            if root.starts_with(&real) {
                errors.push(Error::InOwnFolder { path: request.root.clone(), own: own.clone() });
            } else if let Ok(path) = real.strip_prefix(&root) {
                barred.push(path.as_os_str().as_bytes().to_vec());
            }
        }
        let dockerfile = Dockerfile::open(request.dockerfile.as_deref(), &request.root, &root)
            .map_err(|error| errors.push(error))
            .ok();
        let shown = if request.root == Path::new(".") { PathBuf::from(IGNORE) } else { request.root.join(IGNORE) };
        let root_ignore = read_ignore(&shown);
        let own_ignore = dockerfile.as_ref().map(|dockerfile| read_ignore(&dockerfile.own_ignore_file()));
        let (root_ignore, own_ignore) = match (root_ignore, own_ignore.transpose()) {
            // One in force is enough; the other one is of interest only if it can be read.
            (root_ignore, Ok(Some(Some(own_ignore)))) => (root_ignore.unwrap_or_default(), Some(own_ignore)),
            (Ok(root_ignore), Ok(_)) => (root_ignore, None),
            (root_ignore, own_ignore) => {
                errors.extend(root_ignore.err().into_iter().flatten());
                errors.extend(own_ignore.err().into_iter().flatten());
                return Err(errors);
            }
        };
        let in_force = own_ignore.as_ref().or(root_ignore.as_ref());
        let ignore_file = in_force.map(|file| file.path.clone());
        let ignore = in_force.map(|file| file.root.rules.clone()).unwrap_or_default();
        let selection = Selection { ignore, barred, required: None };
        match dockerfile {
            Some(dockerfile) if errors.is_empty() => {
                let is_free = |name: &str| fs::symlink_metadata(root.join(name)).is_err();
                let root_ignore = root_ignore.as_ref().map(|file| &file.root);
                let inside = dockerfile.inside.as_deref();
                let placement = Placement::decide(inside, &dockerfile.content, root_ignore, &selection, is_free);
                let source_date_epoch = request.source_date_epoch;
                Ok(Self { root, dockerfile, ignore_file, selection, placement, source_date_epoch })
            }
            _ => Err(errors),
        }
    }

    /// The value of `dockerfile` in the query of `POST /build`.
    #[must_use]
    pub fn dockerfile_name(&self) -> &str {
        &self.placement.name
    }

    /// The Dockerfile.
    #[must_use]
    pub fn dockerfile(&self) -> &Dockerfile {
        &self.dockerfile
    }

    /// The ignore file in force, if there is one.
    #[must_use]
    pub fn ignore_file(&self) -> Option<&Path> {
        self.ignore_file.as_deref()
    }
}

/// Resolves the context's folder, which may be a symlink itself, as docker does.
fn open_root(path: &Path) -> Result<PathBuf, Error> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => Error::Missing { path: path.into() },
        io::ErrorKind::NotADirectory => Error::NotFolder { path: path.into() },
        _ => Error::Denied { path: path.into(), source },
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

/// An ignore file that was read.
struct IgnoreFile {
    path: PathBuf,
    root: RootIgnore,
}

/// Reads an ignore file, through a symlink too; `None` when it does not exist.
fn read_ignore(path: &Path) -> Result<Option<IgnoreFile>, Vec<Error>> {
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

#[cfg(test)]
mod tests;
