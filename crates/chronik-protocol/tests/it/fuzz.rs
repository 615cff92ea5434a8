//! Random bytes: nothing panics, and nothing costs more than its limits.

use bytes::Bytes;
use chronik_protocol::{
    BatchIter, BatchLimits, Limits, RecordIter, decode_request_header, validate,
};
use proptest::prelude::*;

use crate::vectors::{codecs, load, parts};

const LIMITS: Limits = Limits {
    elements_max: 10_000,
    tagged_max: 100,
    memory_max: 64 << 10,
};

/// Bytes that often look like small lengths and counts.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![3 => 0u8..4, 1 => Just(0xff), 2 => any::<u8>()];
    prop::collection::vec(byte, 0..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn random_bytes_panic_no_decoder(bytes in bytes()) {
        let bytes = Bytes::from(bytes);
        for (_, versions, decode) in codecs() {
            for version in [*versions.start(), *versions.end()] {
                if let Ok(decoded) = decode(bytes.clone(), version, LIMITS) {
                    prop_assert!(decoded.charged <= LIMITS.memory_max);
                }
            }
        }
        let _ = decode_request_header(&bytes);
    }

    #[test]
    fn random_bytes_panic_no_reader_of_batches(bytes in bytes(), magic in 0usize..200) {
        let mut bytes = bytes;
        if let Some(byte) = bytes.get_mut(16) {
            *byte = 2;
        }
        if magic < 150 && bytes.len() >= 61 {
            let length = u32::try_from(bytes.len() - 12).expect("short");
            bytes[8..12].copy_from_slice(&length.to_be_bytes());
        }
        let _ = validate(&bytes, &BatchLimits::default());
        let _ = BatchIter::new(&bytes).count();
        let bytes = Bytes::from(bytes);
        if let Ok(records) = RecordIter::new(&bytes, 10_000) {
            let _ = records.take(10_000).count();
        }
    }
}

#[test]
fn a_changed_byte_in_a_real_request_panics_no_decoder() {
    for vector in load("requests") {
        if vector["kind"] != "random" && vector["kind"] != "unknown" {
            continue;
        }
        let (name, version, bytes) = parts(&vector);
        let decode = crate::vectors::codec(name);
        for at in 0..bytes.len().min(300) {
            for value in [0, 0x7f, 0x80, 0xff] {
                let mut changed = bytes.to_vec();
                changed[at] = value;
                let _ = decode(Bytes::from(changed), version, LIMITS);
            }
        }
    }
}
