//! One connection per request: TCP, TLS or a unix socket, then HTTP/1.1.
//!
//! Requests leave in the form that Bitbucket's authorisation plugin lets pass: one `Content-Type`, and a `Content-Length`
//! also where there is no body.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use http_body_util::{Either, Full, StreamBody};
use hyper::body::{Body as _, Frame, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{ApiVersion, Error, tls};
use crate::config::EngineAddress;
use crate::error::words;

/// The body of a request, as bollard has it too.
pub(super) type Body = Either<Full<Bytes>, StreamBody<Pin<Box<dyn Stream<Item = io::Result<Frame<Bytes>>> + Send>>>>;

/// How long a connection may take, handshake included. The engine is on the same machine or the next.
const CONNECT: Duration = Duration::from_secs(10);

/// Makes connections to one engine.
#[derive(Debug)]
pub(super) struct Transport {
    address: EngineAddress,
    name: String,
    tls: Option<Arc<rustls::ClientConfig>>,
    /// Set once it is agreed; until then paths go without it.
    version: OnceLock<ApiVersion>,
}

/// An answer whose body is still to be read. Dropping it closes the connection.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) response: Response<Incoming>,
    connection: Connection,
}

impl Answer {
    /// Closes our half of the connection, which to the engine means that nobody waits any more: it cancels what it does.
    /// What it still says can be read, and the end of the answer is then the end of the work.
    pub(super) fn hang_up(&self) {
        if let Some(socket) = &self.connection.socket {
            let _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Write);
        }
    }
}

/// Ends the connection at once when dropped, also while a request body is on its way. A connection that was upgraded lives on
/// by itself.
#[derive(Debug)]
struct Connection {
    task: Option<AbortHandle>,
    /// A second handle of the socket.
    socket: Option<OwnedFd>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// A connection before HTTP.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

impl Transport {
    /// Prepares connections; makes none.
    pub(super) fn new(address: &EngineAddress) -> Result<Self, Error> {
        let tls = match address {
            EngineAddress::Tls { certificates, .. } => Some(Arc::new(tls::config(certificates)?)),
            EngineAddress::Tcp { .. } | EngineAddress::Unix(_) => None,
        };
        Ok(Self { address: address.clone(), name: name(address), tls, version: OnceLock::new() })
    }

    /// The address as `DOCKER_HOST` has it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// From now on requests carry this version in their path.
    pub(super) fn agree_on(&self, version: ApiVersion) {
        let _ = self.version.set(version);
    }

    /// Sends a request and waits for the head of the answer, however long that takes.
    pub(super) async fn send(&self, request: Request<Body>) -> Result<Answer, Error> {
        let (response, connection) = self.request(request).await?;
        Ok(Answer { response, connection })
    }

    /// The same for bollard, which keeps only the response: its connection ends when the body has been read or dropped.
    pub(super) async fn send_for_bollard(&self, request: Request<Body>) -> Result<Response<Incoming>, Error> {
        let (response, mut connection) = self.request(request).await?;
        connection.task = None;
        Ok(response)
    }

    async fn request(&self, request: Request<Body>) -> Result<(Response<Incoming>, Connection), Error> {
        let request = self.shape(request)?;
        let (wire, socket) =
            timeout(CONNECT, self.connect()).await.map_err(|_| Error::Timeout { host: self.name.clone() })??;
        let (mut sender, wire) = http1::handshake(TokioIo::new(wire)).await.map_err(|error| self.dropped(&error))?;
        let task = tokio::spawn(wire.with_upgrades());
        let connection = Connection { task: Some(task.abort_handle()), socket };
        let response = match sender.send_request(request).await {
            Ok(response) => response,
            // Where the connection broke before the request was taken, only its own end tells why.
            Err(error) => {
                return Err(match timeout(Duration::from_secs(1), task).await {
                    Ok(Ok(Err(why))) if error.is_canceled() || error.is_closed() => self.dropped(&why),
                    Ok(_) | Err(_) => self.dropped(&error),
                });
            }
        };
        Ok((response, connection))
    }

    /// An error that hyper reports, as it concerns the engine.
    pub(super) fn dropped(&self, error: &hyper::Error) -> Error {
        if let (EngineAddress::Tls { certificates, .. }, Some(rustls)) = (&self.address, tls_error(error)) {
            return tls::explain(&self.name, rustls, certificates);
        }
        Error::Dropped { host: self.name.clone(), reason: innermost(error) }
    }

    async fn connect(&self) -> Result<(Box<dyn Wire>, Option<OwnedFd>), Error> {
        match (&self.address, &self.tls) {
            (EngineAddress::Unix(path), _) => {
                let stream = self.unix(path).await?;
                let socket = second_handle(&stream);
                Ok((Box::new(stream), socket))
            }
            (EngineAddress::Tls { host, port, certificates }, Some(config)) => {
                let server = ServerName::try_from(host.clone()).map_err(|_| self.unresolved(host, "no legal name"))?;
                let tcp = self.tcp(host, *port).await?;
                let socket = second_handle(&tcp);
                match TlsConnector::from(Arc::clone(config)).connect(server, tcp).await {
                    Ok(stream) => Ok((Box::new(stream), socket)),
                    Err(error) => Err(match error.get_ref().and_then(|inner| inner.downcast_ref()) {
                        Some(rustls) => tls::explain(&self.name, rustls, certificates),
                        None => Error::Tls { host: self.name.clone(), reason: words(&error) },
                    }),
                }
            }
            (EngineAddress::Tcp { host, port } | EngineAddress::Tls { host, port, .. }, _) => {
                let stream = self.tcp(host, *port).await?;
                let socket = second_handle(&stream);
                Ok((Box::new(stream), socket))
            }
        }
    }

    async fn unix(&self, path: &Path) -> Result<UnixStream, Error> {
        UnixStream::connect(path).await.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::NoSocket { path: path.to_owned() },
            io::ErrorKind::PermissionDenied => Error::SocketDenied { path: path.to_owned() },
            _ => self.unreachable(&error),
        })
    }

    async fn tcp(&self, host: &str, port: u16) -> Result<TcpStream, Error> {
        let addresses =
            tokio::net::lookup_host((host, port)).await.map_err(|error| self.unresolved(host, &words(&error)))?;
        let mut last = None;
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    keep_alive(&stream);
                    return Ok(stream);
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.map_or_else(|| self.unresolved(host, "it has no address"), |error| self.unreachable(&error)))
    }

    fn unreachable(&self, error: &io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Error::Refused { host: self.name.clone() },
            io::ErrorKind::TimedOut => Error::Timeout { host: self.name.clone() },
            _ => Error::Unreachable { host: self.name.clone(), reason: words(error) },
        }
    }

    fn unresolved(&self, host: &str, reason: &str) -> Error {
        // The words of Rust's library before those of the system say nothing more.
        let reason = match reason.strip_prefix("failed to lookup address information: ").unwrap_or(reason) {
            // musl's words for a temporary failure.
            "Try again" => "no name server answers",
            other => other,
        };
        Error::NotResolved { host: self.name.clone(), name: host.to_owned(), reason: reason.to_owned() }
    }

    fn shape(&self, request: Request<Body>) -> Result<Request<Body>, Error> {
        let (mut head, body) = request.into_parts();
        let empty = body.size_hint().exact() == Some(0);
        shape(&mut head, empty, &self.host());
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let path = match self.version.get() {
            Some(version) => format!("/v{version}{path}"),
            None => path.to_owned(),
        };
        head.uri = path.parse::<Uri>().map_err(|_| Error::RequestTooLong { length: path.len() })?;
        Ok(Request::from_parts(head, body))
    }

    fn host(&self) -> HeaderValue {
        match &self.address {
            EngineAddress::Unix(_) => None,
            EngineAddress::Tcp { host, port } | EngineAddress::Tls { host, port, .. } => {
                HeaderValue::try_from(authority(host, *port)).ok()
            }
        }
        .unwrap_or(HeaderValue::from_static("docker"))
    }
}

/// Sets what the plugin looks at, as docker CLI 20.10 does (moby `client/request.go`): a request without a body has no
/// `application/json`, and a POST without one says that its length is 0.
fn shape(head: &mut Parts, empty: bool, host: &HeaderValue) {
    let kind = head.headers.get(CONTENT_TYPE).cloned().filter(|kind| !empty || kind != "application/json");
    head.headers.remove(CONTENT_TYPE);
    if empty && head.method == Method::POST {
        head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    if let Some(kind) = kind {
        head.headers.insert(CONTENT_TYPE, kind);
    }
    head.headers.insert(HOST, host.clone());
}

fn second_handle(socket: &impl AsFd) -> Option<OwnedFd> {
    socket.as_fd().try_clone_to_owned().ok()
}

/// Lets the kernel find out within two minutes that the other side is gone: a build step may be silent for hours, so that
/// silence alone tells nothing.
fn keep_alive(stream: &TcpStream) {
    use rustix::net::sockopt;
    let _ = sockopt::set_socket_keepalive(stream, true);
    let _ = sockopt::set_tcp_keepidle(stream, Duration::from_secs(30));
    let _ = sockopt::set_tcp_keepintvl(stream, Duration::from_secs(15));
    let _ = sockopt::set_tcp_keepcnt(stream, 6);
}

fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// The address in the form of `DOCKER_HOST`.
pub(super) fn name(address: &EngineAddress) -> String {
    match address {
        EngineAddress::Unix(path) => format!("unix://{}", path.display()),
        EngineAddress::Tcp { host, port } | EngineAddress::Tls { host, port, .. } => {
            format!("tcp://{}", authority(host, *port))
        }
    }
}

fn sources<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

fn tls_error(error: &hyper::Error) -> Option<&rustls::Error> {
    sources(error).find_map(|error| {
        let inside = error.downcast_ref::<io::Error>().and_then(|error| error.get_ref());
        error.downcast_ref().or_else(|| inside.and_then(|inner| inner.downcast_ref()))
    })
}

fn innermost(error: &hyper::Error) -> String {
    let last = sources(error).last().map(|last| last.downcast_ref().map_or_else(|| last.to_string(), words));
    last.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn shaped(method: Method, kinds: &[&'static str], empty: bool) -> (Vec<String>, Option<String>) {
        let mut request = Request::builder().method(method).uri("/x");
        for kind in kinds {
            request = request.header(CONTENT_TYPE, *kind);
        }
        let (mut head, ()) = request.body(()).unwrap().into_parts();
        shape(&mut head, empty, &HeaderValue::from_static("docker"));
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        (head.headers.get_all(CONTENT_TYPE).iter().map(text).collect(), head.headers.get(CONTENT_LENGTH).map(text))
    }

    #[test]
    fn exactly_one_content_type_leaves_and_an_empty_post_has_a_length() {
        let two = ["application/x-tar", "application/json"];
        assert_eq!(shaped(Method::POST, &two, false), (vec!["application/x-tar".to_owned()], None));
        assert_eq!(shaped(Method::POST, &two[1..], true), (vec!["text/plain".to_owned()], Some("0".to_owned())));
        assert_eq!(shaped(Method::POST, &two, true), (vec![two[0].to_owned()], Some("0".to_owned())));
        assert_eq!(shaped(Method::GET, &two[1..], true), (vec![], None));
    }

    #[test]
    fn the_agreed_version_stands_before_the_path() {
        let address = EngineAddress::Tcp { host: "::1".to_owned(), port: 2375 };
        let transport = Transport::new(&address).unwrap();
        let request =
            || Request::get("http://docker/images/json?all=true").body(Either::Left(Full::default())).unwrap();
        assert_eq!(transport.shape(request()).unwrap().uri(), "/images/json?all=true");
        transport.agree_on(ApiVersion::OLDEST);
        let shaped = transport.shape(request()).unwrap();
        assert_eq!(shaped.uri(), "/v1.41/images/json?all=true");
        assert_eq!(shaped.headers()[HOST], "[::1]:2375");
        assert_eq!(transport.name(), "tcp://[::1]:2375");
    }
}
