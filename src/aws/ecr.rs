//! The client of ECR's API. Everything it knows is given to it: it reads no environment, no profile, no metadata service.

use std::fmt;
use std::time::SystemTime;

use aws_sdk_ecr::primitives::DateTimeFormat;

use super::error::Call;
use super::{Action, Error, Principal, Session, Token};
use crate::image::EcrHost;

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

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.url {
            Some(url) => write!(f, "at {url}"),
            None => write!(f, "in {}", self.region),
        }
    }
}

/// ECR's API in one region.
#[derive(Clone, Debug)]
pub struct Ecr {
    client: aws_sdk_ecr::Client,
    endpoint: Endpoint,
    principal: Principal,
}

impl Ecr {
    /// Nothing is sent yet.
    #[must_use]
    pub fn new(session: &Session, endpoint: Endpoint) -> Self {
        let client = aws_sdk_ecr::Client::new(&session.configuration(&endpoint));
        Self { client, endpoint, principal: session.principal().clone() }
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

    /// Who acts.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    pub(super) fn client(&self) -> &aws_sdk_ecr::Client {
        &self.client
    }

    pub(super) fn call(&self, action: Action, resource: String) -> Call {
        Call { action, endpoint: self.endpoint.to_string(), resource, principal: self.principal.clone() }
    }
}

impl Endpoint {
    /// The end point that belongs to a registry host.
    #[must_use]
    pub fn of(host: &EcrHost, url: Option<String>) -> Self {
        Self { region: host.region().to_owned(), fips: host.is_fips(), dual_stack: host.is_dual_stack(), url }
    }
}
