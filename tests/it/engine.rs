//! No engine, another engine, an engine that refuses or goes away.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Instant;

use crate::interrupt::{endless, processes};
use crate::lab::{Engine, lab, output, usual};
use crate::pipe::{Pipe, until};
use crate::variables::{UNPUSHED, as_nobody, verdict};

/// What a fake engine does with a request.
pub(crate) enum Reply {
    /// A status, further header lines, a body; then the connection is closed.
    Answer(u16, &'static str, String),
    /// The head and the beginning of a stream, which then breaks off.
    Cut(String),
    /// Nothing, ever.
    Silence,
}

/// An engine's answer in JSON.
pub(crate) fn json(status: u16, body: &str) -> Reply {
    Reply::Answer(status, "Content-Type: application/json\r\n", body.to_owned())
}

/// What every engine answers to the first questions, 26.1's way.
pub(crate) fn greeting(request: &str) -> Reply {
    let path = request.split(' ').nth(1).unwrap_or_default();
    match path.trim_start_matches("/v1.45").split('?').next().unwrap_or_default() {
        "/_ping" => Reply::Answer(200, "Api-Version: 1.45\r\nServer: Docker/26.1.5 (linux)\r\n", "OK".to_owned()),
        "/version" => {
            json(200, r#"{"Version":"26.1.5","ApiVersion":"1.45","MinAPIVersion":"1.24","Os":"linux","Arch":"amd64"}"#)
        }
        "/info" => json(200, r#"{"Driver":"overlay2"}"#),
        "/images/json" | "/containers/json" => json(200, "[]"),
        _ => json(404, r#"{"message":"page not found"}"#),
    }
}

/// Listens in the step's folder and answers each request's first line; gives `DOCKER_HOST`. The thread ends with the test.
pub(crate) fn fake(folder: &Path, reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> String {
    let path = folder.join("engine.sock");
    let listener = UnixListener::bind(&path).expect("a socket in the step's folder");
    let reply = std::sync::Arc::new(reply);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let reply = std::sync::Arc::clone(&reply);
            std::thread::spawn(move || serve(stream, &*reply));
        }
    });
    format!("unix://{}", path.display())
}

fn serve(stream: UnixStream, reply: &dyn Fn(&str) -> Reply) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut first = String::new();
    let mut line = String::new();
    let mut chunked = false;
    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
        if first.is_empty() {
            line.trim().clone_into(&mut first);
        }
        chunked |= line.to_ascii_lowercase().starts_with("transfer-encoding: chunked");
        line.clear();
    }
    // As the engine does, which answers a build only when it has the context.
    while chunked && reader.read_line(&mut line).is_ok() {
        let length = u64::from_str_radix(line.trim(), 16).unwrap_or_default();
        std::io::copy(&mut (&mut reader).take(length + 2), &mut std::io::sink()).expect("a chunk");
        chunked = length > 0;
        line.clear();
    }
    let mut stream = stream;
    let _ = match reply(&first) {
        Reply::Answer(status, headers, body) => {
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            )
        }
        Reply::Cut(body) => write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{body}"),
        Reply::Silence => {
            // Until the pipe gives up.
            let _ = reader.read_line(&mut line);
            Ok(())
        }
    };
}

/// A step that would succeed.
fn step() -> Pipe {
    Pipe::new(usual()).dockerfile("FROM busybox:1.36\n")
}

/// Runs, and expects one failure of the engine and nothing pushed.
#[track_caller]
fn fails(pipe: &Pipe, code: i32, message: &str, hint: &str) {
    let run = pipe.run().exits(code).reports_nothing();
    let hint = if hint.is_empty() { String::new() } else { format!("\n  hint: {hint}") };
    assert_eq!(verdict(pipe, &run), format!("✖ {message}{hint}\nexit code {code} after [TIME]"), "{}", run.log);
    assert_eq!(pipe.lab.control("images", &[&pipe.repository]), "", "no tag was moved");
}

/// The same with a fake engine.
#[track_caller]
fn fails_at(reply: impl Fn(&str) -> Reply + Send + Sync + 'static, message: &str, hint: &str) {
    let pipe = step();
    let host = fake(pipe.folder.path(), reply);
    let pipe = pipe.file(".dockerignore", "engine.sock\n").var("DOCKER_HOST", &host);
    fails(&pipe, 5, message, hint);
}

const SERVICE: &str = "in Bitbucket Pipelines add `services: [docker]` to the step, or `docker: true` under `options:`";

#[test]
fn a_socket_that_does_not_exist_is_no_engine() {
    fails(
        &step().var("DOCKER_HOST", "unix:///nowhere/docker.sock"),
        5,
        "no engine: the socket `/nowhere/docker.sock` does not exist",
        &format!("{SERVICE}; elsewhere start the engine, or set `DOCKER_HOST` to where it listens"),
    );
}

#[test]
fn the_default_socket_is_not_blamed_on_a_variable_that_is_not_set() {
    let pipe = Pipe::new(lab(Engine::V26, true)).dockerfile("FROM busybox:1.36\n").without("DOCKER_HOST");
    fails(
        &pipe,
        5,
        "no engine: the socket `/var/run/docker.sock` does not exist",
        &format!("{SERVICE}; elsewhere start the engine, or set `DOCKER_HOST` to where it listens"),
    );
}

#[test]
fn a_refused_connection_is_no_engine() {
    let hint = format!("{SERVICE}; elsewhere set `DOCKER_HOST` to where the engine listens");
    fails(
        &step().var("DOCKER_HOST", "tcp://127.0.0.1:1"),
        5,
        "no engine: nothing listens at `DOCKER_HOST` `tcp://127.0.0.1:1` (connection refused)",
        &hint,
    );
    let pipe = step();
    drop(UnixListener::bind(pipe.path("left.sock")).expect("a socket"));
    let host = format!("unix://{}", pipe.path("left.sock").display());
    let pipe = pipe.file(".dockerignore", "*.sock\n").var("DOCKER_HOST", &host);
    let message = "no engine: nothing listens at `DOCKER_HOST` `unix://[FOLDER]/left.sock` (connection refused)";
    fails(&pipe, 5, message, &hint);
}

#[test]
fn an_unknown_host_is_no_engine() {
    fails(
        &step().var("DOCKER_HOST", "tcp://no-such-engine:2375"),
        5,
        "no engine: the name `no-such-engine` in `DOCKER_HOST` `tcp://no-such-engine:2375` cannot be resolved (no name server answers)",
        &format!("{SERVICE}; elsewhere set `DOCKER_HOST` to where the engine listens"),
    );
}

#[test]
fn a_socket_that_this_user_may_not_open_is_told() {
    let pipe = step().file(".ecr-pipe/mine", "");
    std::fs::set_permissions(pipe.path(".ecr-pipe"), PermissionsExt::from_mode(0o777)).expect("the folder is ours");
    let host = fake(pipe.folder.path(), greeting);
    std::fs::set_permissions(pipe.path("engine.sock"), PermissionsExt::from_mode(0o600)).expect("the socket is ours");
    let (code, log) = as_nobody(&pipe, &[], &[&UNPUSHED[..], &[("DOCKER_HOST", &host)]].concat());
    assert_eq!(code, Some(5), "{log}");
    let socket = pipe.path("engine.sock").display().to_string();
    let message = format!(
        "✖ no engine: this user may not open the socket `{socket}`\n  hint: run as a user of the socket's group (mostly `docker`)\n"
    );
    assert!(log.contains(&message), "{log}");
}

#[test]
fn plain_http_to_an_engine_with_tls_asks_for_the_certificates() {
    let host = usual().line["docker_tls_host"].as_str().expect("a fact of the lab");
    fails(
        &step().var("DOCKER_HOST", host),
        5,
        &format!(
            "the engine at `DOCKER_HOST` `{host}` wants TLS, and neither `DOCKER_TLS_VERIFY` nor `DOCKER_CERT_PATH` is set"
        ),
        "set `DOCKER_TLS_VERIFY` to `1` and `DOCKER_CERT_PATH` to the folder with `ca.pem`, `cert.pem` and `key.pem`",
    );
}

#[test]
fn tls_to_an_engine_without_it_is_told() {
    let caged = lab(Engine::V26, true);
    let certificates = certificates(usual());
    let (host, folder) = (caged.facts.docker_host.clone(), certificates.path().display().to_string());
    let pipe = Pipe::new(caged).dockerfile("FROM busybox:1.36\n").var("DOCKER_CERT_PATH", &folder);
    fails(
        &pipe,
        5,
        &format!(
            "`DOCKER_TLS_VERIFY` or `DOCKER_CERT_PATH` asks for TLS, and the engine at `DOCKER_HOST` `{host}` speaks plain HTTP"
        ),
        "unset `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH`, or set `DOCKER_HOST` to the engine's TLS port (mostly 2376)",
    );
}

/// A copy of the certificates for the lab's engine.
fn certificates(lab: &crate::lab::Lab) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let from = lab.line["docker_cert_path"].as_str().expect("a fact of the lab");
    let copy = format!("cp {from}/*.pem {}", folder.path().display());
    output(lab.command("sh", Path::new("/")).args(["-c", &copy]));
    folder
}

/// A certificate and its key that nobody has signed, into two files.
fn self_signed(certificate: &Path, key: &Path) {
    let mut command = std::process::Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
    output(command.args(["-subj", "/CN=stranger", "-out"]).arg(certificate).arg("-keyout").arg(key));
}

#[test]
fn certificates_of_another_authority_are_told_on_either_side() {
    let host = usual().line["docker_tls_host"].as_str().expect("a fact of the lab");
    let files = certificates(usual());
    let folder = files.path().display().to_string();
    let pipe = step().var("DOCKER_HOST", host).var("DOCKER_CERT_PATH", &folder);

    let (ca, cert, key) = (files.path().join("ca.pem"), files.path().join("cert.pem"), files.path().join("key.pem"));
    let good = std::fs::read(&ca).expect("ca.pem");
    self_signed(&ca, &files.path().join("other-key.pem"));
    let message = format!(
        "the certificate of the engine at `DOCKER_HOST` `{host}` is from an authority that is not in `{folder}/ca.pem`"
    );
    fails(&pipe, 5, &message, "put the certificate of the authority that signed the engine's into that file");

    std::fs::write(&ca, good).expect("ca.pem");
    self_signed(&cert, &key);
    let message =
        format!("the engine at `DOCKER_HOST` `{host}` does not accept the certificate `{folder}/cert.pem` (UnknownCA)");
    fails(
        &pipe,
        5,
        &message,
        "have it signed by the authority that the engine was given as `--tlscacert`, or renew it",
    );

    std::fs::remove_file(&key).expect("key.pem");
    let message = format!("`DOCKER_CERT_PATH`: cannot use `{folder}/key.pem`: No such file or directory");
    let hint = "`DOCKER_CERT_PATH` must name a folder with `ca.pem`, `cert.pem` and `key.pem`; unset it and `DOCKER_TLS_VERIFY` for an engine without TLS";
    fails(&pipe, 2, &message, hint);
}

#[test]
fn a_refusal_of_bitbuckets_plugin_is_told_with_its_words() {
    let refusal = r#"{"message":"authorization denied by plugin pipelines: Command not supported."}"#;
    let hint = "leave out what asks for it, or use runtime version 3 (`runtime: cloud: version: \"3\"`), which has no such plugin";
    for (call, path) in [("GET /_ping", "/_ping"), ("GET /version", "/version"), ("POST /build", "/build")] {
        fails_at(
            move |request| if request.contains(path) { json(403, refusal) } else { greeting(request) },
            &format!("the engine's authorization plugin `pipelines` does not allow {call}: Command not supported."),
            hint,
        );
    }
}

#[test]
fn an_engine_that_is_too_old_is_refused() {
    fails_at(
        |request| {
            if request.contains("/_ping") {
                let headers = "Api-Version: 1.39\r\nServer: Docker/18.09.1 (linux)\r\n";
                return Reply::Answer(200, headers, "OK".to_owned());
            }
            greeting(request)
        },
        "engine 18.09.1 speaks API 1.39, ecr-pipe needs 1.41 (Engine 20.10) or newer",
        "use a newer engine, such as `image: docker:28-dind` for the docker service",
    );
}

#[test]
fn what_is_no_engine_is_told() {
    fails_at(
        |_| Reply::Answer(200, "Server: nginx\r\n", "<html>".to_owned()),
        "what answers at `DOCKER_HOST` `unix://[FOLDER]/engine.sock` is no Docker Engine: its answer to `GET /_ping` has no `Api-Version`",
        "set `DOCKER_HOST` to where the engine listens",
    );
}

#[test]
fn an_engine_that_never_answers_is_given_up() {
    let began = Instant::now();
    fails_at(
        |_| Reply::Silence,
        "no engine: `DOCKER_HOST` `unix://[FOLDER]/engine.sock` does not answer in time",
        "check that `DOCKER_HOST` is right and that the engine can be reached from here",
    );
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

#[test]
fn an_engine_that_goes_away_in_the_middle_of_a_build_is_told() {
    fails_at(
        |request| {
            if request.contains("/build") {
                return Reply::Cut("{\"stream\":\"Step 1/1 : FROM busybox:1.36\"}\n".to_owned());
            }
            greeting(request)
        },
        "the engine at `DOCKER_HOST` `unix://[FOLDER]/engine.sock` dropped the connection (end of file before message length reached)",
        "the engine may have been killed for want of memory: give the docker service more (`definitions: services: docker: memory: 2048`)",
    );
}

#[test]
fn an_engine_that_is_killed_in_the_middle_of_a_build_is_told() {
    for builder in ["buildkit", "classic"] {
        let own: &'static crate::lab::Lab = Box::leak(Box::new(crate::lab::Lab::up(&["--engine", "26.1"])));
        let (pipe, words) = endless(Pipe::new(own).var("BUILDER", builder));
        let began = Instant::now();
        let child = pipe.start();
        until("the step runs", || !processes(&words).is_empty());
        // In the lab's own process namespace there is one.
        let kill = "kill -9 $(cat /var/run/docker.pid)";
        let enter = own.line["enter"].as_array().expect("a fact of the lab");
        let enter: Vec<&str> = enter.iter().filter_map(|word| word.as_str()).collect();
        output(std::process::Command::new(enter[0]).args(&enter[1..]).args(["sh", "-c", kill]));
        let run = pipe.finish(child, began).exits(5).reports_nothing();
        let verdict = verdict(&pipe, &run);
        let begins = "✖ the engine at `DOCKER_HOST` `unix:///var/run/docker.sock` dropped the ";
        assert!(verdict.starts_with(begins), "{builder}: {verdict}");
        assert!(
            verdict.contains("\n  hint: the engine may have been killed for want of memory"),
            "{builder}: {verdict}"
        );
        assert!(run.took.as_secs() < 30, "{builder}: {:?}", run.took);
    }
}
