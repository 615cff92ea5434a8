//! One look at every partition of a fetch: positions, errors and, within the limits, records.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use chronik_io::task;
use chronik_protocol::generated::fetch_request::FetchPartition;
use chronik_protocol::generated::fetch_response::{
    EpochEndOffset, LeaderIdAndEpoch, PartitionData,
};
use chronik_types::{ErrorCode, LeaderEpoch, NodeId, Offset, PartitionId, TopicId};

use super::session::{FetchKey, Wanted};
use super::{Context, size};
use crate::error_code::{of_partition, of_read};
use crate::net::budget::Reservation;
use crate::partition::{Partition, PartitionError, Positions};

/// What the client limits.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadLimits {
    /// Bytes of records in the whole answer, except for the first batch.
    pub(super) bytes: usize,
    /// Whether aborted transactions are to be named.
    pub(super) read_committed: bool,
}

/// A fetch after its names were looked up.
pub(super) struct Plan {
    partitions: Vec<PlanPartition>,
    limits: ReadLimits,
}

struct PlanPartition {
    key: FetchKey,
    request: FetchPartition,
    found: Result<Arc<Partition>, ErrorCode>,
}

/// What one look found.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) answers: Vec<(FetchKey, PartitionData)>,
    /// Bytes of records.
    pub(super) bytes: usize,
    /// Leaders to tell the client about.
    pub(super) hints: BTreeSet<NodeId>,
    /// Room for the records until they are sent.
    pub(super) held: Option<Reservation>,
    has_error: bool,
}

impl Outcome {
    /// Whether the client is to be answered now.
    pub(super) fn is_enough(&self, min_bytes: usize) -> bool {
        self.has_error || self.bytes >= min_bytes
    }

    /// Lets go of everything: a parked fetch holds no payload.
    pub(super) fn release(&mut self) {
        *self = Self::default();
    }
}

impl Plan {
    pub(super) fn new(context: &Context, wanted: Vec<Wanted>, limits: ReadLimits) -> Self {
        let image = context.node.image();
        let by_id = context.version >= 13;
        let find = |key: &FetchKey| {
            let (topic, unknown) = if by_id {
                let id = TopicId::new(key.topic_id);
                (image.topic_by_id(id), ErrorCode::UnknownTopicId)
            } else {
                (image.topic(&key.topic), ErrorCode::UnknownTopicOrPartition)
            };
            let topic = topic.ok_or(unknown)?;
            let held = context
                .node
                .replicas
                .get(topic.id, PartitionId::new(key.partition));
            held.map_err(|error| of_partition(&error))
        };
        let partitions = wanted.into_iter().map(|(key, request)| PlanPartition {
            found: find(&key),
            key,
            request,
        });
        Self {
            partitions: partitions.collect(),
            limits: ReadLimits {
                bytes: limits
                    .bytes
                    .min(context.node.config.fetch_bytes_max)
                    .min(context.node.reply_budget.total() / 4),
                ..limits
            },
        }
    }

    /// The most bytes of records that an answer has, but for the first batch.
    pub(super) fn bytes_max(&self) -> usize {
        self.limits.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    /// The partitions that are here.
    pub(super) fn partitions(&self) -> impl Iterator<Item = Arc<Partition>> {
        self.partitions
            .iter()
            .filter_map(|partition| partition.found.as_ref().ok().cloned())
    }

    /// Looks at every partition once.
    pub(super) async fn read(&self, context: &Context) -> Outcome {
        let mut outcome = Outcome::default();
        let wanted = self.wanted();
        if wanted > 0 {
            outcome.held = context.node.reply_budget.reserve(wanted).await.ok();
        }
        let mut left = self.limits.bytes;
        for partition in &self.partitions {
            let data = self
                .read_partition(context, partition, left, &mut outcome)
                .await;
            left = left.saturating_sub(data.records.as_ref().map_or(0, Bytes::len));
            outcome.answers.push((partition.key.clone(), data));
        }
        outcome
    }

    /// An upper bound of the bytes that [`Self::read`] will hold.
    fn wanted(&self) -> usize {
        self.partitions
            .iter()
            .filter_map(|partition| {
                let positions = partition.found.as_ref().ok()?.positions(None).ok()?;
                let has_records = partition.request.fetch_offset < positions.high_watermark.get();
                has_records.then(|| size(partition.request.partition_max_bytes))
            })
            .fold(0, usize::saturating_add)
            .min(self.limits.bytes)
    }

    async fn read_partition(
        &self,
        context: &Context,
        partition: &PlanPartition,
        left: usize,
        outcome: &mut Outcome,
    ) -> PartitionData {
        let request = &partition.request;
        let held = match &partition.found {
            Ok(held) => held,
            Err(code) => {
                outcome.has_error = true;
                return failed(request.partition, *code);
            }
        };
        let current = epoch(request.current_leader_epoch);
        let positions = match held.positions(current) {
            Ok(positions) => positions,
            Err(error) => {
                outcome.has_error = true;
                return refused(context.version, request.partition, &error, outcome);
            }
        };
        let mut data = PartitionData {
            partition_index: request.partition,
            high_watermark: positions.high_watermark.get(),
            last_stable_offset: positions.high_watermark.get(),
            log_start_offset: positions.log_start.get(),
            aborted_transactions: self.limits.read_committed.then(Vec::new),
            records: Some(Bytes::new()),
            ..PartitionData::default()
        };
        match diverging(held, request, positions) {
            Ok(None) => {}
            Ok(Some(diverging)) => {
                outcome.has_error = true;
                data.diverging_epoch = diverging;
                return data;
            }
            Err(code) => {
                outcome.has_error = true;
                return failed(request.partition, code);
            }
        }
        let max_bytes = size(request.partition_max_bytes).min(left);
        let read = read_records(
            held,
            request.fetch_offset,
            positions,
            max_bytes,
            outcome.bytes == 0,
        );
        match read.await {
            Ok(records) => {
                outcome.bytes += records.len();
                data.records = Some(records);
                data
            }
            Err(code) => {
                outcome.has_error = true;
                failed(request.partition, code)
            }
        }
    }
}

/// Reads what is committed from `offset` on. Records that may not be in memory are read on a
/// thread of the pool, so that a cold read never delays another client.
async fn read_records(
    partition: &Arc<Partition>,
    offset: i64,
    positions: Positions,
    max_bytes: usize,
    at_least_one: bool,
) -> Result<Bytes, ErrorCode> {
    let from = Offset::new(offset);
    if from < positions.log_start || from > partition.log.offsets().log_end {
        return Err(ErrorCode::OffsetOutOfRange);
    }
    if from >= positions.high_watermark || (max_bytes == 0 && !at_least_one) {
        return Ok(Bytes::new());
    }
    let upto = positions.high_watermark;
    let read = if partition.log.is_recent(from) {
        partition.log.read(from, max_bytes, upto, at_least_one)
    } else {
        let log = Arc::clone(&partition.log);
        task::blocking(move || log.read(from, max_bytes, upto, at_least_one)).await
    };
    match read {
        Ok(read) => Ok(read.batches),
        Err(error) => {
            let code = of_read(&error);
            if code == ErrorCode::KafkaStorageError {
                tracing::error!(event = "read_failed", topic = %partition.topic, partition = %partition.partition, %error, "cannot read records");
            }
            Err(code)
        }
    }
}

/// Whether the log below the fetch offset is another one than the client read (KIP-595). An offset
/// that is not in the log, or an epoch that this log never had, says nothing about divergence.
fn diverging(
    partition: &Partition,
    request: &FetchPartition,
    positions: Positions,
) -> Result<Option<EpochEndOffset>, ErrorCode> {
    let Some(last_fetched) = epoch(request.last_fetched_epoch) else {
        return Ok(None);
    };
    if request.fetch_offset < positions.log_start.get() {
        return Err(ErrorCode::OffsetOutOfRange);
    }
    let (found, end) = partition
        .log
        .epoch_end(last_fetched)
        .ok_or(ErrorCode::OffsetOutOfRange)?;
    let is_diverging = found < last_fetched || end.get() < request.fetch_offset;
    Ok(is_diverging.then(|| EpochEndOffset {
        epoch: found.get(),
        end_offset: end.get(),
    }))
}

fn refused(
    version: i16,
    index: i32,
    error: &PartitionError,
    outcome: &mut Outcome,
) -> PartitionData {
    let mut data = failed(index, of_partition(error));
    if let PartitionError::NotLeader(leader) | PartitionError::Epoch(_, leader) = error
        && let Some(node) = leader.node
        && version >= 12
    {
        outcome.hints.insert(node);
        data.current_leader = LeaderIdAndEpoch {
            leader_id: node.get(),
            leader_epoch: leader.epoch.get(),
        };
    }
    data
}

fn failed(index: i32, code: ErrorCode) -> PartitionData {
    PartitionData {
        partition_index: index,
        error_code: code.code(),
        high_watermark: -1,
        last_stable_offset: -1,
        log_start_offset: -1,
        records: Some(Bytes::new()),
        ..PartitionData::default()
    }
}

fn epoch(raw: i32) -> Option<LeaderEpoch> {
    (raw >= 0).then(|| LeaderEpoch::new(raw))
}
