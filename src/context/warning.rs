//! What is odd about a context but stops nothing.

use std::fmt;
use std::path::PathBuf;

use super::error::shown;
use crate::config;

/// Something odd. Paths are relative to the context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// A socket was left out: an image cannot hold one.
    Socket(PathBuf),
    /// `.git` is sent.
    Git,
    /// An excluded folder cannot be read, so an exception in it would go unnoticed.
    Unsearchable(PathBuf),
    /// A name, or where a symlink leads, is not UTF-8. Older engines take it from a session, newer ones end the build with
    /// an error that does not say which one it is.
    NotUtf8(PathBuf),
    /// A file got longer while it was sent; what was there at first was sent.
    Grown(PathBuf),
}

impl Warning {
    /// The next step.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Socket(path) => format!("add `{}` to `.dockerignore`", shown(path)),
            Self::Git => {
                "add `.git` to `.dockerignore`: it is large, changes with each commit and may hold a token".to_owned()
            }
            Self::Unsearchable(path) => {
                format!("make `{}` readable if a `!` line of the ignore file means something in it", shown(path))
            }
            Self::NotUtf8(path) => format!("rename `{}`, or add it to `.dockerignore`", shown(path)),
            Self::Grown(_) => "let nothing else write to the context while the pipe runs".to_owned(),
        })
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "`{}` in the context is a socket and was left out", shown(path)),
            Self::Git => write!(f, "the context holds `.git`"),
            Self::Unsearchable(path) => write!(f, "the excluded folder `{}` cannot be read", shown(path)),
            Self::NotUtf8(path) => {
                write!(f, "the name or target of `{}` is not UTF-8, which not every engine takes", shown(path))
            }
            Self::Grown(path) => write!(f, "`{}` grew while it was sent; its first bytes were sent", shown(path)),
        }
    }
}

impl From<Warning> for config::Warning {
    fn from(warning: Warning) -> Self {
        Self { message: warning.to_string(), hint: warning.hint() }
    }
}
