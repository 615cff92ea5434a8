//! Batches that are right, broken in one place each, or random; I14 for what strangers produce.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::Codec;

const LIMITS: BatchLimits = BatchLimits {
    size_max: 1 << 20,
    records_max: 1_000_000,
};

type Plain = (
    i64,
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    Vec<(Vec<u8>, Option<Vec<u8>>)>,
);

fn headers(plain: &Plain) -> Vec<RecordHeader> {
    let headers = plain.3.iter().map(|(key, value)| RecordHeader {
        key: Bytes::from(key.clone()),
        value: value.clone().map(Bytes::from),
    });
    headers.collect()
}

fn build(builder: BatchBuilder, records: &[Plain]) -> Bytes {
    let mut builder = builder;
    for plain in records {
        let (timestamp, key, value, _) = plain;
        builder
            .push(
                *timestamp,
                key.as_deref(),
                value.as_deref(),
                &headers(plain),
            )
            .expect("fits");
    }
    builder.build().expect("has records")
}

/// Three records whose newest is the second, the last without a key.
fn sample(codec: Codec) -> Vec<u8> {
    let records = [
        (1000, Some(b"a".to_vec()), Some(b"1".to_vec()), vec![]),
        (1200, Some(b"b".to_vec()), None, vec![(b"h".to_vec(), None)]),
        (1100, None, Some(vec![7; 300]), vec![]),
    ];
    build(BatchBuilder::new(codec).base_offset(5), &records).to_vec()
}

/// Puts the length and the CRC right after a change.
fn mend(batch: &mut [u8]) {
    let length = u32::try_from(batch.len() - 12).expect("small");
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    let crc = crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
}

fn refusal(change: impl FnOnce(&mut Vec<u8>)) -> BatchError {
    let mut batch = sample(Codec::None);
    change(&mut batch);
    validate(&batch, &LIMITS).expect_err("must be refused")
}

#[test]
fn the_crc_is_castagnolis() {
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
}

#[test]
fn a_batch_is_these_bytes() {
    let producer = ProducerStamp {
        producer_id: 9,
        producer_epoch: 2,
        base_sequence: 4,
    };
    let builder = BatchBuilder::new(Codec::None)
        .base_offset(3)
        .leader_epoch(1)
        .producer(producer)
        .transactional();
    let records = [(1000, None, Some(b"v".to_vec()), vec![(b"k".to_vec(), None)])];
    let batch = build(builder, &records);
    let hex: String = batch.iter().map(|byte| format!("{byte:02x}")).collect();
    expect_test::expect!["00000000000000030000003c00000001028742586500100000000000000000000003e800000000000003e80000000000000009000200000004000000011400000001027602026b01"].assert_eq(&hex);
}

#[test]
fn a_good_batch_passes_and_its_records_are_seen_unless_compressed() {
    for codec in Codec::ALL {
        let batch = sample(codec);
        let info = validate(&batch, &LIMITS).expect("good");
        assert_eq!((info.header.base_offset, info.header.last_offset()), (5, 7));
        assert_eq!(
            (info.header.base_timestamp, info.header.max_timestamp),
            (1000, 1200)
        );
        assert_eq!(info.header.codec(), Ok(codec));
        let facts = RecordFacts {
            min_timestamp: 1000,
            max_timestamp: 1200,
            max_timestamp_offset_delta: 1,
            first_null_key: Some(2),
            opened_bytes: sample(Codec::None).len() - BatchHeader::SIZE,
        };
        assert_eq!(info.records, (codec == Codec::None).then_some(facts));
        assert_eq!(inspect_records(&batch, 1000), Ok(facts));
        if codec != Codec::None {
            assert_eq!(
                inspect_records(&batch, 100),
                Err(BatchError::OverBudget { budget: 100 })
            );
        }
    }
}

#[test]
fn what_is_not_exactly_one_batch_is_told_apart() {
    let size = sample(Codec::None).len();
    assert_eq!(
        refusal(|batch| batch.extend_from_within(..)),
        BatchError::MoreThanOneBatch {
            size,
            buffer: 2 * size
        }
    );
    assert_eq!(
        refusal(|batch| batch.truncate(size - 1)),
        BatchError::Truncated {
            needed: size,
            left: size - 1
        }
    );
    assert_eq!(
        refusal(Vec::clear),
        BatchError::Truncated {
            needed: 61,
            left: 0
        }
    );
    assert_eq!(refusal(|batch| batch[16] = 1), BatchError::OldMagic(1));
    assert_eq!(refusal(|batch| batch[16] = 3), BatchError::UnknownMagic(3));
    assert_eq!(
        refusal(|batch| batch[8..12].fill(0xff)),
        BatchError::Length(-1)
    );
    assert_eq!(refusal(|batch| batch[8..12].fill(0)), BatchError::Length(0));
    let small = BatchLimits {
        size_max: size - 1,
        ..LIMITS
    };
    assert_eq!(
        validate(&sample(Codec::None), &small),
        Err(BatchError::TooLarge {
            size,
            max: size - 1
        })
    );
}

#[test]
fn every_byte_that_the_crc_covers_is_covered() {
    let good = sample(Codec::None);
    for at in 17..good.len() {
        let mut batch = good.clone();
        batch[at] ^= 0x10;
        assert!(
            matches!(validate(&batch, &LIMITS), Err(BatchError::Crc { .. })),
            "byte {at}"
        );
    }
}

#[test]
fn attributes_counts_and_sequences_are_checked() {
    let mended = |at: usize, value: u8| {
        refusal(|batch| {
            batch[at] = value;
            mend(batch);
        })
    };
    assert_eq!(mended(22, 5), BatchError::Codec(5));
    assert_eq!(
        mended(60, 2),
        BatchError::Count {
            count: 2,
            last_offset_delta: 2
        }
    );
    assert_eq!(
        mended(26, 9),
        BatchError::Count {
            count: 3,
            last_offset_delta: 9
        }
    );
    assert_eq!(
        mended(57, 0x80),
        BatchError::Count {
            count: i32::MIN + 3,
            last_offset_delta: 2
        }
    );
    let few = BatchLimits {
        records_max: 2,
        ..LIMITS
    };
    assert!(matches!(
        validate(&sample(Codec::None), &few),
        Err(BatchError::Count { .. })
    ));
    assert_eq!(
        refusal(|batch| {
            batch[43..51].fill(0);
            mend(batch);
        }),
        BatchError::BaseSequence {
            producer_id: 0,
            base_sequence: -1
        }
    );
}

#[test]
fn an_lz4_frame_that_java_cannot_read_is_refused() {
    let mut builder = BatchBuilder::new(Codec::Lz4);
    builder.push(0, None, Some(b"value"), &[]).expect("fits");
    let good = builder.build().expect("has a record");
    assert!(validate(&good, &LIMITS).is_ok());
    // Byte 4 of the frame: version in two bits, then whether blocks are independent.
    for (at, bits) in [(4, 0b0010_0000), (4, 0b1000_0000), (0, 1)] {
        let mut bad = good.to_vec();
        bad[header::RECORDS_AT + at] ^= bits;
        let crc = crc32c(&bad[header::ATTRIBUTES_AT..]);
        bad[header::CRC_AT..header::ATTRIBUTES_AT].copy_from_slice(&crc.to_be_bytes());
        let refused = validate(&bad, &LIMITS);
        let is_lz4 = matches!(&refused, Err(BatchError::Compression { codec: "lz4", .. }));
        assert!(is_lz4, "{at} {bits}: {refused:?}");
    }
}

#[test]
fn a_malformed_record_is_named() {
    // The first record: length, attributes, timestamp, offset, key of one byte at 65, value.
    let changed = |at: usize, value: u8| {
        refusal(|batch| {
            batch[at] = value;
            mend(batch);
        })
    };
    let record = |index, problem| BatchError::Record { index, problem };
    assert_eq!(changed(64, 2), record(0, RecordProblem::OffsetDelta(1)));
    assert_eq!(changed(65, 3), record(0, RecordProblem::Length(-2)));
    assert_eq!(changed(65, 0x40), record(0, RecordProblem::Truncated));
    assert_eq!(changed(61, 1), record(0, RecordProblem::Length(-1)));
    assert_eq!(changed(69, 1), record(0, RecordProblem::Length(-1)));
    assert_eq!(changed(67, 0), record(0, RecordProblem::Length(-25)));
    assert_eq!(
        refusal(|batch| {
            batch.truncate(batch.len() - 1);
            mend(batch);
        }),
        record(2, RecordProblem::Truncated)
    );
    assert_eq!(
        refusal(|batch| {
            batch.push(0);
            mend(batch);
        }),
        BatchError::TrailingBytes(1)
    );
}

#[test]
fn a_leader_rewrites_the_position_without_and_the_time_with_the_crc() {
    let mut batch = sample(Codec::Lz4);
    rewrite_base_offset_and_epoch(&mut batch, 1 << 40, 77);
    let header = validate(&batch, &LIMITS)
        .expect("the crc still fits")
        .header;
    assert_eq!(
        (header.base_offset, header.partition_leader_epoch),
        (1 << 40, 77)
    );
    assert_eq!(header.next_offset(), (1 << 40) + 3);

    set_log_append_time(&mut batch, 5555);
    let header = validate(&batch, &LIMITS)
        .expect("the crc fits again")
        .header;
    assert_eq!(header.timestamp_type(), TimestampType::LogAppendTime);
    let records = RecordIter::new(&Bytes::from(batch.clone()), 1000).expect("opens");
    assert!(
        records
            .map(Result::unwrap)
            .all(|record| record.timestamp == 5555)
    );
    assert_eq!(
        inspect_records(&batch, 1000).map(|facts| facts.max_timestamp),
        Ok(5555)
    );

    set_max_timestamp(&mut batch, TimestampType::CreateTime, 1200);
    rewrite_base_offset_and_epoch(&mut batch, 5, -1);
    assert_eq!(batch, sample(Codec::Lz4));
}

#[test]
fn markers_and_transactions_are_flagged() {
    let batch = build(
        BatchBuilder::new(Codec::None).control().transactional(),
        &[(1, Some(vec![0, 0, 0, 0]), Some(vec![0; 6]), vec![])],
    );
    let header = validate(&batch, &LIMITS).expect("good").header;
    assert!(header.is_control() && header.is_transactional() && !header.has_producer());
    assert_eq!(header.delete_horizon(), None);
    assert_eq!(
        BatchBuilder::new(Codec::None).build(),
        Err(BatchError::Empty)
    );
}

#[test]
fn batches_in_a_row_are_found_up_to_the_one_that_is_cut_off() {
    let one = sample(Codec::None);
    let two = sample(Codec::Zstd);
    let mut log = [one.as_slice(), &two, &one].concat();
    for cut in 0..one.len() {
        let end = log.len() - one.len() + cut;
        let mut batches = BatchIter::new(&log[..end]);
        let starts: Vec<usize> = batches
            .by_ref()
            .map(|batch| batch.expect("good").0)
            .collect();
        assert_eq!(starts, [0, one.len()]);
        assert_eq!(batches.position(), one.len() + two.len());
    }
    log[one.len() + 16] = 0;
    let batches: Vec<_> = BatchIter::new(&log)
        .map(|batch| batch.map(|(at, _)| at))
        .collect();
    assert_eq!(batches, [Ok(0), Err(BatchError::OldMagic(0))]);
}

#[test]
fn a_bomb_ends_at_its_budget() {
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let batch = build(
            BatchBuilder::new(codec),
            &[(0, None, Some(vec![0; 20 << 20]), vec![])],
        );
        assert!(batch.len() < 1 << 20, "{codec:?}: {}", batch.len());
        assert!(validate(&batch, &LIMITS).is_ok());
        let budget = 1 << 20;
        let opened = RecordIter::new(&batch, budget).map(|_| ());
        assert_eq!(opened, Err(BatchError::OverBudget { budget }), "{codec:?}");
    }
}

fn plain() -> impl Strategy<Value = Plain> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..200);
    let headers = prop::collection::vec((bytes(), prop::option::of(bytes())), 0..3);
    let timestamp = 0..1i64 << 45;
    (
        timestamp,
        prop::option::of(bytes()),
        prop::option::of(bytes()),
        headers,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn records_read_back_from_every_codec(
        records in prop::collection::vec(plain(), 1..30),
        base_offset in 0..i64::MAX / 2,
    ) {
        for codec in Codec::ALL {
            let batch = build(BatchBuilder::new(codec).base_offset(base_offset), &records);
            let info = validate(&batch, &LIMITS).expect("good");
            prop_assert_eq!(info.header.size(), batch.len());
            let facts = inspect_records(&batch, 1 << 20).expect("good");
            prop_assert_eq!(facts.max_timestamp, info.header.max_timestamp);
            let read: Vec<Record> = RecordIter::new(&batch, 1 << 20)
                .expect("opens")
                .map(|record| record.expect("good"))
                .collect();
            prop_assert_eq!(read.len(), records.len());
            for (index, (record, plain)) in read.into_iter().zip(&records).enumerate() {
                let expected = Record {
                    offset: base_offset + index as i64,
                    timestamp: plain.0,
                    key: plain.1.clone().map(Bytes::from),
                    value: plain.2.clone().map(Bytes::from),
                    headers: headers(plain),
                };
                prop_assert_eq!(record, expected);
            }
        }
    }

    #[test]
    fn a_changed_byte_behind_a_mended_crc_panics_no_reader(
        codec in prop::sample::select(Codec::ALL.to_vec()),
        at in 21usize..400,
        value: u8,
    ) {
        let mut batch = sample(codec);
        let at = 21 + at % (batch.len() - 21);
        batch[at] = value;
        mend(&mut batch);
        let _ = validate(&batch, &LIMITS);
        let _ = inspect_records(&batch, 10_000);
        if let Ok(records) = RecordIter::new(&Bytes::from(batch), 10_000) {
            let _ = records.count();
        }
    }
}
