//! Recompression: a produced batch in another codec, as `compression.type` of its topic asks.
//!
//! Keeps I14: what is opened takes at most the caller's budget. Offsets, timestamps and producer
//! stay as they are; the greatest timestamp is the one found, as in Kafka.

use bytes::{BufMut, Bytes, BytesMut};

use super::header::{ATTRIBUTES_AT, CRC_AT, LENGTH_AT, OVERHEAD, RECORDS_AT};
use super::record::open;
use super::validate::walk;
use super::{BatchError, BatchHeader, RecordFacts, TimestampType, crc32c, set_max_timestamp};
use crate::compression::{self, Codec, Compression, Failure};

/// The bits of the attributes that say the codec.
const CODEC_BITS: i16 = 0x07;

/// Compresses records.
pub(super) fn pack(how: Compression, records: &[u8]) -> Result<Vec<u8>, BatchError> {
    compression::compress(how, records).map_err(|failure| BatchError::Compression {
        codec: how.codec.name(),
        message: match failure {
            Failure::OverBudget => String::new(),
            Failure::Malformed(message) => message,
        },
    })
}

/// The batch, which [`super::validate()`] passed, compressed in another way, with what was seen of
/// its records. They are opened up to `budget` bytes, or it fails with
/// [`BatchError::OverBudget`].
pub fn recompress(
    batch: &Bytes,
    how: Compression,
    budget: usize,
) -> Result<(Bytes, RecordFacts), BatchError> {
    let header = BatchHeader::parse(batch)?;
    let size = header.size();
    let packed = batch.get(RECORDS_AT..size).ok_or(BatchError::Truncated {
        needed: size,
        left: batch.len(),
    })?;
    let opened;
    let records = match header.codec()? {
        Codec::None => packed,
        codec => {
            opened = open(codec, packed, budget)?;
            &opened
        }
    };
    let facts = walk(&header, records)?;
    let mut out = BytesMut::with_capacity(size);
    out.put_slice(&batch[..RECORDS_AT]);
    match how.codec {
        Codec::None => out.put_slice(records),
        _ => out.put_slice(&pack(how, records)?),
    }
    let size = out.len();
    let length = i32::try_from(size - OVERHEAD).map_err(|_| BatchError::TooLarge {
        size,
        max: i32::MAX as usize,
    })?;
    let attributes = (header.attributes & !CODEC_BITS) | i16::from(how.codec.id());
    out[LENGTH_AT..LENGTH_AT + 4].copy_from_slice(&length.to_be_bytes());
    out[ATTRIBUTES_AT..ATTRIBUTES_AT + 2].copy_from_slice(&attributes.to_be_bytes());
    match header.timestamp_type() {
        TimestampType::CreateTime => {
            set_max_timestamp(&mut out, TimestampType::CreateTime, facts.max_timestamp);
        }
        TimestampType::LogAppendTime => {
            let crc = crc32c(&out[ATTRIBUTES_AT..]);
            out[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&crc.to_be_bytes());
        }
    }
    Ok((out.freeze(), facts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BatchBuilder, BatchLimits, ProducerStamp, RecordIter, validate};

    fn batch(codec: Codec) -> Bytes {
        let mut builder = BatchBuilder::new(codec).producer(ProducerStamp {
            producer_id: 7,
            producer_epoch: 1,
            base_sequence: 42,
        });
        for n in 0..200 {
            let value = format!("value {n} of a batch that packs well");
            let key = Some(b"k".as_slice());
            builder
                .push(1_000 + n, key, Some(value.as_bytes()), &[])
                .expect("fits");
        }
        builder.build().expect("builds")
    }

    #[test]
    fn a_batch_in_another_codec_holds_the_same_records_of_the_same_producer() {
        let read = |batch: &Bytes| -> Vec<_> {
            let records = RecordIter::new(batch, 1 << 20).expect("opens");
            records.map(|record| record.expect("a record")).collect()
        };
        for from in Codec::ALL {
            for to in Codec::ALL {
                let before = batch(from);
                let (after, facts) = recompress(&before, to.into(), 1 << 20).expect("packs");
                let info = validate(&after, &BatchLimits::default()).expect("is valid");
                assert_eq!(info.header.codec(), Ok(to));
                assert_eq!(info.header.base_sequence, 42);
                assert_eq!(facts.max_timestamp, 1_199);
                assert!(read(&before) == read(&after), "{from:?} to {to:?}");
            }
        }
    }

    #[test]
    fn a_higher_level_packs_more() {
        let size = |codec, level| {
            let how = Compression {
                codec,
                level: Some(level),
            };
            recompress(&batch(Codec::None), how, 0)
                .expect("packs")
                .0
                .len()
        };
        assert!(size(Codec::Gzip, 9) < size(Codec::Gzip, 1));
        assert!(size(Codec::Zstd, 19) < size(Codec::Zstd, -50));
    }

    #[test]
    fn what_opens_to_more_than_the_budget_is_refused() {
        let refused = recompress(&batch(Codec::Zstd), Codec::None.into(), 1_000);
        assert!(matches!(
            refused,
            Err(BatchError::OverBudget { budget: 1_000 })
        ));
    }
}
