#![expect(clippy::unwrap_used, reason = "a test may")]

use super::super::fake::{Server, answer, refusal, registry};
use super::*;
use crate::image::Tag;
use crate::progress::Log;

fn manifest() -> Manifest {
    Manifest::new(Bytes::from_static(b"{\"new\":1}"), "application/vnd.oci.image.manifest.v1+json".to_owned())
}

fn none() -> String {
    refusal(404, "MANIFEST_UNKNOWN", "Requested image not found")
}

fn other() -> String {
    answer(200, "", "{\"old\":1}")
}

fn same() -> String {
    answer(200, "", "{\"new\":1}")
}

fn done() -> String {
    answer(201, "", "")
}

fn immutable() -> String {
    let words = "The image tag 'main' already exists in the 'web' repository and cannot be overwritten because the tag is immutable.";
    refusal(400, "TAG_INVALID", words)
}

const GET: &str = "GET /v2/shop/web/manifests/main";
const PUT: &str = "PUT /v2/shop/web/manifests/main";

/// Puts the manifest under `main`; how it ended, and what was asked.
async fn put(answers: Vec<String>) -> (Result<Put, Error>, Vec<String>) {
    let server = Server::answering(answers).await;
    let (registry, _api) = registry(&server, Log::recorded().0).await;
    let ended = registry.put_manifest(&"main".parse::<Tag>().unwrap(), &manifest()).await;
    (ended, server.lines())
}

#[tokio::test]
async fn a_tag_that_names_the_manifest_already_is_not_put_again() {
    assert_eq!(put(vec![same()]).await, (Ok(Put::WasThere), vec![GET.to_owned()]));
}

#[tokio::test]
async fn a_new_or_another_tag_is_put_once_with_its_media_type() {
    for before in [none(), other()] {
        assert_eq!(put(vec![before, done()]).await, (Ok(Put::Done), vec![GET.to_owned(), PUT.to_owned()]));
    }
    let server = Server::answering(vec![none(), done()]).await;
    let (registry, _api) = registry(&server, Log::recorded().0).await;
    registry.put_manifest(&manifest().digest, &manifest()).await.unwrap();
    let asked = server.asked();
    assert!(asked[1].starts_with(&format!("PUT /v2/shop/web/manifests/{} ", manifest().digest)), "{}", asked[1]);
    assert!(asked[1].contains("content-type: application/vnd.oci.image.manifest.v1+json\r\n"), "{}", asked[1]);
    assert!(asked[1].ends_with("\r\n\r\n{\"new\":1}"), "{}", asked[1]);
}

#[tokio::test]
async fn a_lost_answer_is_no_failure_when_the_tag_has_moved() {
    let boom = || answer(500, "", "");
    for lost in [String::new(), boom(), answer(504, "", "")] {
        let (ended, asked) = put(vec![none(), lost, same()]).await;
        assert_eq!((ended, asked.len()), (Ok(Put::Done), 3));
    }
    // It had not moved, and the second try says that it may not: this is the first one's doing.
    let (ended, asked) = put(vec![none(), boom(), none(), immutable(), same()]).await;
    assert_eq!((ended, asked), (Ok(Put::Done), [GET, PUT, GET, PUT, GET].map(str::to_owned).to_vec()));
}

#[tokio::test]
async fn a_tag_that_another_took_for_good_is_told_apart() {
    let (ended, asked) = put(vec![none(), immutable(), other()]).await;
    assert!(matches!(ended, Err(Error::TagImmutable { .. })), "{ended:?}");
    assert_eq!(asked.len(), 3);
    let (ended, _) = put(vec![none(), refusal(400, "TAG_INVALID", "this is no tag")]).await;
    assert!(matches!(ended, Err(Error::Refused { .. })), "{ended:?}");
}

#[tokio::test]
async fn a_registry_that_asks_to_slow_down_is_asked_again() {
    for busy in [refusal(429, "TOOMANYREQUESTS", "Rate exceeded"), refusal(400, "ThrottlingException", "Rate exceeded")]
    {
        let (ended, asked) = put(vec![none(), busy.clone(), none(), done()]).await;
        assert_eq!((ended, asked.len()), (Ok(Put::Done), 4), "{busy}");
    }
}

#[tokio::test]
async fn a_registry_that_got_something_else_is_an_error() {
    let (ended, _) = put(vec![none(), answer(201, "Docker-Content-Digest: sha256:0000\r\n", "")]).await;
    assert!(matches!(ended, Err(Error::WrongReceipt { .. })), "{ended:?}");
}

#[tokio::test]
async fn a_denial_names_what_is_lacking_ready_to_paste() {
    let (ended, _) = put(vec![none(), refusal(403, "DENIED", "not authorized")]).await;
    let hint = crate::error::Explain::hint(&ended.unwrap_err()).unwrap();
    assert_eq!(
        hint,
        "allow it in the key's policy: {\"Effect\": \"Allow\", \"Action\": \"ecr:PutImage\", \"Resource\": \"arn:aws:ecr:eu-central-1:123456789012:repository/shop/web\"}"
    );
}
