//! Judging batches: what one request may cost.

use chronik_protocol::BatchBuilder;
use chronik_replication::MinIsr;
use chronik_types::{TopicName, Uuid};

use super::*;
use crate::topic_settings::TimestampBounds;

/// A compacted topic's.
fn rules() -> ProduceRules {
    ProduceRules {
        min_isr: MinIsr(1),
        max_message_bytes: 1 << 30,
        keys_required: true,
        log_append_time: false,
        timestamps: TimestampBounds {
            before_ms: i64::MAX,
            after_ms: i64::MAX,
        },
        segment_bytes: 1 << 30,
        compression: None,
    }
}

/// A compressed batch of records without keys.
fn keyless(records: usize, value: usize) -> Bytes {
    let mut builder = BatchBuilder::new(Codec::Zstd);
    for _ in 0..records {
        let value = vec![7; value];
        builder.push(1, None, Some(&value), &[]).expect("fits");
    }
    builder.build().expect("builds")
}

/// How a request ends for each of its batches.
fn check(allowance: &Allowance, batches: &[Bytes]) -> Vec<Rejected> {
    let room = OpenRoom::new(32 << 20);
    let (rules, topic) = (rules(), TopicName::new("t").expect("is a name"));
    let judge = Judge {
        rules: &rules,
        room: &room,
        allowance,
        partition: PartitionName {
            topic: &topic,
            partition: PartitionId::new(0),
        },
        now: 1,
    };
    let request = |records: &Bytes| AppendRequest {
        topic: TopicId::new(Uuid::from_bytes([7; 16])),
        partition: PartitionId::new(0),
        acks: Acks::All,
        version: 9,
        records: records.clone(),
    };
    let refused = |records| judge.check(&request(records)).expect_err("has no keys");
    batches.iter().map(refused).collect()
}

fn named(refused: &[Rejected]) -> Vec<usize> {
    let named = refused.iter().map(|one| one.record_errors().len());
    named.collect()
}

#[test]
fn a_request_names_a_thousand_records_however_many_batches_are_refused() {
    let batches = vec![keyless(400, 1); 5];
    let refused = check(&Allowance::new(0), &batches);
    assert_eq!(named(&refused), [400, 400, 200, 0, 0]);
    let is_keyless = |one: &Rejected| matches!(one, Rejected::KeyMissing(_));
    assert!(refused.iter().all(is_keyless));
}

#[test]
fn a_request_opens_64_mib_of_batches_and_its_others_may_be_sent_again() {
    let batches = vec![keyless(1, 22 << 20); 6];
    let refused = check(&Allowance::new(0), &batches);
    let late = |one: &Rejected| matches!(one, Rejected::OpenedTooMuch);
    let late: Vec<bool> = refused.iter().map(late).collect();
    assert_eq!(late, [false, false, false, true, true, true]);
}

#[test]
fn a_batch_that_is_large_when_opened_is_not_opened_for_blame() {
    let refused = check(&Allowance::new(0), &[keyless(3, 1 << 20), keyless(3, 1)]);
    assert_eq!(named(&refused), [0, 3]);
}
