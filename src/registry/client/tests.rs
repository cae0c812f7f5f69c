#![expect(clippy::unwrap_used, reason = "a test may")]

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::aws::{Ecr, Endpoint};
use crate::config::{Keys, Network};
use crate::image::Name;
use crate::net::{Net, install_crypto_provider};
use crate::progress::{Event, Log, Style};

const MANIFEST: &str = r#"{"schemaVersion":2,"config":{"digest":"d","size":1},"layers":[]}"#;
/// `AWS:first` and `AWS:second`, the tokens that the API gives one after the other.
const TOKENS: [&str; 2] = ["QVdTOmZpcnN0", "QVdTOnNlY29uZA=="];

/// A server that gives these answers in order, one a connection, and keeps what it was asked. An empty answer drops the connection.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn answering(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut answers = VecDeque::from(answers);
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    if stream.read_buf(&mut request).await.unwrap() == 0 {
                        break;
                    }
                }
                seen.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
                let answer = answers.pop_front().unwrap_or_default();
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len())
}

fn token(token: &str) -> String {
    let endpoint = "https://123456789012.dkr.ecr.eu-central-1.amazonaws.com";
    let body = format!(
        r#"{{"authorizationData":[{{"authorizationToken":"{token}","expiresAt":99999999999,"proxyEndpoint":"{endpoint}"}}]}}"#
    );
    answer(200, "Content-Type: application/x-amz-json-1.1\r\n", &body)
}

/// A registry client against a server, its tokens from an API that gives two.
async fn registry(server: &Server, log: Log) -> (Registry, Server) {
    install_crypto_provider();
    let api = Server::answering(TOKENS.map(token).to_vec()).await;
    let net = Net::new(&Network::default()).unwrap();
    let keys = Keys { id: "AKIATEST".to_owned(), secret: "canary".into(), session_token: None };
    let Ok(Name::Full(repository)) = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/web".parse() else {
        panic!("a repository")
    };
    let endpoint = Endpoint::of(&repository.host, Some(api.address.clone()));
    let tokens = Arc::new(TokenSource::new(Ecr::new(&keys, endpoint, net.aws), log));
    let backoff = ExponentialBuilder::new().with_min_delay(Duration::from_millis(1)).with_max_times(2);
    let registry =
        Registry { base: server.address.clone(), ..Registry::new(net.registry, repository, tokens, backoff) };
    (registry, api)
}

async fn ask(answers: Vec<String>) -> (Result<Option<Manifest>, Error>, Vec<String>) {
    let server = Server::answering(answers).await;
    let (registry, _api) = registry(&server, Log::recorded().0).await;
    (registry.manifest(&"main".parse().unwrap()).await, server.asked())
}

fn found() -> String {
    answer(200, &format!("Docker-Content-Digest: {}\r\n", Digest::of(MANIFEST.as_bytes())), MANIFEST)
}

#[tokio::test]
async fn the_digest_is_that_of_the_bytes_served() {
    let (manifest, asked) = ask(vec![found()]).await;
    assert_eq!(manifest.unwrap().unwrap().digest, Digest::of(MANIFEST.as_bytes()));
    assert!(asked[0].starts_with("GET /v2/shop/web/manifests/main HTTP/1.1\r\n"), "{}", asked[0]);
    assert!(asked[0].contains(TOKENS[0]), "{}", asked[0]);
}

#[tokio::test]
async fn a_digest_that_the_bytes_do_not_have_is_an_error() {
    let (result, _) = ask(vec![answer(200, "Docker-Content-Digest: sha256:0000\r\n", MANIFEST)]).await;
    assert!(matches!(result, Err(Error::WrongDigest { .. })), "{result:?}");
}

#[tokio::test]
async fn a_missing_tag_is_told_from_a_missing_repository() {
    let unknown = |code: &str| answer(404, "", &format!(r#"{{"errors":[{{"code":"{code}","message":"m"}}]}}"#));
    assert_eq!(ask(vec![unknown("MANIFEST_UNKNOWN")]).await.0, Ok(None));
    assert!(matches!(ask(vec![unknown("NAME_UNKNOWN")]).await.0, Err(Error::NoRepository { .. })));
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_not_again() {
    let expired = answer(403, "", "denied: Your authorization token has expired. Reauthenticate and try again.");
    for refusal in [answer(401, "", ""), expired] {
        let (result, asked) = ask(vec![refusal.clone(), found()]).await;
        assert!(result.unwrap().is_some());
        assert!(asked[1].contains(TOKENS[1]), "{}", asked[1]);
        let (result, asked) = ask(vec![refusal.clone(), refusal]).await;
        assert!(matches!(result, Err(Error::Unauthorized { .. })));
        assert_eq!(asked.len(), 2);
    }
}

/// A stderr that can be read.
#[derive(Clone, Default)]
struct Stderr(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_token_that_was_renewed_is_masked_in_the_log_like_the_first() {
    let stderr = Stderr::default();
    let log = Log::start(stderr.clone(), Style { color: false, debug: false }).unwrap();
    let server = Server::answering(vec![answer(401, "", ""), found()]).await;
    let (registry, _api) = registry(&server, log.clone()).await;
    registry.manifest(&"main".parse().unwrap()).await.unwrap();
    log.send(Event::Note("the engine says second".to_owned())).await;
    log.flush().await;
    assert_eq!(String::from_utf8_lossy(&stderr.0.lock().unwrap()), "  the engine says ***\n");
}

#[tokio::test]
async fn what_passes_is_tried_again_and_what_does_not_is_not() {
    let (result, asked) = ask(vec![answer(500, "", ""), String::new(), found()]).await;
    assert!(result.unwrap().is_some());
    assert_eq!(asked.len(), 3, "a fault and a dropped connection");
    let slow_down = answer(429, "Retry-After: 0\r\n", "");
    let (result, asked) = ask(vec![slow_down.clone(), slow_down.clone(), slow_down]).await;
    assert!(matches!(result, Err(Error::Refused { .. })), "{result:?}");
    assert_eq!(asked.len(), 3, "two retries and no more");
    let (result, asked) = ask(vec![answer(403, "", "no")]).await;
    assert!(matches!(result, Err(Error::Denied { .. })));
    assert_eq!(asked.len(), 1);
}

#[tokio::test]
async fn a_manifest_beyond_the_limit_is_not_read_to_its_end() {
    let (result, _) = ask(vec![answer(200, "", &"x".repeat(MAX_BYTES + 10))]).await;
    assert!(matches!(result, Err(Error::TooLarge { .. })), "{result:?}");
}

#[tokio::test]
async fn the_token_does_not_follow_a_redirect_to_another_host() {
    let other = Server::answering(vec![found()]).await;
    let location = other.address.replace("127.0.0.1", "localhost");
    let (result, _) = ask(vec![answer(307, &format!("Location: {location}/elsewhere\r\n"), "")]).await;
    assert!(result.unwrap().is_some());
    assert!(!other.asked()[0].to_lowercase().contains("authorization"), "{}", other.asked()[0]);
}
