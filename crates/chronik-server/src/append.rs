//! From a produce's bytes to a place in the log: checks the batch, then appends it.
//!
//! The validation depth is DESIGN D2's: header, CRC, counts and timestamps always; uncompressed
//! records are walked in the same pass; compressed ones are opened only where a topic's rules
//! depend on what is inside. Keeps I14: nothing here allocates by what a batch claims.

use bytes::Bytes;
use chronik_protocol::{BatchError, BatchLimits, Codec, inspect_records, validate};
use chronik_replication::Acks;
use chronik_types::{PartitionId, TopicId};

use crate::partition::{Append, CurrentLeader, PartitionError, ProduceError};
use crate::shared::Shared;
use crate::topic_settings::ProduceRules;

/// A batch on its way into the log.
pub(crate) struct AppendRequest {
    pub(crate) topic: TopicId,
    pub(crate) partition: PartitionId,
    pub(crate) acks: Acks,
    /// The version of the Produce request: old ones may not carry zstd.
    pub(crate) version: i16,
    pub(crate) records: Bytes,
}

/// Why a batch was not appended.
#[derive(Debug)]
pub(crate) enum Rejected {
    Produce(ProduceError),
    /// There is no batch at all.
    Empty,
    /// It is not one valid batch of the current format.
    Batch(BatchError),
    /// Larger than `max.message.bytes`.
    TooLarge {
        size: usize,
        max: usize,
    },
    /// Offsets that the client chose itself: giving them is the leader's.
    BaseOffset(i64),
    /// zstd before Produce v7.
    ZstdTooEarly,
    /// A client wrote a control batch.
    Control,
    /// A transactional batch, which nothing can commit yet.
    Transactional,
    /// A record without a key for a compacted topic.
    KeyMissing,
    /// Too old or too far in the future.
    Timestamp {
        found: i64,
    },
    /// The disk's reserve is used up.
    DiskReserve,
}

impl Rejected {
    /// Who leads, where the answer is that this node does not.
    pub(crate) fn current_leader(&self) -> Option<CurrentLeader> {
        match self {
            Self::Produce(ProduceError::Partition(
                PartitionError::NotLeader(leader) | PartitionError::Epoch(_, leader),
            )) => Some(*leader),
            _ => None,
        }
    }
}

impl From<PartitionError> for Rejected {
    fn from(error: PartitionError) -> Self {
        Self::Produce(ProduceError::Partition(error))
    }
}

/// Checks and appends; what is returned may still wait for its acks.
pub(crate) fn append(node: &Shared, request: AppendRequest) -> Result<Append, Rejected> {
    let partition = node.replicas.get(request.topic, request.partition)?;
    let rules = partition.rules();
    let now = node.env.clock.wall();
    check(&request, &rules, now.as_millis())?;
    if node.disk_space.is_reserve_used(&node.env, now.as_millis()) {
        return Err(Rejected::DiskReserve);
    }
    let size = request.records.len();
    let appended = partition
        .append(request.acks, |log, leader_epoch| {
            log.append(chronik_log::AppendAsLeader {
                now,
                leader_epoch,
                batch: request.records,
            })
        })
        .map_err(Rejected::Produce)?;
    node.metrics.produced(size);
    Ok(appended)
}

fn check(request: &AppendRequest, rules: &ProduceRules, now: i64) -> Result<(), Rejected> {
    if request.records.is_empty() {
        return Err(Rejected::Empty);
    }
    let size = request.records.len();
    if size > rules.max_message_bytes {
        return Err(Rejected::TooLarge {
            size,
            max: rules.max_message_bytes,
        });
    }
    let info = validate(&request.records, &BatchLimits::default()).map_err(Rejected::Batch)?;
    if info.header.base_offset != 0 {
        return Err(Rejected::BaseOffset(info.header.base_offset));
    }
    if info.header.is_control() {
        return Err(Rejected::Control);
    }
    if info.header.is_transactional() {
        return Err(Rejected::Transactional);
    }
    if info.header.codec() == Ok(Codec::Zstd) && request.version < 7 {
        return Err(Rejected::ZstdTooEarly);
    }
    let must_open = rules.keys_required || rules.limits_timestamps();
    let facts = match info.records {
        Some(facts) => Some(facts),
        None if must_open => Some(
            inspect_records(&request.records, rules.inspect_bytes_max).map_err(Rejected::Batch)?,
        ),
        None => None,
    };
    if let Some(facts) = facts
        && rules.keys_required
        && facts.first_null_key.is_some()
    {
        return Err(Rejected::KeyMissing);
    }
    if !rules.log_append_time {
        let newest = facts.map_or(info.header.max_timestamp, |facts| facts.max_timestamp);
        let oldest = facts.map_or(info.header.base_timestamp, |facts| facts.min_timestamp);
        for found in [newest, oldest] {
            if found >= 0 && !rules.timestamps.contains(found, now) {
                return Err(Rejected::Timestamp { found });
            }
        }
    }
    Ok(())
}
