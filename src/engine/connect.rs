//! Connecting: the ping, the version, the facts.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bollard::{BollardRequest, Docker};
use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::{Method, Request, StatusCode};

use super::facts::{self, Ping};
use super::lines::error_text;
use super::transport::{Answer, Body, Transport};
use super::{Error, Facts, denial};
use crate::config::EngineAddress;
use crate::error::words;

/// How long the engine may take to say who it is.
pub(super) const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// How long it may take for calls that do little, in seconds: it may be busy with other builds.
const SHORT_CALL: u64 = 120;

/// An engine that answers and is new enough. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(super) transport: Arc<Transport>,
    pub(super) docker: Docker,
    facts: Arc<Facts>,
}

impl Engine {
    /// Connects, agrees on the API version and reads what the engine is.
    ///
    /// # Errors
    ///
    /// The engine is absent, refuses, wants TLS or does not, or is too old.
    pub async fn connect(address: &EngineAddress) -> Result<Self, Error> {
        let transport = Arc::new(Transport::new(address)?);
        let timeout = || Error::Timeout { host: transport.name().to_owned() };
        tokio::time::timeout(FIRST_ANSWER, Self::greet(&transport)).await.map_err(|_| timeout())?
    }

    async fn greet(transport: &Arc<Transport>) -> Result<Self, Error> {
        let ping = ping(transport).await?;
        let api = ping.agreed()?;
        transport.agree_on(api);
        let docker = bollard_over(transport)?;
        let (version, info) = tokio::join!(docker.version(), docker.info());
        let version = version.map_err(|error| {
            let error = refine(transport, "GET /version", error);
            match &error {
                Error::Answer { message, .. } if denial::is_version_refused(message) => {
                    facts::too_new(&ping.version, message).unwrap_or(error)
                }
                _ => error,
            }
        })?;
        let info = info.map_err(|error| tracing::debug!("the engine does not describe itself: {error}")).ok();
        let facts = Facts {
            version: version.version.unwrap_or(ping.version),
            api,
            plugins: info.as_ref().and_then(|info| info.plugins.as_ref()?.authorization.clone()).unwrap_or_default(),
            index: info.as_ref().and_then(|info| info.index_server_address.clone()),
            storage: info.map(Into::into),
            os: version.os.unwrap_or_default(),
            architecture: version.arch.unwrap_or_default(),
            address: transport.name().to_owned(),
        };
        Ok(Self { transport: Arc::clone(transport), docker, facts: Arc::new(facts) })
    }

    /// What the engine is.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What bollard reports, in our words.
    pub(super) fn refine(&self, call: &str, error: bollard::errors::Error) -> Error {
        refine(&self.transport, call, error)
    }

    /// Sends a request of our own and returns the answer if it is good, else the status and the engine's words.
    pub(super) async fn ask(&self, call: &str, request: Request<Body>) -> Result<Result<Answer, (u16, String)>, Error> {
        ask(&self.transport, call, request).await
    }
}

async fn ping(transport: &Transport) -> Result<Ping, Error> {
    let call = "GET /_ping";
    match ask(transport, call, empty(Method::GET, "/_ping")).await? {
        Ok(answer) => Ping::read(answer.response.headers(), transport.name()),
        Err((_, message)) if denial::wants_tls(&message) => {
            Err(Error::PlainToTls { host: transport.name().to_owned() })
        }
        Err((status, _)) => {
            let reason = format!("it answers `{call}` with {status}");
            Err(Error::NoEngine { host: transport.name().to_owned(), reason })
        }
    }
}

async fn ask(
    transport: &Transport,
    call: &str,
    request: Request<Body>,
) -> Result<Result<Answer, (u16, String)>, Error> {
    let answer = transport.send(request).await?;
    let status = answer.response.status();
    if status == StatusCode::OK {
        return Ok(Ok(answer));
    }
    let message = error_text(answer).await;
    match denial::of_plugin(call, &message) {
        Some(error) => Err(error),
        None => Ok(Err((status.as_u16(), message))),
    }
}

/// A request without a body.
pub(super) fn empty(method: Method, path: &str) -> Request<Body> {
    let mut request = Request::new(Either::Left(Full::new(Bytes::new())));
    *request.method_mut() = method;
    if let Ok(uri) = path.parse() {
        *request.uri_mut() = uri;
    }
    request
}

/// bollard with our connections. It would otherwise leave out the version and read the environment.
fn bollard_over(transport: &Arc<Transport>) -> Result<Docker, Error> {
    let name = transport.name().to_owned();
    let transport = Arc::clone(transport);
    let send = move |request: BollardRequest| {
        let transport = Arc::clone(&transport);
        async move {
            let answer = transport.send_for_bollard(request).await;
            answer.map_err(|error| bollard::errors::Error::IOError { err: io::Error::other(error) })
        }
    };
    Docker::connect_with_custom_transport(send, Some("http://docker"), SHORT_CALL, bollard::API_DEFAULT_VERSION)
        .map_err(|error| Error::Unreachable { host: name, reason: error.to_string() })
}

fn refine(transport: &Transport, call: &str, error: bollard::errors::Error) -> Error {
    use bollard::errors::Error as Theirs;
    let call = call.to_owned();
    match error {
        Theirs::IOError { err } => match err.downcast::<Error>() {
            Ok(ours) => ours,
            Err(err) => Error::Dropped { host: transport.name().to_owned(), reason: words(&err) },
        },
        Theirs::HyperResponseError { err } => transport.dropped(&err),
        Theirs::RequestTimeoutError => Error::Timeout { host: transport.name().to_owned() },
        Theirs::DockerResponseServerError { status_code: status, message } => {
            denial::of_plugin(&call, &message).unwrap_or(Error::Answer { call, status, message })
        }
        other => Error::NotUnderstood { call, reason: other.to_string() },
    }
}

#[cfg(test)]
mod tests;
