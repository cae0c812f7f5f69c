#![expect(clippy::unwrap_used, reason = "a test may")]

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::super::Put;
use super::super::fake::{Server, TOKENS, answer, registry};
use super::super::spread;
use super::*;
use crate::progress::Log;

const BLOB: &[u8] = b"the layer";

fn begun(location: &str) -> String {
    answer(202, &format!("Location: {location}\r\n"), "")
}

/// Sends the blob in two pieces by an upload; how it ended, and what was asked.
async fn upload(answers: Vec<String>) -> (Result<(), NotTaken>, Vec<String>, Vec<String>) {
    let server = Server::answering(answers).await;
    let (registry, _api) = registry(&server, Log::recorded().0).await;
    let registries = [&registry];
    let ended = spread(&registries, async |spread| {
        spread.write(&Bytes::from_static(&BLOB[..4])).await;
        spread.write(&Bytes::from_static(&BLOB[4..])).await;
        spread.end(&Digest::of(BLOB)).await;
        Ok::<_, Error>(())
    });
    let ((), mut ends) = ended.await.unwrap();
    (ends.remove(0), server.lines(), server.asked())
}

#[tokio::test]
async fn a_blob_of_unknown_length_is_one_patch_and_a_put_with_its_digest() {
    let (ended, lines, asked) = upload(vec![
        begun("/v2/shop/web/blobs/uploads/1?state=a%3D"),
        answer(201, "Location: /v2/shop/web/blobs/uploads/1?state=b\r\n", ""),
        answer(201, "", ""),
    ])
    .await;
    assert_eq!(ended, Ok(()));
    let digest = Digest::of(BLOB).to_string().replace(':', "%3A");
    let put = format!("PUT /v2/shop/web/blobs/uploads/1?state=b&digest={digest}");
    let expected = ["POST /v2/shop/web/blobs/uploads/", "PATCH /v2/shop/web/blobs/uploads/1?state=a%3D", &put];
    assert_eq!(lines, expected);
    assert!(asked.iter().all(|request| request.contains(TOKENS[0])), "{asked:?}");
    assert!(asked[1].contains("transfer-encoding: chunked\r\n"), "{}", asked[1]);
    assert!(asked[1].ends_with("\r\n\r\n4\r\nthe \r\n5\r\nlayer\r\n0\r\n\r\n"), "{}", asked[1]);
    assert!(asked[2].contains("content-length: 0\r\n"), "{}", asked[2]);
}

#[tokio::test]
async fn an_upload_at_another_host_gets_no_token() {
    let other = Server::answering(vec![answer(202, "", ""), answer(201, "", "")]).await;
    let place = other.address.replace("127.0.0.1", "localhost");
    let (ended, lines, _) = upload(vec![begun(&format!("{place}/u?x=1"))]).await;
    assert_eq!((ended, lines.len()), (Ok(()), 1));
    let asked = other.asked();
    assert_eq!(asked.len(), 2);
    assert!(!asked.concat().to_lowercase().contains("authorization"), "{asked:?}");
}

#[tokio::test]
async fn the_lost_answer_to_the_end_of_an_upload_is_no_failure_when_the_blob_is_there() {
    let (ended, lines, _) = upload(vec![begun("/u/1"), answer(202, "", ""), String::new(), answer(200, "", "")]).await;
    assert_eq!((ended, lines.len()), (Ok(()), 4));
    assert!(lines[3].starts_with("HEAD /v2/shop/web/blobs/sha256:"), "{lines:?}");
    let again = vec![begun("/u/1"), answer(202, "", ""), answer(500, "", ""), answer(404, "", ""), answer(201, "", "")];
    let (ended, lines, _) = upload(again).await;
    assert_eq!((ended, lines.len()), (Ok(()), 5));
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_one_that_another_may_mend() {
    for broken in [String::new(), answer(500, "", ""), answer(401, "", ""), answer(416, "", "")] {
        let (ended, lines, _) = upload(vec![begun("/u/1"), broken.clone()]).await;
        assert!(ended.clone().unwrap_err().again, "{broken}: {ended:?}");
        assert_eq!(lines.len(), 2, "nothing is sent twice by itself");
    }
}

#[tokio::test]
async fn an_answer_without_a_place_is_an_error() {
    let (ended, lines, _) = upload(vec![answer(202, "", "")]).await;
    assert!(
        matches!(&ended, Err(NotTaken { error, again: false, .. }) if matches!(**error, Error::NotUnderstood { .. })),
        "{ended:?}"
    );
    assert_eq!(lines.len(), 1);
}

#[tokio::test]
async fn a_source_that_fails_leaves_no_blob() {
    let server = Server::answering(vec![begun("/u/1")]).await;
    let (registry, _api) = registry(&server, Log::recorded().0).await;
    let registries = [&registry];
    let ended = spread(&registries, async |spread| {
        spread.write(&Bytes::from_static(BLOB)).await;
        Err::<(), _>("the source is gone")
    });
    assert_eq!(ended.await.unwrap_err(), "the source is gone");
    assert!(!server.lines().iter().any(|line| line.starts_with("PUT")), "{:?}", server.lines());
}

#[tokio::test]
async fn a_small_blob_is_one_put_unless_it_is_there() {
    let put = async |answers| {
        let server = Server::answering(answers).await;
        let (registry, _api) = registry(&server, Log::recorded().0).await;
        (registry.put_blob(&Digest::of(BLOB), &Bytes::from_static(BLOB)).await, server.asked())
    };
    let (ended, asked) = put(vec![answer(200, "", "")]).await;
    assert_eq!((ended, asked.len()), (Ok(Put::WasThere), 1));
    let (ended, asked) = put(vec![answer(404, "", ""), begun("/u/1"), answer(201, "", "")]).await;
    assert_eq!((ended, asked.len()), (Ok(Put::Done), 3));
    assert!(asked[2].starts_with("PUT /u/1?digest=sha256%3A") && asked[2].ends_with("the layer"), "{}", asked[2]);
    // An expired token looks so to `HEAD`, which has no words; a fresh one tells.
    let (ended, asked) = put(vec![answer(403, "", ""), answer(200, "", "")]).await;
    assert_eq!((ended, asked.len()), (Ok(Put::WasThere), 2));
    let (ended, _) = put(vec![answer(403, "", ""), answer(403, "", "")]).await;
    assert!(matches!(ended, Err(Error::Denied { .. })), "{ended:?}");
}

/// Takes the head of a `PATCH` and none of its bytes; what comes back says that it has come so far.
async fn stalling() -> (Server, tokio::sync::oneshot::Receiver<()>) {
    let (server, listener) = Server::unattended().await;
    let (told, reached) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let (mut first, _) = listener.accept().await.unwrap();
        read_head(&mut first).await;
        first.write_all(begun("/u/1").as_bytes()).await.unwrap();
        drop(first);
        let (mut second, _) = listener.accept().await.unwrap();
        read_head(&mut second).await;
        told.send(()).unwrap();
        std::future::pending::<()>().await;
    });
    (server, reached)
}

async fn read_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
}

#[tokio::test]
async fn a_registry_that_takes_no_more_bytes_is_given_up() {
    let (server, reached) = stalling().await;
    let (registry, _api) = registry(&server, Log::recorded().0).await;
    let registries = [&registry];
    let piece = Bytes::from(vec![0; 1 << 20]);
    let ended = spread(&registries, async |spread| {
        spread.write(&piece).await;
        reached.await.unwrap();
        // More than sockets hold.
        for _ in 0..40 {
            spread.write(&piece).await;
        }
        spread.end(&Digest::of(BLOB)).await;
        Ok::<_, Error>(())
    });
    let NotTaken { error, again, .. } = ended.await.unwrap().1.remove(0).unwrap_err();
    assert!(again && error.to_string().ends_with(": it takes no more bytes"), "{error}");
}
