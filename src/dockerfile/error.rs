//! Why a Dockerfile cannot be built as it stands.

use super::Needs;
use crate::error::{ExitCode, Explain};
use crate::image::Platform;

/// Found before the build.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It uses what the frontend inside the engine lacks.
    #[error("the Dockerfile needs a newer Dockerfile frontend than the one inside engine {engine}: {needs}")]
    Frontend {
        /// The engine's version, major and minor.
        engine: String,
        /// What and where.
        needs: Needs,
        /// Whether only the frontend of the labs channel has it.
        labs: bool,
    },
    /// `ADD` of what may be a URL or a path, which are not written alike.
    #[error(
        "`ADD` (line {line}): with a folder in `BUILD_CONTEXTS` the source `{path}` must not begin with a variable: it may be a URL"
    )]
    AddVariable {
        /// The line of the instruction.
        line: usize,
        /// The source as written.
        path: String,
    },
    /// A mount that cannot be rewritten.
    #[error("`RUN --mount` (line {line}): with a folder in `BUILD_CONTEXTS` it must not have {what}")]
    Mount {
        /// The line of the instruction.
        line: usize,
        /// `quotes inside`, `a variable as its type`.
        what: &'static str,
    },
    /// A cache mount that a folder is to fill.
    #[error("`RUN --mount=type=cache` (line {line}): the folder `{name}` of `BUILD_CONTEXTS` cannot fill a cache")]
    CacheFrom {
        /// The line of the instruction.
        line: usize,
        /// The folder's name.
        name: String,
    },
    /// The stage that is built is fixed to another platform than is asked for.
    #[error("the stage that begins on line {line} is for {found} by `--platform`, and `PLATFORM` asks for {asked}")]
    OtherPlatform {
        /// The line of its `FROM`.
        line: usize,
        /// What it is fixed to.
        found: Box<Platform>,
        /// What is asked for.
        asked: Box<Platform>,
    },
    /// A trigger that runs within this build.
    #[error(
        "`ONBUILD` (line {line}): with `BUILD_CONTEXTS` a later stage must not be based on a stage with such a trigger"
    )]
    Onbuild {
        /// The line of the instruction.
        line: usize,
    },
}

impl Explain for Error {
    fn exit_code(&self) -> ExitCode {
        ExitCode::Variables
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Frontend { labs: false, .. } => {
                "write `# syntax=docker/dockerfile:1` as its first line: the engine then takes that frontend from Docker Hub"
            }
            Self::Frontend { labs: true, .. } => {
                "write `# syntax=docker/dockerfile:1-labs` as its first line: the engine then takes that frontend from Docker Hub"
            }
            Self::AddVariable { .. } => "write how it begins, `https://` or `./`, or use `COPY` for a path",
            Self::Mount { .. } => "write the mount out, without them",
            Self::CacheFrom { name, .. } => {
                return Some(format!("make a stage of it, `FROM {name} AS …`, and take the cache from that"));
            }
            Self::OtherPlatform { .. } => {
                "leave `--platform` to the stages that compile, as `--platform=$BUILDPLATFORM`, and take it out of this one"
            }
            Self::Onbuild { .. } => "write the instruction into the later stage",
        };
        Some(hint.to_owned())
    }
}
