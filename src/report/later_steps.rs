//! The file that `BITBUCKET_PIPELINES_VARIABLES_PATH` names: lines in it are variables of later steps.

use std::io::Write as _;
use std::path::Path;

use super::{Outcome, env};

/// Appends the four variables where the file exists and can be written. Never an error: whether a pipe's own writing to it
/// is seen depends on where the pipe runs.
pub fn append(path: &Path, outcome: &Outcome<'_>) {
    let lines = env::text(outcome);
    let written =
        std::fs::OpenOptions::new().append(true).open(path).and_then(|mut file| file.write_all(lines.as_bytes()));
    match written {
        Ok(()) => tracing::debug!("the variables of later steps are written"),
        Err(error) => tracing::debug!("the variables of later steps are not written: {error}"),
    }
}
