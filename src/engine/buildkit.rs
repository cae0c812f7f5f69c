//! The build by BuildKit over `POST /build?version=2`, with a session for files, logins and secrets.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard_buildkit_proto::moby::buildkit::v1::StatusResponse;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request};
use prost::Message as _;
use tokio::time::{MissedTickBehavior, interval};

use super::connect::empty;
use super::lines::{Line, LineStream};
use super::running::Running;
use super::trace::Notes;
use super::{BuildError, Engine, Error, ImageId, Trace, denial, query};
use crate::config::Build;
use crate::dockerfile::Wording;
use crate::image::Platform;
use crate::progress::vertices::{Summary, Vertices};
use crate::progress::{Event, Log};
use crate::session::{Id, Session};

/// What errors name.
const CALL: &str = "POST /build";

/// How often long steps are looked at.
const TICK: Duration = Duration::from_secs(1);

/// What to build. The session has the files.
#[derive(Clone, Copy, Debug)]
pub struct BuildkitRequest<'a> {
    /// The name of the Dockerfile in the source `dockerfile` of the session.
    pub dockerfile: &'a str,
    /// The options; its paths are not looked at.
    pub options: &'a Build,
    /// The session's id.
    pub session: &'a Id,
    /// A name for the build, by which it can be ended.
    pub build: &'a Id,
    /// The platform to build for; `None` for the engine's own.
    pub platform: Option<&'a Platform>,
    /// Images that may hold a cache.
    pub cache_from: &'a [String],
    /// Puts the engine's texts back into the words of the user's Dockerfile.
    pub wording: &'a Wording,
}

/// What a build came to.
#[derive(Debug)]
pub struct Built {
    /// The image.
    pub image: ImageId,
    /// How it went.
    pub summary: Summary,
}

impl Engine {
    /// Builds, and tells of it if there is a log. To cancel, drop the future: that hangs up, upon which the engine kills the running steps; then call
    /// [`Engine::forget`] with the trace.
    ///
    /// # Errors
    ///
    /// Of the session, of the engine, of a step.
    pub async fn build_with_buildkit(
        &self,
        request: &BuildkitRequest<'_>,
        session: &mut Session,
        vertices: Vertices,
        trace: &Trace,
        log: Option<&Log>,
    ) -> Result<Built, BuildError> {
        trace.begins(request.build.clone());
        let answer = match self.start_buildkit(request).await {
            Ok(Ok(answer)) => answer,
            Err(error) => {
                self.cancel(trace).await;
                return Err(error.into());
            }
            Ok(Err((_, message))) => {
                return Err(denial::of_buildkit(&request.wording.restore(&message), &vertices.summary()));
            }
        };
        let mut running = Running::new(LineStream::new(Arc::clone(&self.transport), answer, CALL), trace);
        let mut reader = Reader { vertices, wording: request.wording, notes: trace.notes(), log, image: None };
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                line = running.next() => match line {
                    Ok(Some(line)) => reader.line(&line).await?,
                    Ok(None) => break,
                    Err(error) => {
                        self.cancel(trace).await;
                        return Err(reader.fail(error).await);
                    }
                },
                reason = session.ended() => {
                    self.cancel(trace).await;
                    let host = self.transport.name().to_owned();
                    return Err(reader.fail(Error::SessionDropped { host, reason }).await);
                }
                _ = tick.tick() => reader.tell(|vertices| vertices.tick(Instant::now())).await,
            }
        }
        reader.tell(|vertices| vertices.finish(Instant::now())).await;
        let image = reader.image.ok_or(BuildError::NoImage)?;
        Ok(Built { image, summary: reader.vertices.summary() })
    }

    async fn start_buildkit(
        &self,
        request: &BuildkitRequest<'_>,
    ) -> Result<Result<super::transport::Answer, (u16, String)>, Error> {
        let path = query::of_buildkit(request);
        let length = path.len();
        let uri = path.parse().map_err(|_| Error::RequestTooLong { length })?;
        let (mut head, body) = empty(Method::POST, "/").into_parts();
        head.uri = uri;
        head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
        self.ask(CALL, Request::from_parts(head, body)).await
    }
}

/// Takes the lines of the stream.
struct Reader<'a> {
    vertices: Vertices,
    wording: &'a Wording,
    notes: Notes,
    log: Option<&'a Log>,
    image: Option<ImageId>,
}

impl Reader<'_> {
    async fn line(&mut self, line: &Line) -> Result<(), BuildError> {
        if let Some((message, _)) = line.failure() {
            let message = self.wording.restore(message);
            self.tell(|vertices| vertices.fail(&message, Instant::now())).await;
            return Err(denial::of_buildkit(&message, &self.vertices.summary()));
        }
        match (line.id.as_deref(), &line.aux) {
            (Some("moby.buildkit.trace"), Some(aux)) => {
                if let Some(mut status) = decode(aux) {
                    for vertex in &mut status.vertexes {
                        vertex.name = self.wording.restore(&vertex.name);
                        vertex.error = self.wording.restore(&vertex.error);
                    }
                    self.tell(|vertices| vertices.status(&status, Instant::now())).await;
                }
            }
            (Some("moby.image.id"), Some(aux)) => {
                self.image = aux.get("ID").and_then(|id| id.as_str()).map(|id| ImageId::new(id.to_owned()));
                if let Some(image) = &self.image {
                    self.notes.image(image);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The build ends without the engine having said why.
    async fn fail(&mut self, error: Error) -> BuildError {
        self.tell(|vertices| vertices.fail(&error.to_string(), Instant::now())).await;
        error.into()
    }

    async fn tell(&mut self, events: impl FnOnce(&mut Vertices) -> Vec<Event>) {
        for event in events(&mut self.vertices) {
            if let Some(log) = self.log {
                log.send(event).await;
            }
        }
    }
}

/// A status of the build (moby `builder/builder-next/builder.go`): a message of protobuf in base64.
fn decode(aux: &serde_json::Value) -> Option<StatusResponse> {
    let decoded = STANDARD.decode(aux.as_str()?).map_err(|error| error.to_string());
    match decoded.and_then(|bytes| StatusResponse::decode(bytes.as_slice()).map_err(|error| error.to_string())) {
        Ok(status) => Some(status),
        Err(error) => {
            tracing::debug!("a line of the build's progress is not understood: {error}");
            None
        }
    }
}
