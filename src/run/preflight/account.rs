//! As whom the run acts, and whether it may: `ALLOWED_ACCOUNT_IDS`.

use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::aws::{Endpoint, Session};
use crate::config::{Config, CredentialSource, Credentials};
use crate::error::{ExitCode, Explain, Failure};
use crate::progress::{Event, Log};

/// The credentials belong to an account that `ALLOWED_ACCOUNT_IDS` does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these are credentials of account {found}, and `ALLOWED_ACCOUNT_IDS` has only {}", .allowed.join(", "))]
pub(super) struct OtherAccount {
    /// The credentials' account.
    found: String,
    /// Those that are allowed.
    allowed: Vec<String>,
}

impl Explain for OtherAccount {
    fn exit_code(&self) -> ExitCode {
        ExitCode::Credentials
    }

    fn hint(&self) -> Option<String> {
        Some("pass credentials of an account that is allowed; nothing was changed".to_owned())
    }
}

/// Tells as whom the run acts, and makes it so. The end point is that of the registry.
pub(super) async fn open(
    config: &Config,
    credentials: &Credentials,
    endpoint: &Endpoint,
    http: SharedHttpClient,
    log: &Log,
) -> Result<Session, Failure> {
    if let Some(words) = words(credentials) {
        log.send(Event::Fact("credentials", words)).await;
    }
    // The account of a role is in its name, so that the wrong one is not even assumed.
    if let Some(account) = account(credentials) {
        guard(config, account)?;
    }
    let sts = Endpoint { url: config.sts_endpoint.clone(), ..endpoint.clone() };
    Ok(Session::open(credentials, &sts, http, log).await?)
}

/// Refuses an account that is not allowed. A key's own is in the first answer of ECR: the registry of a token that was asked
/// for without naming one is that of the caller (ECR API reference, `GetAuthorizationToken`). STS is not asked
/// for it, since a run that gets no token ends in any case.
pub(super) fn guard(config: &Config, account: &str) -> Result<(), OtherAccount> {
    let allowed = &config.allowed_accounts;
    if allowed.is_empty() || allowed.iter().any(|allowed| allowed == account) {
        return Ok(());
    }
    Err(OtherAccount { found: account.to_owned(), allowed: allowed.clone() })
}

/// The account of the last role.
fn account(credentials: &Credentials) -> Option<&str> {
    match (&credentials.role, &credentials.source) {
        (Some(role), _) => Some(role.arn.account()),
        (None, CredentialSource::Oidc { role, .. }) => Some(role.account()),
        (None, CredentialSource::Keys(_)) => None,
    }
}

/// `None` for a key alone: that goes without saying.
fn words(credentials: &Credentials) -> Option<String> {
    let (first, unused) = match &credentials.source {
        CredentialSource::Keys(_) => (None, ""),
        CredentialSource::Oidc { role, unused_keys, .. } => {
            (Some(role), if *unused_keys { "; the keys in `AWS_KEY` are not used" } else { "" })
        }
    };
    match (first, &credentials.role) {
        (None, None) => None,
        (Some(first), None) => Some(format!("role {first} by OIDC{unused}")),
        (Some(first), Some(second)) => Some(format!("role {first} by OIDC, then role {}{unused}", second.arn)),
        (None, Some(second)) => Some(format!("role {} by the key", second.arn)),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::config::tests::config;

    const OIDC: [(&str, &str); 2] =
        [("AWS_OIDC_ROLE_ARN", "arn:aws:iam::123456789012:role/bitbucket"), ("BITBUCKET_STEP_OIDC_TOKEN", "a.b.c")];
    const NO_KEYS: [(&str, &str); 2] = [("AWS_KEY", ""), ("AWS_SECRET", "")];
    const ROLE: (&str, &str) = ("AWS_ROLE_ARN", "arn:aws:iam::210987654321:role/push");

    #[test]
    fn the_log_says_as_whom_the_run_acts() {
        let words = |pairs: &[&[(&str, &str)]]| words(&config(&pairs.concat()).credentials.unwrap());
        assert_eq!(words(&[]), None);
        let first = "role arn:aws:iam::123456789012:role/bitbucket by OIDC";
        let unused = "; the keys in `AWS_KEY` are not used";
        let second = "role arn:aws:iam::210987654321:role/push";
        assert_eq!(words(&[&OIDC, &NO_KEYS]).unwrap(), first);
        assert_eq!(words(&[&OIDC]).unwrap(), format!("{first}{unused}"));
        assert_eq!(words(&[&OIDC, &[ROLE]]).unwrap(), format!("{first}, then {second}{unused}"));
        assert_eq!(words(&[&[ROLE]]).unwrap(), format!("{second} by the key"));
    }

    #[test]
    fn an_account_that_is_not_allowed_is_refused_with_those_that_are() {
        assert_eq!(guard(&config(&[]), "123456789012"), Ok(()));
        let config = config(&[("ALLOWED_ACCOUNT_IDS", "123456789012 000000000001")]);
        assert_eq!(guard(&config, "000000000001"), Ok(()));
        let error = guard(&config, "210987654321").unwrap_err();
        assert_eq!(
            error.to_string(),
            "these are credentials of account 210987654321, and `ALLOWED_ACCOUNT_IDS` has only 123456789012, 000000000001"
        );
    }
}
