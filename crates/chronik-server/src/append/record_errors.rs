//! Which records of a refused batch are to blame, in Kafka's words.
//!
//! Looked for only once the batch is refused: it is read a second time then.

use bytes::Bytes;
use chronik_protocol::{Record, RecordIter};

use super::{Judge, RecordError};
use crate::partition::PartitionName;
use crate::topic_settings::ProduceRules;

/// Records named in one answer.
const ERRORS_MAX: usize = 1_000;

/// The first records that the rules refuse; none if the batch cannot be opened.
pub(super) fn find(batch: &Bytes, by: &Judge<'_>) -> Vec<RecordError> {
    let found = by.room.with(|budget| {
        let records = RecordIter::new(batch, budget)?;
        let found = (0..)
            .zip(records.map_while(Result::ok))
            .filter_map(|(index, record)| {
                let why = judge(&record, by.rules, by.partition, by.now)?;
                Some(RecordError { index, why })
            });
        Ok(found.take(ERRORS_MAX).collect())
    });
    found.unwrap_or_default()
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
