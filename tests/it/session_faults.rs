//! A session that does not come about, and what BuildKit asks for by it and cannot have.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::lab::{Engine, Lab, lab, usual};
use crate::pipe::Pipe;
use crate::relay::{Passage, Relay, relay};
use crate::variables::{UNPUSHED, as_nobody, verdict};

/// What both builders can do.
const EITHER: &str = "FROM busybox:1.36\nRUN echo built > /proof\n";

/// What the classic builder cannot.
const ONLY_BUILDKIT: &str = "FROM busybox:1.36\nRUN --mount=type=cache,target=/c echo built > /proof\n";

const LET_PASS: &str = "BuildKit needs a way to the engine that lets `Upgrade: h2c` pass: name the engine itself in `DOCKER_HOST`; a build that needs no BuildKit can do with `BUILDER` as `classic`";

/// What stands between the pipe and the engine has its own way with the request for a session.
fn refusing(
    engine: Engine,
    dockerfile: &str,
    passage: impl Fn(&str) -> Passage + Send + Sync + 'static,
) -> (Pipe, Relay) {
    let pipe = Pipe::new(lab(engine, false)).dockerfile(dockerfile);
    relay(pipe, move |head| if head.contains("/session HTTP/1.1") { passage(head) } else { Passage::Through })
}

/// `auto` falls back where the classic builder will do; where it will not, or BuildKit is asked for, that is the end.
fn refused(
    engine: Engine,
    passage: impl Fn(&str) -> Passage + Clone + Send + Sync + 'static,
    message: &str,
    hint: &str,
) {
    let (pipe, relay) = refusing(engine, EITHER, passage.clone());
    let reason = message.replace("[HOST]", &relay.host);
    let warning = format!("  warning: {reason}: built by the classic builder instead\n    hint: {hint}\n");
    let run = pipe.run().exits(0).says("\n  builder     BuildKit\n").says(&warning);
    assert!(run.log.contains("RUN echo built > /proof"), "{}", run.log);
    let image = format!("{}:main", pipe.uri());
    let history = pipe.lab.docker(&["history", "--format", "{{.Comment}}", &image]);
    assert!(!history.contains("buildkit"), "{history}");
    assert_eq!(relay.seen("/session HTTP/1.1"), 1, "it is not tried again");

    for (dockerfile, builder) in [(ONLY_BUILDKIT, "auto"), (EITHER, "buildkit")] {
        let (pipe, relay) = refusing(engine, dockerfile, passage.clone());
        let pipe = pipe.var("BUILDER", builder);
        let run = pipe.run().exits(5).reports_nothing();
        let expected =
            format!("✖ {}\n  hint: {hint}\nexit code 5 after [TIME]", message.replace("[HOST]", &relay.host));
        assert_eq!(verdict(&pipe, &run), expected, "{} {builder}", engine.name());
        assert_eq!(pipe.lab.control("images", &[&pipe.repository]), "", "nothing was pushed");
    }
}

fn answered(status: &'static str, body: &'static str) -> impl Fn(&str) -> Passage + Clone + Send + Sync {
    move |_| {
        let length = body.len();
        Passage::Answer(format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"))
    }
}

#[test]
fn a_proxy_that_refuses_the_session_leaves_the_classic_builder() {
    for (status, body, words) in [
        (
            "400 Bad Request",
            "<html>\n<h1>400 Bad Request</h1>\n</html>",
            "400 and not with 101: <html> <h1>400 Bad Request</h1> </html>",
        ),
        ("404 Not Found", r#"{"message":"page not found"}"#, "404 and not with 101: page not found"),
        ("502 Bad Gateway", "", "502 and not with 101"),
        ("200 OK", "", "200 and not with 101"),
    ] {
        let message = format!("the engine answers POST /session with {words}");
        refused(Engine::V26, answered(status, body), &message, LET_PASS);
    }
}

#[test]
fn a_proxy_that_takes_the_upgrade_out_of_the_request_leaves_the_classic_builder() {
    for engine in Engine::ALL {
        let stripped = |head: &str| {
            let is_hop =
                |line: &str| ["upgrade:", "connection:"].iter().any(|name| line.to_ascii_lowercase().starts_with(name));
            Passage::As(head.split_inclusive("\r\n").filter(|line| !is_hop(line)).collect())
        };
        let message = "the engine answers POST /session with 400 and not with 101: no upgrade proto in request";
        refused(engine, stripped, message, LET_PASS);
    }
}

#[test]
fn a_plugin_that_forbids_the_session_leaves_the_classic_builder() {
    let body = r#"{"message":"authorization denied by plugin pipelines: Command not supported."}"#;
    refused(
        Engine::V26,
        answered("403 Forbidden", body),
        "the engine's authorization plugin `pipelines` does not allow POST /session: Command not supported.",
        "leave out what asks for it, or use runtime version 3 (`runtime: cloud: version: \"3\"`), which has no such plugin",
    );
}

#[test]
fn a_request_for_a_session_that_is_never_answered_is_given_up() {
    let message = "the engine at `DOCKER_HOST` `[HOST]` does not answer POST /session in time";
    refused(Engine::V26, |_| Passage::Silence, message, LET_PASS);
}

#[test]
fn a_secret_file_that_cannot_be_read_is_told_before_the_build() {
    let pipe = Pipe::new(usual()).dockerfile(ONLY_BUILDKIT).file("key", "").file("folder/x", "");
    fs::set_permissions(pipe.path("key"), PermissionsExt::from_mode(0o600)).expect("it is ours");
    let secrets = ("BUILD_SECRETS", "id=one,src=key\nid=two,src=nowhere\nid=three,src=folder");
    let variables = [&UNPUSHED[..], &[secrets, ("DOCKER_HOST", &pipe.lab.facts.docker_host)]].concat();
    let (code, log) = as_nobody(&pipe, &[], &variables);
    assert_eq!(code, Some(2), "{log}");
    assert!(!log.contains("\nBuild\n"), "{log}");
    let readable = "  hint: name a regular file that this user may read\n";
    for message in [
        format!("✖ `BUILD_SECRETS`: the file `key` of secret `one` cannot be read: Permission denied\n{readable}"),
        "✖ `BUILD_SECRETS`: the file `nowhere` of secret `two` does not exist\n  hint: paths are relative to the folder in which the pipe runs, mostly the clone folder\n".to_owned(),
        format!("✖ `BUILD_SECRETS`: the file `folder` of secret `three` cannot be read: it is not a regular file\n{readable}"),
    ] {
        assert!(log.contains(&message), "{message}\nis not in\n{log}");
    }
}

#[test]
fn a_frontend_that_cannot_be_had_is_told_as_what_it_is() {
    for engine in Engine::ALL {
        let pipe = Pipe::new(lab(engine, false)).dockerfile("# syntax=docker/nothing-such:1\nFROM busybox:1.36\n");
        let run = pipe.run().exits(6).reports_nothing();
        let verdict = verdict(&pipe, &run);
        let message = "✖ the Dockerfile frontend `docker/nothing-such:1` of the `# syntax=` line cannot be had: ";
        assert!(verdict.starts_with(message), "{}: {verdict}", engine.name());
        let hint = "\n  hint: the engine pulls it as an image: check its name, give a login in `REGISTRY_LOGINS` if its registry wants one, or take the line out where the engine's own frontend will do\n";
        assert!(verdict.contains(hint), "{}: {verdict}", engine.name());
    }
}

#[test]
fn a_cache_image_that_is_broken_costs_the_cache_and_nothing_else() {
    let own: &'static Lab = Box::leak(Box::new(Lab::up(&["--engine", "28.5-containerd"])));
    let pipe =
        Pipe::new(own).dockerfile("FROM busybox:1.36\nRUN cat /proc/uptime > /one\nCOPY app /\n").file("app", "1");
    pipe.run().exits(0);
    own.docker(&["image", "prune", "--all", "--force"]);
    own.docker(&["builder", "prune", "--all", "--force"]);
    own.fault(&json!({"method": "GET", "host": "s3", "times": 0, "corrupt": true}));
    let run = pipe.file("app", "2").run();
    run.exits(0).says("built once more without a cache\n");
}
