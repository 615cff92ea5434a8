//! Offsets by timestamp, as ListOffsets asks for them.

use bytes::Bytes;
use chronik_protocol::RecordIter;
use chronik_types::{LeaderEpoch, Offset, Timestamp};

use super::PartitionLog;
use crate::batch::Header;
use crate::error::ReadError;

/// The bit of a batch's attributes that says its timestamps are the broker's.
const LOG_APPEND_TIME: i16 = 0x08;
/// Bytes that the records of one batch may take when they are looked into.
const OPEN_BYTES_MAX: usize = 64 << 20;

impl PartitionLog {
    /// The first record whose timestamp is `wanted` or later, among batches that end below `upto`
    /// (exclusive), with its timestamp and leader epoch. With `LogAppendTime` all records of a
    /// batch have the batch's.
    pub fn offset_for_timestamp(
        &self,
        wanted: Timestamp,
        upto: Offset,
    ) -> Result<Option<(Offset, Timestamp, LeaderEpoch)>, ReadError> {
        let wanted = wanted.as_millis();
        let mut found = None;
        let mut state = self.lock();
        let log_start = state.log_start;
        let disk = &*self.shared.env.disk;
        for segment in &mut state.segments {
            if segment.max_timestamp.is_none_or(|max| max.0 < wanted) {
                continue;
            }
            // Every batch up to the last time entry below `wanted` is too old.
            let before = segment
                .times
                .last_where(disk, |entry| entry.timestamp < wanted)?;
            let from = match before {
                None => None,
                Some(before) => segment
                    .offsets
                    .last_where(disk, |entry| entry.relative <= before.relative)?,
            };
            let position = from.map_or(0, |entry| u64::from(entry.position));
            segment.scan(&self.shared, position, |_, header, bytes| {
                if header.next_offset() > upto {
                    return false;
                }
                if header.max_timestamp >= wanted && header.last_offset() >= log_start {
                    found = first_record(header, bytes, wanted, log_start);
                }
                found.is_none()
            })?;
            if found.is_some() {
                break;
            }
        }
        Ok(found)
    }

    /// The greatest timestamp among batches that end below `upto` (exclusive), with the offset of
    /// the first record that has it (with `LogAppendTime` the last of its batch, as in Kafka).
    pub fn max_timestamp(&self, upto: Offset) -> Result<Option<(Offset, Timestamp)>, ReadError> {
        let Some((last_offset, timestamp)) = self.newest_batch(upto)? else {
            return Ok(None);
        };
        let batch = self.read(last_offset, 0, upto, true)?.batches;
        let offset = Header::parse(&batch)
            .filter(|header| header.attributes & LOG_APPEND_TIME == 0)
            .and_then(|_| record_at_or_after(&batch, timestamp.as_millis(), Offset::ZERO))
            .map_or(last_offset, |(offset, _)| offset);
        Ok(Some((offset, timestamp)))
    }

    /// The last offset of the first batch with the greatest timestamp below `upto`.
    fn newest_batch(&self, upto: Offset) -> Result<Option<(Offset, Timestamp)>, ReadError> {
        let mut state = self.lock();
        let log_end = state.log_end;
        let mut greatest: Option<(i64, Offset)> = None;
        for segment in &mut state.segments {
            let whole = segment.max_timestamp.filter(|_| upto >= log_end);
            match whole {
                Some(max) if greatest.is_none_or(|greatest| max.0 > greatest.0) => {
                    greatest = Some(max);
                }
                Some(_) => {}
                None => {
                    segment.scan_headers(&self.shared, 0, |header, _| {
                        if header.next_offset() > upto {
                            return false;
                        }
                        if greatest.is_none_or(|greatest| header.max_timestamp > greatest.0) {
                            greatest = Some((header.max_timestamp, header.last_offset()));
                        }
                        true
                    })?;
                }
            }
        }
        Ok(greatest.map(|(timestamp, offset)| (offset, Timestamp::from_millis(timestamp))))
    }
}

fn first_record(
    header: &Header,
    batch: &[u8],
    wanted: i64,
    log_start: Offset,
) -> Option<(Offset, Timestamp, LeaderEpoch)> {
    let answer = |offset, timestamp| {
        Some((
            offset,
            Timestamp::from_millis(timestamp),
            header.leader_epoch,
        ))
    };
    if header.attributes & LOG_APPEND_TIME != 0 {
        return answer(header.base_offset.max(log_start), header.max_timestamp);
    }
    let batch = Bytes::copy_from_slice(batch);
    let (offset, timestamp) = record_at_or_after(&batch, wanted, log_start)?;
    answer(offset, timestamp)
}

/// The first record of a batch, whatever its codec, with at least this timestamp. `None` also for
/// a batch whose records cannot be opened: it was stored as its producer compressed it.
fn record_at_or_after(batch: &Bytes, wanted: i64, log_start: Offset) -> Option<(Offset, i64)> {
    RecordIter::new(batch, OPEN_BYTES_MAX)
        .ok()?
        .map_while(Result::ok)
        .map(|record| (Offset::new(record.offset), record.timestamp))
        .find(|(offset, timestamp)| *timestamp >= wanted && *offset >= log_start)
}
