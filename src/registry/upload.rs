//! Uploads of blobs: begun by a `POST`, sent by one streamed `PATCH`, ended by a `PUT` with the digest, which is known only then.
//!
//! More than one `PATCH` is never sent: what ECR answers to the second and later ones is off the specification, and it is
//! known to lose them (aws/containers-roadmap#2831).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use reqwest::{Body, Method, RequestBuilder, Response, Url};
use secrecy::ExposeSecret as _;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::client::{Asked, Refusal, Registry};
use super::error::Error;
use super::manifests::received;
use crate::aws::{Action, Token};
use crate::image::Digest;

/// How long a registry may take to answer when it has all bytes: it has to put a large layer into its store.
const ANSWER: Duration = Duration::from_mins(5);

const BYTES: &str = "application/octet-stream";

/// Where an upload goes on. Its query is no one else's business.
#[derive(Clone)]
pub(super) struct Place(Url);

/// Why a registry does not have a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotTaken {
    /// What it refused.
    pub error: Box<Error>,
    /// Whether an upload made anew may do. What was tried again and again already is no such case.
    pub again: bool,
    /// Whether it took too long to take bytes, so that a further upload would too for now.
    pub stalled: bool,
}

/// A part of a blob on its way.
#[derive(Debug)]
pub(super) enum Piece {
    /// Bytes.
    Bytes(Bytes),
    /// The end, and the digest of all. What merely stops is not whole.
    End(Digest),
}

impl NotTaken {
    pub(super) fn for_good(error: Error) -> Self {
        Self { error: Box::new(error), again: false, stalled: false }
    }

    /// After a request that was tried again and again as long as that could help.
    #[must_use]
    pub fn after_all_tries(error: Error) -> Self {
        let again = error.is_mended_by_a_new_upload() && !error.is_temporary();
        Self { again, ..Self::for_good(error) }
    }
}

impl Registry {
    /// Begins an upload.
    pub(super) async fn begin(&self) -> Result<Place, Error> {
        self.patiently(async |token| self.try_begin(token).await).await
    }

    pub(super) async fn try_begin(&self, token: &Token) -> Result<Place, Refusal> {
        let path = self.path("blobs/uploads/");
        let asked = Asked { action: Action::InitiateLayerUpload, method: &Method::POST, path: &path };
        let request = self.request(asked.method, &path).header(CONTENT_LENGTH, 0);
        let response = self.send(request, asked, token).await?;
        let place = place(&response).ok_or_else(|| Error::NotUnderstood {
            what: format!("the answer of {} to a new upload", self.repository().host),
            reason: "it does not say where to send it".to_owned(),
        })?;
        Ok(place)
    }

    /// Sends what comes, and ends the upload when its end comes.
    pub(super) async fn receive(&self, place: Place, pieces: mpsc::Receiver<Piece>) -> Result<(), NotTaken> {
        let token = self.token().await.map_err(NotTaken::for_good)?;
        self.pacer.pass().await;
        let sent = self.stream(place, pieces, &token).await;
        if let Err(Error::Unauthorized { .. }) = sent {
            // These bytes are gone, but what is sent after them goes with another token.
            self.renew(&token).await.map_err(NotTaken::for_good)?;
        }
        let (place, digest) =
            sent.map_err(|error| NotTaken { again: error.is_mended_by_a_new_upload(), ..NotTaken::for_good(error) })?;
        let ended = self.patiently(async |token| self.try_finish(place.clone(), &digest, Bytes::new(), token).await);
        ended.await.map_err(NotTaken::after_all_tries)
    }

    async fn stream(
        &self,
        place: Place,
        pieces: mpsc::Receiver<Piece>,
        token: &Token,
    ) -> Result<(Place, Digest), Error> {
        let path = self.path("blobs/uploads/…");
        let asked = Asked { action: Action::UploadLayerPart, method: &Method::PATCH, path: &path };
        let (ended, mut end) = oneshot::channel();
        let body = Body::wrap(StreamBody::new(Pieces { receiver: pieces, ended: Some(ended) }));
        let request = self.to(Method::PATCH, &place, token).header(CONTENT_TYPE, BYTES).body(body);
        let mut sending = std::pin::pin!(request.send());
        let (response, digest) = tokio::select! {
            response = &mut sending => (response, end.try_recv().ok()),
            digest = &mut end => {
                let response = timeout(ANSWER, sending).await.map_err(|_| self.silent())?;
                (response, digest.ok())
            }
        };
        let response = response.map_err(|error| self.unreachable(&error))?;
        let response = self.judge(response, asked).await.map_err(|Refusal { error, wait }| {
            self.slow_down(&error, wait, self.waits().next().unwrap_or_default());
            error
        })?;
        let digest = digest.ok_or_else(|| self.lost("it answered before it had all bytes"))?;
        Ok((self::place(&response).unwrap_or(place), digest))
    }

    /// Ends an upload, with all of its bytes or after they were sent. A lost answer is none: the registry has the blob, or not.
    pub(super) async fn try_finish(
        &self,
        place: Place,
        digest: &Digest,
        bytes: Bytes,
        token: &Token,
    ) -> Result<(), Refusal> {
        let path = self.path("blobs/uploads/…");
        let asked = Asked { action: Action::CompleteLayerUpload, method: &Method::PUT, path: &path };
        let mut url = place;
        url.0.query_pairs_mut().append_pair("digest", digest.as_str());
        let request = self.to(Method::PUT, &url, token).header(CONTENT_TYPE, BYTES);
        let request = request.header(CONTENT_LENGTH, bytes.len()).body(bytes);
        let sent = timeout(ANSWER, request.send()).await.map_err(|_| self.silent());
        let judged = match sent.and_then(|sent| sent.map_err(|error| self.unreachable(&error))) {
            Ok(response) => self.judge(response, asked).await,
            Err(error) => Err(error.into()),
        };
        match judged {
            Ok(response) => Ok(received(&response, digest).map(drop)?),
            Err(refusal) if refusal.error.is_mended_by_a_new_upload() => {
                match self.impatient().blob_exists(digest).await {
                    Ok(true) => Ok(()),
                    Ok(false) | Err(_) => Err(refusal),
                }
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// A request to where an upload goes on. Only the registry itself gets the token.
    fn to(&self, method: Method, place: &Place, token: &Token) -> RequestBuilder {
        let request = self.request_at(method, place.0.clone());
        if self.is_ours(&place.0) {
            request.basic_auth(&token.username, Some(token.password.expose_secret()))
        } else {
            request
        }
    }
}

/// From `Location`, which may be relative to the request.
fn place(response: &Response) -> Option<Place> {
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    response.url().join(location).ok().map(Place)
}

/// The body of a `PATCH`.
struct Pieces {
    receiver: mpsc::Receiver<Piece>,
    ended: Option<oneshot::Sender<Digest>>,
}

impl Stream for Pieces {
    type Item = io::Result<Frame<Bytes>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended.is_none() {
            return Poll::Ready(None);
        }
        self.receiver.poll_recv(context).map(|piece| match piece {
            Some(Piece::Bytes(bytes)) => Some(Ok(Frame::data(bytes))),
            Some(Piece::End(digest)) => {
                let _ = self.ended.take().map(|ended| ended.send(digest));
                None
            }
            None => {
                self.ended = None;
                Some(Err(io::ErrorKind::UnexpectedEof.into()))
            }
        })
    }
}

#[cfg(test)]
mod tests;
