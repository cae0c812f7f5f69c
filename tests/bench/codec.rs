//! What codecs and levels make of a file, block by block, in turn: the size, and the speed on one core. For `docs/benchmarks.md`.

use std::error::Error;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use libdeflater::{CompressionLvl, Compressor};
use zstd_safe::{CCtx, CParameter};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

enum Codec {
    /// As one stream.
    Zlib(u32),
    Libdeflate(i32, usize),
    Zstd(i32, usize),
    /// What each byte meets as well.
    Sha256,
}

impl Codec {
    fn all() -> Vec<Self> {
        let blocks = |codec: fn(i32, usize) -> Self, level| [MIB, MIB / 2, 2 * MIB].map(|block| codec(level, block));
        let mut all = vec![Self::Zlib(1), Self::Zlib(2), Self::Zlib(6)];
        all.extend(blocks(Self::Libdeflate, 1));
        all.extend([2, 3, 4, 6].map(|level| Self::Libdeflate(level, MIB)));
        all.extend(blocks(Self::Zstd, 1));
        all.extend(blocks(Self::Zstd, 2));
        all.push(Self::Zstd(3, MIB));
        all.push(Self::Sha256);
        all
    }

    fn name(&self) -> String {
        let block =
            |size: usize| if size < MIB { format!("{} KiB", size / KIB) } else { format!("{} MiB", size / MIB) };
        match *self {
            Self::Zlib(level) => format!("zlib-rs {level} | none"),
            Self::Libdeflate(level, size) => format!("libdeflate {level} | {}", block(size)),
            Self::Zstd(level, size) => format!("zstd {level} | {}", block(size)),
            Self::Sha256 => "SHA-256 | ".to_owned(),
        }
    }

    /// Gives the size.
    fn run(&self, input: &[u8]) -> Result<usize, Box<dyn Error>> {
        match *self {
            Self::Zlib(level) => {
                let mut encoder = GzEncoder::new(Counter(0), Compression::new(level));
                for block in input.chunks(MIB) {
                    encoder.write_all(block)?;
                }
                Ok(encoder.finish()?.0)
            }
            Self::Libdeflate(level, size) => {
                let level = CompressionLvl::new(level).map_err(|_| "a level that libdeflate does not have")?;
                let mut compressor = Compressor::new(level);
                let mut buffer = vec![0; compressor.gzip_compress_bound(size)];
                let mut total = 0;
                for block in input.chunks(size) {
                    total += compressor.gzip_compress(block, &mut buffer)?;
                }
                Ok(total)
            }
            Self::Zstd(level, size) => {
                let mut context = CCtx::try_create().ok_or("no memory")?;
                let told = |code| zstd_safe::get_error_name(code);
                context.set_parameter(CParameter::CompressionLevel(level)).map_err(told)?;
                let mut buffer = vec![0; zstd_safe::compress_bound(size)];
                let mut total = 0;
                for block in input.chunks(size) {
                    total += context.compress2(buffer.as_mut_slice(), block).map_err(told)?;
                }
                Ok(total)
            }
            Self::Sha256 => {
                std::hint::black_box(<sha2::Sha256 as sha2::Digest>::digest(input));
                Ok(0)
            }
        }
    }
}

struct Counter(usize);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Arguments: a file, how many rounds. Prints a line `codec | block | size in MB | MB/s` for each.
fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(rounds)) = (arguments.next(), arguments.next()) else {
        return Err("codec FILE ROUNDS".into());
    };
    let file = File::open(path)?;
    let mut input = vec![0; usize::try_from(file.metadata()?.len())?];
    file.read_exact_at(&mut input, 0)?;
    let mut codecs: Vec<(Codec, usize, Vec<Duration>)> =
        Codec::all().into_iter().map(|codec| (codec, 0, Vec::new())).collect();
    for _ in 0..rounds.parse::<usize>()? {
        for (codec, size, times) in &mut codecs {
            let began = Instant::now();
            *size = codec.run(&input)?;
            times.push(began.elapsed());
        }
    }
    let mut output = std::io::stdout();
    for (codec, size, times) in &mut codecs {
        times.sort();
        let median = times.get(times.len() / 2).map_or(0.0, Duration::as_secs_f64);
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let (size, speed) = (*size as f64 / 1e6, input.len() as f64 / 1e6 / median);
        let size = if size > 0.0 { format!("{size:.1} MB") } else { String::new() };
        writeln!(output, "{} | {size} | {speed:.0}", codec.name())?;
    }
    Ok(())
}
