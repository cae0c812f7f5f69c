//! SIGTERM and SIGINT: the build stops in the engine, and nothing of it stays there.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::lab::{Engine, Lab, lab, output};
use crate::pipe::{Pipe, until};
use crate::relay::{Passage, Relay, relay};
use crate::variables::verdict;

/// What the engine holds: containers, images with the untagged ones.
fn engine_state(lab: &Lab) -> Vec<String> {
    let containers = lab.docker(&["ps", "--all", "--quiet", "--no-trunc"]);
    let images = lab.docker(&["images", "--all", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"]);
    let mut lines: Vec<String> = containers.lines().chain(images.lines()).map(str::to_owned).collect();
    lines.sort();
    lines
}

/// A build whose last step never ends by itself, and words that only that step's processes have in their command line.
pub(crate) fn endless(pipe: Pipe) -> (Pipe, String) {
    let words = format!("waiting-{}-{}", std::process::id(), pipe.repository.replace('/', "-"));
    let dockerfile = format!(
        "FROM busybox:1.36\nCOPY app /app\nRUN echo first > /first\nRUN echo {words}; while true; do sleep 1; done\n"
    );
    (pipe.file("app", "app").dockerfile(&dockerfile), words)
}

/// The processes of the step, whatever namespaces they are in.
pub(crate) fn processes(words: &str) -> Vec<PathBuf> {
    let all = fs::read_dir("/proc").expect("/proc").flatten().map(|entry| entry.path());
    let has = |path: &PathBuf| {
        fs::read(path.join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(words))
    };
    all.filter(has).collect()
}

/// How long the step may live on when the build has been given up.
const AT_MOST: Duration = Duration::from_secs(2);

/// Waits for the end of the step.
fn dies_soon(words: &str) {
    let began = Instant::now();
    until("the step has ended", || processes(words).is_empty());
    assert!(began.elapsed() < AT_MOST, "it took {:?}", began.elapsed());
}

/// Interrupts a build that runs for ever.
fn interrupted(lab: &'static Lab, builder: &str, signal: &str, code: i32) {
    let before = engine_state(lab);
    let (pipe, words) = endless(Pipe::new(lab).var("BUILDER", builder));
    let began = Instant::now();
    let child = pipe.start();
    until("the step that waits is running", || !processes(&words).is_empty());
    output(std::process::Command::new("kill").args(["-s", signal, &child.id().to_string()]));
    dies_soon(&words);
    pipe.finish(child, began).exits(code).says("interrupted by").reports_nothing();
    assert_eq!(engine_state(lab), before, "the engine holds what it held before");
    let listed = pipe.lab.control("images", &[&pipe.repository]);
    assert_eq!(listed, "", "nothing was pushed");
}

fn interrupted_either_way(lab: &'static Lab, signal: &str, code: i32) {
    for builder in ["buildkit", "classic"] {
        interrupted(lab, builder, signal, code);
    }
}

/// Labs of their own, since the engine's whole state is compared.
fn own(engine: Engine, caged: bool) -> &'static Lab {
    let mut arguments = vec!["--engine", engine.name()];
    if caged {
        arguments.push("--caged");
    }
    Box::leak(Box::new(Lab::up(&arguments)))
}

#[test]
fn sigterm_leaves_engine_20_10_as_it_was() {
    interrupted_either_way(own(Engine::V20, false), "TERM", 143);
}

#[test]
fn sigint_leaves_engine_20_10_in_the_cage_as_it_was() {
    interrupted_either_way(own(Engine::V20, true), "INT", 130);
}

#[test]
fn sigterm_leaves_engine_26_1_as_it_was() {
    interrupted_either_way(own(Engine::V26, false), "TERM", 143);
}

#[test]
fn sigint_leaves_engine_26_1_in_the_cage_as_it_was() {
    interrupted_either_way(own(Engine::V26, true), "INT", 130);
}

#[test]
fn sigint_leaves_engine_28_5_as_it_was() {
    interrupted_either_way(own(Engine::V28, false), "INT", 130);
}

#[test]
fn sigterm_leaves_the_containerd_store_as_it_was() {
    interrupted_either_way(own(Engine::V28Containerd, false), "TERM", 143);
}

/// A build of which something on the way to the engine breaks off, by itself.
fn broken_off(engine: Engine, what: &str, message: &str, cut: impl Fn(&Relay) -> usize) {
    let (pipe, words) = endless(Pipe::new(lab(engine, false)));
    let (pipe, relay) = relay(pipe, |_| Passage::Through);
    let began = Instant::now();
    let child = pipe.start();
    until("the step that waits is running", || !processes(&words).is_empty());
    assert_eq!(cut(&relay), 1, "{what}");
    dies_soon(&words);
    let run = pipe.finish(child, began).exits(5).reports_nothing();
    let verdict = verdict(&pipe, &run);
    let begins = format!("✖ the engine at `DOCKER_HOST` `{}` {message} (", relay.host);
    assert!(verdict.starts_with(&begins), "{} {what}: {verdict}", engine.name());
    assert!(verdict.contains("\n  hint: "), "{} {what}: {verdict}", engine.name());
    assert_eq!(pipe.lab.control("images", &[&pipe.repository]), "", "nothing was pushed");
}

#[test]
fn a_build_whose_connection_breaks_ends_in_the_engine_too() {
    for engine in Engine::ALL {
        broken_off(engine, "both ends", "dropped the connection", |relay| relay.cut("/build?"));
        broken_off(engine, "the pipe's end", "dropped the connection", |relay| relay.cut_the_pipe_off("/build?"));
    }
}

#[test]
fn a_build_whose_session_breaks_ends_in_the_engine_too() {
    for engine in Engine::ALL {
        broken_off(engine, "both ends", "dropped the session of the build", |relay| relay.cut("/session"));
        let cut = |relay: &Relay| relay.cut_the_pipe_off("/session");
        broken_off(engine, "the pipe's end", "dropped the session of the build", cut);
    }
}

#[test]
fn an_interrupt_in_mid_push_moves_no_tag() {
    let lab = lab(Engine::V26, false);
    let pipe = Pipe::new(lab).file("app", "interrupted push").dockerfile("FROM busybox:1.36\nCOPY app /app\n");
    let uploads = format!("/v2/{}/blobs/uploads", pipe.repository);
    lab.fault(&serde_json::json!({"path": uploads, "delay": 20, "times": 0}));
    let began = Instant::now();
    let child = pipe.start();
    until("the push has begun", || !lab.requests(&uploads).is_empty());
    output(std::process::Command::new("kill").args(["-s", "TERM", &child.id().to_string()]));
    let run = pipe.finish(child, began).exits(143).reports_nothing();
    assert!(run.took.as_secs() < 15, "{:?}", run.took);
    assert_eq!(lab.control("images", &[&pipe.repository]), "");
    let left = lab.docker(&["images", "--quiet", &pipe.uri()]);
    assert_eq!(left, "", "no tag of the run stays in the engine");
}
