//! Each way of not getting an engine has its own words.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::os::unix::net::UnixListener;

use super::super::fake::{Fake, PING, Script};
use super::*;
use crate::error::Explain;

async fn failure(address: EngineAddress) -> Error {
    Engine::connect(&address).await.unwrap_err()
}

async fn greeted(ping: &str) -> Result<Engine, Error> {
    let fake = Fake::start(Script { ping: ping.to_owned(), ..Script::answering("") }).await;
    Engine::connect(&fake.address).await
}

#[tokio::test]
async fn the_facts_are_read_and_worded() {
    let fake = Fake::start(Script::answering("")).await;
    let engine = Engine::connect(&fake.address).await.unwrap();
    let text = engine.facts().to_string();
    assert!(text.starts_with("26.1.5, API 1.45, overlay2, at tcp://127.0.0.1:"), "{text}");
    assert_eq!(engine.facts().architecture, "amd64");
}

#[tokio::test]
async fn an_absent_engine_is_named_with_the_way_to_get_one() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let error = failure(EngineAddress::Unix(socket.clone())).await;
    assert_eq!(error, Error::NoSocket { path: socket.clone() });
    assert!(error.hint().unwrap().contains("services: [docker]"));
    drop(UnixListener::bind(&socket).unwrap());
    assert!(matches!(failure(EngineAddress::Unix(socket)).await, Error::Refused { .. }));
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = failure(EngineAddress::Tcp { host: "127.0.0.1".to_owned(), port }).await;
    assert_eq!(error, Error::Refused { host: format!("tcp://127.0.0.1:{port}") });
    let error = failure(EngineAddress::Tcp { host: "nowhere.invalid".to_owned(), port: 2375 }).await;
    assert!(matches!(error, Error::NotResolved { .. }), "{error}");
}

#[tokio::test]
async fn an_engine_that_wants_tls_is_told_from_one_that_is_none() {
    let tls = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    assert!(matches!(greeted(tls).await, Err(Error::PlainToTls { .. })));
    let error = greeted("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n").await.unwrap_err();
    assert!(error.to_string().ends_with("it answers `GET /_ping` with 302"), "{error}");
    let error = greeted("SSH-2.0-OpenSSH_9.2\r\n").await.unwrap_err();
    assert!(matches!(error, Error::Dropped { .. }), "{error}");
}

#[tokio::test]
async fn an_old_engine_and_a_denying_plugin_are_refused_by_name() {
    let error = greeted(&PING.replace("1.45", "1.39")).await.unwrap_err();
    assert_eq!(error, Error::TooOld { version: "26.1.5".to_owned(), api: "1.39".parse().unwrap() });
    let body = r#"{"message":"authorization denied by plugin pipelines: Command not supported."}"#;
    let error =
        greeted(&format!("HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\n\r\n{body}", body.len())).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the engine's authorization plugin `pipelines` does not allow GET /_ping: Command not supported."
    );
    assert_eq!(error.exit_code(), crate::error::ExitCode::Engine);
}

#[tokio::test]
async fn tls_to_a_plain_port_needs_its_files_first() {
    let folder = tempfile::tempdir().unwrap();
    let address = EngineAddress::Tls { host: "127.0.0.1".to_owned(), port: 1, certificates: folder.path().to_owned() };
    assert!(matches!(failure(address).await, Error::CertificateFile { .. }));
}
