//! `POST /session`: a connection that is turned round, on which the engine is the client.

use hyper::header::{CONNECTION, HeaderName, HeaderValue, UPGRADE};
use hyper::upgrade::Upgraded;
use hyper::{Method, StatusCode};
use tokio::time::timeout;

use super::connect::{FIRST_ANSWER, empty};
use super::lines::error_text;
use super::{Engine, Error, denial};
use crate::session::{Card, METHODS};

const CALL: &str = "POST /session";

/// buildkit `session/manager.go`.
const ID: HeaderName = HeaderName::from_static("x-docker-expose-session-uuid");
const NAME: HeaderName = HeaderName::from_static("x-docker-expose-session-name");
const SHARED_KEY: HeaderName = HeaderName::from_static("x-docker-expose-session-sharedkey");
const METHOD: HeaderName = HeaderName::from_static("x-docker-expose-session-grpc-method");

impl Engine {
    /// Gives the engine a connection for its calls.
    ///
    /// # Errors
    ///
    /// The engine cannot be reached or refuses; [`Error::NotUpgraded`] where something between us and the engine does not let
    /// the upgrade through.
    pub async fn attach(&self, card: &Card) -> Result<Upgraded, Error> {
        let mut request = empty(Method::POST, "/session");
        let headers = request.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("h2c"));
        let mut id = header(card.id.as_str());
        id.set_sensitive(true);
        headers.insert(ID, id);
        headers.insert(NAME, HeaderValue::from_static("ecr-pipe"));
        headers.insert(SHARED_KEY, header(&card.shared_key));
        for method in METHODS {
            headers.append(METHOD, HeaderValue::from_static(method));
        }
        let late = |_| Error::SessionTimeout { host: self.transport.name().to_owned() };
        let answer = timeout(FIRST_ANSWER, self.transport.send(request)).await.map_err(late)??;
        let status = answer.response.status();
        if status != StatusCode::SWITCHING_PROTOCOLS {
            let message = error_text(answer).await;
            return Err(denial::of_plugin(CALL, &message)
                .unwrap_or(Error::NotUpgraded { status: status.as_u16(), reason: message }));
        }
        hyper::upgrade::on(answer.response).await.map_err(|error| self.transport.dropped(&error))
    }
}

/// Ids, keys and names of methods are visible ASCII.
fn header(text: &str) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}
