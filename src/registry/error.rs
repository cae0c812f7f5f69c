//! What a registry refuses.

use std::fmt;

use serde::Deserialize;

use crate::aws::{self, Action, Principal, allow};
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
    /// A permission is lacking.
    #[error("{principal} may not {} `{repository}`: {answer}", verb(*action))]
    Denied {
        /// Who may not.
        principal: Box<Principal>,
        /// The repository.
        repository: Repository,
        /// What it needs (user guide, "IAM permissions for pushing an image").
        action: Action,
        /// What it answered.
        answer: Box<Answer>,
    },
    /// The tag exists and may not be moved.
    #[error("tag `{tag}` exists in `{repository}` and is immutable: {answer}")]
    TagImmutable {
        /// The tag.
        tag: Tag,
        /// The repository.
        repository: Box<Repository>,
        /// What it answered.
        answer: Box<Answer>,
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
    #[error("the registry says that {what} is {said}, but what it serves is {found}")]
    WrongDigest {
        /// A tag, a manifest or a blob.
        what: String,
        /// `Docker-Content-Digest`, or the digest asked for.
        said: String,
        /// The digest of the bytes.
        found: Digest,
    },
    /// The registry took bytes for others than those that were sent.
    #[error("{sent} was sent to the registry, but it says that it got {said}")]
    WrongReceipt {
        /// The digest of what was sent.
        sent: Digest,
        /// `Docker-Content-Digest`.
        said: String,
    },
    /// A document is larger than any may be.
    #[error("{what} is larger than {} MiB", limit >> 20)]
    TooLarge {
        /// A tag, a manifest or a blob.
        what: String,
        /// In bytes.
        limit: usize,
    },
    /// A manifest, or something that it names, does not exist.
    #[error("`{repository}` has no {what}")]
    Missing {
        /// The repository.
        repository: Box<Repository>,
        /// A manifest or a blob.
        what: String,
    },
    /// A manifest that is none.
    #[error("{what} is not understood: {reason}")]
    NotUnderstood {
        /// A manifest.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No token could be had.
    #[error(transparent)]
    Token(Box<aws::Error>),
}

impl From<aws::Error> for Error {
    fn from(error: aws::Error) -> Self {
        Self::Token(Box::new(error))
    }
}

/// What who lacks an action of a registry may not do with a repository.
fn verb(action: Action) -> &'static str {
    match action {
        Action::BatchGetImage => "read",
        Action::PutImage => "put an image into",
        Action::BatchCheckLayerAvailability => "look for layers in",
        Action::GetDownloadUrlForLayer => "read layers of",
        Action::InitiateLayerUpload | Action::UploadLayerPart | Action::CompleteLayerUpload => "upload layers to",
        _ => "use",
    }
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

    /// Whether there is no such manifest.
    pub(super) fn says_that_there_is_none(&self) -> bool {
        self.status == 404 && self.is("MANIFEST_UNKNOWN")
    }

    pub(super) fn is_not_found(&self) -> bool {
        self.status == 404
    }

    pub(super) fn is_forbidden(&self) -> bool {
        self.status == 403
    }

    /// ECR says it in one of three ways (user guide, "HTTP 429").
    fn asks_to_slow_down(&self) -> bool {
        self.status == 429
            || self.code.as_deref().is_some_and(|code| code == "TOOMANYREQUESTS" || code.starts_with("Throttl"))
    }

    /// Whether the upload is lost, so that only a new one may succeed (distribution specification, "Error codes").
    pub(super) fn ends_the_upload(&self) -> bool {
        ["BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID", "DIGEST_INVALID", "SIZE_INVALID", "RANGE_INVALID"]
            .iter()
            .any(|code| self.is(code))
            || self.status == 416
    }

    /// `The image tag 'x' already exists in the 'y' repository and cannot be overwritten because the tag is immutable.`, and
    /// until about 2023 `… because the repository is immutable.`: the code stands for illegal tags too.
    pub(super) fn says_that_the_tag_is_immutable(&self) -> bool {
        self.is("TAG_INVALID") && self.text.contains("immutable")
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
            Self::Refused { answer } => matches!(answer.status, 408 | 500..=599) || answer.asks_to_slow_down(),
            Self::NoRepository { .. }
            | Self::Unauthorized { .. }
            | Self::Denied { .. }
            | Self::TagImmutable { .. }
            | Self::WrongDigest { .. }
            | Self::WrongReceipt { .. }
            | Self::TooLarge { .. }
            | Self::Missing { .. }
            | Self::NotUnderstood { .. }
            | Self::Token(_) => false,
        }
    }

    /// Whether the registry has too much to do.
    pub(super) fn asks_to_slow_down(&self) -> bool {
        matches!(self, Self::Refused { answer } if answer.asks_to_slow_down())
    }

    /// Whether a blob may get through by an upload made anew. The token of an upload that was under way is one of these: another
    /// was asked for meanwhile.
    #[must_use]
    pub fn is_mended_by_a_new_upload(&self) -> bool {
        match self {
            Self::Unauthorized { .. } | Self::WrongReceipt { .. } => true,
            Self::Refused { answer } => answer.ends_the_upload() || self.is_temporary(),
            _ => self.is_temporary(),
        }
    }
}

impl Explain for Error {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::NoRepository { .. } | Self::TagImmutable { .. } => ExitCode::Repository,
            Self::Unauthorized { .. } | Self::Denied { .. } => ExitCode::Credentials,
            Self::Refused { .. }
            | Self::Unreachable { .. }
            | Self::WrongDigest { .. }
            | Self::WrongReceipt { .. }
            | Self::TooLarge { .. }
            | Self::Missing { .. }
            | Self::NotUnderstood { .. } => ExitCode::Push,
            Self::Token(error) => error.exit_code(),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoRepository { repository } => format!("{}, or correct `IMAGE`", repository.creation()),
            Self::Unauthorized { .. } => {
                "check that `IMAGE` names a registry that the credentials may use, in the region the token was issued for"
                    .to_owned()
            }
            Self::Denied { principal, repository, action, .. } => {
                allow(principal, &[*action], &[repository.host.arn(&repository.name)])
            }
            Self::TagImmutable { .. } => "choose another `TAG`, or make the repository's tags mutable".to_owned(),
            Self::Missing { .. } | Self::NotUnderstood { .. } => {
                "see whether something deletes images there at the same time, and run the step again".to_owned()
            }
            Self::Refused { .. } | Self::Unreachable { .. } => {
                "run the step again; if it stays, see the AWS health dashboard of the region".to_owned()
            }
            Self::WrongDigest { .. } | Self::WrongReceipt { .. } | Self::TooLarge { .. } => {
                "something between the step and the registry alters answers: check `HTTPS_PROXY`".to_owned()
            }
            Self::Token(error) => return error.hint(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]

    use super::*;
    use crate::image::Name;

    #[test]
    fn a_denial_is_that_of_the_role_where_a_role_acts() {
        let Ok(Name::Full(repository)) = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/web".parse() else {
            panic!("a repository")
        };
        let principal = Box::new(Principal::Role("arn:aws:iam::123456789012:role/ci".parse().unwrap()));
        let answer = Box::new(Answer::new("/v2/web/blobs/uploads/", 403, b"no"));
        let error = Error::Denied { principal, repository, action: Action::UploadLayerPart, answer };
        assert_eq!(
            error.to_string(),
            "role `arn:aws:iam::123456789012:role/ci` may not upload layers to \
             `123456789012.dkr.ecr.eu-central-1.amazonaws.com/web`: HTTP 403 `no` to /v2/web/blobs/uploads/"
        );
        let hint = error.hint().unwrap();
        assert!(
            hint.starts_with("allow it in the role's policy: {") && hint.contains("\"ecr:UploadLayerPart\""),
            "{hint}"
        );
    }

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
