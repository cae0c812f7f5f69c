//! A push that is done while its answer is lost.

use serde_json::json;

use crate::lab::{Engine, lab};
use crate::pipe::Pipe;

/// The manifest arrives and is kept, the answer never comes: a further try meets a tag that may not be moved.
fn lost_on_an_immutable_tag(engine: Engine) {
    let pipe = Pipe::with_repository(lab(engine, false), &["--immutable"])
        .dockerfile("FROM busybox:1.36\nRUN echo lost answer > /file\n");
    let manifest = format!("/v2/{}/manifests/main", pipe.repository);
    pipe.lab.fault(&json!({"method": "PUT", "path": manifest, "cut": {"response": 0}}));
    let run = pipe.run().exits(0);
    assert!(run.stdout.starts_with(&format!("{}@sha256:", pipe.uri())), "{}", run.stdout);
    let puts = pipe.lab.requests(&format!("\"PUT\".*{manifest}"));
    assert!(!puts[0]["fault"].is_null(), "the answer was lost: {puts:?}");
}

#[test]
fn a_lost_answer_on_an_immutable_tag_is_no_failure_on_engine_20_10() {
    lost_on_an_immutable_tag(Engine::V20);
}

#[test]
fn a_lost_answer_on_an_immutable_tag_is_no_failure_on_engine_26_1() {
    lost_on_an_immutable_tag(Engine::V26);
}

#[test]
fn a_lost_answer_on_an_immutable_tag_is_no_failure_on_the_containerd_store() {
    lost_on_an_immutable_tag(Engine::V28Containerd);
}
