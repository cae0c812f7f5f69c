//! What STS refuses when a role is assumed.

use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use secrecy::SecretString;

use super::claims::Claims;
use super::error::{Call, Request};
use super::{Action, Endpoint, Error, Principal, statement};
use crate::config::RoleArn;
use crate::error::{ExitCode, Explain};

/// By what a role is assumed.
#[derive(Clone, Debug)]
pub(super) enum By {
    /// The step's OIDC token.
    Token(SecretString),
    /// Other credentials.
    Principal(Principal),
}

/// Why a role cannot be assumed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoleError {
    /// The trust policy does not let the token in, or there is no such role: STS does not tell the two apart.
    #[error(
        "the step's OIDC token may not assume role `{role}`: the role does not exist or does not trust it{request}"
    )]
    NotTrusted {
        /// The role.
        role: RoleArn,
        /// What the token says.
        claims: Option<Claims>,
        /// Which request it was.
        request: Request,
    },
    /// The account does not know who issued the token, or for whom.
    #[error("AWS does not accept the step's OIDC token for role `{role}` ({text}){request}")]
    TokenRefused {
        /// The role.
        role: RoleArn,
        /// What the token says.
        claims: Option<Claims>,
        /// AWS's own words.
        text: String,
        /// Which request it was.
        request: Request,
    },
    /// The token is over.
    #[error("the step's OIDC token has expired, so that role `{role}` cannot be assumed{request}")]
    TokenExpired {
        /// The role.
        role: RoleArn,
        /// Which request it was.
        request: Request,
    },
    /// One of the two policies does not let the credentials in.
    #[error("{by} may not assume role `{role}` ({text}){request}")]
    Denied {
        /// The role.
        role: RoleArn,
        /// Who asked.
        by: Principal,
        /// Whether an external id was sent.
        external_id: bool,
        /// AWS's own words.
        text: String,
        /// Which request it was.
        request: Request,
    },
    /// STS is switched off there.
    #[error("account {account} has STS switched off in region `{region}`{request}")]
    RegionDisabled {
        /// The account of the role.
        account: String,
        /// The region.
        region: String,
        /// Which request it was.
        request: Request,
    },
    /// A session ended and there is no other.
    #[error("the session of role `{role}` is over and there is no new one: {reason}")]
    Over {
        /// The role.
        role: RoleArn,
        /// Why.
        reason: Box<Error>,
    },
    /// AWS does not accept what it gave.
    #[error("AWS answered {code} to a call with the session of role `{role}`{request}")]
    SessionRefused {
        /// The role.
        role: RoleArn,
        /// The error code.
        code: String,
        /// Which request it was.
        request: Request,
    },
}

impl RoleError {
    pub(super) fn over(role: RoleArn, reason: Error) -> Self {
        Self::Over { role, reason: Box::new(reason) }
    }
}

/// An attempt to assume a role, for messages.
pub(super) struct Assumed<'a> {
    pub(super) action: Action,
    pub(super) role: &'a RoleArn,
    pub(super) by: &'a By,
    pub(super) external_id: bool,
    pub(super) sts: &'a Endpoint,
}

impl Assumed<'_> {
    /// Tells a failed attempt apart (STS API reference, `AssumeRole` and `AssumeRoleWithWebIdentity`, "Errors").
    pub(super) fn refused<E>(&self, error: &SdkError<E, HttpResponse>) -> Error
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let role = self.role.clone();
        if let SdkError::ServiceError(answer) = error {
            let request = Request::of(answer.raw());
            let text = answer.err().message().unwrap_or("no reason given").to_owned();
            match (answer.err().code().unwrap_or_default(), self.by) {
                ("RegionDisabledException", _) => {
                    let (account, region) = (role.account().to_owned(), self.sts.region.clone());
                    return RoleError::RegionDisabled { account, region, request }.into();
                }
                ("AccessDenied", By::Token(token)) => {
                    return RoleError::NotTrusted { role, claims: Claims::of(token), request }.into();
                }
                ("InvalidIdentityToken" | "IDPRejectedClaim", By::Token(token)) => {
                    return RoleError::TokenRefused { role, claims: Claims::of(token), text, request }.into();
                }
                ("ExpiredTokenException" | "ExpiredToken", By::Token(_)) => {
                    return RoleError::TokenExpired { role, request }.into();
                }
                ("AccessDenied", By::Principal(by)) => {
                    let (by, external_id) = (by.clone(), self.external_id);
                    return RoleError::Denied { role, by, external_id, text, request }.into();
                }
                _ => {}
            }
        }
        let principal = match self.by {
            By::Token(_) => Principal::Role(role.clone()),
            By::Principal(principal) => principal.clone(),
        };
        Error::of(
            Call { action: self.action, endpoint: self.sts.to_string(), resource: role.to_string(), principal },
            error,
        )
    }
}

fn is_token_expired(error: &Error) -> bool {
    matches!(error, Error::Role(error) if matches!(**error, RoleError::TokenExpired { .. }))
}

impl Explain for RoleError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::Credentials
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotTrusted { role, claims: Some(claims), .. } => {
                format!("check the name of the role, and add this to its trust policy: {}", claims.statement(role))
            }
            Self::NotTrusted { claims: None, .. } => {
                "let its trust policy allow `sts:AssumeRoleWithWebIdentity` to the workspace's identity provider".to_owned()
            }
            Self::TokenRefused { role, claims: Some(claims), .. } => {
                format!("let account {} have {}", role.account(), claims.provider())
            }
            Self::TokenRefused { role, claims: None, .. } => format!(
                "let account {} have the identity provider that the workspace's OpenID Connect settings show",
                role.account()
            ),
            Self::TokenExpired { .. } => {
                "run the step again: a token is good for an hour from the start of its step".to_owned()
            }
            Self::Denied { role, by, external_id, .. } => {
                // Some take the id for a secret.
                let id = [("StringEquals", ("sts:ExternalId", "<AWS_ROLE_EXTERNAL_ID>"))];
                let conditions = if *external_id { &id[..] } else { &[] };
                let principal = match by {
                    Principal::Key => "<ARN of the key's user>".to_owned(),
                    Principal::Role(role) => role.to_string(),
                };
                format!(
                    "{by} needs {}, and the trust policy of that role {}",
                    statement::identity(&[Action::AssumeRole], &[role]),
                    statement::trust(("AWS", &principal), Action::AssumeRole, conditions)
                )
            }
            Self::RegionDisabled { region, .. } => {
                format!("activate `{region}` under `Security Token Service` in the account settings of IAM")
            }
            Self::Over { reason, .. } if is_token_expired(reason) => {
                "a session lasts an hour and so does the step's OIDC token: use keys where the step takes longer, or split it"
                    .to_owned()
            }
            Self::Over { reason, .. } => return reason.hint(),
            Self::SessionRefused { .. } => "run the step again".to_owned(),
        })
    }
}
