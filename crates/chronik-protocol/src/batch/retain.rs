//! Taking records out of a batch that is in a log, as compaction does.
//!
//! What stays keeps its offset, timestamp, key, value and headers, and the batch its base and
//! last offset, producer, sequence, leader epoch and codec: consumers and producers' state see no
//! difference but the missing records. Keeps I14: opened up to a budget.
//! Absent: which records stay, and the CRC of what comes in, which the caller has checked.

use bytes::{BufMut, Bytes, BytesMut};

use super::header::{
    ATTRIBUTES_AT, BASE_TIMESTAMP_AT, COUNT_AT, CRC_AT, LENGTH_AT, MAX_TIMESTAMP_AT, OVERHEAD,
    RECORDS_AT,
};
use super::record::{RawRecord, open, parse_record, timestamp};
use super::{BatchError, BatchHeader, RecordProblem, TimestampType, crc32c};
use crate::compression::{self, Failure};
use crate::{Codec, varint};

const CODEC_BITS: u8 = 0x07;
const DELETE_HORIZON_BIT: u8 = 1 << 6;

/// What decides whether a record stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoredRecord<'a> {
    /// Where it stands in the log.
    pub offset: i64,
    /// What it is about.
    pub key: Option<&'a [u8]>,
    /// False for a tombstone.
    pub has_value: bool,
}

/// A batch with its records uncompressed.
#[derive(Debug)]
pub struct OpenBatch {
    header: BatchHeader,
    /// The header's bytes.
    head: Bytes,
    records: Bytes,
}

impl OpenBatch {
    /// Opens the batch at the start of `batch`. Compressed records take at most `budget` bytes,
    /// or it fails with [`BatchError::OverBudget`]; uncompressed ones are not copied.
    pub fn new(batch: &Bytes, budget: usize) -> Result<Self, BatchError> {
        let header = BatchHeader::parse(batch)?;
        let size = header.size();
        if size > batch.len() {
            return Err(BatchError::Truncated {
                needed: size,
                left: batch.len(),
            });
        }
        let records = batch.slice(RECORDS_AT..size);
        let records = match header.codec()? {
            Codec::None => records,
            codec => Bytes::from(open(codec, &records, budget)?),
        };
        Ok(Self {
            header,
            head: batch.slice(..RECORDS_AT),
            records,
        })
    }

    /// Bytes of the records, uncompressed.
    #[must_use]
    pub fn records_bytes(&self) -> usize {
        self.records.len()
    }

    /// Visits every record in order; fails where the records are not what the header says.
    pub fn for_each(&self, mut visit: impl FnMut(StoredRecord<'_>)) -> Result<(), BatchError> {
        self.walk(|raw, _| {
            visit(StoredRecord {
                offset: self.header.base_offset + i64::from(raw.offset_delta),
                key: raw.key.clone().map(|key| &self.records[key]),
                has_value: raw.value.is_some(),
            });
            Ok(())
        })
    }

    /// The batch with those records for which `keep` says so, by their place. With a delete
    /// horizon (ms) tombstones and markers in it may go at that time; one that it has already
    /// stays. `None` if no record stays.
    pub fn retain(
        &self,
        keep: &[bool],
        delete_horizon: Option<i64>,
    ) -> Result<Option<Bytes>, BatchError> {
        let base_timestamp = delete_horizon.unwrap_or(self.header.base_timestamp);
        let moved = self.header.base_timestamp.wrapping_sub(base_timestamp);
        let mut records = BytesMut::new();
        let mut kept: i32 = 0;
        let mut max_timestamp = i64::MIN;
        let mut index = 0;
        self.walk(|raw, start| {
            if keep.get(index).copied().unwrap_or(false) {
                put_record(&mut records, &self.records[start..raw.end], moved)?;
                max_timestamp = max_timestamp.max(timestamp(&self.header, raw.timestamp_delta)?);
                kept += 1;
            }
            index += 1;
            Ok(())
        })?;
        if kept == 0 {
            return Ok(None);
        }
        if self.header.timestamp_type() == TimestampType::LogAppendTime {
            max_timestamp = self.header.max_timestamp;
        }
        let codec = self.header.codec()?;
        let records = match codec {
            Codec::None => records.freeze(),
            codec => compression::compress(codec.into(), &records)
                .map_err(|failure| failed(codec, failure))?
                .into(),
        };
        let mut out = BytesMut::with_capacity(RECORDS_AT + records.len());
        out.put_slice(&self.head);
        out.put_slice(&records);
        if delete_horizon.is_some() {
            out[ATTRIBUTES_AT + 1] |= DELETE_HORIZON_BIT;
        }
        put_i64(&mut out, BASE_TIMESTAMP_AT, base_timestamp);
        put_i64(&mut out, MAX_TIMESTAMP_AT, max_timestamp);
        out[COUNT_AT..COUNT_AT + 4].copy_from_slice(&kept.to_be_bytes());
        close(&mut out)?;
        Ok(Some(out.freeze()))
    }

    /// Visits every record and where it starts.
    fn walk(
        &self,
        mut visit: impl FnMut(&RawRecord, usize) -> Result<(), RecordProblem>,
    ) -> Result<(), BatchError> {
        let (mut position, mut last) = (0, -1);
        for index in 0..self.header.count {
            let fail = |problem| BatchError::Record { index, problem };
            let raw = parse_record(&self.records, position, |_, _| {}).map_err(fail)?;
            // Earlier compaction may have left gaps, but no other order.
            if raw.offset_delta <= last || raw.offset_delta > self.header.last_offset_delta {
                return Err(fail(RecordProblem::OffsetDelta(raw.offset_delta)));
            }
            last = raw.offset_delta;
            visit(&raw, position).map_err(fail)?;
            position = raw.end;
        }
        match self.records.len() - position {
            0 => Ok(()),
            left => Err(BatchError::TrailingBytes(left)),
        }
    }
}

/// The batch at the start of `batch` without any record, uncompressed: it stands for its
/// producer's sequence and for the offsets.
pub fn without_records(batch: &[u8]) -> Result<Bytes, BatchError> {
    BatchHeader::parse(batch)?;
    let mut out = BytesMut::from(&batch[..RECORDS_AT]);
    out[ATTRIBUTES_AT + 1] &= !(CODEC_BITS | DELETE_HORIZON_BIT);
    put_i64(&mut out, BASE_TIMESTAMP_AT, -1);
    out[COUNT_AT..COUNT_AT + 4].fill(0);
    close(&mut out)?;
    Ok(out.freeze())
}

/// Copies a record; its timestamp delta grows by `moved`.
fn put_record(out: &mut BytesMut, record: &[u8], moved: i64) -> Result<(), RecordProblem> {
    if moved == 0 {
        out.put_slice(record);
        return Ok(());
    }
    let (_, length_bytes) = varint::read_i32(record)?;
    let body = &record[length_bytes..];
    let (delta, delta_bytes) = varint::read_i64(&body[1..])?;
    let rest = &body[1 + delta_bytes..];
    let delta = delta.wrapping_add(moved);
    let length = 1 + varint::len_i64(delta) + rest.len();
    varint::put_i32(
        out,
        i32::try_from(length).map_err(|_| RecordProblem::Length(i32::MAX))?,
    );
    out.put_u8(body[0]);
    varint::put_i64(out, delta);
    out.put_slice(rest);
    Ok(())
}

/// Sets length and CRC.
fn close(out: &mut BytesMut) -> Result<(), BatchError> {
    let length = i32::try_from(out.len() - OVERHEAD).map_err(|_| BatchError::TooLarge {
        size: out.len(),
        max: usize::try_from(i32::MAX).unwrap_or(usize::MAX),
    })?;
    out[LENGTH_AT..LENGTH_AT + 4].copy_from_slice(&length.to_be_bytes());
    let crc = crc32c(&out[ATTRIBUTES_AT..]);
    out[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&crc.to_be_bytes());
    Ok(())
}

fn put_i64(out: &mut BytesMut, at: usize, value: i64) {
    out[at..at + 8].copy_from_slice(&value.to_be_bytes());
}

fn failed(codec: Codec, failure: Failure) -> BatchError {
    let message = match failure {
        Failure::OverBudget => String::new(),
        Failure::Malformed(message) => message,
    };
    BatchError::Compression {
        codec: codec.name(),
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BatchBuilder, ProducerStamp, Record, RecordHeader, RecordIter};

    fn batch(codec: Codec) -> Bytes {
        let mut builder = BatchBuilder::new(codec)
            .base_offset(40)
            .leader_epoch(3)
            .producer(ProducerStamp {
                producer_id: 7,
                producer_epoch: 1,
                base_sequence: 5,
            });
        let header = RecordHeader {
            key: Bytes::from_static(b"h"),
            value: None,
        };
        for n in 0..4_i64 {
            let value = format!("value {n}");
            let value = (n != 2).then_some(value.as_bytes());
            builder
                .push(
                    1_000 - n,
                    Some(format!("key {n}").as_bytes()),
                    value,
                    std::slice::from_ref(&header),
                )
                .unwrap();
        }
        builder.build().unwrap()
    }

    fn records(batch: &Bytes) -> Vec<Record> {
        RecordIter::new(batch, 1 << 20)
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap()
    }

    fn crc_fits(batch: &Bytes) -> bool {
        BatchHeader::parse(batch).unwrap().crc == crc32c(&batch[ATTRIBUTES_AT..])
    }

    #[test]
    fn records_that_stay_are_what_they_were_with_every_codec_and_with_a_horizon() {
        for codec in Codec::ALL {
            let before = batch(codec);
            let open = OpenBatch::new(&before, 1 << 20).unwrap();
            for horizon in [None, Some(1_700_000_000_000)] {
                let keep = [false, true, true, false];
                let after = open.retain(&keep, horizon).unwrap().unwrap();
                assert!(crc_fits(&after), "{codec:?}");
                assert_eq!(records(&after), records(&before)[1..3], "{codec:?}");
                let (old, new) = (
                    BatchHeader::parse(&before).unwrap(),
                    BatchHeader::parse(&after).unwrap(),
                );
                assert_eq!(new.size(), after.len());
                assert_eq!(new.delete_horizon(), horizon);
                assert_eq!((new.count, new.max_timestamp), (2, 999));
                let same = BatchHeader {
                    length: old.length,
                    crc: old.crc,
                    attributes: old.attributes,
                    base_timestamp: old.base_timestamp,
                    max_timestamp: old.max_timestamp,
                    count: old.count,
                    ..new
                };
                assert_eq!(same, old);
                assert_eq!(new.codec(), Ok(codec));
                let again = OpenBatch::new(&after, 1 << 20).unwrap();
                let kept = again.retain(&[false, true], None).unwrap().unwrap();
                assert_eq!(records(&kept), records(&before)[2..3]);
                let header = BatchHeader::parse(&kept).unwrap();
                assert_eq!(header.delete_horizon(), horizon, "a horizon stays");
            }
            assert_eq!(open.retain(&[false; 4], None), Ok(None));
        }
    }

    #[test]
    fn a_batch_without_records_keeps_its_offsets_and_its_producer() {
        let before = batch(Codec::Zstd);
        let after = without_records(&before).unwrap();
        assert_eq!(after.len(), BatchHeader::SIZE);
        assert!(crc_fits(&after));
        let (old, new) = (
            BatchHeader::parse(&before).unwrap(),
            BatchHeader::parse(&after).unwrap(),
        );
        assert_eq!(new.codec(), Ok(Codec::None));
        assert_eq!((new.count, new.base_timestamp), (0, -1));
        assert_eq!(new.next_offset(), old.next_offset());
        assert_eq!(
            (new.producer_id, new.producer_epoch, new.base_sequence),
            (7, 1, 5)
        );
        let mut seen = 0;
        let open = OpenBatch::new(&after, 0).unwrap();
        open.for_each(|_| seen += 1).unwrap();
        assert_eq!(seen, 0);
    }

    #[test]
    fn records_that_are_not_what_the_header_says_are_refused() {
        let whole = batch(Codec::None);
        let mut more = BytesMut::from(&whole[..]);
        more[COUNT_AT + 3] = 5;
        let open = OpenBatch::new(&more.freeze(), 0).unwrap();
        assert!(open.for_each(|_| {}).is_err());
        let mut fewer = BytesMut::from(&whole[..]);
        fewer[COUNT_AT + 3] = 3;
        let open = OpenBatch::new(&fewer.freeze(), 0).unwrap();
        assert!(matches!(
            open.retain(&[true; 3], None),
            Err(BatchError::TrailingBytes(_))
        ));
        let packed = batch(Codec::Gzip);
        assert!(matches!(
            OpenBatch::new(&packed, 10),
            Err(BatchError::OverBudget { .. })
        ));
    }
}
