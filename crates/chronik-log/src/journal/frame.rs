//! A frame: the unit the journal is written, checked and recovered in.
//!
//! ```text
//!  0 magic "CHJF" | 4 payload length u32 | 8 file sequence u64 | 16 frame sequence u64
//! 24 durable up to u64 | 32 crc32c u32 of bytes 0..32 and the payload | 36 zero u32 | 40 payload
//! ```
//!
//! Frames begin at multiples of [`FRAME_ALIGN`], padded with zeros, so that no durable byte is
//! ever written again. "Durable up to" is a frame sequence, exclusive: every frame below it was
//! synced before this one was written.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use crc_fast::{CrcAlgorithm, Digest};

/// Where frames may begin.
pub(crate) const FRAME_ALIGN: u64 = 4096;
/// Bytes in front of a frame's payload.
pub(crate) const FRAME_HEADER_BYTES: usize = 40;
const MAGIC: u32 = 0x4348_4a46;
const CRC_AT: usize = 32;

/// A frame's fixed part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FrameHeader {
    pub(crate) payload_bytes: usize,
    pub(crate) file_sequence: u64,
    pub(crate) frame_sequence: u64,
    pub(crate) durable_upto: u64,
    crc: u32,
}

impl FrameHeader {
    /// Reads the fixed part; `None` without the magic. Nothing else is checked.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut input = bytes.get(..FRAME_HEADER_BYTES)?;
        if input.get_u32() != MAGIC {
            return None;
        }
        Some(Self {
            payload_bytes: input.get_u32() as usize,
            file_sequence: input.get_u64(),
            frame_sequence: input.get_u64(),
            durable_upto: input.get_u64(),
            crc: input.get_u32(),
        })
    }

    /// Whether the checksum fits.
    pub(crate) fn fits(&self, head: &[u8], payload: &[u8]) -> bool {
        payload.len() == self.payload_bytes
            && head.len() >= FRAME_HEADER_BYTES
            && crc(&head[..CRC_AT], &[payload]) == self.crc
    }
}

/// Bytes a frame with this payload takes in its file.
pub(crate) fn frame_bytes(payload_bytes: usize) -> u64 {
    ((FRAME_HEADER_BYTES + payload_bytes) as u64).next_multiple_of(FRAME_ALIGN)
}

/// Appends a frame to `out`: header, payload, padding. Returns its bytes.
pub(crate) fn encode(
    file_sequence: u64,
    frame_sequence: u64,
    durable_upto: u64,
    payload: Vec<Bytes>,
    out: &mut Vec<Bytes>,
) -> u64 {
    let payload_bytes: usize = payload.iter().map(Bytes::len).sum();
    let mut head = BytesMut::with_capacity(FRAME_HEADER_BYTES);
    head.put_u32(MAGIC);
    head.put_u32(u32::try_from(payload_bytes).expect("frames are bounded well below 4 GiB"));
    head.put_u64(file_sequence);
    head.put_u64(frame_sequence);
    head.put_u64(durable_upto);
    let parts: Vec<&[u8]> = payload.iter().map(|part| &part[..]).collect();
    let crc = crc(&head, &parts);
    head.put_u32(crc);
    head.put_u32(0);
    out.push(head.freeze());
    out.extend(payload);
    let total = frame_bytes(payload_bytes);
    let padding = total as usize - FRAME_HEADER_BYTES - payload_bytes;
    if padding > 0 {
        static ZEROS: [u8; FRAME_ALIGN as usize] = [0; FRAME_ALIGN as usize];
        out.push(Bytes::from_static(&ZEROS[..padding]));
    }
    total
}

#[expect(clippy::cast_possible_truncation, reason = "a 32-bit checksum")]
fn crc(head: &[u8], payload: &[&[u8]]) -> u32 {
    let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
    digest.update(head);
    for part in payload {
        digest.update(part);
    }
    digest.finalize() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_fills_whole_blocks_and_any_changed_byte_is_noticed() {
        let mut out = Vec::new();
        let payload = vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")];
        assert_eq!(encode(3, 17, 16, payload, &mut out), FRAME_ALIGN);
        let bytes = out.concat();
        assert_eq!(bytes.len() as u64, FRAME_ALIGN);
        let header = FrameHeader::decode(&bytes).unwrap();
        assert_eq!((header.file_sequence, header.frame_sequence), (3, 17));
        let end = FRAME_HEADER_BYTES + header.payload_bytes;
        assert!(header.fits(&bytes, &bytes[FRAME_HEADER_BYTES..end]));
        for at in (0..36).chain(FRAME_HEADER_BYTES..end) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            let fits = FrameHeader::decode(&damaged).is_some_and(|header| {
                damaged
                    .get(FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + header.payload_bytes)
                    .is_some_and(|payload| header.fits(&damaged, payload))
            });
            assert!(!fits, "byte {at}");
        }
    }
}
