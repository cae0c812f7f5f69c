//! gzip and zstd, of one block at a time.

use libdeflater::{CompressionLvl, Compressor};
use zstd_safe::{CCtx, CParameter};

/// How a layer is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Codec {
    /// What every engine can pull.
    #[default]
    Gzip,
    /// Smaller and faster; old engines and Lambda cannot pull it.
    Zstd,
}

/// Measured in `docs/benchmarks.md`, "Compression".
const GZIP_LEVEL: i32 = 1;
/// The same.
const ZSTD_LEVEL: i32 = 2;

/// The compressor of one thread, which is used for one block after the other.
pub(super) enum Encoder {
    Gzip(Compressor),
    Zstd(CCtx<'static>),
}

impl Encoder {
    /// `None` if there is no memory.
    pub(super) fn new(codec: Codec) -> Option<Self> {
        match codec {
            Codec::Gzip => Some(Self::Gzip(Compressor::new(CompressionLvl::new(GZIP_LEVEL).ok()?))),
            Codec::Zstd => {
                let mut context = CCtx::try_create()?;
                context.set_parameter(CParameter::CompressionLevel(ZSTD_LEVEL)).ok()?;
                Some(Self::Zstd(context))
            }
        }
    }

    /// A gzip member (RFC 1952, 2.2) or a zstd frame (RFC 8878, 3.1), both of which make a whole when one follows the other. The
    /// buffer only grows. `None` if the compressor failed, which it does not when the buffer has room.
    pub(super) fn encode<'a>(&mut self, block: &[u8], buffer: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        let room = match self {
            Self::Gzip(compressor) => compressor.gzip_compress_bound(block.len()),
            Self::Zstd(_) => zstd_safe::compress_bound(block.len()),
        };
        if buffer.len() < room {
            buffer.resize(room, 0);
        }
        let length = match self {
            Self::Gzip(compressor) => compressor.gzip_compress(block, buffer).ok()?,
            Self::Zstd(context) => context.compress2(buffer.as_mut_slice(), block).ok()?,
        };
        buffer.get(..length)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::io::Read as _;

    use super::*;

    #[test]
    fn members_of_gzip_make_a_whole_and_name_no_file_no_time_and_no_system() {
        let mut encoder = Encoder::new(Codec::Gzip).unwrap();
        let (mut buffer, mut blob) = (Vec::new(), Vec::new());
        for block in [&b"one "[..], b"two ", b""] {
            let member = encoder.encode(block, &mut buffer).unwrap();
            // RFC 1952, 2.3: magic, method, flags, four bytes of time, extra flags, 255 for an unknown system.
            assert_eq!((&member[..8], member[9]), (&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0][..], 255));
            blob.extend_from_slice(member);
        }
        let mut layer = String::new();
        flate2::read::MultiGzDecoder::new(&blob[..]).read_to_string(&mut layer).unwrap();
        assert_eq!(layer, "one two ");
    }

    #[test]
    fn frames_of_zstd_say_how_long_their_block_is() {
        let mut encoder = Encoder::new(Codec::Zstd).unwrap();
        let mut buffer = Vec::new();
        let frame = encoder.encode(b"one two", &mut buffer).unwrap();
        assert_eq!(frame[..4], [0x28, 0xb5, 0x2f, 0xfd], "RFC 8878, 3.1.1");
        assert_eq!(zstd_safe::get_frame_content_size(frame).unwrap(), Some(7));
        let mut block = [0; 7];
        zstd_safe::decompress(&mut block[..], frame).unwrap();
        assert_eq!(&block, b"one two");
    }
}
