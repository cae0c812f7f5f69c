//! An engine of a few lines, for faults that a real one does not show on demand.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::config::{Build, EngineAddress};

/// A build of which nothing special is asked.
pub(crate) fn plain() -> Build {
    Build {
        platforms: Vec::new(),
        context: PathBuf::from("."),
        dockerfile: None,
        target: None,
        args: Vec::new(),
        labels: Vec::new(),
        no_cache: false,
        pull: false,
        network: None,
        add_hosts: Vec::new(),
        shm_size: None,
        ulimits: Vec::new(),
        secrets: Vec::new(),
        contexts: Vec::new(),
        source_date_epoch: None,
    }
}

/// What it answers to `GET /_ping`.
pub(super) const PING: &str = "HTTP/1.1 200 OK\r\nApi-Version: 1.45\r\nServer: Docker/26.1.5 (linux)\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK";

/// How it behaves after the greeting.
#[derive(Clone)]
pub(super) struct Script {
    /// What the ping is answered with.
    pub(super) ping: String,
    /// What any other request is answered with, byte for byte; the connection is closed after it.
    pub(super) answer: Vec<u8>,
    /// Whether the body of a request is read before it is answered.
    pub(super) reads_body: bool,
    /// What it says once the client has hung up.
    pub(super) last_words: Option<String>,
}

impl Script {
    pub(super) fn answering(answer: impl Into<Vec<u8>>) -> Self {
        Self { ping: PING.to_owned(), answer: answer.into(), reads_body: true, last_words: None }
    }
}

/// A running one.
pub(super) struct Fake {
    pub(super) address: EngineAddress,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    pub(super) async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, script.clone(), Arc::clone(&seen)));
            }
        });
        Self { address: EngineAddress::Tcp { host: "127.0.0.1".to_owned(), port }, heads }
    }

    /// The request lines and headers that came, but for those of the greeting.
    pub(super) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn json(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).into_bytes()
}

async fn serve(mut stream: TcpStream, script: Script, seen: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let answer = match head.split_whitespace().nth(1).unwrap() {
        "/_ping" => script.ping.into_bytes(),
        "/v1.45/version" => {
            json(r#"{"Version":"26.1.5","ApiVersion":"1.45","MinAPIVersion":"1.24","Os":"linux","Arch":"amd64"}"#)
        }
        "/v1.45/info" => json(r#"{"Driver":"overlay2","DriverStatus":[["Backing Filesystem","extfs"]]}"#),
        _ => {
            seen.lock().unwrap().push(head.clone());
            if script.reads_body && head.contains("chunked") {
                let mut body = Vec::new();
                while !body.ends_with(b"0\r\n\r\n") {
                    let mut piece = [0; 4096];
                    match stream.read(&mut piece).await {
                        Ok(0) | Err(_) => return,
                        Ok(length) => body.extend_from_slice(&piece[..length]),
                    }
                }
            }
            script.answer
        }
    };
    let _ = stream.write_all(&answer).await;
    if let Some(words) = script.last_words {
        while !matches!(stream.read(&mut [0; 64]).await, Ok(0) | Err(_)) {}
        let _ = stream.write_all(words.as_bytes()).await;
    }
    if !script.reads_body {
        // As Go's server does: close our side, read a while, so that the answer is not lost to a reset.
        let _ = stream.shutdown().await;
        let mut sink = vec![0; 65536];
        for _ in 0..4 {
            if stream.read(&mut sink).await.is_err() {
                return;
            }
        }
    }
}
