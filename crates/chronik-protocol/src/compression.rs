//! The four codecs of record batches, in the framing that Kafka's clients use.
//!
//! Keeps I14: output is bounded by the caller's budget and grows with what was really produced,
//! never with what the input claims; beside it a codec's own state takes at most 16 MiB, or
//! the budget if that is greater. Growing may hold the old and the new buffer for a moment.
//! Absent: dictionaries, and levels of lz4, which packs alike at all of them.

use std::io::{Read, Write};

use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};

/// How the records of a batch are compressed: bits 0 to 2 of its attributes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Codec {
    /// Not at all.
    #[default]
    None,
    /// Deflate with a gzip header.
    Gzip,
    /// Blocks in the framing of xerial's Java library; a single bare block is read too.
    Snappy,
    /// The LZ4 frame format with independent blocks.
    Lz4,
    /// Zstandard.
    Zstd,
}

impl Codec {
    /// Every codec, by number.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The codec of a number from the wire.
    pub fn from_id(id: u8) -> Option<Self> {
        Self::ALL.get(usize::from(id)).copied()
    }

    /// The number on the wire.
    pub const fn id(self) -> u8 {
        self as u8
    }

    /// The name used in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// A codec, and how hard it tries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Compression {
    /// The codec.
    pub codec: Codec,
    /// Its level, within the bounds of Kafka's `compression.*.level`; `None` and -1 for gzip are
    /// the codec's own choice.
    pub level: Option<i32>,
}

impl From<Codec> for Compression {
    fn from(codec: Codec) -> Self {
        Self { codec, level: None }
    }
}

/// Why compressed bytes cannot be opened.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There is more than the budget.
    OverBudget,
    /// The codec's own words.
    Malformed(String),
}

impl Failure {
    fn malformed(error: impl ToString) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// Opens `input`, at most `budget` bytes of it.
pub(crate) fn decompress(codec: Codec, input: &[u8], budget: usize) -> Result<Vec<u8>, Failure> {
    match codec {
        Codec::None if input.len() > budget => Err(Failure::OverBudget),
        Codec::None => Ok(input.to_vec()),
        Codec::Gzip => read_bounded(flate2::bufread::MultiGzDecoder::new(input), budget),
        Codec::Snappy => unsnap(input, budget),
        Codec::Lz4 => read_bounded(FrameDecoder::new(input), budget),
        Codec::Zstd => {
            let mut decoder =
                zstd::stream::read::Decoder::with_buffer(input).map_err(Failure::malformed)?;
            decoder
                .window_log_max(zstd_window_log(budget))
                .map_err(Failure::malformed)?;
            read_bounded(decoder, budget)
        }
    }
}

/// The window is allocated as soon as a frame claims it: 8 MiB is what zstd's levels up to 19
/// use whatever the size of their input, 128 MiB its own limit.
fn zstd_window_log(budget: usize) -> u32 {
    budget
        .checked_next_power_of_two()
        .map_or(27, usize::ilog2)
        .clamp(23, 27)
}

fn read_bounded(mut reader: impl Read, budget: usize) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::new();
    let mut filled = 0;
    loop {
        if filled == out.len() {
            if filled > budget {
                return Err(Failure::OverBudget);
            }
            // One byte above the budget tells a stream that ends there from one that goes on.
            let more = filled.max(16 << 10).min(budget.saturating_add(1) - filled);
            out.reserve_exact(more);
            out.resize(filled + more, 0);
        }
        match reader.read(&mut out[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) => return Err(Failure::malformed(error)),
        }
    }
    if filled > budget {
        return Err(Failure::OverBudget);
    }
    out.truncate(filled);
    Ok(out)
}

/// What xerial's stream starts with; its version and the oldest compatible one follow.
const XERIAL_MAGIC: [u8; 8] = *b"\x82SNAPPY\0";
const XERIAL_BLOCK: usize = 32 << 10;

/// A snappy block cannot say more than 64 bytes with 3, so a longer claim is a lie.
const SNAPPY_RATIO_MAX: usize = 22;

fn unsnap(input: &[u8], budget: usize) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::new();
    let Some(rest) = input.strip_prefix(&XERIAL_MAGIC) else {
        unsnap_block(input, budget, &mut out)?;
        return Ok(out);
    };
    let truncated = || Failure::malformed("snappy stream ends within a block");
    let mut rest = rest.get(8..).ok_or_else(truncated)?;
    while !rest.is_empty() {
        let (length, blocks) = rest.split_first_chunk::<4>().ok_or_else(truncated)?;
        let length = u32::from_be_bytes(*length) as usize;
        let block = blocks.get(..length).ok_or_else(truncated)?;
        unsnap_block(block, budget, &mut out)?;
        rest = &blocks[length..];
    }
    Ok(out)
}

fn unsnap_block(block: &[u8], budget: usize, out: &mut Vec<u8>) -> Result<(), Failure> {
    let length = snap::raw::decompress_len(block).map_err(Failure::malformed)?;
    if length > block.len().saturating_mul(SNAPPY_RATIO_MAX) {
        return Err(Failure::malformed(
            "snappy block claims more than it can hold",
        ));
    }
    let start = out.len();
    if length > budget - start {
        return Err(Failure::OverBudget);
    }
    out.resize(start + length, 0);
    snap::raw::Decoder::new()
        .decompress(block, &mut out[start..])
        .map_err(Failure::malformed)?;
    Ok(())
}

/// Compresses.
pub(crate) fn compress(how: Compression, input: &[u8]) -> Result<Vec<u8>, Failure> {
    match how.codec {
        Codec::None => Ok(input.to_vec()),
        Codec::Gzip => {
            let level = how.level.and_then(|level| u32::try_from(level).ok());
            let level = level.map_or_else(flate2::Compression::default, |level| {
                flate2::Compression::new(level.min(9))
            });
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(input).map_err(Failure::malformed)?;
            encoder.finish().map_err(Failure::malformed)
        }
        Codec::Snappy => {
            let mut out = XERIAL_MAGIC.to_vec();
            out.extend_from_slice(&1u32.to_be_bytes());
            out.extend_from_slice(&1u32.to_be_bytes());
            let mut encoder = snap::raw::Encoder::new();
            for part in input.chunks(XERIAL_BLOCK) {
                let block = encoder.compress_vec(part).map_err(Failure::malformed)?;
                let length = u32::try_from(block.len()).map_err(Failure::malformed)?;
                out.extend_from_slice(&length.to_be_bytes());
                out.extend_from_slice(&block);
            }
            Ok(out)
        }
        Codec::Lz4 => {
            // Kafka's reader knows neither linked blocks nor the legacy frame.
            let info = FrameInfo::new()
                .block_mode(BlockMode::Independent)
                .block_size(BlockSize::Max64KB);
            let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
            encoder.write_all(input).map_err(Failure::malformed)?;
            encoder.finish().map_err(Failure::malformed)
        }
        Codec::Zstd => {
            zstd::stream::encode_all(input, how.level.unwrap_or(0)).map_err(Failure::malformed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i / 97 % 251) as u8).collect()
    }

    #[test]
    fn what_was_compressed_opens_at_exactly_its_size() {
        for codec in Codec::ALL {
            for length in [0, 1, 1000, 100_000, 1_000_000] {
                let plain = sample(length);
                let packed = compress(codec.into(), &plain).expect("compresses");
                let opened = decompress(codec, &packed, length).expect("within the budget");
                assert!(opened == plain, "{codec:?} of {length}");
                if length > 0 {
                    let failure = decompress(codec, &packed, length - 1).map(|_| ());
                    assert!(matches!(failure, Err(Failure::OverBudget)), "{codec:?}");
                }
            }
        }
    }

    #[test]
    fn a_cut_or_changed_stream_is_refused_or_opens_within_the_budget() {
        for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            let packed = compress(codec.into(), &sample(2000)).expect("compresses");
            for cut in 0..packed.len() {
                let _ = decompress(codec, &packed[..cut], 4000);
                let mut changed = packed.clone();
                changed[cut] ^= 0x41;
                if let Ok(opened) = decompress(codec, &changed, 4000) {
                    assert!(opened.len() <= 4000);
                }
            }
        }
    }

    #[test]
    fn a_bare_snappy_block_opens_and_a_boasting_one_does_not() {
        let plain = sample(5000);
        let block = snap::raw::Encoder::new()
            .compress_vec(&plain)
            .expect("compresses");
        assert!(decompress(Codec::Snappy, &block, 5000).is_ok_and(|opened| opened == plain));
        let boast = [0xff, 0xff, 0xff, 0x7f, 0];
        assert!(matches!(
            decompress(Codec::Snappy, &boast, usize::MAX),
            Err(Failure::Malformed(_))
        ));
    }
}
