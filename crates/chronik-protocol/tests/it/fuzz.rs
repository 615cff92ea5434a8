//! Random bytes and changed messages: nothing panics, and nothing costs more than its limits.

use bytes::Bytes;
use chronik_protocol::{
    BatchBuilder, BatchIter, BatchLimits, Codec, Limits, RecordIter, decode_request_header,
    inspect_records, validate,
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

/// A seeded xorshift64*: the same changes in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }
}

/// One to four changes: a bit, a byte or four that look like a length, an end, another's tail.
fn mutate(random: &mut Random, bytes: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len().max(1));
        let end = (at + 4).min(bytes.len());
        match random.below(5) {
            _ if bytes.is_empty() => bytes.extend_from_slice(other),
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            2 => bytes[at..end].fill([0x7f, 0xff][random.below(2)]),
            3 => bytes.truncate(at),
            _ => {
                bytes.truncate(at);
                bytes
                    .extend_from_slice(&other[random.below(other.len().max(1)).min(other.len())..]);
            }
        }
    }
    bytes
}

#[test]
fn mutated_messages_panic_no_decoder_and_cost_no_more_than_their_limits() {
    // So little that the larger of the messages reach it.
    let limits = Limits {
        memory_max: 1 << 10,
        ..LIMITS
    };
    let mut random = Random(0x6368_726f_6e69_6b21);
    for kind in ["requests", "responses", "records"] {
        let vectors: Vec<_> = load(kind);
        let all: Vec<_> = vectors.iter().map(parts).collect();
        let mut taken = 0;
        for _ in 0..20 {
            for (name, version, bytes) in &all {
                let other = &all[random.below(all.len())].2;
                let changed = Bytes::from(mutate(&mut random, bytes, other));
                if let Ok(decoded) = crate::vectors::codec(name)(changed, *version, limits) {
                    assert!(decoded.charged <= limits.memory_max, "{name} v{version}");
                    taken += 1;
                }
            }
        }
        // Else every change would break at the first field, and nothing behind it be reached.
        assert!(
            taken > all.len(),
            "{taken} of {} {kind} decode",
            20 * all.len()
        );
    }
}

#[test]
fn mutated_batches_panic_no_reader_and_open_to_no_more_than_their_budget() {
    // Too little for the batch as it is, and enough.
    const BUDGETS: [usize; 2] = [1 << 10, 3 << 10];
    let mut random = Random(0x6368_726f_6e69_6b22);
    let mut opened = 0;
    for codec in [
        Codec::None,
        Codec::Gzip,
        Codec::Snappy,
        Codec::Lz4,
        Codec::Zstd,
    ] {
        let mut builder = BatchBuilder::new(codec);
        for number in 0..20_u8 {
            let value = [number; 100];
            builder
                .push(i64::from(number), Some(b"key"), Some(&value), &[])
                .expect("small");
        }
        let batch = builder.build().expect("twenty records");
        for _ in 0..3_000 {
            let changed = Bytes::from(mutate(&mut random, &batch, &batch));
            let budget = BUDGETS[random.below(2)];
            let _ = validate(&changed, &BatchLimits::default());
            let _ = BatchIter::new(&changed).count();
            if let Ok(facts) = inspect_records(&changed, budget) {
                assert!(facts.max_timestamp_offset_delta >= 0);
                opened += 1;
            }
            if let Ok(records) = RecordIter::new(&changed, budget) {
                let bytes: usize = records
                    .map_while(Result::ok)
                    .map(|record| record.value.map_or(0, |value| value.len()))
                    .sum();
                // Uncompressed records are the batch's own bytes.
                let max = budget.max(changed.len());
                assert!(bytes <= max, "{codec:?}: {bytes} bytes of values");
            }
        }
    }
    assert!(opened > 1_000, "{opened} batches could be opened");
}
