//! Values that follow from a stream and a number, so that a reader can check every byte.
//!
//! ```text
//! 0         4            12                    bytes
//! | stream  | number     | filler made of both |      integers big-endian
//! ```

use std::time::{SystemTime, UNIX_EPOCH};

use chronik_types::Timestamp;

/// Bytes before the filler; a value is never shorter.
pub(crate) const HEADER_BYTES: usize = 12;

/// The value with this number in this stream, `bytes` long.
pub(crate) fn content(stream: u32, number: u64, bytes: usize) -> Vec<u8> {
    let bytes = bytes.max(HEADER_BYTES);
    let mut value = Vec::with_capacity(bytes + 8);
    value.extend_from_slice(&stream.to_be_bytes());
    value.extend_from_slice(&number.to_be_bytes());
    let mut state = seed(stream, number);
    while value.len() < bytes {
        value.extend_from_slice(&next(&mut state).to_le_bytes());
    }
    value.truncate(bytes);
    value
}

/// The time of a record that is written now: retention goes by it.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// The stream and number of a value, if every byte of it is as it was made.
pub(crate) fn identify(value: &[u8]) -> Option<(u32, u64)> {
    let (stream, rest) = value.split_first_chunk()?;
    let (number, filler) = rest.split_first_chunk()?;
    let (stream, number) = (u32::from_be_bytes(*stream), u64::from_be_bytes(*number));
    let mut state = seed(stream, number);
    let whole = filler.chunks(8).all(|chunk| {
        let expected = next(&mut state).to_le_bytes();
        chunk == &expected[..chunk.len()]
    });
    whole.then_some((stream, number))
}

fn seed(stream: u32, number: u64) -> u64 {
    number ^ (u64::from(stream) << 40) ^ 0x5bd1_e995_9d1b_54a5
}

/// SplitMix64: neighbours have nothing in common, and no codec could shrink it.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_names_its_stream_and_number_and_one_changed_byte_is_noticed() {
        for bytes in [0, 12, 13, 20, 27, 1024] {
            let value = content(3, 70_000_000_001, bytes);
            assert_eq!(value.len(), bytes.max(HEADER_BYTES));
            assert_eq!(identify(&value), Some((3, 70_000_000_001)));
            for at in HEADER_BYTES..value.len() {
                let mut damaged = value.clone();
                damaged[at] ^= 1;
                assert_eq!(identify(&damaged), None, "byte {at} of {bytes}");
            }
        }
        assert_eq!(identify(&[0; 11]), None, "too short to be one");
    }
}
