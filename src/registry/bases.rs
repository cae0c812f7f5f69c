//! What a tag of any registry names: one `HEAD`, with the login that belongs to the registry's host.
//!
//! Docker Hub counts pulls, by `GET` of manifests, and not this (Docker documentation, "Usage and limits").

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT as ACCEPT_HEADER, AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::time::timeout;

use super::client::{Registry, header};
use super::manifest::ACCEPT;
use crate::aws::TokenSource;
use crate::config::RegistryLogin;
use crate::image::{DOCKER_HUB, Digest, ImageReference};

/// How long a registry may take for a look-up and for a token: whoever waits longer could as well build.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the images of Docker Hub are, and who gives its tokens (Docker documentation, "Registry authentication"); there it goes by
/// the host of its images.
const HUB: &str = "registry-1.docker.io";
const HUB_REALM: &str = "https://auth.docker.io/token";

/// What a token is at most, many times over.
const MAX_TOKEN_BYTES: usize = 256 * 1024;

/// Looks up images of any registry.
#[derive(Clone, Debug)]
pub struct Bases {
    client: Client,
    logins: Vec<RegistryLogin>,
    own: Vec<(String, Arc<TokenSource>)>,
}

/// A registry does not tell what a tag names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{host} does not tell what `{image}` is: {reason}")]
pub struct Untold {
    /// The registry's host.
    pub host: String,
    /// The image, in its whole form.
    pub image: String,
    /// What it answered.
    pub reason: String,
}

/// Who one is to a registry.
enum Identity {
    Nobody,
    Basic { username: String, password: SecretString },
    Bearer(SecretString),
}

/// What `WWW-Authenticate: Bearer` asks for (distribution specification, "Token Authentication").
#[derive(Clone, Debug, PartialEq, Eq)]
struct Challenge {
    realm: Url,
    service: Option<String>,
}

#[derive(Deserialize)]
struct Granted {
    #[serde(default)]
    token: String,
    #[serde(default)]
    access_token: String,
}

impl Bases {
    /// With the tokens of the registries that are pushed to, and the logins of the user. `None` without any registry.
    #[must_use]
    pub fn new(own: &[&Registry], logins: &[RegistryLogin]) -> Option<Self> {
        let client = own.first()?.client().clone();
        let own = own.iter().map(|registry| (registry.repository().host.to_string(), registry.tokens())).collect();
        Some(Self { client, logins: logins.to_vec(), own })
    }

    /// The digest of what the image's tag names now, without any request for one that is fixed to a digest.
    ///
    /// # Errors
    /// Anything but a digest: no answer in time, a login that is refused, no such image.
    pub async fn digest(&self, image: &ImageReference) -> Result<Digest, Untold> {
        if let Some(digest) = image.digest() {
            return Ok(digest.clone());
        }
        let host = if image.is_of_docker_hub() { HUB } else { image.host() };
        let asked = self.ask(host, image).await;
        asked.map_err(|reason| Untold { host: host.to_owned(), image: image.to_string(), reason })
    }

    async fn ask(&self, host: &str, image: &ImageReference) -> Result<Digest, String> {
        let url = format!("https://{host}/v2/{}/manifests/{}", image.path(), image.tag());
        let url: Url = url.parse().map_err(|_| "its name is no host".to_owned())?;
        let login = self.login(image.host()).await?;
        let first = if image.is_of_docker_hub() {
            // Its answer without a token is known, and would be one request more.
            let realm = HUB_REALM.parse().map_err(|_| "no realm".to_owned())?;
            let challenge = Challenge { realm, service: Some(format!("registry.{DOCKER_HUB}")) };
            Identity::Bearer(self.token(&challenge, image, login.as_ref()).await?)
        } else {
            match &login {
                Some((username, password)) => {
                    Identity::Basic { username: username.clone(), password: password.clone() }
                }
                None => Identity::Nobody,
            }
        };
        let mut response = self.head(&url, &first).await?;
        if response.status() == StatusCode::UNAUTHORIZED
            && let Some(challenge) = challenge(&response)
            && !matches!(first, Identity::Bearer(_))
        {
            let token = self.token(&challenge, image, login.as_ref()).await?;
            response = self.head(&url, &Identity::Bearer(token)).await?;
        }
        if !response.status().is_success() {
            return Err(format!("HTTP {}", response.status().as_u16()));
        }
        let said = header(&response, "docker-content-digest").unwrap_or_default();
        said.parse().map_err(|_| "its answer names no digest".to_owned())
    }

    /// The login for exactly this host.
    async fn login(&self, host: &str) -> Result<Option<(String, SecretString)>, String> {
        if let Some(login) = self.logins.iter().find(|login| login.host.eq_ignore_ascii_case(host)) {
            return Ok(Some((login.username.clone(), login.password.clone())));
        }
        match self.own.iter().find(|(own, _)| own.eq_ignore_ascii_case(host)) {
            Some((_, tokens)) => {
                let token = tokens.token().await.map_err(|error| error.to_string())?;
                Ok(Some((token.username, token.password)))
            }
            None => Ok(None),
        }
    }

    async fn head(&self, url: &Url, identity: &Identity) -> Result<Response, String> {
        let request = self.client.request(Method::HEAD, url.clone()).header(ACCEPT_HEADER, ACCEPT);
        let request = match identity {
            Identity::Nobody => request,
            Identity::Basic { username, password } => request.basic_auth(username, Some(password.expose_secret())),
            Identity::Bearer(token) => {
                let value = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()));
                let mut value = value.map_err(|_| "its token is none".to_owned())?;
                value.set_sensitive(true);
                request.header(AUTHORIZATION, value)
            }
        };
        send(request).await
    }

    async fn token(
        &self,
        challenge: &Challenge,
        image: &ImageReference,
        login: Option<&(String, SecretString)>,
    ) -> Result<SecretString, String> {
        let mut url = challenge.realm.clone();
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = &challenge.service {
                query.append_pair("service", service);
            }
            query.append_pair("scope", &format!("repository:{}:pull", image.path()));
        }
        let request = self.client.request(Method::GET, url);
        let request = match login {
            Some((username, password)) => request.basic_auth(username, Some(password.expose_secret())),
            None => request,
        };
        let mut response = send(request).await?;
        if !response.status().is_success() {
            return Err(format!("it gives no token, HTTP {}", response.status().as_u16()));
        }
        let unreadable = || "it gives no token".to_owned();
        let mut body = Vec::new();
        while let Some(piece) =
            timeout(PATIENCE, response.chunk()).await.map_err(|_| unreadable())?.map_err(|_| unreadable())?
        {
            body.extend_from_slice(&piece);
            if body.len() > MAX_TOKEN_BYTES {
                return Err(unreadable());
            }
        }
        let Granted { token, access_token } = serde_json::from_slice(&body).map_err(|_| unreadable())?;
        let token = if token.is_empty() { access_token } else { token };
        if token.is_empty() { Err(unreadable()) } else { Ok(token.into()) }
    }
}

async fn send(request: RequestBuilder) -> Result<Response, String> {
    let sent = timeout(PATIENCE, request.send()).await.map_err(|_| "no answer in time".to_owned())?;
    sent.map_err(|error| {
        if error.is_connect() { "the connection was not made" } else { "the connection broke off" }.to_owned()
    })
}

/// The challenge of an answer, if there is one for a token, over HTTPS only: a password may be sent there.
fn challenge(response: &Response) -> Option<Challenge> {
    let values = response.headers().get_all(WWW_AUTHENTICATE).iter();
    values.filter_map(|value| value.to_str().ok()).find_map(parse)
}

/// `Bearer realm="https://…",service="…",scope="…"` (RFC 9110, "WWW-Authenticate").
fn parse(value: &str) -> Option<Challenge> {
    let (scheme, mut rest) = value.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let (mut realm, mut service) = (None, None);
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        let Some((name, after)) = rest.split_once('=') else { break };
        let (text, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_once(',').unwrap_or((after, "")),
        };
        match name.trim().to_ascii_lowercase().as_str() {
            "realm" => realm = text.parse::<Url>().ok(),
            "service" => service = Some(text.to_owned()),
            _ => {}
        }
        rest = after;
    }
    let realm = realm.filter(|realm| realm.scheme() == "https")?;
    Some(Challenge { realm, service })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_challenge_is_read_in_whatever_order_its_parts_come() {
        for text in [
            r#"Bearer realm="https://auth.x/token",service="x",scope="repository:a,b:pull""#,
            r#"bearer scope="a=b", service="x" , realm="https://auth.x/token""#,
            r#"Bearer service=x,realm="https://auth.x/token""#,
        ] {
            let found = parse(text).unwrap();
            assert_eq!((found.realm.as_str(), found.service.as_deref()), ("https://auth.x/token", Some("x")), "{text}");
        }
        for text in [
            "",
            "Bearer",
            "Basic realm=\"https://x\"",
            "Bearer realm=\"http://auth.x/token\"",
            "Bearer realm=\"https://auth.x",
            "Bearer service=\"x\"",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_challenge_is_read(text in "(Bearer )?([a-z=\", /:]|realm=|\\PC){0,40}") {
            let _ = parse(&text);
        }
    }
}
