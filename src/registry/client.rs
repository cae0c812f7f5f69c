//! Requests to a registry: the token, the repetition of what is temporary, the judgement of answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use secrecy::ExposeSecret as _;
use tokio::time::timeout;

use super::error::{Answer, Error};
use super::latency::{Distance, Latency};
use super::pacer::Pacer;
use crate::aws::{Action, Token, TokenSource};
use crate::image::Repository;

/// What is read of an error's body.
const MAX_ERROR_BYTES: usize = 64 * 1024;
/// A `Retry-After` beyond this is not waited for: a user would rather see the failure.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// How long a registry may be silent before and in the middle of an answer.
const SILENCE: Duration = Duration::from_mins(1);

/// One repository, spoken to with the token of its region.
#[derive(Clone, Debug)]
pub struct Registry {
    client: Client,
    /// `https://<host>`, but for tests.
    base: String,
    repository: Repository,
    tokens: Arc<TokenSource>,
    backoff: ExponentialBuilder,
    pub(super) pacer: Arc<Pacer>,
    latency: Arc<Latency>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) action: Action,
    pub(super) method: &'a Method,
    /// Without a query, which may be a secret.
    pub(super) path: &'a str,
}

/// Why one try failed, with the time that the registry asked to wait.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) error: Error,
    pub(super) wait: Option<Duration>,
}

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self { error: error.into(), wait: None }
    }
}

impl Registry {
    /// Nothing is sent yet. Tokens and pace are shared by all repositories of an account in a region.
    #[must_use]
    pub fn new(
        client: Client,
        repository: Repository,
        tokens: Arc<TokenSource>,
        pacer: Arc<Pacer>,
        backoff: ExponentialBuilder,
    ) -> Self {
        let base = format!("https://{}", repository.host);
        Self { client, base, repository, tokens, backoff, pacer, latency: Arc::default() }
    }

    /// The same, that tries everything once.
    #[must_use]
    pub fn impatient(&self) -> Self {
        Self { backoff: self.backoff.with_max_times(0), ..self.clone() }
    }

    /// Another repository of the same registry.
    #[must_use]
    pub fn beside(&self, repository: Repository) -> Self {
        Self { repository, ..self.clone() }
    }

    /// The same, at another address than its host's.
    #[cfg(test)]
    pub(super) fn at(self, base: String) -> Self {
        Self { base, ..self }
    }

    /// The repository.
    #[must_use]
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// How far away it is, by the answers that it gave so far.
    #[must_use]
    pub fn distance(&self) -> Distance {
        self.latency.distance()
    }

    /// The client that all registries share.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Where its tokens come from.
    pub(super) fn tokens(&self) -> Arc<TokenSource> {
        Arc::clone(&self.tokens)
    }

    /// The pauses before further tries of what is temporary.
    pub(crate) fn waits(&self) -> impl Iterator<Item = Duration> + use<> {
        self.backoff.build()
    }

    /// The path of something in the repository.
    pub(super) fn path(&self, what: &str) -> String {
        format!("/v2/{}/{what}", self.repository.name)
    }

    /// A request to a path of the registry.
    pub(super) fn request(&self, method: &Method, path: &str) -> RequestBuilder {
        self.client.request(method.clone(), format!("{}{path}", self.base))
    }

    /// A request to where the registry pointed.
    pub(super) fn request_at(&self, method: Method, url: Url) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Whether the token may be sent there.
    pub(super) fn is_ours(&self, url: &Url) -> bool {
        self.base.parse::<Url>().is_ok_and(|base| base.origin() == url.origin())
    }

    /// Another token than one that was refused in the middle of an upload, for the uploads after it.
    pub(super) async fn renew(&self, refused: &Token) -> Result<(), Error> {
        self.tokens.renewed(refused).await?;
        Ok(())
    }

    /// The token.
    pub(super) async fn token(&self) -> Result<Token, Error> {
        Ok(self.tokens.token().await?)
    }

    /// Tries until there is an answer. Temporary faults are tried again, a refused token is renewed once.
    pub(super) async fn patiently<T>(&self, once: impl AsyncFn(&Token) -> Result<T, Refusal>) -> Result<T, Error> {
        let mut waits = self.backoff.build();
        let mut token = self.token().await?;
        let mut renewed = false;
        loop {
            self.pacer.pass().await;
            let Refusal { error, wait: asked } = match once(&token).await {
                Ok(answer) => return Ok(answer),
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
            let wait = self.slow_down(&error, asked, wait);
            tracing::debug!("{error}; next try in {} ms", wait.as_millis());
            tokio::time::sleep(wait).await;
        }
    }

    /// How long to wait after a refusal. What the registry asks for holds for all requests to it.
    pub(super) fn slow_down(&self, error: &Error, asked: Option<Duration>, otherwise: Duration) -> Duration {
        let wait = asked.map_or(otherwise, |asked| asked.min(MAX_WAIT));
        if asked.is_some() || error.asks_to_slow_down() {
            self.pacer.pause(wait);
        }
        wait
    }

    /// Sends with the token.
    pub(super) async fn send(
        &self,
        request: RequestBuilder,
        asked: Asked<'_>,
        token: &Token,
    ) -> Result<Response, Refusal> {
        self.send_openly(request.basic_auth(&token.username, Some(token.password.expose_secret())), asked).await
    }

    /// Sends as it is.
    pub(super) async fn send_openly(&self, request: RequestBuilder, asked: Asked<'_>) -> Result<Response, Refusal> {
        let began = Instant::now();
        let sent = timeout(SILENCE, request.send()).await.map_err(|_| self.silent())?;
        let response = sent.map_err(|error| self.unreachable(&error))?;
        self.latency.add(began.elapsed());
        self.judge(response, asked).await
    }

    /// What is no success becomes an error.
    pub(super) async fn judge(&self, response: Response, asked: Asked<'_>) -> Result<Response, Refusal> {
        let status = response.status();
        tracing::debug!("{} {}{}: {status}", asked.method, self.repository.host, asked.path);
        if status.is_success() {
            return Ok(response);
        }
        let wait = retry_after(&response);
        let body = self.body(response, MAX_ERROR_BYTES).await.unwrap_or_default();
        let answer = Answer::new(asked.path, status.as_u16(), &body);
        let repository = self.repository.clone();
        let error = match status {
            StatusCode::NOT_FOUND if answer.is("NAME_UNKNOWN") => Error::NoRepository { repository },
            StatusCode::UNAUTHORIZED => Error::Unauthorized { answer },
            StatusCode::FORBIDDEN if answer.says_that_the_token_expired() => Error::Unauthorized { answer },
            StatusCode::FORBIDDEN => self.denied(asked.action, answer),
            _ => Error::Refused { answer },
        };
        Err(Refusal { error, wait })
    }

    /// A permission that is lacking, and to whom.
    pub(super) fn denied(&self, action: Action, answer: Answer) -> Error {
        let principal = Box::new(self.tokens.ecr().principal().clone());
        Error::Denied { principal, repository: self.repository.clone(), action, answer: Box::new(answer) }
    }

    /// The body up to a number of bytes.
    pub(super) async fn body(&self, mut response: Response, most: usize) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        while let Some(piece) = self.piece(&mut response).await? {
            let room = most - body.len();
            body.extend_from_slice(&piece[..piece.len().min(room)]);
            if body.len() == most {
                break;
            }
        }
        Ok(body)
    }

    /// The next piece of a body.
    pub(super) async fn piece(&self, response: &mut Response) -> Result<Option<bytes::Bytes>, Error> {
        let piece = timeout(SILENCE, response.chunk()).await.map_err(|_| self.silent())?;
        piece.map_err(|error| self.unreachable(&error))
    }

    /// There was no answer.
    pub(super) fn unreachable(&self, error: &reqwest::Error) -> Error {
        self.lost(if error.is_timeout() {
            "no answer in time"
        } else if error.is_connect() {
            "the connection was not made"
        } else {
            "the connection broke off"
        })
    }

    pub(super) fn silent(&self) -> Error {
        self.lost("no answer in time")
    }

    pub(super) fn lost(&self, reason: &str) -> Error {
        Error::Unreachable { host: self.repository.host.to_string(), reason: reason.to_owned() }
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

/// A header's text, fit to be shown.
pub(super) fn header(response: &Response, name: &str) -> Option<String> {
    let value = response.headers().get(name)?.to_str().ok()?;
    Some(value.chars().filter(|char| !char.is_control()).take(200).collect())
}

#[cfg(test)]
mod tests;
