//! `BatchBuilder`: records in, a batch out. For clients, coordinators and tests.

use bytes::{BufMut, Bytes, BytesMut};

use super::header::{ATTRIBUTES_AT, CRC_AT, OVERHEAD, RECORDS_AT};
use super::recompress::pack;
use super::{BatchError, BatchHeader, RecordHeader, crc32c};
use crate::Codec;
use crate::varint;

/// What an idempotent producer puts on a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProducerStamp {
    /// Its id, 0 or greater.
    pub producer_id: i64,
    /// Its epoch, 0 or greater.
    pub producer_epoch: i16,
    /// Sequence number of the first record; -1 in control batches.
    pub base_sequence: i32,
}

impl ProducerStamp {
    const NONE: Self = Self {
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
    };
}

/// Collects records and writes them as one batch with sequential offsets.
#[derive(Debug)]
pub struct BatchBuilder {
    codec: Codec,
    base_offset: i64,
    leader_epoch: i32,
    producer: ProducerStamp,
    transactional: bool,
    control: bool,
    /// The records, uncompressed.
    records: BytesMut,
    count: i32,
    base_timestamp: i64,
    max_timestamp: i64,
}

impl BatchBuilder {
    /// A batch at offset 0, of no idempotent producer, with an unknown leader epoch (-1).
    pub fn new(codec: Codec) -> Self {
        Self {
            codec,
            base_offset: 0,
            leader_epoch: -1,
            producer: ProducerStamp::NONE,
            transactional: false,
            control: false,
            records: BytesMut::new(),
            count: 0,
            base_timestamp: -1,
            max_timestamp: -1,
        }
    }

    /// Sets the offset of the first record.
    #[must_use]
    pub fn base_offset(mut self, offset: i64) -> Self {
        self.base_offset = offset;
        self
    }

    /// Sets the epoch of the leader that appends the batch.
    #[must_use]
    pub fn leader_epoch(mut self, epoch: i32) -> Self {
        self.leader_epoch = epoch;
        self
    }

    /// Sets the producer.
    #[must_use]
    pub fn producer(mut self, producer: ProducerStamp) -> Self {
        self.producer = producer;
        self
    }

    /// Makes the batch part of its producer's transaction.
    #[must_use]
    pub fn transactional(mut self) -> Self {
        self.transactional = true;
        self
    }

    /// Makes the batch a marker, which clients may not send.
    #[must_use]
    pub fn control(mut self) -> Self {
        self.control = true;
        self
    }

    /// Records so far.
    pub fn count(&self) -> i32 {
        self.count
    }

    /// Bytes of the batch so far if it were not compressed.
    pub fn size(&self) -> usize {
        RECORDS_AT + self.records.len()
    }

    /// Appends a record; `timestamp` is in ms. Fails, and changes nothing, if the batch would be
    /// larger than its format can say.
    pub fn push(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[RecordHeader],
    ) -> Result<(), BatchError> {
        let base_timestamp = if self.count == 0 {
            timestamp
        } else {
            self.base_timestamp
        };
        let delta = timestamp.wrapping_sub(base_timestamp);
        let parts = headers
            .iter()
            .map(|header| nullable_len(Some(&header.key)) + nullable_len(header.value.as_deref()));
        let length = 1
            + varint::len_i64(delta)
            + varint::len_i32(self.count)
            + nullable_len(key)
            + nullable_len(value)
            + varint::len_i32(saturate(headers.len()))
            + parts.sum::<usize>();
        let max = saturate(usize::MAX) as usize;
        let size = self.size() + length + 5;
        if size > max || self.count == i32::MAX {
            return Err(BatchError::TooLarge { size, max });
        }
        let out = &mut self.records;
        varint::put_i32(out, saturate(length));
        out.put_i8(0);
        varint::put_i64(out, delta);
        varint::put_i32(out, self.count);
        put_nullable(out, key);
        put_nullable(out, value);
        varint::put_i32(out, saturate(headers.len()));
        for header in headers {
            put_nullable(out, Some(&header.key));
            put_nullable(out, header.value.as_deref());
        }
        self.max_timestamp = if self.count == 0 {
            timestamp
        } else {
            self.max_timestamp.max(timestamp)
        };
        self.base_timestamp = base_timestamp;
        self.count += 1;
        Ok(())
    }

    /// Writes the batch. Fails without records.
    pub fn build(self) -> Result<Bytes, BatchError> {
        if self.count == 0 {
            return Err(BatchError::Empty);
        }
        let packed;
        let records: &[u8] = match self.codec {
            Codec::None => &self.records,
            codec => {
                packed = pack(codec.into(), &self.records)?;
                &packed
            }
        };
        let size = RECORDS_AT + records.len();
        let length = i32::try_from(size - OVERHEAD).map_err(|_| BatchError::TooLarge {
            size,
            max: saturate(usize::MAX) as usize,
        })?;
        let mut out = BytesMut::with_capacity(size);
        out.put_i64(self.base_offset);
        out.put_i32(length);
        out.put_i32(self.leader_epoch);
        out.put_i8(2);
        out.put_u32(0);
        out.put_i16(BatchHeader::attributes_of(
            self.codec,
            self.transactional,
            self.control,
        ));
        out.put_i32(self.count - 1);
        out.put_i64(self.base_timestamp);
        out.put_i64(self.max_timestamp);
        out.put_i64(self.producer.producer_id);
        out.put_i16(self.producer.producer_epoch);
        out.put_i32(self.producer.base_sequence);
        out.put_i32(self.count);
        out.put_slice(records);
        let crc = crc32c(&out[ATTRIBUTES_AT..]);
        out[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&crc.to_be_bytes());
        Ok(out.freeze())
    }
}

fn nullable_len(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| {
        varint::len_i32(saturate(bytes.len())) + bytes.len()
    })
}

fn put_nullable(out: &mut BytesMut, bytes: Option<&[u8]>) {
    varint::put_i32(out, bytes.map_or(-1, |bytes| saturate(bytes.len())));
    out.put_slice(bytes.unwrap_or_default());
}

/// A length that `push` has checked, or will refuse because of it.
fn saturate(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}
