//! A registry of a few lines, for answers that the lab cannot give.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backon::ExponentialBuilder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::Registry;
use crate::aws::{Ecr, Endpoint, Session, TokenSource};
use crate::config::{Keys, Network};
use crate::image::Name;
use crate::net::{Net, install_crypto_provider};
use crate::progress::Log;

/// `AWS:first` and `AWS:second`, the tokens that the API gives one after the other.
pub(super) const TOKENS: [&str; 2] = ["QVdTOmZpcnN0", "QVdTOnNlY29uZA=="];

/// A server that gives these answers in order, one a connection, and keeps what it was asked. An empty answer drops the connection.
pub(super) struct Server {
    pub(super) address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(super) async fn answering(answers: Vec<String>) -> Self {
        let (server, listener) = Self::unattended().await;
        let seen = Arc::clone(&server.asked);
        tokio::spawn(async move {
            let mut answers = VecDeque::from(answers);
            while let Ok((mut stream, _)) = listener.accept().await {
                let request = request(&mut stream).await;
                seen.lock().unwrap().push(request);
                let answer = answers.pop_front().unwrap_or_default();
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        server
    }

    /// A server that somebody else is to answer for.
    pub(super) async fn unattended() -> (Self, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        (Self { address, asked: Arc::default() }, listener)
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Method and path of each request.
    pub(super) fn lines(&self) -> Vec<String> {
        let line =
            |request: &String| request.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
        self.asked().iter().map(line).collect()
    }
}

/// A request, with its body.
async fn request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
            let chunked = head.contains("transfer-encoding: chunked");
            if if chunked { body.ends_with("0\r\n\r\n") } else { body.len() >= length } {
                break;
            }
        }
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            break;
        }
    }
    String::from_utf8_lossy(&request).into_owned()
}

pub(super) fn answer(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len())
}

/// An answer of the registry with one of its codes.
pub(super) fn refusal(status: u16, code: &str, message: &str) -> String {
    answer(status, "", &format!(r#"{{"errors":[{{"code":"{code}","message":"{message}"}}]}}"#))
}

fn token(token: &str) -> String {
    let endpoint = "https://123456789012.dkr.ecr.eu-central-1.amazonaws.com";
    let body = format!(
        r#"{{"authorizationData":[{{"authorizationToken":"{token}","expiresAt":99999999999,"proxyEndpoint":"{endpoint}"}}]}}"#
    );
    answer(200, "Content-Type: application/x-amz-json-1.1\r\n", &body)
}

/// A registry client against a server, its tokens from an API that gives two.
pub(super) async fn registry(server: &Server, log: Log) -> (Registry, Server) {
    install_crypto_provider();
    let api = Server::answering(TOKENS.map(token).to_vec()).await;
    let net = Net::new(&Network::default()).unwrap();
    let keys = Keys { id: "AKIATEST".to_owned(), secret: "canary".into(), session_token: None };
    let Ok(Name::Full(repository)) = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/web".parse() else {
        panic!("a repository")
    };
    let endpoint = Endpoint::of(&repository.host, Some(api.address.clone()));
    let tokens = Arc::new(TokenSource::new(Ecr::new(&Session::of_keys(&keys, net.aws), endpoint), log));
    let backoff = ExponentialBuilder::new().with_min_delay(Duration::from_millis(1)).with_max_times(2);
    let registry = Registry::new(net.registry, repository, tokens, Arc::default(), backoff).at(server.address.clone());
    (registry, api)
}
