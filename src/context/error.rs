//! What can be wrong with the context, the Dockerfile or an ignore file.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::ignore::BadLine;
use crate::error::{ExitCode, Explain, words};

/// Why a context cannot be sent. Paths inside the context are relative to it.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum Error {
    /// The folder of a context does not exist.
    #[error("{variable}: there is no folder `{}`", shown(path))]
    Missing { variable: Variable, path: PathBuf },
    /// A context is something else than a folder.
    #[error("{variable}: `{}` is not a folder", shown(path))]
    NotFolder { variable: Variable, path: PathBuf },
    /// The folder of a context cannot be opened.
    #[error("{variable}: cannot open the folder `{}`: {}", shown(path), words(source))]
    Denied { variable: Variable, path: PathBuf, source: io::Error },
    /// A context lies in a folder that must never be sent.
    #[error("{variable}: `{}` lies in `{}`, which belongs to the pipe and is never sent", shown(path), shown(own))]
    InOwnFolder { variable: Variable, path: PathBuf, own: PathBuf },
    /// There is no Dockerfile.
    #[error("`DOCKERFILE`: there is no file `{}`", shown(path))]
    DockerfileMissing {
        path: PathBuf,
        /// Dockerfiles nearby, best first, as `DOCKERFILE` would name them.
        candidates: Vec<PathBuf>,
    },
    /// The Dockerfile is a folder.
    #[error("`DOCKERFILE`: `{}` is a folder, expected a file", shown(path))]
    DockerfileFolder {
        path: PathBuf,
        /// The Dockerfile in it.
        inside: Option<PathBuf>,
    },
    /// The Dockerfile is a socket, a device, …
    #[error("`DOCKERFILE`: `{}` is not a regular file", shown(path))]
    DockerfileNotFile { path: PathBuf },
    /// The Dockerfile has no instruction.
    #[error("`DOCKERFILE`: `{}` has no instruction", shown(path))]
    DockerfileEmpty { path: PathBuf },
    /// The Dockerfile cannot be read.
    #[error("`DOCKERFILE`: cannot read `{}`: {}", shown(path), words(source))]
    DockerfileUnreadable { path: PathBuf, source: io::Error },
    /// The Dockerfile, or an ignore file, is too large to be one.
    #[error("`{}` is larger than {limit} bytes", shown(path))]
    TooLarge { path: PathBuf, limit: u64 },
    /// An ignore file is there but cannot be read.
    #[error("cannot read `{}`: {}", shown(path), words(source))]
    IgnoreUnreadable { path: PathBuf, source: io::Error },
    /// A line of an ignore file is no pattern.
    #[error("`{}`, line {}: bad pattern `{}`: {}", shown(path), line.number, line.text.escape_debug(), line.problem)]
    IgnorePattern { path: PathBuf, line: BadLine },
    /// A file or folder of the context cannot be read.
    #[error("cannot read `{}` in the context: {}", shown(path), words(source))]
    Unreadable { path: PathBuf, source: io::Error },
    /// A device file cannot be sent.
    #[error("`{}` in the context is a device file", shown(path))]
    Device { path: PathBuf },
    /// The rest of a long list.
    #[error("{count} more files of the context cannot be sent")]
    More { count: u64 },
    /// A file got shorter while it was sent.
    #[error("`{}` shrank from {expected} to {found} bytes while it was sent", shown(path))]
    Shrunk { path: PathBuf, expected: u64, found: u64 },
    /// A file went away while the context was sent.
    #[error("`{}` was removed or replaced while the context was read", shown(path))]
    Vanished { path: PathBuf },
}

/// The variable that says where a context lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Variable {
    /// `CONTEXT`.
    Context,
    /// `BUILD_CONTEXTS`, and the name in it.
    Named(String),
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Context => f.write_str("`CONTEXT`"),
            Self::Named(name) => write!(f, "`BUILD_CONTEXTS`: `{name}`"),
        }
    }
}

impl Explain for Error {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Missing { .. }
            | Self::NotFolder { .. }
            | Self::Denied { .. }
            | Self::InOwnFolder { .. }
            | Self::DockerfileMissing { .. }
            | Self::DockerfileFolder { .. }
            | Self::DockerfileNotFile { .. }
            | Self::DockerfileEmpty { .. }
            | Self::DockerfileUnreadable { .. }
            | Self::TooLarge { .. }
            | Self::IgnoreUnreadable { .. }
            | Self::IgnorePattern { .. }
            | Self::Unreadable { .. }
            | Self::Device { .. }
            | Self::More { .. } => ExitCode::Variables,
            Self::Shrunk { .. } | Self::Vanished { .. } => ExitCode::Build,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Missing { variable: Variable::Context, .. } => {
                "set `CONTEXT` to a folder, relative to the root of the repository".to_owned()
            }
            Self::Missing { variable: Variable::Named(name), .. }
            | Self::NotFolder { variable: Variable::Named(name), .. } => {
                format!("give `{name}` a folder, relative to the root of the repository")
            }
            Self::NotFolder { .. } => {
                "set `CONTEXT` to the folder to send, and `DOCKERFILE` to the Dockerfile if it lies elsewhere"
                    .to_owned()
            }
            Self::Denied { .. } => "give the user that the pipe runs as read and search permission on it".to_owned(),
            Self::InOwnFolder { variable: Variable::Named(name), .. } => {
                format!("give `{name}` a folder outside it, or set `OUTPUT_DIR` to a folder of its own")
            }
            Self::InOwnFolder { .. } => {
                "set `CONTEXT` to a folder outside it, or `OUTPUT_DIR` to a folder of its own".to_owned()
            }
            Self::DockerfileMissing { candidates, .. } => match candidates.as_slice() {
                [] => "set `DOCKERFILE` to its path, relative to the root of the repository".to_owned(),
                [only] => format!("did you mean `DOCKERFILE={}`", shown(only)),
                several => {
                    let names: Vec<_> = several.iter().map(|path| format!("`{}`", shown(path))).collect();
                    format!("set `DOCKERFILE` to one of {}", names.join(", "))
                }
            },
            Self::DockerfileFolder { inside: Some(inside), .. } => format!("set `DOCKERFILE={}`", shown(inside)),
            Self::DockerfileFolder { inside: None, .. } | Self::DockerfileNotFile { .. } => {
                "set `DOCKERFILE` to a file".to_owned()
            }
            Self::DockerfileEmpty { .. } => "begin it with a `FROM` instruction".to_owned(),
            Self::DockerfileUnreadable { .. } | Self::IgnoreUnreadable { .. } => {
                "give the user that the pipe runs as the right to read it".to_owned()
            }
            Self::TooLarge { .. } => "check that it is the file you meant".to_owned(),
            Self::IgnorePattern { path, line } => format!("correct line {} of `{}`", line.number, shown(path)),
            Self::Unreadable { path, .. } => {
                format!("make it readable, or add `{}` to `.dockerignore`", shown(path))
            }
            Self::Device { path } => format!("add `{}` to `.dockerignore`", shown(path)),
            Self::More { .. } => "add the folder they lie in to `.dockerignore`".to_owned(),
            Self::Shrunk { .. } | Self::Vanished { .. } => {
                "let nothing else write to the context while the pipe runs, or add the file to `.dockerignore`"
                    .to_owned()
            }
        })
    }
}

/// A path as a message shows it: on one line, whatever bytes it holds.
pub(super) fn shown(path: &Path) -> String {
    let mut shown = String::new();
    for char in path.to_string_lossy().chars() {
        if char.is_control() {
            shown.extend(char.escape_debug());
        } else {
            shown.push(char);
        }
    }
    shown
}

/// A path of the context for a message.
pub(crate) fn owned(path: &[u8]) -> PathBuf {
    OsStr::from_bytes(path).into()
}
