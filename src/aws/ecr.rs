//! The client of ECR's API. Everything it knows is given to it: it reads no environment, no profile, no metadata service.

use std::time::{Duration, SystemTime};

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ecr::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_ecr::primitives::DateTimeFormat;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use secrecy::ExposeSecret as _;

use super::error::Call;
use super::{Action, Error, Token};
use crate::config::Keys;
use crate::image::EcrHost;
use crate::net::CONNECT_TIMEOUT;

/// One call with all its retries: a fault of AWS may last some seconds, a user waits no longer.
const OPERATION_TIMEOUT: Duration = Duration::from_mins(1);
/// One try of a call.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);
/// Tries of a call. With waits that double from the first one on, a fault that does not pass is told after some seconds.
const ATTEMPTS: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// Which end point of the API is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The region.
    pub region: String,
    /// Whether the registry's host is a FIPS one: then the API is too.
    pub fips: bool,
    /// Whether the registry's host is a dual-stack one: then the API is too.
    pub dual_stack: bool,
    /// `AWS_ENDPOINT_URL_ECR` or `AWS_ENDPOINT_URL`: in place of the region's own.
    pub url: Option<String>,
}

/// ECR's API in one region, with one key.
#[derive(Clone, Debug)]
pub struct Ecr {
    client: aws_sdk_ecr::Client,
    endpoint: Endpoint,
}

impl Ecr {
    /// Nothing is sent yet.
    #[must_use]
    pub fn new(keys: &Keys, endpoint: Endpoint, http: SharedHttpClient) -> Self {
        let token = keys.session_token.as_ref().map(|token| token.expose_secret().to_owned());
        let credentials = Credentials::new(&keys.id, keys.secret.expose_secret(), token, None, "variables");
        let mut builder = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(endpoint.region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(http)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(FIRST_WAIT))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                    .operation_timeout(OPERATION_TIMEOUT)
                    .build(),
            )
            // The SDK refuses both together with an address of one's own.
            .use_fips(endpoint.fips && endpoint.url.is_none())
            .use_dual_stack(endpoint.dual_stack && endpoint.url.is_none());
        builder.set_endpoint_url(endpoint.url.clone());
        Self { client: aws_sdk_ecr::Client::new(&builder.build()), endpoint }
    }

    /// An authorisation token (`GetAuthorizationToken`).
    ///
    /// # Errors
    /// Credentials that are refused, a permission that is lacking, an API that cannot be reached.
    pub async fn token(&self) -> Result<Token, Error> {
        let action = Action::GetAuthorizationToken;
        let answer = self.client.get_authorization_token().send().await;
        let answer = answer.map_err(|error| Error::of(self.call(action, "*".to_owned()), &error))?;
        let data = answer.authorization_data().first();
        if let Some(data) = data {
            let expires = data.expires_at().and_then(|at| at.fmt(DateTimeFormat::DateTime).ok()).unwrap_or_default();
            tracing::debug!("a token for {}, valid until {expires}", data.proxy_endpoint().unwrap_or("no registry"));
        }
        data.and_then(|data| {
            let expires = data.expires_at().and_then(|at| SystemTime::try_from(*at).ok());
            Token::parse(data.authorization_token()?, data.proxy_endpoint()?, expires, SystemTime::now())
        })
        .ok_or_else(|| Error::Unreadable { action, reason: "no token in it".to_owned() })
    }

    pub(super) fn client(&self) -> &aws_sdk_ecr::Client {
        &self.client
    }

    pub(super) fn call(&self, action: Action, resource: String) -> Call {
        let endpoint = match &self.endpoint.url {
            Some(url) => format!("at {url}"),
            None => format!("in {}", self.endpoint.region),
        };
        Call { action, endpoint, resource }
    }
}

impl Endpoint {
    /// The end point that belongs to a registry host.
    #[must_use]
    pub fn of(host: &EcrHost, url: Option<String>) -> Self {
        Self { region: host.region().to_owned(), fips: host.is_fips(), dual_stack: host.is_dual_stack(), url }
    }
}
