//! The engine's part, played in process: what fsutil's `Receive` does and checks.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use bollard_buildkit_proto::fsutil::types::{Packet, Stat};
use bollard_buildkit_proto::moby::filesync::packet::file_sync_client::FileSyncClient;
use futures_util::StreamExt;
use hyper::header::{HeaderName, HeaderValue};
use prost::Message;
use tokio::sync::mpsc;
use tonic::codegen::Service;
use tonic::metadata::MetadataMap;

use super::super::{FileSync, wire};

/// Nothing here takes as long.
pub(super) const DEADLINE: Duration = Duration::from_mins(1);

/// What an engine has got.
#[derive(Debug, Default)]
pub(super) struct Received {
    pub(super) stats: Vec<Stat>,
    /// By path.
    pub(super) files: BTreeMap<String, Vec<u8>>,
    /// What an ERR packet said, and the status at the end.
    pub(super) error: Option<String>,
    pub(super) status: Option<tonic::Status>,
    finished: bool,
}

impl Received {
    pub(super) fn whole(self) -> Self {
        assert!(self.finished && self.error.is_none() && self.status.is_none(), "{:?} {:?}", self.error, self.status);
        self
    }

    pub(super) fn paths(&self) -> Vec<String> {
        self.stats.iter().map(|stat| stat.path.clone()).collect()
    }
}

/// A call under way.
pub(super) struct Call {
    pub(super) asks: mpsc::UnboundedSender<Packet>,
    pub(super) answers: tonic::Streaming<Packet>,
}

pub(super) async fn call(
    service: &FileSync,
    name: &str,
    metadata: &[(&'static str, &str)],
) -> Result<Call, tonic::Status> {
    let (asks, asked) = mpsc::unbounded_channel();
    let stream = futures_util::stream::unfold(asked, |mut asked| async { asked.recv().await.map(|ask| (ask, asked)) });
    let mut request = tonic::Request::new(stream);
    let pairs = metadata.iter().copied().chain([("dir-name", name)]);
    let headers =
        pairs.map(|(key, value)| (HeaderName::from_static(key), HeaderValue::from_bytes(value.as_bytes()).unwrap()));
    *request.metadata_mut() = MetadataMap::from_headers(headers.collect());
    let answers = FileSyncClient::new(service.clone()).diff_copy(request).await?.into_inner();
    Ok(Call { asks, answers })
}

pub(super) fn ask(id: u32) -> Packet {
    Packet { r#type: PacketType::PacketReq.into(), id, ..Packet::default() }
}

pub(super) fn fin() -> Packet {
    Packet { r#type: PacketType::PacketFin.into(), ..Packet::default() }
}

/// Asks for all files as soon as they are known, in a shuffled order.
pub(super) async fn receive(service: &FileSync, name: &str, metadata: &[(&'static str, &str)]) -> Received {
    let work = async {
        let mut call = call(service, name, metadata).await.unwrap();
        let mut received = Received::default();
        let mut order = Order::default();
        let mut links = HashSet::new();
        let mut open: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
        let mut all_known = false;
        while let Some(packet) = call.answers.next().await {
            let packet = match packet {
                Ok(packet) => packet,
                Err(status) => {
                    received.status = Some(status);
                    break;
                }
            };
            match PacketType::try_from(packet.r#type).unwrap() {
                PacketType::PacketStat => {
                    if let Some(stat) = packet.stat {
                        assert!(!all_known);
                        order.check(&stat);
                        let id = u32::try_from(received.stats.len()).unwrap();
                        if stat.mode & 0x8f28_0000 == 0 {
                            if stat.linkname.is_empty() {
                                links.insert(stat.path.clone());
                                open.insert(id, Vec::new());
                            } else {
                                assert!(links.contains(&stat.linkname), "a link to nothing");
                            }
                        }
                        received.stats.push(stat);
                    } else {
                        all_known = true;
                        let mut ids: Vec<_> = open.keys().copied().collect();
                        ids.sort_by_key(|id| id.wrapping_mul(2_654_435_761));
                        for id in ids {
                            call.asks.send(ask(id)).unwrap();
                        }
                    }
                }
                PacketType::PacketData if packet.data.is_empty() => {
                    let content = open.remove(&packet.id).unwrap();
                    let stat = &received.stats[packet.id as usize];
                    assert_eq!(i64::try_from(content.len()).unwrap(), stat.size);
                    received.files.insert(stat.path.clone(), content);
                }
                PacketType::PacketData => {
                    assert!(packet.data.len() <= 32 * 1024);
                    open.get_mut(&packet.id).unwrap().extend(packet.data);
                }
                PacketType::PacketFin => received.finished = true,
                PacketType::PacketErr => received.error = Some(String::from_utf8(packet.data).unwrap()),
                PacketType::PacketReq => panic!("a sender asks for nothing"),
            }
            if all_known && open.is_empty() && !received.finished {
                call.asks.send(fin()).unwrap();
            }
        }
        received
    };
    tokio::time::timeout(DEADLINE, work).await.unwrap()
}

/// The first packets of a call without metadata, as they are.
pub(super) async fn raw(service: &FileSync, count: usize) -> Vec<wire::Packet> {
    let request = hyper::Request::builder()
        .uri(FileSync::METHODS[0])
        .header("dir-name", "context")
        .body(http_body_util::StreamBody::new(futures_util::stream::pending::<Result<_, std::convert::Infallible>>()))
        .unwrap();
    let response = service.clone().call(request).await.unwrap();
    let mut body = http_body_util::BodyStream::new(response.into_body());
    let mut bytes = Vec::new();
    let mut packets = Vec::new();
    while packets.len() < count {
        let frame = tokio::time::timeout(DEADLINE, body.next()).await.unwrap().unwrap().unwrap();
        bytes.extend_from_slice(frame.data_ref().unwrap());
        while let Some(head) = bytes.get(1..5) {
            let end = 5 + u32::from_be_bytes(head.try_into().unwrap()) as usize;
            let Some(message) = bytes.get(5..end) else { break };
            packets.push(wire::Packet::decode(message).unwrap());
            bytes.drain(..end);
        }
    }
    packets.truncate(count);
    packets
}

/// fsutil's `Validator`.
#[derive(Default)]
struct Order {
    /// The folders open at the moment, and the last name in each.
    parents: Vec<(String, String)>,
}

impl Order {
    fn check(&mut self, stat: &Stat) {
        if self.parents.is_empty() {
            self.parents.push(Default::default());
        }
        let (folder, name) = stat.path.rsplit_once('/').unwrap_or(("", &stat.path));
        assert!(!name.is_empty() && name != "." && name != "..");
        while self.parents.last().unwrap().0 != folder {
            assert!(self.parents.len() > 1, "{} comes without its folder", stat.path);
            self.parents.pop();
        }
        let last = &mut self.parents.last_mut().unwrap().1;
        assert!(last.as_str() < name, "{} out of order", stat.path);
        name.clone_into(last);
        if stat.mode & 1 << 31 != 0 {
            self.parents.push((stat.path.clone(), String::new()));
        }
    }
}
