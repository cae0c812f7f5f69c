//! Packets as bytes: fsutil's `types/wire.proto` and `stat.proto`, in gRPC's frames.
//!
//! The generated types hold paths as `String`. Go's hold any bytes, and so do these, since paths need not be UTF-8.

use std::collections::BTreeMap;

use prost::Message;
use tonic::Status;
use tonic::codec::{DecodeBuf, Decoder};

pub(super) use bollard_buildkit_proto::fsutil::types::packet::PacketType;

/// A packet of either side.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Packet {
    #[prost(enumeration = "PacketType", tag = "1")]
    pub(super) kind: i32,
    #[prost(message, optional, tag = "2")]
    pub(super) stat: Option<Stat>,
    #[prost(uint32, tag = "3")]
    pub(super) id: u32,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) data: Vec<u8>,
}

/// A folder or file.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Stat {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) path: Vec<u8>,
    /// Go's `fs.FileMode`.
    #[prost(uint32, tag = "2")]
    pub(super) mode: u32,
    #[prost(uint32, tag = "3")]
    pub(super) uid: u32,
    #[prost(uint32, tag = "4")]
    pub(super) gid: u32,
    #[prost(int64, tag = "5")]
    pub(super) size: i64,
    /// Nanoseconds since 1970.
    #[prost(int64, tag = "6")]
    pub(super) mod_time: i64,
    /// Where a symlink leads, or the first path of the same file.
    #[prost(bytes = "vec", tag = "7")]
    pub(super) linkname: Vec<u8>,
    #[prost(btree_map = "string, bytes", tag = "10")]
    pub(super) xattrs: BTreeMap<String, Vec<u8>>,
}

impl Packet {
    pub(super) fn stat(stat: Option<Stat>) -> Self {
        Self { kind: PacketType::PacketStat.into(), stat, ..Self::default() }
    }

    pub(super) fn end_of(id: u32) -> Self {
        Self { kind: PacketType::PacketData.into(), id, ..Self::default() }
    }

    pub(super) fn fin() -> Self {
        Self { kind: PacketType::PacketFin.into(), ..Self::default() }
    }

    pub(super) fn error(text: &str) -> Self {
        Self { kind: PacketType::PacketErr.into(), data: text.as_bytes().to_vec(), ..Self::default() }
    }

    /// Appends it in a frame.
    pub(super) fn frame(&self, output: &mut Vec<u8>) {
        frame_of(self.encoded_len(), output);
        // A vector grows, so there is always room.
        let _ = self.encode(output);
    }

    /// Appends what stands before so many bytes of a file.
    pub(super) fn frame_before_data(id: u32, length: usize, output: &mut Vec<u8>) {
        const DATA: u8 = (4 << 3) | 2;
        let head = Self::end_of(id);
        frame_of(head.encoded_len() + 1 + prost::length_delimiter_len(length) + length, output);
        let _ = head.encode(output);
        output.push(DATA);
        let _ = prost::encode_length_delimiter(length, output);
    }
}

fn frame_of(length: usize, output: &mut Vec<u8>) {
    const NOT_COMPRESSED: u8 = 0;
    output.push(NOT_COMPRESSED);
    output.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
}

/// Reads the engine's packets.
#[derive(Debug)]
pub(super) struct PacketDecoder;

impl Decoder for PacketDecoder {
    type Item = Packet;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<Packet>, Status> {
        Packet::decode(source).map(Some).map_err(|error| Status::invalid_argument(format!("bad packet: {error}")))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use bollard_buildkit_proto::fsutil::types as generated;

    use super::*;

    #[test]
    fn packets_are_those_of_the_generated_types() {
        let stat = Stat {
            path: "a/ä".into(),
            mode: 0o644 | 1 << 23,
            uid: 0,
            gid: 0,
            size: 7,
            mod_time: 1_700_000_000_123_456_789,
            linkname: b"b".to_vec(),
            xattrs: BTreeMap::from([("user.x".to_owned(), vec![0, 255])]),
        };
        let mut frame = Vec::new();
        Packet::stat(Some(stat)).frame(&mut frame);
        assert_eq!(frame[..5], [0, 0, 0, 0, u8::try_from(frame.len() - 5).unwrap()]);
        let read = generated::Packet::decode(&frame[5..]).unwrap();
        let stat = read.stat.unwrap();
        assert_eq!((stat.path.as_str(), stat.linkname.as_str(), stat.size), ("a/ä", "b", 7));
        assert_eq!((stat.mode, stat.mod_time), (0o644 | 1 << 23, 1_700_000_000_123_456_789));
        assert_eq!(stat.xattrs["user.x"], [0, 255]);
    }

    #[test]
    fn data_is_framed_apart_from_its_bytes() {
        for length in [1, 127, 128, 32 * 1024] {
            let data = vec![b'x'; length];
            let mut apart = Vec::new();
            Packet::frame_before_data(300, length, &mut apart);
            apart.extend_from_slice(&data);
            let mut whole = Vec::new();
            Packet { data, ..Packet::end_of(300) }.frame(&mut whole);
            assert_eq!(apart, whole);
        }
    }
}
