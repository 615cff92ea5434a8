//! A journal record: one operation of one partition.
//!
//! ```text
//!  0 kind u8 | 1 zero [3] | 4 body length u32 | 8 topic id [16] | 24 partition i32
//! 28 zero u32 | 32 operation number u64 | 40 body
//! ```
//!
//! Numbered operations (append, truncate, reset, log start, epoch) count up from 1 per partition
//! without a gap. `create`, `state` and `delete` carry 0. A `state` says that every operation up
//! to its `covered` number is durable in the partition's own files.

use crate::batch::Batches;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use chronik_types::{Durability, LeaderEpoch, Offset, PartitionId, TopicId, TopicName, Uuid};

/// Bytes in front of a record's body.
pub(crate) const RECORD_HEADER_BYTES: usize = 40;

/// Which partition a record is of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct LogId {
    pub(crate) topic_id: TopicId,
    pub(crate) partition: PartitionId,
}

/// Up to where a partition's files are known to be durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RecoveryPoint {
    /// Exclusive.
    pub(crate) offset: Offset,
    /// The base of the segment it lies in; `None` while there is no segment.
    pub(crate) segment: Option<Offset>,
    /// Byte position in that segment.
    pub(crate) position: u64,
}

/// Everything recovery must know of a partition besides its own files and later operations.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct State {
    pub(crate) name: TopicName,
    pub(crate) class: Durability,
    /// Recovery found it damaged.
    pub(crate) offline: bool,
    /// Operations up to this number need no redo.
    pub(crate) covered: u64,
    /// The greatest operation number that stands in the journal before this: proof, after a
    /// hole, that nothing of this partition was in it.
    pub(crate) journaled: u64,
    pub(crate) recovery_point: RecoveryPoint,
    pub(crate) log_start: Offset,
}

/// An operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Record {
    /// The partition exists; nothing of it is on disk yet.
    Create { name: TopicName, class: Durability },
    /// A checkpoint.
    State(State),
    /// Whole batches from `base_offset` on, verbatim.
    Append {
        base_offset: Offset,
        batches: Batches,
    },
    /// Records from `to` on are gone.
    Truncate { to: Offset },
    /// All records are gone; the log goes on at `start`.
    Reset { start: Offset },
    /// Records below are gone.
    LogStart { start: Offset },
    /// A leader epoch begins.
    Epoch { epoch: LeaderEpoch, start: Offset },
    /// The partition is gone; its directory will be.
    Delete { name: TopicName },
}

/// A record's fixed part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RecordHeader {
    pub(crate) kind: u8,
    pub(crate) body_bytes: usize,
    pub(crate) id: LogId,
    pub(crate) operation: u64,
}

impl Record {
    fn kind(&self) -> u8 {
        match self {
            Self::Create { .. } => 1,
            Self::State(_) => 2,
            Self::Append { .. } => 3,
            Self::Truncate { .. } => 4,
            Self::Reset { .. } => 5,
            Self::LogStart { .. } => 6,
            Self::Epoch { .. } => 7,
            Self::Delete { .. } => 8,
        }
    }

    /// Appends the encoded record to `out`: a head, and for an append the batches as they are.
    pub(crate) fn encode(&self, id: LogId, operation: u64, out: &mut Vec<Bytes>) {
        let mut body = BytesMut::new();
        let mut tail = [const { Bytes::new() }; 2];
        match self {
            Self::Create { name, class } => {
                body.put_u8(class_code(*class));
                put_name(&mut body, name);
            }
            Self::State(state) => state.encode(&mut body),
            Self::Append {
                base_offset,
                batches,
            } => {
                body.put_i64(base_offset.get());
                tail = batches.pieces();
            }
            Self::Truncate { to } => body.put_i64(to.get()),
            Self::Reset { start } | Self::LogStart { start } => body.put_i64(start.get()),
            Self::Epoch { epoch, start } => {
                body.put_i32(epoch.get());
                body.put_i64(start.get());
            }
            Self::Delete { name } => put_name(&mut body, name),
        }
        let body_bytes = body.len() + tail.iter().map(Bytes::len).sum::<usize>();
        let mut head = BytesMut::with_capacity(RECORD_HEADER_BYTES + body.len());
        head.put_u8(self.kind());
        head.put_bytes(0, 3);
        head.put_u32(u32::try_from(body_bytes).expect("a batch's own length is an i32"));
        head.put_slice(id.topic_id.get().as_bytes());
        head.put_i32(id.partition.get());
        head.put_u32(0);
        head.put_u64(operation);
        head.put_slice(&body);
        out.push(head.freeze());
        out.extend(tail.into_iter().filter(|piece| !piece.is_empty()));
    }

    /// The bytes [`Record::encode`] makes of it, at most.
    pub(crate) fn encoded_bytes_max(&self) -> usize {
        RECORD_HEADER_BYTES
            + match self {
                Self::Append { batches, .. } => 8 + batches.len(),
                Self::Create { .. } | Self::State(_) | Self::Delete { .. } => 64 + 256,
                _ => 16,
            }
    }

    /// Reads a record's body; `None` if it is not one.
    pub(crate) fn decode(kind: u8, body: &Bytes) -> Option<Self> {
        let mut input = body.clone();
        let record = match kind {
            1 => Self::Create {
                class: class_of(take(&mut input, 1)?.get_u8())?,
                name: get_name(&mut input)?,
            },
            2 => Self::State(State::decode(&mut input)?),
            3 => Self::Append {
                base_offset: get_offset(&mut input)?,
                batches: Batches::verbatim(input.split_to(input.len())),
            },
            4 => Self::Truncate {
                to: get_offset(&mut input)?,
            },
            5 => Self::Reset {
                start: get_offset(&mut input)?,
            },
            6 => Self::LogStart {
                start: get_offset(&mut input)?,
            },
            7 => Self::Epoch {
                epoch: LeaderEpoch::new(take(&mut input, 4)?.get_i32()),
                start: get_offset(&mut input)?,
            },
            8 => Self::Delete {
                name: get_name(&mut input)?,
            },
            _ => return None,
        };
        input.is_empty().then_some(record)
    }
}

impl RecordHeader {
    /// Reads a record's fixed part; `None` if `bytes` ends before its body does.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut input = bytes.get(..RECORD_HEADER_BYTES)?;
        let kind = input.get_u8();
        input.advance(3);
        let body_bytes = input.get_u32() as usize;
        let mut topic = [0; 16];
        input.copy_to_slice(&mut topic);
        let partition = PartitionId::new(input.get_i32());
        input.advance(4);
        let operation = input.get_u64();
        (RECORD_HEADER_BYTES.checked_add(body_bytes)? <= bytes.len()).then_some(Self {
            kind,
            body_bytes,
            id: LogId {
                topic_id: TopicId::new(Uuid::from_bytes(topic)),
                partition,
            },
            operation,
        })
    }
}

impl State {
    fn encode(&self, out: &mut BytesMut) {
        out.put_u8(class_code(self.class));
        out.put_u8(u8::from(self.offline));
        out.put_u64(self.covered);
        out.put_u64(self.journaled);
        out.put_i64(self.recovery_point.offset.get());
        out.put_i64(self.recovery_point.segment.map_or(-1, Offset::get));
        out.put_u64(self.recovery_point.position);
        out.put_i64(self.log_start.get());
        put_name(out, &self.name);
    }

    fn decode(input: &mut Bytes) -> Option<Self> {
        let mut fixed = take(input, 50)?;
        let class = class_of(fixed.get_u8())?;
        let offline = fixed.get_u8() != 0;
        let covered = fixed.get_u64();
        let journaled = fixed.get_u64();
        let offset = fixed.get_i64();
        let segment = fixed.get_i64();
        let position = fixed.get_u64();
        let log_start = fixed.get_i64();
        Some(Self {
            name: get_name(input)?,
            class,
            offline,
            covered,
            journaled,
            recovery_point: RecoveryPoint {
                offset: Offset::new(offset),
                segment: (segment >= 0).then(|| Offset::new(segment)),
                position,
            },
            log_start: Offset::new(log_start),
        })
    }
}

fn class_code(class: Durability) -> u8 {
    match class {
        Durability::QuorumFsync => 1,
        Durability::QuorumMemory => 2,
    }
}

fn class_of(code: u8) -> Option<Durability> {
    match code {
        1 => Some(Durability::QuorumFsync),
        2 => Some(Durability::QuorumMemory),
        _ => None,
    }
}

fn put_name(out: &mut BytesMut, name: &TopicName) {
    let bytes = name.as_str().as_bytes();
    out.put_u8(u8::try_from(bytes.len()).expect("a topic name has at most 249 bytes"));
    out.put_slice(bytes);
}

fn get_name(input: &mut Bytes) -> Option<TopicName> {
    let len = usize::from(take(input, 1)?.get_u8());
    TopicName::new(std::str::from_utf8(&take(input, len)?).ok()?).ok()
}

fn get_offset(input: &mut Bytes) -> Option<Offset> {
    let value = take(input, 8)?.get_i64();
    (value >= 0).then(|| Offset::new(value))
}

fn take(input: &mut Bytes, len: usize) -> Option<Bytes> {
    (input.len() >= len).then(|| input.split_to(len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_reads_back() {
        let id = LogId {
            topic_id: TopicId::new(Uuid::from_bytes([7; 16])),
            partition: PartitionId::new(3),
        };
        let name = TopicName::new("orders").unwrap();
        let offset = Offset::new(77);
        let records = [
            Record::Create {
                name: name.clone(),
                class: Durability::QuorumMemory,
            },
            Record::State(State {
                name: name.clone(),
                class: Durability::QuorumFsync,
                offline: true,
                covered: 4,
                journaled: 9,
                recovery_point: RecoveryPoint {
                    offset,
                    segment: Some(Offset::ZERO),
                    position: 512,
                },
                log_start: Offset::new(1),
            }),
            Record::Append {
                base_offset: offset,
                batches: Batches::verbatim(Bytes::from_static(b"batches")),
            },
            Record::Truncate { to: offset },
            Record::Reset { start: offset },
            Record::LogStart { start: offset },
            Record::Epoch {
                epoch: LeaderEpoch::new(5),
                start: offset,
            },
            Record::Delete { name },
        ];
        for record in records {
            let mut out = Vec::new();
            record.encode(id, 12, &mut out);
            let bytes = Bytes::from(out.concat());
            assert!(bytes.len() <= record.encoded_bytes_max(), "{record:?}");
            let header = RecordHeader::decode(&bytes).unwrap();
            assert_eq!((header.id, header.operation), (id, 12));
            let body = bytes.slice(RECORD_HEADER_BYTES..);
            assert_eq!(Record::decode(header.kind, &body), Some(record));
            assert_eq!(RecordHeader::decode(&bytes[..bytes.len() - 1]), None);
        }
    }
}
