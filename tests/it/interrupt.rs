//! SIGTERM and SIGINT: the build stops in the engine, and nothing of it stays there.

use std::time::Instant;

use crate::lab::{Engine, Lab, lab, output};
use crate::pipe::{Pipe, until};

/// What the engine holds: containers, images with the untagged ones.
fn engine_state(lab: &Lab) -> Vec<String> {
    let containers = lab.docker(&["ps", "--all", "--quiet", "--no-trunc"]);
    let images = lab.docker(&["images", "--all", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"]);
    let mut lines: Vec<String> = containers.lines().chain(images.lines()).map(str::to_owned).collect();
    lines.sort();
    lines
}

/// Interrupts a build whose last step never ends by itself.
fn interrupted(lab: &'static Lab, signal: &str, code: i32) {
    let before = engine_state(lab);
    let pipe = Pipe::new(lab).file("app", "app").dockerfile(
        "FROM busybox:1.36\nCOPY app /app\nRUN echo first > /first\nRUN echo now-waiting; while true; do sleep 1; done\n",
    );
    let began = Instant::now();
    let child = pipe.start();
    until("the step that waits is running", || !lab.docker(&["ps", "--quiet"]).is_empty());
    output(std::process::Command::new("kill").args(["-s", signal, &child.id().to_string()]));
    pipe.finish(child, began).exits(code).says("interrupted by").reports_nothing();
    assert_eq!(engine_state(lab), before, "the engine holds what it held before");
    let listed = pipe.lab.control("images", &[&pipe.repository]);
    assert_eq!(listed, "", "nothing was pushed");
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
    interrupted(own(Engine::V20, false), "TERM", 143);
}

#[test]
fn sigint_leaves_engine_26_1_in_the_cage_as_it_was() {
    interrupted(own(Engine::V26, true), "INT", 130);
}

#[test]
fn sigterm_leaves_the_containerd_store_as_it_was() {
    interrupted(own(Engine::V28Containerd, false), "TERM", 143);
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
