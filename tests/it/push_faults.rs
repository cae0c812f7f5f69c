//! What goes wrong between the engine and the registry; between the pipe and the registry: `direct_faults`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::lab::{Engine, lab};
use crate::pipe::Pipe;

/// A user waits no longer for a push that always fails.
const BOUND: Duration = Duration::from_mins(2);

/// A run on an engine whose requests to the repository meet a fault. Each run has a layer of its own.
fn pipe_with(engine: Engine, fault: &Value) -> Pipe {
    let pipe = Pipe::new(lab(engine, false));
    let layer = format!("FROM busybox:1.36\nRUN echo {} > /layer\n", pipe.repository);
    let mut rule = fault.clone();
    let path = fault["path"].as_str().expect("a path").replace("REPOSITORY", &format!("^/v2/{}", pipe.repository));
    rule["path"] = path.into();
    pipe.lab.fault(&rule);
    pipe.dockerfile(&layer).var("PUSH_MODE", "engine")
}

/// The run goes well in spite of it.
fn survives(fault: &Value) {
    survives_on(&Engine::ALL, fault);
}

fn survives_on(engines: &[Engine], fault: &Value) {
    for &engine in engines {
        let pipe = pipe_with(engine, fault);
        let run = pipe.run().exits(0);
        let line = run.stdout.strip_suffix('\n').expect("a line");
        assert!(line.starts_with(&format!("{}@sha256:", pipe.uri())) && !line.contains('\n'), "{engine:?}: {line}");
        let hit =
            pipe.lab.requests(&format!("/v2/{}/", pipe.repository)).iter().any(|request| !request["fault"].is_null());
        assert!(hit, "{engine:?}: the fault was met");
    }
}

/// The run fails, no tag is there and nothing is reported.
fn fails(engine: Engine, fault: &Value, code: i32, message: &str, hint: &str) {
    let pipe = pipe_with(engine, fault);
    let run = pipe.run().exits(code).reports_nothing();
    assert!(run.took < BOUND, "{engine:?}: told after {:?}", run.took);
    run.says(message).says(&format!("\n  hint: {hint}"));
    let listed = pipe.lab.control("images", &[&pipe.repository]);
    assert!(!listed.contains("\"main\""), "{engine:?}: no tag was made: {listed}");
}

#[test]
fn a_refused_token_in_mid_push_is_replaced_by_a_new_one() {
    let expired = "denied: Your authorization token has expired. Reauthenticate and try again.";
    let unauthorized = json!({"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]});
    for answer in [json!({"status": 403, "body": expired}), json!({"status": 401, "body": unauthorized})] {
        survives(&json!({"method": "POST", "path": "REPOSITORY/blobs/uploads", "answer": answer}));
    }
    let engine = Engine::V26;
    let answer = json!({"status": 403, "body": expired});
    let pipe = pipe_with(engine, &json!({"method": "POST", "path": "REPOSITORY/blobs/uploads", "answer": answer}));
    pipe.run().exits(0).says("getting a fresh one");
    let tokens = pipe.lab.requests(&format!("GetAuthorizationToken.*{}", pipe.key));
    assert_eq!(tokens.len(), 2, "one at the start and one after the refusal");
}

#[test]
fn a_token_that_is_always_refused_is_told_and_running_again_is_not_advised() {
    let expired = "denied: Your authorization token has expired. Reauthenticate and try again.";
    let fault = json!({"method": "POST", "path": "REPOSITORY/blobs/uploads", "times": 0, "answer": {"status": 403, "body": expired}});
    for engine in [Engine::V20, Engine::V26, Engine::V28] {
        fails(engine, &fault, 3, "the registry does not accept the ECR token (", "a fresh token was refused too");
    }
    // This one keeps the registry's words to itself.
    fails(Engine::V28Containerd, &fault, 3, "is denied (", "allow `ecr:InitiateLayerUpload`");
}

#[test]
fn a_session_that_ends_in_mid_push_is_told_as_that() {
    let expired = "denied: Your authorization token has expired. Reauthenticate and try again.";
    let fault =
        json!({"method": "POST", "path": "REPOSITORY/blobs/uploads", "answer": {"status": 403, "body": expired}});
    let pipe = pipe_with(Engine::V26, &fault).var("AWS_SESSION_TOKEN", "canary-session");
    let over =
        json!({"__type": "ExpiredTokenException", "message": "The security token included in the request is expired"});
    pipe.lab.fault(&json!({"target": "GetAuthorizationToken", "access_key": pipe.key, "skip": 1, "times": 0,
        "answer": {"status": 400, "body": over}}));
    let run = pipe.run().exits(3).reports_nothing().does_not_say("canary-session");
    run.says("✖ the session of `AWS_SESSION_TOKEN` has expired\n");
    assert!(!pipe.lab.control("images", &[&pipe.repository]).contains("\"main\""), "no tag was made");
}

#[test]
fn a_repository_that_goes_away_during_the_build_is_told() {
    let gone = json!({"errors": [{"code": "NAME_UNKNOWN", "message": "The repository with name 'x' does not exist in the registry with id '000000000000'"}]});
    let fault = json!({"method": "POST", "path": "REPOSITORY/blobs/uploads", "times": 0, "answer": {"status": 404, "body": gone}});
    for engine in Engine::ALL {
        fails(
            engine,
            &fault,
            4,
            " --region us-east-1`, or correct `IMAGE`",
            "create it with `aws ecr create-repository ",
        );
    }
}

#[test]
fn a_connection_that_is_dropped_once_is_made_again() {
    survives(&json!({"method": "PUT", "path": "REPOSITORY/manifests/", "cut": true}));
}

#[test]
fn an_upload_that_is_cut_once_is_made_again() {
    // An engine with the graphdriver store waits five seconds before it does so, so that one of them must do.
    let fault = json!({"path": "REPOSITORY/blobs/uploads/.", "cut": {"request": 100}});
    survives_on(&[Engine::V20, Engine::V28Containerd], &fault);
}

/// The engines of the graphdriver store try a layer five times by themselves, for 50 s; a unit test of `engine::retry` holds
/// what is done then.
#[test]
fn an_upload_that_is_always_cut_is_told() {
    let fault = json!({"path": "REPOSITORY/blobs/uploads/.", "times": 0, "cut": {"request": 100}});
    fails(Engine::V28Containerd, &fault, 7, "✖ push to `", "run again");
}

#[test]
fn a_manifest_whose_answers_are_all_lost_is_found_in_the_registry() {
    survives(&json!({"method": "PUT", "path": "REPOSITORY/manifests/", "times": 0, "cut": {"response": 0}}));
}

#[test]
fn a_fault_of_the_registry_that_passes_is_waited_for() {
    survives(&json!({"method": "PUT", "path": "REPOSITORY/manifests/", "answer": {"status": 500, "body": "boom"}}));
    let slow_down = json!({"errors": [{"code": "TOOMANYREQUESTS", "message": "Rate exceeded"}]});
    survives(&json!({"method": "PUT", "path": "REPOSITORY/manifests/", "answer": {"status": 429, "body": slow_down}}));
}

#[test]
fn an_answer_that_is_slow_is_waited_for() {
    survives(&json!({"method": "PUT", "path": "REPOSITORY/manifests/", "delay": 3}));
}

#[test]
fn a_fault_of_the_registry_that_stays_is_told() {
    for engine in Engine::ALL {
        let fault = json!({"method": "PUT", "path": "REPOSITORY/manifests/", "times": 0, "answer": {"status": 500, "body": "boom"}});
        fails(engine, &fault, 7, "the registry fails", "run again");
    }
}

#[test]
fn a_registry_that_asks_to_slow_down_for_long_is_told() {
    let slow_down = json!({"errors": [{"code": "TOOMANYREQUESTS", "message": "Rate exceeded"}]});
    let fault = json!({"method": "PUT", "path": "REPOSITORY/manifests/", "times": 0, "answer": {"status": 429, "body": slow_down}});
    for engine in Engine::ALL {
        fails(engine, &fault, 7, "the registry asks to slow down", "run again a little later");
    }
}

#[test]
fn a_key_that_may_not_push_is_told_the_actions_that_are_lacking() {
    let message = "User: arn:aws:iam::1:user/ci is not authorized to perform: ecr:InitiateLayerUpload on resource: x";
    let denied = json!({"errors": [{"code": "DENIED", "message": message}]});
    let fault = json!({"method": "POST", "path": "REPOSITORY/blobs/uploads", "times": 0, "answer": {"status": 403, "body": denied}});
    for engine in Engine::ALL {
        fails(engine, &fault, 3, "is denied", "allow `ecr:InitiateLayerUpload`");
    }
}

#[test]
fn a_registry_that_always_drops_the_connection_is_told_in_bounded_time() {
    let fault = json!({"method": "PUT", "path": "REPOSITORY/manifests/", "times": 0, "cut": true});
    for engine in Engine::ALL {
        fails(engine, &fault, 7, "✖ ", "run again");
    }
}

/// The manifest that is read back after the push is the second that is asked for.
fn read_back(fault: Value) -> Value {
    let mut rule = fault;
    rule["method"] = "GET".into();
    rule["path"] = "REPOSITORY/manifests/main".into();
    rule["skip"] = 1.into();
    rule["times"] = 0.into();
    rule
}

#[test]
fn a_digest_that_is_not_that_of_the_bytes_is_told() {
    let rules = [
        read_back(json!({"replace_header": {"Docker-Content-Digest": "sha256:0000"}})),
        read_back(json!({"corrupt": true})),
    ];
    for rule in rules {
        let pipe = pipe_with(Engine::V28, &rule);
        pipe.run()
            .exits(7)
            .says("✖ the registry says that tag `main` is sha256:")
            .says("but what it serves is")
            .reports_nothing();
    }
}

#[test]
fn a_tag_that_names_another_image_or_none_after_the_push_is_told() {
    let other =
        json!({"status": 200, "headers": {"Content-Type": "application/json"}, "body": "{\"another\": \"manifest\"}"});
    let pipe = pipe_with(Engine::V28, &read_back(json!({"answer": other})));
    pipe.run().exits(7).says("✖ tag `main` was pushed as sha256:").says(" it names sha256:").reports_nothing();
    let none = json!({"status": 404, "body": {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "x"}]}});
    let pipe = pipe_with(Engine::V28, &read_back(json!({"answer": none})));
    pipe.run().exits(7).says("✖ tag `main` was pushed, but `").says("does not have it").reports_nothing();
}

#[test]
fn a_push_that_cannot_be_read_back_is_told_as_pushed() {
    let denied = json!({"errors": [{"code": "DENIED", "message": "not authorized to perform: ecr:BatchGetImage"}]});
    let boom = json!({"status": 503, "headers": {"Retry-After": "0"}, "body": "boom"});
    for (answer, code, reason) in [
        (json!({"status": 403, "body": denied}), 3, "the key may not read `"),
        (boom, 7, "the registry refused: HTTP 503 `boom`"),
    ] {
        let pipe = pipe_with(Engine::V28, &read_back(json!({"answer": answer})));
        let run = pipe.run().exits(code).says("✖ tag `main` was pushed as sha256:").reports_nothing();
        run.says(&format!(", but cannot be read back: {reason}")).says("\n  hint: ");
    }
}

#[test]
fn an_answer_to_the_reading_back_that_fails_at_first_is_asked_for_again() {
    let mut rule = read_back(json!({"answer": {"status": 503, "headers": {"Retry-After": "0"}, "body": ""}}));
    rule["times"] = 2.into();
    pipe_with(Engine::V28, &rule).run().exits(0);
}
