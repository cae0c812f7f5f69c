//! What may stand between the pipe and an engine: passes connections on, and cuts, holds or answers those it is told to.

use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use crate::pipe::Pipe;

/// What becomes of a request, of which there is one on each connection.
pub(crate) enum Passage {
    /// It reaches the engine as it is.
    Through,
    /// It reaches the engine with this head.
    As(String),
    /// It is answered so, and the connection closed.
    Answer(String),
    /// It is never answered.
    Silence,
    /// When so many bytes after the head have gone to the engine, this is done, and then the rest goes.
    Until(u64, Box<dyn FnOnce() + Send>),
}

/// A relay that works until the process ends.
pub(crate) struct Relay {
    /// What the pipe has as `DOCKER_HOST`.
    pub(crate) host: String,
    connections: Arc<Mutex<Vec<Connection>>>,
    _folder: TempDir,
}

struct Connection {
    head: String,
    client: UnixStream,
    engine: UnixStream,
    /// Whether the engine is not to learn of the end of the pipe's side.
    silent: Arc<AtomicBool>,
}

/// Puts a relay before the engine of the pipe's lab. It is asked about each request, of which it is told the head.
pub(crate) fn relay(pipe: Pipe, decide: impl Fn(&str) -> Passage + Send + Sync + 'static) -> (Pipe, Relay) {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("gate.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    let host = format!("unix://{}", path.display());
    let relay = Relay { host, connections: Arc::default(), _folder: folder };
    let (connections, engine, decide) = (Arc::clone(&relay.connections), pipe.lab.engine_socket(), Arc::new(decide));
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let engine = UnixStream::connect(&engine).expect("the engine listens");
            let (connections, decide) = (Arc::clone(&connections), Arc::clone(&decide));
            std::thread::spawn(move || {
                let Some(head) = head(&client) else { return };
                let passage = decide(&head);
                let (client_too, engine_too) = (handle(&client), handle(&engine));
                let silent = Arc::default();
                let connection = Connection {
                    head: head.clone(),
                    client: client_too,
                    engine: engine_too,
                    silent: Arc::clone(&silent),
                };
                connections.lock().expect("no panic").push(connection);
                pass(client, engine, &head, passage, &silent);
            });
        }
    });
    (pipe.var("DOCKER_HOST", &relay.host), relay)
}

impl Relay {
    /// Cuts the connections of which the head has this text; how many there were.
    pub(crate) fn cut(&self, what: &str) -> usize {
        self.each(what, |connection| {
            let _ = connection.engine.shutdown(Shutdown::Both);
            let _ = connection.client.shutdown(Shutdown::Both);
        })
    }

    /// Cuts the pipe's side of them, while the engine is left to think that all is well.
    pub(crate) fn cut_the_pipe_off(&self, what: &str) -> usize {
        self.each(what, |connection| {
            connection.silent.store(true, Ordering::Relaxed);
            let _ = connection.client.shutdown(Shutdown::Both);
        })
    }

    /// How many requests had this text in their head.
    pub(crate) fn seen(&self, what: &str) -> usize {
        self.each(what, |_| ())
    }

    fn each(&self, what: &str, act: impl Fn(&Connection)) -> usize {
        let connections = self.connections.lock().expect("no panic");
        connections.iter().filter(|connection| connection.head.contains(what)).map(act).count()
    }
}

fn handle(stream: &UnixStream) -> UnixStream {
    stream.try_clone().expect("a second handle")
}

/// The head of a request. Byte by byte: what follows is not ours.
fn head(mut client: &UnixStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

fn pass(mut client: UnixStream, mut engine: UnixStream, head: &str, passage: Passage, silent: &AtomicBool) {
    let (mut from_engine, mut to_client) = (handle(&engine), handle(&client));
    let head = match &passage {
        Passage::As(other) => other,
        Passage::Through | Passage::Until(..) => head,
        Passage::Silence => {
            let _ = client.read(&mut [0]);
            return;
        }
        Passage::Answer(answer) => {
            let _ = client.write_all(answer.as_bytes());
            let _ = client.shutdown(Shutdown::Both);
            return;
        }
    };
    let _ = engine.write_all(head.as_bytes());
    let answers = std::thread::spawn(move || {
        let _ = io::copy(&mut from_engine, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    if let Passage::Until(bytes, act) = passage {
        let _ = io::copy(&mut (&mut client).take(bytes), &mut engine);
        act();
    }
    let _ = io::copy(&mut client, &mut engine);
    if !silent.load(Ordering::Relaxed) {
        let _ = engine.shutdown(Shutdown::Write);
    }
    let _ = answers.join();
}
