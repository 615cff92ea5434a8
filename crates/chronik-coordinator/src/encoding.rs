//! Records of `__consumer_offsets`: bytes to facts and back.
//!
//! ```text
//! key:   i16 type, message   type 0, 1 an offset; 2 a group; 3 and above other kinds of groups
//! value: i16 version, message; none is a tombstone
//! ```
//!
//! Written as Kafka 4.3 writes them, read in all versions that it reads.

use std::fmt;

use bytes::Bytes;
use chronik_protocol::generated::{
    GroupMetadataKey, GroupMetadataValue, LegacyOffsetCommitKey, OffsetCommitKey, OffsetCommitValue,
};
use chronik_protocol::{DecodeError, Decoder, EncodeError, Encoder, Limits, Message};

/// A record to append. Its timestamp is the time of the call that made it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// What compaction goes by.
    pub key: Bytes,
    /// None is a tombstone.
    pub value: Option<Bytes>,
}

impl Record {
    /// Key and value, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, Bytes::len)
    }
}

/// What a record of the log did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Replayed {
    /// An offset was committed.
    OffsetCommitted,
    /// An offset was deleted.
    OffsetDeleted,
    /// A group's metadata was stored.
    GroupStored,
    /// A group was deleted.
    GroupDeleted,
    /// The record is of another kind of group, by its type; nothing was done.
    Skipped(i16),
}

/// A record that cannot be read. Nothing was done; the log is good for the rest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReplayError {
    /// There is no key.
    NoKey,
    /// No record of `__consumer_offsets` has this type.
    UnknownType(i16),
    /// The value is in a version that is not known.
    UnknownVersion {
        /// The type of the record.
        record_type: i16,
        /// The version.
        version: i16,
    },
    /// Bytes that do not say what their type promises.
    Malformed(DecodeError),
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKey => f.write_str("the record has no key"),
            Self::UnknownType(record_type) => write!(f, "the record type {record_type} is unknown"),
            Self::UnknownVersion {
                record_type,
                version,
            } => write!(
                f,
                "the value of record type {record_type} has the unknown version {version}"
            ),
            Self::Malformed(error) => write!(f, "the record is malformed: {error}"),
        }
    }
}

impl std::error::Error for ReplayError {}

impl From<DecodeError> for ReplayError {
    fn from(error: DecodeError) -> Self {
        Self::Malformed(error)
    }
}

/// The newest type of record of any kind of group.
const NEWEST_TYPE: i16 = 23;
/// The version in which offsets are written.
const OFFSET_VERSION: i16 = 4;
/// The version in which group metadata is written: the newest without tagged fields.
const GROUP_VERSION: i16 = 3;

/// A record of the log, read.
#[derive(Debug)]
pub(crate) enum Fact {
    Offset(OffsetCommitKey, Option<OffsetCommitValue>),
    Group(GroupMetadataKey, Option<GroupMetadataValue>),
    Other(i16),
}

pub(crate) fn read(key: Option<&Bytes>, value: Option<&Bytes>) -> Result<Fact, ReplayError> {
    let mut d = Decoder::new(key.ok_or(ReplayError::NoKey)?.clone(), Limits::default());
    let record_type: i16 = d.read()?;
    match record_type {
        LegacyOffsetCommitKey::RECORD_TYPE => {
            let key = LegacyOffsetCommitKey::decode(&mut d, 0)?;
            let key = OffsetCommitKey {
                group: key.group,
                topic: key.topic,
                partition: key.partition,
            };
            Ok(Fact::Offset(key, read_value(record_type, value)?))
        }
        OffsetCommitKey::RECORD_TYPE => {
            let key = OffsetCommitKey::decode(&mut d, 0)?;
            Ok(Fact::Offset(key, read_value(record_type, value)?))
        }
        GroupMetadataKey::RECORD_TYPE => {
            let key = GroupMetadataKey::decode(&mut d, 0)?;
            Ok(Fact::Group(key, read_value(record_type, value)?))
        }
        3..=NEWEST_TYPE => Ok(Fact::Other(record_type)),
        _ => Err(ReplayError::UnknownType(record_type)),
    }
}

fn read_value<M: Message>(
    record_type: i16,
    value: Option<&Bytes>,
) -> Result<Option<M>, ReplayError> {
    let Some(value) = value else {
        return Ok(None);
    };
    let mut d = Decoder::new(value.clone(), Limits::default());
    let version: i16 = d.read()?;
    if !M::VERSIONS.contains(&version) {
        return Err(ReplayError::UnknownVersion {
            record_type,
            version,
        });
    }
    Ok(Some(M::decode(&mut d, version)?))
}

/// The record of a committed offset.
pub(crate) fn offset(
    key: &OffsetCommitKey,
    value: &OffsetCommitValue,
) -> Result<Record, EncodeError> {
    // Only v1 can say when an offset expires.
    let version = match value.expire_timestamp {
        ..0 => OFFSET_VERSION,
        _ => 1,
    };
    Ok(Record {
        key: tagged(OffsetCommitKey::RECORD_TYPE, key, 0)?,
        value: Some(tagged(version, value, version)?),
    })
}

/// The tombstone of a committed offset.
pub(crate) fn offset_tombstone(key: &OffsetCommitKey) -> Result<Record, EncodeError> {
    Ok(Record {
        key: tagged(OffsetCommitKey::RECORD_TYPE, key, 0)?,
        value: None,
    })
}

/// The record of a group, or its tombstone.
pub(crate) fn group(
    key: &GroupMetadataKey,
    value: Option<&GroupMetadataValue>,
) -> Result<Record, EncodeError> {
    let value = value.map(|value| tagged(GROUP_VERSION, value, GROUP_VERSION));
    Ok(Record {
        key: tagged(GroupMetadataKey::RECORD_TYPE, key, 0)?,
        value: value.transpose()?,
    })
}

/// A message with its type or version before it.
fn tagged<M: Message>(tag: i16, message: &M, version: i16) -> Result<Bytes, EncodeError> {
    let mut e = Encoder::with_capacity(64);
    e.write(&tag)?;
    message.encode(&mut e, version)?;
    Ok(e.finish().into_bytes())
}
