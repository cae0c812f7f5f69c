#![expect(clippy::unwrap_used, reason = "a test may")]

use std::sync::Mutex;
use std::time::Instant;

use super::super::fake::{Server, TOKENS, answer, refusal, registry};
use super::super::manifest::{MAX_BYTES, Manifest};
use super::*;
use crate::image::{Digest, Tag};
use crate::progress::{Event, Log, Style};

const MANIFEST: &str = r#"{"schemaVersion":2,"config":{"digest":"d","size":1},"layers":[]}"#;

async fn ask(answers: Vec<String>) -> (Result<Option<Manifest>, Error>, Vec<String>) {
    let server = Server::answering(answers).await;
    let (registry, _api) = registry(&server, Log::recorded().0).await;
    (registry.manifest(&"main".parse::<Tag>().unwrap()).await, server.asked())
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
    let unknown = |code: &str| refusal(404, code, "m");
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
    registry.manifest(&"main".parse::<Tag>().unwrap()).await.unwrap();
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

#[tokio::test]
async fn a_pause_that_one_request_is_told_holds_for_all() {
    let busy = refusal(429, "TOOMANYREQUESTS", "Rate exceeded").replace("\r\n\r\n", "\r\nRetry-After: 20\r\n\r\n");
    let boom = answer(500, "", "boom");
    for (refused, holds) in [(busy, true), (boom, false)] {
        let server = Server::answering(vec![refused]).await;
        let (registry, _api) = registry(&server, Log::recorded().0).await;
        let tag = "main".parse::<Tag>().unwrap();
        let asking = registry.manifest(&tag);
        let seen = async {
            while server.asked().is_empty() || (holds && registry.pacer.left(Instant::now()).is_none()) {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = asking => assert!(!holds),
            () = seen => {}
        }
        let other = registry.beside(registry.repository().clone());
        assert_eq!(other.pacer.left(Instant::now()).is_some(), holds);
    }
}
