//! What a registry refuses.

use std::fmt;

use serde::Deserialize;

use crate::aws;
use crate::error::{ExitCode, Explain};
use crate::image::{Digest, Repository, Tag};

/// What a registry, or the way to it, refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The repository does not exist.
    #[error("repository `{repository}` does not exist")]
    NoRepository {
        /// The repository.
        repository: Repository,
    },
    /// The token is refused, and so is a new one.
    #[error("the registry refuses the token: {answer}")]
    Unauthorized {
        /// What it answered.
        answer: Answer,
    },
    /// The key may not read the repository.
    #[error("the key may not read `{repository}`: {answer}")]
    Denied {
        /// The repository.
        repository: Repository,
        /// What it answered.
        answer: Answer,
    },
    /// Any other answer that is no success.
    #[error("the registry refused: {answer}")]
    Refused {
        /// What it answered.
        answer: Answer,
    },
    /// The registry cannot be reached, or the answer broke off.
    #[error("no answer from {host}: {reason}")]
    Unreachable {
        /// The host.
        host: String,
        /// What happened.
        reason: String,
    },
    /// The bytes are not those that the registry says they are.
    #[error("the registry says that tag `{tag}` is {said}, but what it serves is {found}")]
    WrongDigest {
        /// The tag.
        tag: Tag,
        /// `Docker-Content-Digest`.
        said: String,
        /// The digest of the bytes.
        found: Digest,
    },
    /// The manifest is larger than any may be.
    #[error("the manifest of tag `{tag}` is larger than 4 MiB")]
    TooLarge {
        /// The tag.
        tag: Tag,
    },
    /// No token could be had.
    #[error(transparent)]
    Token(#[from] aws::Error),
}

/// An answer that is no success, without anything secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The path asked for; the query is left out.
    pub(super) path: String,
    /// The HTTP status.
    pub(super) status: u16,
    /// The registry's own code, such as `MANIFEST_UNKNOWN`.
    pub(super) code: Option<String>,
    /// The registry's own words.
    pub(super) text: String,
}

#[derive(Deserialize)]
struct Body {
    errors: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// Text of a body is worth showing up to here.
const SHOWN: usize = 300;

impl Answer {
    /// Reads an answer's body, which is JSON by the specification and plain text from some of ECR's front ends.
    pub(super) fn new(path: &str, status: u16, body: &[u8]) -> Self {
        let first = serde_json::from_slice::<Body>(body).ok().and_then(|body| body.errors.into_iter().next());
        let (code, text) = match first {
            Some(item) => (Some(item.code).filter(|code| !code.is_empty()), item.message),
            None => (None, String::from_utf8_lossy(body).into_owned()),
        };
        let clean = text.chars().map(|char| if char.is_control() { ' ' } else { char });
        Self { path: path.to_owned(), status, code, text: clean.take(SHOWN).collect::<String>().trim().to_owned() }
    }

    pub(super) fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// A token that is too old comes back as 403 with this text, from a front end that gives no code
    /// (aws-toolkit-azure-devops#129).
    pub(super) fn says_that_the_token_expired(&self) -> bool {
        self.status == 403 && self.text.contains("authorization token has expired")
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.status)?;
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        if !self.text.is_empty() {
            write!(f, " `{}`", self.text)?;
        }
        write!(f, " to {}", self.path)
    }
}

impl Error {
    /// Whether the same request may succeed a little later.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { answer } => matches!(answer.status, 408 | 429 | 500..=599),
            Self::NoRepository { .. }
            | Self::Unauthorized { .. }
            | Self::Denied { .. }
            | Self::WrongDigest { .. }
            | Self::TooLarge { .. }
            | Self::Token(_) => false,
        }
    }
}

impl Explain for Error {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::NoRepository { .. } => ExitCode::Repository,
            Self::Unauthorized { .. } | Self::Denied { .. } => ExitCode::Credentials,
            Self::Refused { .. } | Self::Unreachable { .. } | Self::WrongDigest { .. } | Self::TooLarge { .. } => {
                ExitCode::Push
            }
            Self::Token(error) => error.exit_code(),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoRepository { repository } => {
                let (name, region) = (&repository.name, repository.host.region());
                format!(
                    "create it with `aws ecr create-repository --repository-name {name} --region {region}`, or correct `IMAGE`"
                )
            }
            Self::Unauthorized { .. } => {
                "check that `IMAGE` names a registry that the key may use, in the region the token was issued for"
                    .to_owned()
            }
            Self::Denied { repository, .. } => format!(
                "allow it in the key's policy: {{\"Effect\": \"Allow\", \"Action\": \"ecr:BatchGetImage\", \"Resource\": \"{}\"}}",
                repository.host.arn(&repository.name)
            ),
            Self::Refused { .. } | Self::Unreachable { .. } => {
                "run the step again; if it stays, see the AWS health dashboard of the region".to_owned()
            }
            Self::WrongDigest { .. } | Self::TooLarge { .. } => {
                "something between the step and the registry alters answers: check `HTTPS_PROXY`".to_owned()
            }
            Self::Token(error) => return error.hint(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_shown_with_its_code_and_cleaned_of_control_characters() {
        let json = br#"{"errors":[{"code":"NAME_UNKNOWN","message":"The repository with name 'x' does not exist"}]}"#;
        let answer = Answer::new("/v2/x/manifests/y", 404, json);
        assert!(answer.is("NAME_UNKNOWN"));
        assert_eq!(
            answer.to_string(),
            "HTTP 404 NAME_UNKNOWN `The repository with name 'x' does not exist` to /v2/x/manifests/y"
        );
        let text = Answer::new("/v2/", 502, b"<html>\x1b[31m\n");
        assert_eq!(text.to_string(), "HTTP 502 `<html> [31m` to /v2/");
        assert_eq!(Answer::new("/v2/", 500, b"").to_string(), "HTTP 500 to /v2/");
    }

    #[test]
    fn only_faults_that_pass_are_tried_again() {
        for (status, temporary) in
            [(429, true), (500, true), (503, true), (408, true), (400, false), (404, false), (405, false)]
        {
            let answer = Answer::new("/v2/", status, b"");
            assert_eq!(Error::Refused { answer }.is_temporary(), temporary, "{status}");
        }
    }
}
