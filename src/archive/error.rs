//! What is wrong with an archive.

use crate::engine;
use crate::error::{ExitCode, Explain};
use crate::image::Digest;

/// Why an image cannot be read out of the engine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The engine, or the way to it.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// The stream ended before the archive did.
    #[error("the engine's export of the image broke off after {read} bytes{}", words.as_ref().map(|words| format!(": {words}")).unwrap_or_default())]
    Truncated {
        /// How many bytes there were.
        read: u64,
        /// What the engine wrote in their place.
        words: Option<String>,
    },
    /// It is no tar.
    #[error("the engine's export of the image is no archive: {reason}, at byte {at}")]
    NotTar {
        /// What is wrong.
        reason: &'static str,
        /// Where.
        at: u64,
    },
    /// A document, or all of them, is larger than any may be.
    #[error("the engine's export of the image holds a document of {size} bytes, `{path}`; at most {limit} are read")]
    TooLarge {
        /// The document.
        path: String,
        /// The size of it, or of all.
        size: u64,
        /// What is accepted.
        limit: u64,
    },
    /// Something that a document names is not there.
    #[error("the engine's export of the image lacks `{path}`")]
    Missing {
        /// What is not there.
        path: String,
    },
    /// A document does not say what it should.
    #[error("the engine's export of the image has a `{path}` that is not understood: {reason}")]
    NotUnderstood {
        /// The document.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The bytes are not those that a document promises.
    #[error("the engine's export of the image is damaged: `{path}` should be {expected}, but is {found}")]
    Damaged {
        /// What was read.
        path: String,
        /// The digest it should have.
        expected: Digest,
        /// The digest it has.
        found: Digest,
    },
}

impl Error {
    /// Whether another export may be whole.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Engine(error) => error.is_temporary(),
            Self::Truncated { words, .. } => words.is_none(),
            Self::NotTar { .. }
            | Self::TooLarge { .. }
            | Self::Missing { .. }
            | Self::NotUnderstood { .. }
            | Self::Damaged { .. } => false,
        }
    }
}

impl Explain for Error {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Engine(error) => error.exit_code(),
            Self::Truncated { .. }
            | Self::NotTar { .. }
            | Self::TooLarge { .. }
            | Self::Missing { .. }
            | Self::NotUnderstood { .. }
            | Self::Damaged { .. } => ExitCode::Engine,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Engine(error) => error.hint(),
            Self::Truncated { .. } | Self::Damaged { .. } => {
                Some("see the engine's log: its disk may be full, or damaged".to_owned())
            }
            Self::NotTar { .. } | Self::TooLarge { .. } | Self::Missing { .. } | Self::NotUnderstood { .. } => Some(
                "something between the step and the engine may alter answers: name the engine itself in `DOCKER_HOST`"
                    .to_owned(),
            ),
        }
    }
}
