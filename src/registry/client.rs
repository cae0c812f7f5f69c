//! Requests to a registry.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use reqwest::header::{ACCEPT as ACCEPT_HEADER, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use secrecy::ExposeSecret as _;

use super::error::{Answer, Error};
use super::manifest::{ACCEPT, MAX_BYTES, Manifest};
use crate::aws::{Token, TokenSource};
use crate::image::{Digest, Repository, Tag};

/// What is read of an error's body.
const MAX_ERROR_BYTES: usize = 64 * 1024;
/// A `Retry-After` beyond this is not waited for: a user would rather see the failure.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// One repository, spoken to with the token of its region.
#[derive(Clone, Debug)]
pub struct Registry {
    client: Client,
    /// `https://<host>`, but for tests.
    base: String,
    repository: Repository,
    tokens: Arc<TokenSource>,
    backoff: ExponentialBuilder,
}

impl Registry {
    /// Nothing is sent yet.
    #[must_use]
    pub fn new(client: Client, repository: Repository, tokens: Arc<TokenSource>, backoff: ExponentialBuilder) -> Self {
        Self { client, base: format!("https://{}", repository.host), repository, tokens, backoff }
    }

    /// The same, that tries everything once.
    #[must_use]
    pub fn impatient(&self) -> Self {
        Self { backoff: self.backoff.with_max_times(0), ..self.clone() }
    }

    /// The manifest that a tag names now; `None` when there is no such tag.
    ///
    /// Temporary faults are tried again, a refused token is renewed once.
    ///
    /// # Errors
    /// No such repository, no permission, a registry that cannot be reached, bytes that are not what they should be.
    pub async fn manifest(&self, tag: &Tag) -> Result<Option<Manifest>, Error> {
        let path = format!("/v2/{}/manifests/{tag}", self.repository.name);
        let mut waits = self.backoff.build();
        let mut token = self.tokens.token().await?;
        let mut renewed = false;
        loop {
            let (error, asked) = match self.try_manifest(&path, tag, &token).await {
                Ok(found) => return Ok(found),
                Err(refusal) => refusal,
            };
            if let Error::Unauthorized { .. } = error {
                if renewed {
                    return Err(error);
                }
                (token, renewed) = (self.tokens.renewed(&token).await?, true);
                continue;
            }
            let Some(wait) = error.is_temporary().then(|| waits.next()).flatten() else { return Err(error) };
            let wait = asked.map_or(wait, |asked| asked.min(MAX_WAIT));
            tracing::debug!("{error}; next try in {} ms", wait.as_millis());
            tokio::time::sleep(wait).await;
        }
    }

    /// One try. An error comes with the time that the registry asked to wait.
    async fn try_manifest(
        &self,
        path: &str,
        tag: &Tag,
        token: &Token,
    ) -> Result<Option<Manifest>, (Error, Option<Duration>)> {
        let request = self.client.get(format!("{}{path}", self.base)).header(ACCEPT_HEADER, ACCEPT);
        let sent = request.basic_auth(&token.username, Some(token.password.expose_secret())).send().await;
        let response = sent.map_err(|error| (self.unreachable(&error), None))?;
        tracing::debug!("GET {}{path}: {}", self.repository.host, response.status());
        if response.status().is_success() {
            return self.read(response, tag).await.map(Some).map_err(|error| (error, None));
        }
        let asked = retry_after(&response);
        let status = response.status();
        let body = self.body(response, MAX_ERROR_BYTES).await.unwrap_or_default();
        let answer = Answer::new(path, status.as_u16(), &body);
        match status {
            StatusCode::NOT_FOUND if answer.is("NAME_UNKNOWN") => {
                Err((Error::NoRepository { repository: self.repository.clone() }, None))
            }
            StatusCode::NOT_FOUND if answer.is("MANIFEST_UNKNOWN") => Ok(None),
            StatusCode::UNAUTHORIZED => Err((Error::Unauthorized { answer }, None)),
            StatusCode::FORBIDDEN if answer.says_that_the_token_expired() => {
                Err((Error::Unauthorized { answer }, None))
            }
            StatusCode::FORBIDDEN => Err((Error::Denied { repository: self.repository.clone(), answer }, None)),
            _ => Err((Error::Refused { answer }, asked)),
        }
    }

    async fn read(&self, response: Response, tag: &Tag) -> Result<Manifest, Error> {
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let said = header("docker-content-digest");
        let media_type = header(CONTENT_TYPE.as_str()).unwrap_or_default();
        let bytes = self.body(response, MAX_BYTES + 1).await?;
        if bytes.len() > MAX_BYTES {
            return Err(Error::TooLarge { tag: tag.clone() });
        }
        let manifest = Manifest::of(&bytes, media_type);
        match said {
            Some(said) if said.parse::<Digest>().ok().as_ref() != Some(&manifest.digest) => {
                let said = said.chars().filter(|char| !char.is_control()).take(80).collect();
                Err(Error::WrongDigest { tag: tag.clone(), said, found: manifest.digest })
            }
            Some(_) | None => Ok(manifest),
        }
    }

    /// The body up to a number of bytes.
    async fn body(&self, mut response: Response, most: usize) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            let room = most - body.len();
            body.extend_from_slice(&piece[..piece.len().min(room)]);
            if body.len() == most {
                break;
            }
        }
        Ok(body)
    }

    fn unreachable(&self, error: &reqwest::Error) -> Error {
        let reason = if error.is_timeout() {
            "no answer in time"
        } else if error.is_connect() {
            "the connection was not made"
        } else {
            "the connection broke off"
        };
        Error::Unreachable { host: self.repository.host.to_string(), reason: reason.to_owned() }
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests;
