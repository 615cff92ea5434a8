//! Which records of a refused batch are to blame, in Kafka's words.
//!
//! Looked for only once the batch is refused: it is read a second time then, within what its
//! request may still cost, and only if it is small when opened.

use bytes::Bytes;
use chronik_protocol::{BatchInfo, Record, RecordFacts, RecordIter};

use super::open_room::SMALL_BYTES;
use super::{Judge, RecordError};
use crate::partition::PartitionName;
use crate::topic_settings::ProduceRules;

/// The first records that the rules refuse; none if the batch cannot be opened, is large when
/// opened, or its request has used up its allowance.
pub(super) fn find(
    batch: &Bytes,
    info: &BatchInfo,
    facts: Option<RecordFacts>,
    by: &Judge<'_>,
) -> Vec<RecordError> {
    let max = by.allowance.errors();
    if max == 0 {
        return Vec::new();
    }
    if info.records.is_none() {
        let bytes = facts.map_or(SMALL_BYTES, |facts| facts.opened_bytes);
        if bytes > SMALL_BYTES || !by.allowance.may_open() {
            return Vec::new();
        }
        by.allowance.opened(bytes);
    }
    let Ok(records) = RecordIter::new(batch, SMALL_BYTES) else {
        return Vec::new();
    };
    let found = (0..)
        .zip(records.map_while(Result::ok))
        .filter_map(|(index, record)| {
            let why = judge(&record, by.rules, by.partition, by.now)?;
            Some(RecordError { index, why })
        });
    let found: Vec<RecordError> = found.take(max).collect();
    by.allowance.named(found.len());
    found
}

fn judge(
    record: &Record,
    rules: &ProduceRules,
    partition: PartitionName<'_>,
    now: i64,
) -> Option<String> {
    let bounds = &rules.timestamps;
    if rules.keys_required && record.key.is_none() {
        return Some(format!(
            "Compacted topic cannot accept message without key in topic partition {partition}"
        ));
    }
    let is_out = record.timestamp >= 0 && !bounds.contains(record.timestamp, now);
    (!rules.log_append_time && is_out).then(|| {
        format!(
            "Timestamp {} of message with offset {} is out of range. The timestamp should be \
             within [{}, {}]",
            record.timestamp,
            record.offset,
            now.saturating_sub(bounds.before_ms),
            now.saturating_add(bounds.after_ms)
        )
    })
}
