//! What an engine may do wrong, and what may change under way.

use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use bollard_buildkit_proto::fsutil::types::{Packet, Stat};
use futures_util::StreamExt;
use proptest::prelude::*;

use super::engine::{Call, DEADLINE, ask, call, fin};
use super::*;
use crate::context::{Error, Sent, Warning};

/// A call that has been told of everything.
async fn told(service: &FileSync) -> Call {
    let mut call = call(service, "context", &[]).await.unwrap();
    while call.answers.next().await.unwrap().unwrap().stat.is_some() {}
    call
}

/// All that comes until the end, and how it ends.
async fn rest(mut call: Call) -> (Vec<Packet>, Result<(), tonic::Status>) {
    let work = async {
        let mut packets = Vec::new();
        loop {
            match call.answers.next().await {
                Some(Ok(packet)) => packets.push(packet),
                Some(Err(status)) => return (packets, Err(status)),
                None => return (packets, Ok(())),
            }
        }
    };
    tokio::time::timeout(DEADLINE, work).await.unwrap()
}

/// The report of the calls that have ended, as soon as there is one.
pub(super) async fn report(service: &FileSync) -> Sent {
    let work = async {
        loop {
            match service.sent() {
                Some(sent) => return sent,
                None => tokio::task::yield_now().await,
            }
        }
    };
    tokio::time::timeout(DEADLINE, work).await.unwrap()
}

/// What becomes of the file `a`, of 100,000 bytes, when it is changed before it is asked for.
async fn changed(change: impl FnOnce(&Sandbox)) -> (Option<String>, Sent) {
    let tree = Sandbox::new();
    tree.file("a", vec![1; 100_000]).file("b", "");
    let service = context(&tree);
    let call = told(&service).await;
    change(&tree);
    call.asks.send(ask(0)).unwrap();
    let mut call = call;
    let mut size = 0;
    let ended = loop {
        match call.answers.next().await.unwrap().unwrap() {
            packet if packet.r#type == i32::from(PacketType::PacketErr) => break false,
            packet if packet.data.is_empty() => break true,
            packet => size += packet.data.len(),
        }
    };
    if ended {
        assert_eq!(size, 100_000);
        call.asks.send(fin()).unwrap();
    }
    let (_, status) = rest(call).await;
    (status.err().map(|status| status.message().to_owned()), service.sent().unwrap())
}

#[tokio::test]
async fn a_file_that_shrank_ends_the_call() {
    let (status, sent) = changed(|tree| _ = tree.file("a", vec![1; 40_000])).await;
    assert_eq!(status.unwrap(), "`a` shrank from 100000 to 40000 bytes while it was sent");
    assert!(matches!(sent.error, Some(Error::Shrunk { expected: 100_000, found: 40_000, .. })));
}

#[tokio::test]
async fn a_file_that_went_away_or_became_something_else_ends_the_call() {
    let remove = |tree: &Sandbox| std::fs::remove_file(tree.path("a")).unwrap();
    let changes: [&dyn Fn(&Sandbox); 4] = [
        &remove,
        &|tree| {
            remove(tree);
            tree.symlink("a", "b");
        },
        &|tree| {
            remove(tree);
            tree.fifo("a");
        },
        &|tree| {
            remove(tree);
            tree.folder("a");
        },
    ];
    for change in changes {
        let (status, sent) = changed(change).await;
        assert_eq!(status.unwrap(), "`a` was removed or replaced while the context was read");
        assert!(matches!(sent.error, Some(Error::Vanished { .. })));
    }
}

#[tokio::test]
async fn of_a_file_that_grew_the_first_bytes_are_sent() {
    let (status, sent) = changed(|tree| _ = tree.file("a", vec![1; 200_000])).await;
    assert_eq!(status, None);
    assert_eq!(sent.warnings, [Warning::Grown("a".into())]);
    assert_eq!((sent.files, sent.bytes), (1, 100_000));
}

#[tokio::test]
async fn what_cannot_be_sent_ends_the_call_with_its_path() {
    let tree = Sandbox::new();
    tree.file("a", "").file("b/c", "");
    let service = context(&tree);
    std::fs::remove_dir_all(tree.root()).unwrap();
    let (packets, status) = rest(call(&service, "context", &[]).await.unwrap()).await;
    assert!(status.unwrap_err().message().contains("was removed or replaced"));
    assert_eq!(packets.last().unwrap().r#type, i32::from(PacketType::PacketErr));
    assert!(matches!(service.sent().unwrap().error, Some(Error::Vanished { .. })));
    tree.folder("");
}

#[tokio::test]
async fn an_unknown_source_and_a_bad_pattern_are_refused() {
    let tree = Sandbox::new();
    let service = context(&tree);
    let status = call(&service, "dockerfile", &[]).await.err().unwrap();
    assert_eq!((status.code(), status.message()), (tonic::Code::NotFound, "no access allowed to dir \"dockerfile\""));
    let (_, status) = rest(call(&service, "context", &[("exclude-patterns", "[a")]).await.unwrap()).await;
    assert_eq!(status.unwrap_err().message(), "bad pattern `[a`: a `[` needs a `]`");
    let bad = [("followpaths", "%"), ("followpaths-encoded", "1")];
    assert_eq!(call(&service, "context", &bad).await.err().unwrap().code(), tonic::Code::InvalidArgument);
}

#[tokio::test]
async fn a_file_can_be_asked_for_once() {
    let tree = Sandbox::new();
    tree.file("a/b", "x");
    for (asked, refused) in [(vec![1, 1], 1), (vec![0], 0), (vec![2], 2), (vec![1, u32::MAX], u32::MAX)] {
        let call = told(&context(&tree)).await;
        for id in asked {
            call.asks.send(ask(id)).unwrap();
        }
        let (packets, status) = rest(call).await;
        let text = format!("invalid file id {refused}");
        assert_eq!(status.unwrap_err().message(), text);
        assert_eq!(packets.last().unwrap().data, text.as_bytes());
    }
}

#[tokio::test]
async fn a_finished_engine_gets_no_more() {
    let tree = Sandbox::new();
    tree.file("a", "x");
    let call = told(&context(&tree)).await;
    call.asks.send(fin()).unwrap();
    let (packets, status) = rest(call).await;
    assert!(status.is_ok());
    assert_eq!(packets.iter().map(|packet| packet.r#type).collect::<Vec<_>>(), [i32::from(PacketType::PacketFin)]);
}

#[tokio::test]
async fn the_work_ends_when_the_engine_hangs_up() {
    let tree = Sandbox::new();
    for number in 0..20 {
        tree.file(format!("{number:02}"), vec![0; 300_000]);
    }
    // While it waits to be asked.
    let service = context(&tree);
    drop(told(&service).await);
    assert!(report(&service).await.error.is_none());
    // While it waits to be read.
    let service = context(&tree);
    let mut call = told(&service).await;
    for id in 0..20 {
        call.asks.send(ask(id)).unwrap();
    }
    call.answers.next().await.unwrap().unwrap();
    drop(call);
    assert!(report(&service).await.bytes < 2_000_000);
}

#[tokio::test]
async fn extended_attributes_travel() {
    let tree = Sandbox::new();
    tree.file("a", "").folder("b");
    for path in ["a", "b"] {
        let flags = rustix::fs::XattrFlags::empty();
        if rustix::fs::setxattr(tree.path(path), "user.test", b"\0\xff", flags).is_err() {
            return;
        }
    }
    let received = receive(&context(&tree), "context", &[]).await.whole();
    assert!(received.stats.iter().all(|stat| stat.xattrs["user.test"] == b"\0\xff"));
}

/// What an engine may send.
fn packets() -> impl Strategy<Value = Vec<Packet>> {
    let packet = prop_oneof![
        12 => (0..8_u32).prop_map(ask),
        1 => any::<u32>().prop_map(ask),
        1 => Just(fin()),
        1 => (any::<i32>(), any::<u32>(), prop::collection::vec(any::<u8>(), 0..20))
            .prop_map(|(r#type, id, data)| Packet { r#type, id, data, stat: None }),
        1 => (0..5_i32).prop_map(|r#type| Packet { r#type, stat: Some(Stat::default()), ..Packet::default() }),
        1 => Just(Packet { data: vec![0; 70_000], ..ask(1) }),
    ];
    prop::collection::vec(packet, 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_engine_sends_the_call_ends(packets in packets(), early: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let tree = Sandbox::new();
            tree.file("a/b", vec![0; 50_000]).file("c", "").file("d", "").symlink("e", "c").file("f/g", "");
            let service = context(&tree);
            let call = if early { call(&service, "context", &[]).await.unwrap() } else { told(&service).await };
            let finished = packets.iter().any(|packet| packet.r#type == fin().r#type);
            for packet in packets.iter().cloned() {
                // It may have ended.
                let _ = call.asks.send(packet);
            }
            let Call { asks, answers } = call;
            drop(asks);
            let asks = tokio::sync::mpsc::unbounded_channel().0;
            let (answered, status) = rest(Call { asks, answers }).await;
            let last = answered.last().map(|packet| packet.r#type);
            let expected = if status.is_ok() { PacketType::PacketFin } else { PacketType::PacketErr };
            prop_assert_eq!(last, Some(expected.into()));
            prop_assert!(status.is_err() || finished);
            prop_assert!(answered.iter().map(|packet| packet.data.len()).sum::<usize>() < 60_000);
            prop_assert!(service.sent().unwrap().error.is_none());
            Ok(())
        })?;
    }

    #[test]
    fn no_bytes_make_it_panic(body: Vec<u8>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let tree = Sandbox::new();
            tree.file("a", "x");
            let service = context(&tree);
            let request = hyper::Request::builder().uri(FileSync::METHODS[0]).header("dir-name", "context");
            let request = request.body(http_body_util::Full::new(bytes::Bytes::from(body))).unwrap();
            let response = tonic::codegen::Service::call(&mut service.clone(), request).await.unwrap();
            let work = http_body_util::BodyExt::collect(response.into_body());
            let body = tokio::time::timeout(DEADLINE, work).await.unwrap().unwrap();
            assert!(body.trailers().unwrap().contains_key("grpc-status"));
        });
    }
}
