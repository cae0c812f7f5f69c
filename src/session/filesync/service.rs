//! The gRPC service. Answers are framed by the thread that makes them, so that file content is copied only once.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream as _;
use hyper::body::Frame;
use hyper::header::CONTENT_TYPE;
use hyper::http::HeaderValue;
use hyper::{HeaderMap, Request, Response};
use tokio::task::JoinSet;
use tonic::body::Body;
use tonic::codec::Streaming;
use tonic::codegen::{Service, StdError};
use tonic::server::NamedService;
use tonic::{Code, Status};

use super::metadata::Query;
use super::requests::{End, Requests};
use super::sender;
use super::source::Source;
use super::wire::{Packet, PacketDecoder};
use crate::context::stream::{Chunks, Output};
use crate::context::{Outcome, Sent};

/// No packet of the engine needs more.
const LARGEST: usize = 64 * 1024;

/// Serves sources by their names.
#[derive(Clone, Debug)]
pub struct FileSync {
    sources: Arc<HashMap<String, Arc<Source>>>,
    outcome: Outcome,
}

impl FileSync {
    /// What a session says it serves (`X-Docker-Expose-Session-Grpc-Method`).
    pub const METHODS: [&str; 1] = ["/moby.filesync.v1.FileSync/DiffCopy"];

    /// Serves these; the engine names them `context` and `dockerfile`.
    #[must_use]
    pub fn new(sources: HashMap<String, Source>) -> Self {
        let sources = sources.into_iter().map(|(name, source)| (name, Arc::new(source))).collect();
        Self { sources: Arc::new(sources), outcome: Outcome::default() }
    }

    /// Whether an engine that still has the files of an earlier build can tell by size and time which ones have changed.
    /// With `SOURCE_DATE_EPOCH` it cannot, and would build from old ones.
    #[must_use]
    pub fn changes_show(&self) -> bool {
        self.sources.values().all(|source| source.has_real_times())
    }

    /// How it went so far, all calls together: what ended since this was last asked.
    #[must_use]
    pub fn sent(&self) -> Option<Sent> {
        self.outcome.take()
    }

    fn diff_copy<B>(&self, request: Request<B>) -> Result<Body, Status>
    where
        B: hyper::body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<StdError> + Send,
    {
        let query = Query::read(request.headers()).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let source = str::from_utf8(&query.name).ok().and_then(|name| self.sources.get(name)).cloned();
        let source = source.ok_or_else(|| {
            let name = String::from_utf8_lossy(&query.name);
            Status::not_found(format!("no access allowed to dir {name:?}"))
        })?;
        let requests = Arc::new(Requests::default());
        let packets = Streaming::new_request(PacketDecoder, request.into_body(), None, Some(LARGEST));
        let mut reader = JoinSet::new();
        reader.spawn(listen(packets, Arc::clone(&requests)));
        let (output, chunks) = Output::new(self.outcome.clone());
        let answer = Answer { chunks, requests: Arc::clone(&requests), _reader: reader, done: false };
        tokio::task::spawn_blocking(move || sender::answer(&source, &query, &requests, output));
        Ok(Body::new(answer))
    }
}

impl NamedService for FileSync {
    const NAME: &'static str = "moby.filesync.v1.FileSync";
}

impl<B> Service<Request<B>> for FileSync
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<StdError> + Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let answer = if Self::METHODS.contains(&request.uri().path()) {
            self.diff_copy(request)
        } else {
            Err(Status::unimplemented("only DiffCopy is served"))
        };
        ready(Ok(answer.map_or_else(Status::into_http, |body| {
            let mut response = Response::new(body);
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            response
        })))
    }
}

/// Takes in what the engine says, until it is done.
async fn listen(mut packets: Streaming<Packet>, requests: Arc<Requests>) {
    loop {
        match packets.message().await {
            Ok(Some(packet)) if requests.take(&packet) => {}
            Ok(Some(_)) => return,
            Ok(None) => return requests.end(End::Refused("the receiver ended without a FIN packet".to_owned())),
            Err(status) => return requests.end(End::Refused(status.message().to_owned())),
        }
    }
}

/// The body of an answer. When it is dropped, the work for it ends.
struct Answer {
    chunks: Chunks,
    requests: Arc<Requests>,
    /// Ends with this.
    _reader: JoinSet<()>,
    done: bool,
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.done {
            return Poll::Ready(None);
        }
        Pin::new(&mut self.chunks).poll_next(context).map(|chunk| {
            let status = match chunk {
                Some(Ok(chunk)) => return Some(Ok(Frame::data(chunk))),
                Some(Err(error)) => Status::new(Code::Unknown, error.to_string()),
                None => Status::new(Code::Ok, ""),
            };
            self.done = true;
            let mut trailers = HeaderMap::new();
            // Its message is encoded, so that it can always be said.
            let _ = status.add_header(&mut trailers);
            Some(Ok(Frame::trailers(trailers)))
        })
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.requests.end(End::Gone);
    }
}
