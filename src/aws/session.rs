//! As whom the pipe acts: a key, or a role's session that is renewed when it is over. One session serves all regions.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_sts::Client;
use aws_sdk_sts::types::Credentials as Given;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;

use super::client::configuration;
use super::role_error::{Assumed, By, RoleError};
use super::{Action, Endpoint, Error};
use crate::config::{self, CredentialSource, Keys, RoleArn};
use crate::progress::Log;

/// How long before its end a session is renewed, so that none ends between the signing of a request and its arrival.
const MARGIN: Duration = Duration::from_mins(5);

/// How long a session lasts where none is asked for (STS API reference, `AssumeRoleWithWebIdentity`). More would be refused
/// by every role that does not allow it, and by all second roles.
const SESSION: Duration = Duration::from_hours(1);

/// Who makes a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// The owner of the key in `AWS_KEY`.
    Key,
    /// A role.
    Role(RoleArn),
}

impl Principal {
    /// `key` or `role`: whose policy it is.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Role(_) => "role",
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key => f.write_str("the key"),
            Self::Role(role) => write!(f, "role `{role}`"),
        }
    }
}

/// What signs the calls of a run. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Session {
    credentials: SharedCredentialsProvider,
    principal: Principal,
    http: SharedHttpClient,
}

impl Session {
    /// Assumes the roles, each after the one before it. `sts` is the end point of STS, in the region of the registry. With keys
    /// alone nothing is sent. Everything secret that is obtained is masked in the log first.
    ///
    /// # Errors
    /// What STS refused.
    pub async fn open(
        credentials: &config::Credentials,
        sts: &Endpoint,
        http: SharedHttpClient,
        log: &Log,
    ) -> Result<Self, Error> {
        let name = &credentials.session_name;
        let mut session = match &credentials.source {
            CredentialSource::Keys(keys) => Self::of_keys(keys, http),
            CredentialSource::Oidc { role, token, .. } => {
                let client = Client::new(&configuration(sts, None, http.clone()));
                let by = By::Token(token.clone());
                Self::of_role(Role::new(client, by, role.clone(), None, name, sts, log), http).await?
            }
        };
        if let Some(config::Role { arn, external_id }) = &credentials.role {
            let client = Client::new(&session.configuration(sts));
            let by = By::Principal(session.principal.clone());
            let role = Role::new(client, by, arn.clone(), external_id.clone(), name, sts, log);
            session = Self::of_role(role, session.http).await?;
        }
        Ok(session)
    }

    /// With a key alone: nothing is sent.
    #[must_use]
    pub fn of_keys(keys: &Keys, http: SharedHttpClient) -> Self {
        let token = keys.session_token.as_ref().map(|token| token.expose_secret().to_owned());
        let credentials = Credentials::new(&keys.id, keys.secret.expose_secret(), token, None, "variables");
        Self { credentials: SharedCredentialsProvider::new(credentials), principal: Principal::Key, http }
    }

    async fn of_role(role: Role, http: SharedHttpClient) -> Result<Self, Error> {
        let principal = Principal::Role(role.arn.clone());
        role.credentials().await?;
        Ok(Self { credentials: SharedCredentialsProvider::new(role), principal, http })
    }

    /// Who acts.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// What a client of a service at this end point is made of.
    pub(super) fn configuration(&self, endpoint: &Endpoint) -> aws_config::SdkConfig {
        configuration(endpoint, Some(self.credentials.clone()), self.http.clone())
    }
}

/// A role that is assumed, again when its session is about to end.
#[derive(Debug)]
struct Role {
    client: Client,
    by: By,
    arn: RoleArn,
    external_id: Option<String>,
    session_name: String,
    sts: Endpoint,
    log: Log,
    held: Mutex<Option<Held>>,
}

/// A session of a role.
#[derive(Debug)]
struct Held {
    credentials: Credentials,
    renew: SystemTime,
    ends: SystemTime,
}

impl Role {
    fn new(
        client: Client,
        by: By,
        arn: RoleArn,
        external_id: Option<String>,
        session_name: &str,
        sts: &Endpoint,
        log: &Log,
    ) -> Self {
        let (session_name, sts, log) = (session_name.to_owned(), sts.clone(), log.clone());
        Self { client, by, arn, external_id, session_name, sts, log, held: Mutex::new(None) }
    }

    /// Those held, or those of a new session. All that ask at once wait for one answer.
    async fn credentials(&self) -> Result<Credentials, Error> {
        let mut held = self.held.lock().await;
        let now = SystemTime::now();
        if let Some(held) = held.as_ref().filter(|held| now < held.renew) {
            return Ok(held.credentials.clone());
        }
        match (self.assume().await, held.as_mut()) {
            (Ok(given), _) => {
                for secret in [&given.secret_access_key, &given.session_token] {
                    self.log.mask(SecretString::from(secret.as_str())).await;
                }
                Ok(held.insert(Held::new(&given, now)).credentials.clone())
            }
            // The last minutes of a session are as good as the others. STS is not asked again at each call: it may be slow to fail.
            (Err(reason), Some(held)) if SystemTime::now() < held.ends => {
                tracing::debug!("the session of {} cannot be renewed, the one there is goes on: {reason}", self.arn);
                let now = SystemTime::now();
                held.renew = now + held.ends.duration_since(now).unwrap_or_default() / 2;
                Ok(held.credentials.clone())
            }
            (Err(reason), Some(_)) => Err(RoleError::over(self.arn.clone(), reason).into()),
            (Err(reason), None) => Err(reason),
        }
    }

    async fn assume(&self) -> Result<Given, Error> {
        let (role, name) = (self.arn.to_string(), &self.session_name);
        let (action, given) = match &self.by {
            By::Token(token) => {
                let action = Action::AssumeRoleWithWebIdentity;
                let call = self.client.assume_role_with_web_identity().role_arn(role).role_session_name(name);
                let sent = call.web_identity_token(token.expose_secret()).send().await;
                (action, sent.map_err(|error| self.assumed(action).refused(&error))?.credentials)
            }
            By::Principal(_) => {
                let action = Action::AssumeRole;
                let call = self.client.assume_role().role_arn(role).role_session_name(name);
                let sent = call.set_external_id(self.external_id.clone()).send().await;
                (action, sent.map_err(|error| self.assumed(action).refused(&error))?.credentials)
            }
        };
        tracing::debug!("`{action}` of {} gave a session", self.arn);
        given.ok_or_else(|| Error::Unreadable { action, reason: "no credentials in it".to_owned() })
    }

    fn assumed(&self, action: Action) -> Assumed<'_> {
        Assumed { action, role: &self.arn, by: &self.by, external_id: self.external_id.is_some(), sts: &self.sts }
    }
}

impl Held {
    fn new(given: &Given, now: SystemTime) -> Self {
        let ends = SystemTime::try_from(given.expiration).ok().filter(|ends| *ends > now).unwrap_or(now + SESSION);
        let life = ends.duration_since(now).unwrap_or(SESSION);
        // When it ends is ours to know: the SDK would refuse what it takes for ended by a wrong clock.
        let (id, secret) = (&given.access_key_id, &given.secret_access_key);
        let credentials = Credentials::new(id, secret, Some(given.session_token.clone()), None, "role");
        Self { credentials, renew: ends - MARGIN.min(life / 4), ends }
    }
}

impl ProvideCredentials for Role {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.credentials().await.map_err(CredentialsError::provider_error) })
    }
}

#[cfg(test)]
mod tests;
