//! A relay between the pipe and the engine that records what the pipe says.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;

use crate::pipe::Pipe;

/// Everything that went to the engine, of all connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record(Arc<Mutex<Vec<u8>>>);

impl Record {
    /// Whether these bytes went to the engine. A frame of HTTP/2 holds up to 16 KiB in one piece, and gRPC packs nothing here.
    pub(crate) fn holds(&self, bytes: &[u8]) -> bool {
        self.holds_since(0, bytes)
    }

    /// The same of what went there after the first so many bytes.
    pub(crate) fn holds_since(&self, from: usize, bytes: &[u8]) -> bool {
        let recorded = self.0.lock().expect("no writer panicked");
        recorded[from..].windows(bytes.len()).any(|window| window == bytes)
    }

    /// How many bytes went to the engine.
    pub(crate) fn len(&self) -> usize {
        self.0.lock().expect("no writer panicked").len()
    }
}

/// Puts a relay before the engine of the step's lab, one without the cage.
pub(crate) fn recorded(pipe: Pipe) -> (Pipe, Record) {
    let (socket, engine, record) = (pipe.path("relay.sock"), pipe.lab.engine_socket(), Record::default());
    let listener = UnixListener::bind(&socket).expect("a socket in the step's folder");
    let recording = record.clone();
    // Ends with the test's process.
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            relay(client, &engine, &recording);
        }
    });
    let host = format!("unix://{}", socket.display());
    (pipe.file(".dockerignore", "relay.sock\n").var("DOCKER_HOST", &host), record)
}

fn relay(client: UnixStream, engine: &PathBuf, record: &Record) {
    let engine = UnixStream::connect(engine).expect("the engine listens");
    let back = (engine.try_clone().expect("a second handle"), client.try_clone().expect("a second handle"));
    thread::spawn(move || pass(back.0, back.1, |_| ()));
    let record = record.clone();
    thread::spawn(move || {
        pass(client, engine, |bytes| record.0.lock().expect("no writer panicked").extend_from_slice(bytes));
    });
}

fn pass(mut from: UnixStream, mut to: UnixStream, note: impl Fn(&[u8])) {
    let mut buffer = vec![0; 65536];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        note(&buffer[..read]);
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
