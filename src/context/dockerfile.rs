//! The Dockerfile: where it lies and what it says.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::error::Error;

/// The Dockerfile of a build.
#[derive(Clone, Debug)]
pub struct Dockerfile {
    /// As `DOCKERFILE` gives it, relative to the working folder, or where it was found in the context.
    pub path: PathBuf,
    /// Its text; bytes that are not UTF-8 are replaced.
    pub text: String,
    /// Its bytes, which are what is sent.
    pub(super) content: Vec<u8>,
    /// Its path in the context when it really lies there, all symlinks resolved.
    pub(super) inside: Option<Vec<u8>>,
}

/// No Dockerfile and no ignore file is larger; they are held in memory.
pub(super) const LIMIT: u64 = 16 * 1024 * 1024;

impl Dockerfile {
    /// Finds and reads the Dockerfile: the given one, else `Dockerfile` in the context, else `dockerfile` there, as
    /// docker does. It may be a symlink, and it may lie outside the context.
    ///
    /// `root` is the context as given, `real_root` the same with all symlinks resolved.
    pub(super) fn open(given: Option<&Path>, root: &Path, real_root: &Path) -> Result<Self, Error> {
        let path = given.map_or_else(|| default_path(root), Path::to_path_buf);
        let unreadable = |source| Error::DockerfileUnreadable { path: path.clone(), source };
        let real = match fs::canonicalize(&path) {
            Ok(real) => real,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Err(Error::DockerfileMissing { candidates: candidates(&path, root), path });
            }
            Err(error) => return Err(unreadable(error)),
        };
        let metadata = fs::metadata(&real).map_err(unreadable)?;
        if metadata.is_dir() {
            let inside = Some(path.join("Dockerfile")).filter(|inside| inside.is_file());
            return Err(Error::DockerfileFolder { path, inside });
        }
        if !metadata.is_file() {
            return Err(Error::DockerfileNotFile { path });
        }
        let content = match read(&real) {
            Ok(Some(content)) => content,
            Ok(None) => return Err(Error::TooLarge { path, limit: LIMIT }),
            Err(error) => return Err(unreadable(error)),
        };
        let text = String::from_utf8_lossy(&content).into_owned();
        if !has_instruction(&text) {
            return Err(Error::DockerfileEmpty { path });
        }
        let inside = real.strip_prefix(real_root).ok().map(|path| path.as_os_str().as_bytes().to_vec());
        Ok(Self { path, text, content, inside })
    }

    /// Its bytes.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// The ignore file that belongs to this Dockerfile alone, beside it, as buildkit names it.
    pub(super) fn own_ignore_file(&self) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(".dockerignore");
        name.into()
    }
}

/// Reads a small file; `None` when it is larger than [`LIMIT`].
pub(super) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut content = Vec::new();
    File::open(path)?.take(LIMIT + 1).read_to_end(&mut content)?;
    Ok(Some(content).filter(|content| content.len() as u64 <= LIMIT))
}

fn default_path(root: &Path) -> PathBuf {
    let upper = beside(root, "Dockerfile");
    let lower = beside(root, "dockerfile");
    if fs::symlink_metadata(&upper).is_err() && fs::symlink_metadata(&lower).is_ok() { lower } else { upper }
}

/// A path in a folder, without `./` in front.
fn beside(folder: &Path, name: impl AsRef<Path>) -> PathBuf {
    if folder == Path::new(".") { name.as_ref().to_path_buf() } else { folder.join(name) }
}

/// Whether a line is neither blank nor a comment.
fn has_instruction(text: &str) -> bool {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.lines().map(str::trim).any(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Dockerfiles that may have been meant: in the folder where one was expected, in the context, and one folder deeper.
fn candidates(path: &Path, root: &Path) -> Vec<PathBuf> {
    let expected = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut found = Vec::new();
    let mut folders = vec![expected];
    if expected != root {
        folders.push(root);
    }
    for folder in folders {
        let mut names: Vec<_> = list(folder).into_iter().filter(looks_like_one).collect();
        let wanted = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        names.sort_by_key(|name| strsim::levenshtein(&wanted, &name.to_string_lossy().to_lowercase()));
        found.extend(names.into_iter().map(|name| beside(folder, name)).filter(|path| path.is_file()));
    }
    if found.is_empty() {
        let below = list(root).into_iter().map(|name| beside(root, name).join("Dockerfile"));
        found.extend(below.filter(|path| path.is_file()));
    }
    found.truncate(5);
    found
}

fn looks_like_one(name: &OsString) -> bool {
    let name = name.to_string_lossy().to_lowercase();
    (name.contains("dockerfile") || name.contains("containerfile")) && !name.ends_with(".dockerignore")
}

/// The names in a folder, sorted; none when it cannot be read.
fn list(folder: &Path) -> Vec<OsString> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<_> = entries.filter_map(|entry| entry.ok().map(|entry| entry.file_name())).take(1000).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests;
