//! From a produce's bytes to a place in the log: checks the batch, then appends it.
//!
//! The validation depth is DESIGN D2's: header, CRC, counts and timestamps always; uncompressed
//! records are walked in the same pass; compressed ones are opened only where a topic's rules
//! depend on what is inside, or where its codec is another one. Keeps I14: nothing here allocates
//! by what a batch claims.

mod allowance;
mod open_room;
mod record_errors;

use bytes::Bytes;
use chronik_protocol::{
    BatchError, BatchInfo, BatchLimits, Codec, Compression, RecordFacts, inspect_records,
    recompress, validate,
};
use chronik_replication::Acks;
use chronik_types::{PartitionId, TopicId};

pub(crate) use allowance::Allowance;
pub(crate) use open_room::OpenRoom;

use crate::partition::{Append, CurrentLeader, PartitionError, PartitionName, ProduceError};
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
    /// Larger than `segment.bytes`.
    LargerThanSegment {
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
    /// Records without a key for a compacted topic.
    KeyMissing(Vec<RecordError>),
    /// Too old or too far in the future.
    Timestamp(Vec<RecordError>),
    /// The disk's reserve is used up.
    DiskReserve,
    /// It must be opened, and its request's other batches took all that may be opened for one.
    OpenedTooMuch,
}

/// What is wrong with one record of a batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct RecordError {
    /// Its place in the batch, from 0.
    pub(crate) index: i32,
    /// For people.
    pub(crate) why: String,
}

impl Rejected {
    /// The records that are to blame, as far as they are known.
    pub(crate) fn record_errors(&self) -> &[RecordError] {
        match self {
            Self::KeyMissing(errors) | Self::Timestamp(errors) => errors,
            Self::Produce(_)
            | Self::Empty
            | Self::Batch(_)
            | Self::TooLarge { .. }
            | Self::LargerThanSegment { .. }
            | Self::BaseOffset(_)
            | Self::ZstdTooEarly
            | Self::Control
            | Self::Transactional
            | Self::DiskReserve
            | Self::OpenedTooMuch => &[],
        }
    }

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

/// Checks and appends; what is returned may still wait for its acks. What it costs is taken from
/// its request's allowance.
pub(crate) fn append(
    node: &Shared,
    allowance: &Allowance,
    request: AppendRequest,
) -> Result<Append, Rejected> {
    let partition = node.replicas.get(request.topic, request.partition)?;
    let rules = partition.rules();
    let now = node.env.clock.wall();
    let judge = Judge {
        rules: &rules,
        room: &node.open_room,
        allowance,
        partition: partition.name(),
        now: now.as_millis(),
    };
    let batch = judge.check(&request)?;
    if node.disk_space.is_reserve_used(&node.env, now.as_millis()) {
        return Err(Rejected::DiskReserve);
    }
    let size = batch.len();
    let appended = partition
        .append(request.acks, |log, leader_epoch| {
            log.append(chronik_log::AppendAsLeader {
                now,
                leader_epoch,
                batch,
            })
        })
        .map_err(Rejected::Produce)?;
    node.metrics.produced(size);
    Ok(appended)
}

/// What a batch is judged by.
struct Judge<'a> {
    rules: &'a ProduceRules,
    room: &'a OpenRoom,
    allowance: &'a Allowance,
    partition: PartitionName<'a>,
    /// Milliseconds since 1970.
    now: i64,
}

impl Judge<'_> {
    /// Judges a batch by its topic's rules; what is to be stored.
    fn check(&self, request: &AppendRequest) -> Result<Bytes, Rejected> {
        let rules = self.rules;
        check_size(request.records.len(), rules)?;
        let info = validate(&request.records, &BatchLimits::default()).map_err(Rejected::Batch)?;
        check_header(request, &info)?;
        let (batch, facts) = self.open(request, &info)?;
        let blame = || record_errors::find(&request.records, &info, facts, self);
        // A batch that is wrong in both ways is refused for its timestamps.
        if !rules.log_append_time {
            let newest = facts.map_or(info.header.max_timestamp, |facts| facts.max_timestamp);
            let oldest = facts.map_or(info.header.base_timestamp, |facts| facts.min_timestamp);
            let is_out = |found| found >= 0 && !rules.timestamps.contains(found, self.now);
            if is_out(newest) || is_out(oldest) {
                return Err(Rejected::Timestamp(blame()));
            }
        }
        if let Some(facts) = facts
            && rules.keys_required
            && facts.first_null_key.is_some()
        {
            return Err(Rejected::KeyMissing(blame()));
        }
        // It may have grown.
        check_size(batch.len(), rules)?;
        Ok(batch)
    }

    /// The batch in its topic's codec, and what was seen of its records where they were looked at.
    fn open(
        &self,
        request: &AppendRequest,
        info: &BatchInfo,
    ) -> Result<(Bytes, Option<RecordFacts>), Rejected> {
        let records = &request.records;
        let other = |how: &Compression| info.header.codec() != Ok(how.codec);
        if let Some(how) = self.rules.compression.filter(other) {
            let packed = self.within(|budget| {
                let (batch, facts) = recompress(records, how, budget)?;
                Ok((facts, batch))
            });
            return packed.map(|(facts, batch)| (batch, Some(facts)));
        }
        let must_open = self.rules.keys_required || self.rules.limits_timestamps();
        let facts = match info.records {
            None if must_open => {
                let seen = self.within(|budget| Ok((inspect_records(records, budget)?, ())))?;
                Some(seen.0)
            }
            seen => seen,
        };
        Ok((records.clone(), facts))
    }

    /// Opens a batch in the node's room, at its request's expense: a failure costs all that it
    /// was allowed.
    fn within<T>(
        &self,
        open: impl Fn(usize) -> Result<(RecordFacts, T), BatchError>,
    ) -> Result<(RecordFacts, T), Rejected> {
        if !self.allowance.may_open() {
            return Err(Rejected::OpenedTooMuch);
        }
        let open = |budget| open(budget).inspect_err(|_| self.allowance.opened(budget));
        let (facts, made) = self.room.with(open).map_err(Rejected::Batch)?;
        self.allowance.opened(facts.opened_bytes);
        Ok((facts, made))
    }
}

fn check_size(size: usize, rules: &ProduceRules) -> Result<(), Rejected> {
    if size == 0 {
        return Err(Rejected::Empty);
    }
    if size > rules.max_message_bytes {
        let max = rules.max_message_bytes;
        return Err(Rejected::TooLarge { size, max });
    }
    if size > rules.segment_bytes {
        let max = rules.segment_bytes;
        return Err(Rejected::LargerThanSegment { size, max });
    }
    Ok(())
}

fn check_header(request: &AppendRequest, info: &BatchInfo) -> Result<(), Rejected> {
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
    Ok(())
}

#[cfg(test)]
mod tests;
