//! The classic build over `POST /build`.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http_body_util::{Either, StreamBody};
use hyper::body::Frame;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request};

use super::connect::empty;
use super::lines::{Line, LineStream};
use super::running::Running;
use super::trace::Notes;
use super::transport::Body;
use super::{BuildError, Engine, Error, ImageId, Login, Trace, denial, login, query};
use crate::config::Build;
use crate::progress::classic::{Chunk, Classic, sort};
use crate::progress::layers::State;
use crate::progress::{Event, Log};

/// What errors name.
const CALL: &str = "POST /build";

/// What to build. The context is separate, since it is consumed.
#[derive(Clone, Debug)]
pub struct ClassicRequest<'a> {
    /// The Dockerfile's path within the context.
    pub dockerfile: &'a str,
    /// The options; its paths are not looked at.
    pub options: &'a Build,
    /// Logins for base images.
    pub logins: &'a [Login],
}

impl Engine {
    /// Builds. To cancel, drop the future: that hangs up, upon which the engine kills the running step; then call
    /// [`Engine::forget`] with the trace.
    ///
    /// # Errors
    ///
    /// Of the context's stream, of the engine, of a step.
    pub async fn build_classic(
        &self,
        request: &ClassicRequest<'_>,
        context: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
        trace: &Trace,
        log: &Log,
    ) -> Result<ImageId, BuildError> {
        let broken = Broken::default();
        let sent = self.post(request, broken.watch(context)).await;
        let answer = match sent {
            Ok(Ok(answer)) => answer,
            Ok(Err((_, message))) => return Err(denial::of_build(&message, None, None)),
            Err(error) => return Err(broken.or(error)),
        };
        let mut running = Running::new(LineStream::new(Arc::clone(&self.transport), answer, CALL), trace);
        let mut reader = Reader { classic: Classic::new(), notes: trace.notes(), log, image: None };
        loop {
            match running.next().await {
                Ok(Some(line)) => reader.line(&line).await?,
                Ok(None) => break,
                Err(error) => {
                    reader.fail(None).await;
                    return Err(broken.or(error));
                }
            }
        }
        reader.send(Classic::finish).await;
        match (reader.image.take(), broken.take()) {
            (Some(image), _) => Ok(image),
            (None, Some(error)) => Err(BuildError::Context(error)),
            (None, None) => Err(BuildError::NoImage),
        }
    }

    async fn post(
        &self,
        request: &ClassicRequest<'_>,
        context: Pin<Box<dyn Stream<Item = io::Result<Frame<Bytes>>> + Send>>,
    ) -> Result<Result<super::transport::Answer, (u16, String)>, Error> {
        let path = query::of_classic(request.dockerfile, request.options);
        let length = path.len();
        let uri = path.parse().map_err(|_| Error::RequestTooLong { length })?;
        let (mut head, _) = empty(Method::POST, "/").into_parts();
        head.uri = uri;
        head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
        if !request.logins.is_empty() {
            head.headers.insert("X-Registry-Config", login::config(request.logins, self.facts().index.as_deref()));
        }
        let body: Body = Either::Right(StreamBody::new(context));
        self.ask(CALL, Request::from_parts(head, body)).await
    }
}

/// Takes the lines of the stream.
struct Reader<'a> {
    classic: Classic,
    notes: Notes,
    log: &'a Log,
    image: Option<ImageId>,
}

impl Reader<'_> {
    async fn line(&mut self, line: &Line) -> Result<(), BuildError> {
        self.notes.line(line);
        if let Some((message, code)) = line.failure() {
            let error = denial::of_build(message, code, self.classic.step());
            self.fail(code).await;
            return Err(error);
        }
        if let Some(text) = &line.stream {
            if let (Chunk::Built(id), None) = (sort(text), &self.image) {
                self.image = Some(ImageId::new(id.to_owned()));
            }
            self.send(|classic, now| classic.text(text, now)).await;
        }
        if let Some(status) = &line.status {
            let progress = line.progress.as_ref();
            let state = State {
                id: line.id.as_deref().unwrap_or("download"),
                status,
                current: progress.and_then(|progress| progress.current),
                total: progress.and_then(|progress| progress.total),
            };
            self.send(|classic, now| classic.pull(&state, now).into_iter().collect()).await;
        }
        // Each stage tells its own; the last is that of the target.
        if let Some(id) = line.aux.as_ref().and_then(|aux| aux.get("ID")).and_then(|id| id.as_str()) {
            self.image = Some(ImageId::new(id.to_owned()));
        }
        Ok(())
    }

    async fn fail(&mut self, code: Option<i64>) {
        self.send(|classic, now| classic.fail(code, now)).await;
    }

    async fn send(&mut self, events: impl FnOnce(&mut Classic, Instant) -> Vec<Event>) {
        for event in events(&mut self.classic, Instant::now()) {
            self.log.send(event).await;
        }
    }
}

/// Where the error of the context's stream is kept, since hyper hands back only its text.
#[derive(Clone, Debug, Default)]
struct Broken(Arc<Mutex<Option<Arc<io::Error>>>>);

impl Broken {
    fn watch(
        &self,
        context: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Pin<Box<dyn Stream<Item = io::Result<Frame<Bytes>>> + Send>> {
        let broken = self.clone();
        Box::pin(context.map(move |piece| {
            piece.map(Frame::data).map_err(|error| {
                let placeholder = io::Error::from(error.kind());
                *broken.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(error));
                placeholder
            })
        }))
    }

    fn take(&self) -> Option<Arc<io::Error>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The error of the context, if there is one: that of the connection is only its consequence.
    fn or(&self, error: Error) -> BuildError {
        self.take().map_or(BuildError::Engine(error), BuildError::Context)
    }
}

#[cfg(test)]
mod tests;
