//! The token of ECR: asked for once, renewed when it is old or refused, at every stage of a run.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::lab::usual;
use crate::pipe::Pipe;

/// A run whose first token has another key id and is over so many seconds from now. The second one is the lab's own.
fn pipe_with_token(expires_in: i64) -> (Pipe, String) {
    let pipe = Pipe::new(usual());
    let old = format!("{}OLD", pipe.key);
    let token = STANDARD.encode(format!("AWS:lab.us-east-1.{old}"));
    let endpoint = format!("https://{}", pipe.lab.host("us-east-1"));
    let data = json!({"authorizationToken": token, "expiresAt": OffsetDateTime::now_utc().unix_timestamp() + expires_in, "proxyEndpoint": endpoint});
    pipe.lab.fault(&json!({"target": "GetAuthorizationToken", "access_key": pipe.key,
        "answer": {"status": 200, "body": {"authorizationData": [data]}}}));
    (pipe, old)
}

/// How often a token was asked for.
fn asked_for(pipe: &Pipe) -> usize {
    pipe.lab.requests(&format!("GetAuthorizationToken.*\"{}\"", pipe.key)).len()
}

fn refused_as_expired() -> Value {
    json!({"status": 403, "body": "denied: Your authorization token has expired. Reauthenticate and try again."})
}

#[test]
fn a_run_asks_for_one_token() {
    let pipe = Pipe::new(usual()).dockerfile("FROM busybox:1.36\n").var("TAG", "a b c");
    pipe.run().exits(0);
    assert_eq!(asked_for(&pipe), 1);
}

/// What takes 13 hours takes seconds here: the token is over before the build is.
#[test]
fn a_build_that_outlives_its_token_pushes_with_another() {
    let (pipe, old) = pipe_with_token(6);
    pipe.lab.fault(&json!({"path": "/blobs/uploads|/manifests/", "access_key": old, "method": "POST", "times": 0,
        "answer": refused_as_expired()}));
    let layer = format!("FROM busybox:1.36\nRUN sleep 6; echo {} > /layer\n", pipe.repository);
    let pipe = pipe.dockerfile(&layer);
    pipe.run().exits(0).does_not_say("getting a fresh one");
    assert_eq!(asked_for(&pipe), 2, "one before the build, one after it");
    let uploads = pipe.lab.requests(&format!("POST.*/v2/{}/blobs/uploads", pipe.repository));
    assert!(!uploads.is_empty() && uploads.iter().all(|upload| upload["access_key"] == pipe.key), "{uploads:?}");
}

/// As moto says it, whose tokens ended in 2015.
#[test]
fn a_token_that_is_said_to_have_expired_long_ago_is_used_and_not_asked_for_again_and_again() {
    let (pipe, old) = pipe_with_token(-10 * 365 * 24 * 3600);
    let pipe = pipe.dockerfile("FROM busybox:1.36\n");
    pipe.run().exits(0);
    assert_eq!(asked_for(&pipe), 1);
    let requests = pipe.lab.requests(&format!("/v2/{}/", pipe.repository));
    assert!(requests.iter().all(|request| request["access_key"] == "" || request["access_key"] == old.as_str()));
}

#[test]
fn a_token_that_expires_at_any_request_of_the_run_is_replaced() {
    // The requests of a run: the manifest before the build, uploads, the manifest, and the manifest read back.
    for (method, path, skip) in [
        ("GET", "manifests/main", 0),
        ("HEAD", "blobs/", 0),
        ("POST", "blobs/uploads", 0),
        ("PATCH", "blobs/uploads", 0),
        ("PUT", "blobs/uploads", 0),
        ("PUT", "manifests/main", 0),
        ("GET", "manifests/main", 1),
    ] {
        let pipe = Pipe::new(usual());
        let path = format!("^/v2/{}/{path}", pipe.repository);
        pipe.lab.fault(&json!({"method": method, "path": path, "skip": skip, "answer": refused_as_expired()}));
        let layer = format!("FROM busybox:1.36\nRUN echo {} > /layer\n", pipe.repository);
        let pipe = pipe.dockerfile(&layer);
        let run = pipe.run().exits(0);
        let met = pipe.lab.requests(&format!("/v2/{}/", pipe.repository));
        assert!(met.iter().any(|request| !request["fault"].is_null()), "{method} {path}: {}", run.log);
        assert!((1..=2).contains(&asked_for(&pipe)), "{method} {path}: {}", run.log);
    }
}
