//! Variable-length integers: seven bits a byte, lowest first; the signed ones are zigzag.
//!
//! Keeps I14: reading takes a slice and gives back what is left, so it cannot run over its end.
//! Overlong forms (a padding `0x80 0x00`) are legal as they are in Kafka; bits beyond the type
//! are not, where Kafka drops them silently.

use bytes::{BufMut, BytesMut};

/// Why no integer could be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum VarintError {
    /// The input ended within it.
    Truncated,
    /// It does not fit the type.
    Overflow,
}

/// Reads an unsigned 32-bit integer of at most five bytes; also gives the bytes it took.
#[inline]
pub(crate) fn read_u32(input: &[u8]) -> Result<(u32, usize), VarintError> {
    if let Some(&first) = input.first()
        && first < 0x80
    {
        return Ok((u32::from(first), 1));
    }
    let (value, used) = read(input, 5)?;
    let value = u32::try_from(value).map_err(|_| VarintError::Overflow)?;
    Ok((value, used))
}

/// Reads a zigzag 32-bit integer.
#[inline]
pub(crate) fn read_i32(input: &[u8]) -> Result<(i32, usize), VarintError> {
    let (raw, used) = read_u32(input)?;
    Ok(((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed(), used))
}

/// Reads a zigzag 64-bit integer.
#[inline]
pub(crate) fn read_i64(input: &[u8]) -> Result<(i64, usize), VarintError> {
    let (raw, used) = read(input, 10)?;
    Ok(((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed(), used))
}

fn read(input: &[u8], max: usize) -> Result<(u64, usize), VarintError> {
    let mut value = 0u64;
    for (i, &byte) in input.iter().take(max).enumerate() {
        let bits = u64::from(byte & 0x7f);
        let shift = 7 * i;
        if shift == 63 && bits > 1 {
            return Err(VarintError::Overflow);
        }
        value |= bits << shift;
        if byte < 0x80 {
            return Ok((value, i + 1));
        }
    }
    Err(if input.len() < max {
        VarintError::Truncated
    } else {
        VarintError::Overflow
    })
}

/// Appends an unsigned integer.
pub(crate) fn put_u32(out: &mut BytesMut, value: u32) {
    put_u64(out, u64::from(value));
}

/// Appends a zigzag 32-bit integer.
pub(crate) fn put_i32(out: &mut BytesMut, value: i32) {
    put_u32(out, ((value << 1) ^ (value >> 31)).cast_unsigned());
}

/// Appends a zigzag 64-bit integer.
pub(crate) fn put_i64(out: &mut BytesMut, value: i64) {
    put_u64(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

fn put_u64(out: &mut BytesMut, mut value: u64) {
    while value >= 0x80 {
        out.put_u8(low_byte(value) | 0x80);
        value >>= 7;
    }
    out.put_u8(low_byte(value));
}

fn low_byte(value: u64) -> u8 {
    value.to_le_bytes()[0] & 0x7f
}

/// The bytes a zigzag 32-bit integer takes.
pub(crate) fn len_i32(value: i32) -> usize {
    len_u64(u64::from(((value << 1) ^ (value >> 31)).cast_unsigned()))
}

/// The bytes a zigzag 64-bit integer takes.
pub(crate) fn len_i64(value: i64) -> usize {
    len_u64(((value << 1) ^ (value >> 63)).cast_unsigned())
}

fn len_u64(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_integer_reads_back_and_takes_the_promised_bytes(a: u32, b: i32, c: i64, shift in 0u32..63) {
            let mut out = BytesMut::new();
            put_u32(&mut out, a);
            prop_assert_eq!(read_u32(&out), Ok((a, out.len())));
            out.clear();
            put_i32(&mut out, b);
            prop_assert_eq!(read_i32(&out), Ok((b, out.len())));
            prop_assert_eq!(len_i32(b), out.len());
            for c in [c, c >> shift] {
                out.clear();
                put_i64(&mut out, c);
                prop_assert_eq!(read_i64(&out), Ok((c, out.len())));
                prop_assert_eq!(len_i64(c), out.len());
            }
        }
    }

    #[test]
    fn bits_beyond_the_type_are_refused() {
        assert_eq!(read_u32(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Ok((u32::MAX, 5)));
        assert_eq!(
            read_u32(&[0xff, 0xff, 0xff, 0xff, 0x1f]),
            Err(VarintError::Overflow)
        );
        assert_eq!(
            read_u32(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x00]),
            Err(VarintError::Overflow)
        );
        assert_eq!(read_u32(&[0x80, 0x80]), Err(VarintError::Truncated));
        assert_eq!(read_u32(&[0x80, 0x00]), Ok((0, 2)));
        let mut ten = [0xff; 10];
        ten[9] = 0x01;
        assert_eq!(read_i64(&ten), Ok((i64::MIN, 10)));
        ten[9] = 0x02;
        assert_eq!(read_i64(&ten), Err(VarintError::Overflow));
    }
}
