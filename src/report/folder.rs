//! `OUTPUT_DIR`: the only place of the user's tree that is written to.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{Outcome, env, json};
use crate::error::{ExitCode, Explain, words};

const NAMES: [&str; 2] = ["image.env", "result.json"];

/// The output folder, known to be writable and empty of an earlier run's files.
#[derive(Debug)]
pub struct Folder(PathBuf);

/// The output folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Before the build.
    #[error("`OUTPUT_DIR`: cannot use `{}` as a folder to write to: {}", .path.display(), words(.reason))]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// After the push.
    #[error("the image is pushed, but `{}` cannot be written: {}", .path.display(), words(.reason))]
    Unwritten {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
}

impl Explain for Error {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Unusable { .. } | Self::Unwritten { .. } => ExitCode::Variables,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unusable { .. } => "name a folder in `OUTPUT_DIR` that can be created or written to".to_owned(),
            Self::Unwritten { .. } => "make room or fix the rights there; the digest is the line on stdout".to_owned(),
        })
    }
}

impl Folder {
    /// The files that a run writes into such a folder.
    #[must_use]
    pub fn files(path: &Path) -> [PathBuf; 2] {
        NAMES.map(|name| path.join(name))
    }

    /// Creates the folder where it is missing and removes what an earlier run left, so that a run that fails cannot be
    /// taken for that one.
    ///
    /// # Errors
    /// The folder cannot be created or written to.
    pub fn prepare(path: &Path) -> Result<Self, Error> {
        let unusable = |reason| Error::Unusable { path: path.to_path_buf(), reason };
        if !path.exists() {
            fs::create_dir_all(path).map_err(unusable)?;
            // The user's `git status` stays clean. A folder that was there has its own rules.
            fs::write(path.join(".gitignore"), "*\n").map_err(unusable)?;
        }
        Self::clear(path).map_err(unusable)?;
        // Only a file that is written shows that files can be.
        tempfile::tempfile_in(path).map_err(unusable)?;
        Ok(Self(path.to_path_buf()))
    }

    /// Removes what an earlier run left in the folder, if there is such a folder.
    ///
    /// # Errors
    /// A file is there and cannot be removed.
    pub fn clear(path: &Path) -> io::Result<()> {
        for name in NAMES {
            match fs::remove_file(path.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Writes both files, each whole or not at all.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(&self, outcome: &Outcome<'_>) -> Result<(), Error> {
        let json = json::text(outcome).map_err(|error| self.unwritten(NAMES[1], error.into()))?;
        for (name, text) in NAMES.into_iter().zip([env::text(outcome), json]) {
            self.replace(name, &text).map_err(|reason| self.unwritten(name, reason))?;
        }
        Ok(())
    }

    fn replace(&self, name: &str, text: &str) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.0)?;
        file.write_all(text.as_bytes())?;
        // The pipe is root in its container; whoever runs the rest of the step must be able to read.
        file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
        file.persist(self.0.join(name))?;
        Ok(())
    }

    fn unwritten(&self, name: &str, reason: io::Error) -> Error {
        Error::Unwritten { path: self.0.join(name), reason }
    }
}
