//! What the AWS API refuses, told apart by error codes.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_sdk_ecr::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_ecr::operation::RequestId;
use aws_sdk_ecr::primitives::{DateTime, DateTimeFormat};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::{Action, Principal, RoleError, allow};
use crate::error::{ExitCode, Explain};

/// Signatures are refused when the clocks differ by more than 5 minutes (AWS General Reference, "Signature Version 4").
const SKEW: Duration = Duration::from_mins(5);

/// What AWS refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The access key id is unknown.
    #[error("AWS does not know the access key in `AWS_KEY`{0}")]
    UnknownKey(Request),
    /// The secret does not belong to the key.
    #[error("AWS refuses the signature: `AWS_SECRET` does not belong to `AWS_KEY`{0}")]
    WrongSecret(Request),
    /// Temporary credentials are over.
    #[error("the session of `AWS_SESSION_TOKEN` has expired{0}")]
    Expired(Request),
    /// The clocks differ.
    #[error("AWS refuses the signature: this machine's clock is {} {} AWS's", seconds(*.by), if *.ahead { "ahead of" } else { "behind" })]
    ClockSkew {
        /// By how much.
        by: Duration,
        /// Whether ours is the later.
        ahead: bool,
    },
    /// A role cannot be assumed, or its session is not accepted.
    #[error(transparent)]
    Role(Box<RoleError>),
    /// A permission is lacking.
    #[error("{principal} may not do {} on {}{request}", quoted(.actions), quoted(.resources))]
    Denied {
        /// Who may not.
        principal: Principal,
        /// The IAM actions.
        actions: Vec<Action>,
        /// ARNs, or `*`.
        resources: Vec<String>,
        /// Which request it was.
        request: Request,
    },
    /// AWS asks to slow down, or has a fault of its own, and went on so through all retries.
    #[error("AWS answered {code} to `{action}` again and again{request}")]
    Unavailable {
        /// What was asked.
        action: Action,
        /// The error code.
        code: String,
        /// Which request it was.
        request: Request,
    },
    /// AWS cannot be reached.
    #[error("cannot reach the {service} API {endpoint}: {reason}")]
    Unreachable {
        /// `ECR`, `STS`, …
        service: &'static str,
        /// `in <region>`, or `at <address>`.
        endpoint: String,
        /// What the connection said.
        reason: String,
        /// Whether the certificate is the reason.
        certificate: bool,
    },
    /// An answer that is none of the API's.
    #[error("AWS answered `{action}` with something that is no answer of its API: {reason}")]
    Unreadable {
        /// What was asked.
        action: Action,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting of a repository that AWS does not accept.
    #[error("AWS does not accept {} ({code}: {text}{request})", setting(*.action, .code))]
    Unacceptable {
        /// What was asked.
        action: Action,
        /// The error code.
        code: String,
        /// AWS's own words.
        text: String,
        /// Which request it was.
        request: Request,
    },
    /// Any other error code.
    #[error("AWS refused `{action}` with {code}: {text}{request}")]
    Refused {
        /// What was asked.
        action: Action,
        /// The error code.
        code: String,
        /// AWS's own words.
        text: String,
        /// Which request it was.
        request: Request,
    },
}

impl From<RoleError> for Error {
    fn from(error: RoleError) -> Self {
        Self::Role(Box::new(error))
    }
}

/// AWS's id of a request, which its support asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request(Option<String>);

impl Request {
    pub(super) fn of(raw: &HttpResponse) -> Self {
        Self(raw.request_id().map(str::to_owned))
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |id| write!(f, " (request {id})"))
    }
}

fn quoted(names: &[impl fmt::Display]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

fn seconds(span: Duration) -> String {
    match span.as_secs() {
        seconds if seconds >= 120 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

/// The codes by which AWS refuses what a setting says (ECR API reference, errors of each call).
const SETTINGS: [&str; 6] = [
    "InvalidParameterException",
    "InvalidTagParameterException",
    "KmsException",
    "LimitExceededException",
    "TooManyTagsException",
    "ValidationException",
];

/// Which variable gave what was refused.
fn setting(action: Action, code: &str) -> &'static str {
    match (action, code) {
        (_, "KmsException") => "`KMS_KEY`",
        (_, "InvalidTagParameterException" | "TooManyTagsException") | (Action::TagResource, _) => "`REPOSITORY_TAGS`",
        (Action::PutImageTagMutability, _) => "`TAG_MUTABILITY` with `TAG_MUTABILITY_EXCEPT`",
        (Action::PutImageScanningConfiguration, _) => "`SCAN_ON_PUSH`",
        (Action::PutLifecyclePolicy, _) => "`LIFECYCLE_POLICY`",
        (Action::SetRepositoryPolicy, _) => "`REPOSITORY_POLICY`",
        _ => "the repository as it is wanted",
    }
}

/// Where a call went, for messages.
pub(super) struct Call {
    pub(super) action: Action,
    /// As in [`Error::Unreachable`].
    pub(super) endpoint: String,
    pub(super) resource: String,
    pub(super) principal: Principal,
}

impl Error {
    /// Tells a failed call apart.
    pub(super) fn of<E>(call: Call, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        // Credentials that cannot be had are told as that: the call was never made.
        if let Some(own) = own(error) {
            return own;
        }
        let Call { action, endpoint, resource, principal } = call;
        let answer = match error {
            SdkError::ServiceError(answer) => answer,
            SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) => {
                return Self::unreachable(action.service(), endpoint, &DisplayErrorContext(error).to_string());
            }
            _ => return Self::Unreadable { action, reason: innermost(error) },
        };
        let request = Request::of(answer.raw());
        let code = answer.err().code().unwrap_or("an unknown error").to_owned();
        let key_or_session = |of_key: fn(Request) -> Self, request| match &principal {
            Principal::Key => of_key(request),
            Principal::Role(role) => {
                RoleError::SessionRefused { role: role.clone(), code: code.clone(), request }.into()
            }
        };
        // <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/CommonErrors.html>
        match code.as_str() {
            "UnrecognizedClientException" | "InvalidClientTokenId" => key_or_session(Self::UnknownKey, request),
            "InvalidSignatureException" | "SignatureDoesNotMatch" | "RequestTimeTooSkewed" | "RequestExpired" => {
                skew(answer.raw(), SystemTime::now()).unwrap_or_else(|| key_or_session(Self::WrongSecret, request))
            }
            "ExpiredTokenException" | "ExpiredToken" => key_or_session(Self::Expired, request),
            "AccessDeniedException" | "AccessDenied" | "NotAuthorized" => {
                Self::Denied { principal, actions: vec![action], resources: vec![resource], request }
            }
            "ThrottlingException"
            | "Throttling"
            | "ThrottleException"
            | "TooManyRequestsException"
            | "ServerException"
            | "InternalFailure"
            | "IDPCommunicationError"
            | "ServiceUnavailable" => Self::Unavailable { action, code, request },
            _ if answer.raw().status().is_server_error() => {
                Self::Unavailable { action, code: status(&code, answer.raw()), request }
            }
            _ if answer.err().code().is_none() => Self::Unreadable {
                action,
                reason: format!("HTTP {} without an error code", answer.raw().status().as_u16()),
            },
            _ => {
                let text = answer.err().message().unwrap_or("no message").to_owned();
                Self::Refused { action, code, text, request }
            }
        }
    }

    /// Tells a failed call apart that was to set something: a refusal of what was given is one of that setting.
    pub(super) fn of_setting<E>(call: Call, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        match Self::of(call, error) {
            Self::Refused { action, code, text, request } if SETTINGS.contains(&code.as_str()) => {
                Self::Unacceptable { action, code, text, request }
            }
            other => other,
        }
    }

    /// A denial of a call that needs one action more.
    pub(super) fn with_action(mut self, action: Action) -> Self {
        if let Self::Denied { actions, .. } = &mut self {
            actions.push(action);
        }
        self
    }

    /// Takes the resource of another denial in, if it is one of the same actions for the same principal; whether it did.
    pub fn join(&mut self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Denied { principal, actions, resources, .. },
                Self::Denied { principal: who, actions: what, resources: more, .. },
            ) if principal == who && actions == what => {
                resources.extend(more.iter().cloned());
                // They come in whatever order AWS answers.
                resources.sort_unstable();
                resources.dedup();
                true
            }
            _ => false,
        }
    }

    /// Whether the call may have been done all the same: its answer was lost or is none.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Unavailable { .. } | Self::Unreadable { .. })
    }

    fn unreachable(service: &'static str, endpoint: String, chain: &str) -> Self {
        // The connector gives no codes; rustls words a certificate problem in one way only.
        let certificate = chain.contains("invalid peer certificate");
        let reason = if certificate {
            "its certificate is not signed by an authority that is trusted here".to_owned()
        } else if chain.contains("failed to lookup address") || chain.contains("dns error") {
            "its name is not known".to_owned()
        } else if chain.contains("Connection refused") {
            "connection refused".to_owned()
        } else if chain.contains("timeout") || chain.contains("timed out") {
            "no answer in time".to_owned()
        } else if chain.contains("proxy") || chain.contains("tunnel") {
            "the proxy did not make the connection".to_owned()
        } else {
            "the connection failed".to_owned()
        };
        Self::Unreachable { service, endpoint, reason, certificate }
    }

    /// Whether the same call may succeed a little later.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { .. } | Self::Unreachable { certificate: false, .. } | Self::Unreadable { .. }
        )
    }

    /// Whether a permission is lacking: for what is optional, this is a warning.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Denied { .. })
    }
}

/// An error of ours among the causes.
fn own<E>(error: &SdkError<E, HttpResponse>) -> Option<Error>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(own) = error.downcast_ref::<Error>() {
            return Some(own.clone());
        }
        cause = error.source();
    }
    None
}

/// A code that the answer does not have is replaced by its status.
fn status(code: &str, raw: &HttpResponse) -> String {
    if code == "an unknown error" { format!("HTTP {}", raw.status().as_u16()) } else { code.to_owned() }
}

/// The error at the end of the chain: the ones before it say only "service error" or "response error".
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// A refused signature is one of the clock when AWS's `Date` says so.
fn skew(raw: &HttpResponse, now: SystemTime) -> Option<Error> {
    let date = DateTime::from_str(raw.headers().get("date")?, DateTimeFormat::HttpDate).ok()?;
    let theirs = SystemTime::try_from(date).ok()?;
    let (by, ahead) = match now.duration_since(theirs) {
        Ok(by) => (by, true),
        Err(error) => (error.duration(), false),
    };
    (by > SKEW).then_some(Error::ClockSkew { by, ahead })
}

impl Explain for Error {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Unacceptable { .. } => ExitCode::Repository,
            Self::UnknownKey(_)
            | Self::WrongSecret(_)
            | Self::Expired(_)
            | Self::ClockSkew { .. }
            | Self::Denied { .. }
            | Self::Role(_)
            | Self::Unavailable { .. }
            | Self::Unreachable { .. }
            | Self::Unreadable { .. }
            | Self::Refused { .. } => ExitCode::Credentials,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::UnknownKey(_) => {
                "check that the key is active in IAM, and belongs to this partition of AWS".to_owned()
            }
            Self::WrongSecret(_) => {
                "copy the secret again; a line break or a space within it breaks it as well".to_owned()
            }
            Self::Expired(_) => {
                "get new session credentials just before the step, or use a key that does not expire".to_owned()
            }
            Self::ClockSkew { .. } => "set the clock of the machine that runs the step".to_owned(),
            Self::Role(error) => return error.hint(),
            Self::Denied { principal, actions, resources, .. } => allow(principal, actions, resources),
            Self::Unavailable { .. } => "run the step again in a few minutes".to_owned(),
            Self::Unreachable { certificate: true, .. } => {
                "if a proxy inspects TLS here, name its certificate in `AWS_CA_BUNDLE`".to_owned()
            }
            Self::Unreachable { certificate: false, .. } => {
                "check `AWS_REGION` (or the region in `IMAGE`), `HTTPS_PROXY` and the network of the step".to_owned()
            }
            Self::Unreadable { .. } => {
                "check `AWS_ENDPOINT_URL` and `HTTPS_PROXY`: something else may answer there".to_owned()
            }
            Self::Unacceptable { code, .. } if code == "KmsException" => {
                "check that the key is enabled, in the repository's region, and lets the credentials do `kms:CreateGrant` and `kms:DescribeKey`".to_owned()
            }
            Self::Unacceptable { code, .. } if code == "LimitExceededException" => {
                "ask for a higher quota in the Service Quotas console, or delete what is not needed any more".to_owned()
            }
            Self::Unacceptable { .. } => "correct the variable by what AWS says of it".to_owned(),
            Self::Refused { action, .. } => format!("see the {} API reference for this code", action.service()),
        })
    }
}
