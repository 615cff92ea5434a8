//! Calls about a partition's log, which only its leader answers.
//!
//! A leader that has moved is looked up again and the call repeated; all of them bear that.

use std::collections::BTreeMap;

use chronik_protocol::ApiKey;
use chronik_protocol::generated::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use chronik_protocol::generated::describe_log_dirs_request::DescribableLogDirTopic;
use chronik_protocol::generated::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use chronik_protocol::generated::{
    DeleteRecordsRequest, DescribeLogDirsRequest, ListOffsetsRequest,
};
use chronik_types::{LeaderEpoch, NodeId, Offset, PartitionId, Timestamp};

use super::Client;
use super::admin::first;
use crate::ClientError;

/// A position in a partition, described.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OffsetSpec {
    /// The first offset that is still there.
    Earliest,
    /// After the last record that consumers may see.
    Latest,
    /// The record with the greatest timestamp.
    MaxTimestamp,
    /// The first record that is not older than this.
    At(Timestamp),
}

impl OffsetSpec {
    fn timestamp(self) -> i64 {
        match self {
            Self::Latest => -1,
            Self::Earliest => -2,
            Self::MaxTimestamp => -3,
            // Before 1970 there is nothing, and the numbers below zero mean something else.
            Self::At(time) => time.as_millis().max(0),
        }
    }
}

/// A position in a partition, found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListedOffset {
    /// Where it is.
    pub offset: Offset,
    /// The time of the record there, where one was looked for.
    pub timestamp: Option<Timestamp>,
    /// The leader epoch of the record there, where it is known.
    pub leader_epoch: Option<LeaderEpoch>,
}

impl Client {
    /// Finds positions in some partitions of a topic; `None` where no record is as asked.
    pub async fn list_offsets(
        &self,
        topic: &str,
        partitions: &[(PartitionId, OffsetSpec)],
    ) -> Result<BTreeMap<PartitionId, Option<ListedOffset>>, ClientError> {
        let mut retry = self.retry();
        let mut found = BTreeMap::new();
        loop {
            let missing = partitions.iter().filter(|(id, _)| !found.contains_key(id));
            let missing: Vec<_> = missing.copied().collect();
            match self.list_once(topic, &missing, &mut found).await {
                Ok(()) => return Ok(found),
                Err(error) => {
                    self.forget(topic);
                    retry.again(error).await?;
                }
            }
        }
    }

    async fn list_once(
        &self,
        topic: &str,
        partitions: &[(PartitionId, OffsetSpec)],
        found: &mut BTreeMap<PartitionId, Option<ListedOffset>>,
    ) -> Result<(), ClientError> {
        let mut by_leader: BTreeMap<String, Vec<ListOffsetsPartition>> = BTreeMap::new();
        for (partition, spec) in partitions {
            let leader = self.leader(topic, *partition).await?;
            let asked = by_leader.entry(leader.addr).or_default();
            asked.push(ListOffsetsPartition {
                partition_index: partition.get(),
                current_leader_epoch: leader.epoch.map_or(-1, LeaderEpoch::get),
                timestamp: spec.timestamp(),
            });
        }
        for (addr, partitions) in by_leader {
            let request = ListOffsetsRequest {
                replica_id: -1,
                topics: vec![ListOffsetsTopic {
                    name: topic.into(),
                    partitions,
                }],
                timeout_ms: self.server_timeout_ms(),
                ..ListOffsetsRequest::default()
            };
            let response = self.connection(&addr).await?.ask(&request).await?;
            let result = first(ApiKey::ListOffsets, topic, response.topics)?;
            for answer in result.partitions {
                let subject = format!("{topic}-{}", answer.partition_index);
                ClientError::check(ApiKey::ListOffsets, &subject, answer.error_code, None)?;
                let listed = (answer.offset >= 0).then(|| ListedOffset {
                    offset: Offset::new(answer.offset),
                    timestamp: (answer.timestamp >= 0)
                        .then(|| Timestamp::from_millis(answer.timestamp)),
                    leader_epoch: (answer.leader_epoch >= 0)
                        .then(|| LeaderEpoch::new(answer.leader_epoch)),
                });
                found.insert(PartitionId::new(answer.partition_index), listed);
            }
        }
        match partitions.iter().find(|(id, _)| !found.contains_key(id)) {
            None => Ok(()),
            Some((partition, _)) => Err(ClientError::Incomplete {
                api: ApiKey::ListOffsets,
                subject: format!("{topic}-{partition}"),
            }),
        }
    }

    /// Deletes the records of a partition before `offset`, or all there are; gives the offset
    /// of the first one left.
    pub async fn delete_records(
        &self,
        topic: &str,
        partition: PartitionId,
        offset: Option<Offset>,
    ) -> Result<Offset, ClientError> {
        let mut retry = self.retry();
        loop {
            match self.delete_records_once(topic, partition, offset).await {
                Ok(low_watermark) => return Ok(low_watermark),
                Err(error) => {
                    self.forget(topic);
                    retry.again(error).await?;
                }
            }
        }
    }

    async fn delete_records_once(
        &self,
        topic: &str,
        partition: PartitionId,
        offset: Option<Offset>,
    ) -> Result<Offset, ClientError> {
        let leader = self.leader(topic, partition).await?;
        let request = DeleteRecordsRequest {
            topics: vec![DeleteRecordsTopic {
                name: topic.into(),
                partitions: vec![DeleteRecordsPartition {
                    partition_index: partition.get(),
                    offset: offset.map_or(-1, Offset::get),
                }],
            }],
            timeout_ms: self.server_timeout_ms(),
        };
        let response = self.connection(&leader.addr).await?.ask(&request).await?;
        let subject = format!("{topic}-{partition}");
        let result = first(ApiKey::DeleteRecords, &subject, response.topics)?;
        let result = first(ApiKey::DeleteRecords, &subject, result.partitions)?;
        ClientError::check(ApiKey::DeleteRecords, &subject, result.error_code, None)?;
        Ok(Offset::new(result.low_watermark))
    }

    /// The bytes that each partition of a topic takes on its leader's disk, one attempt. Nodes
    /// that cannot say are left out.
    pub async fn partition_sizes(&self, topic: &str) -> BTreeMap<PartitionId, u64> {
        let cluster = self.cluster();
        let Some(known) = cluster.topics.get(topic) else {
            return BTreeMap::new();
        };
        let mut led: BTreeMap<NodeId, Vec<i32>> = BTreeMap::new();
        for (id, partition) in &known.partitions {
            if let Some(leader) = partition.leader {
                led.entry(leader).or_default().push(id.get());
            }
        }
        let mut sizes = BTreeMap::new();
        for (node, partitions) in led {
            match self.sizes_on(node, topic, partitions).await {
                Ok(found) => sizes.extend(found),
                Err(error) => tracing::debug!(%node, %error, "no sizes"),
            }
        }
        sizes
    }

    async fn sizes_on(
        &self,
        node: NodeId,
        topic: &str,
        partitions: Vec<i32>,
    ) -> Result<Vec<(PartitionId, u64)>, ClientError> {
        let request = DescribeLogDirsRequest {
            topics: Some(vec![DescribableLogDirTopic {
                topic: topic.into(),
                partitions,
            }]),
        };
        let addr = self.addr_of(node).unwrap_or_default();
        let response = self.connection(&addr).await?.ask(&request).await?;
        ClientError::check(ApiKey::DescribeLogDirs, topic, response.error_code, None)?;
        let mut sizes = Vec::new();
        for dir in response.results {
            for found in dir.topics.iter().filter(|found| found.name == topic) {
                for partition in found.partitions.iter().filter(|p| !p.is_future_key) {
                    let size = u64::try_from(partition.partition_size).unwrap_or(0);
                    sizes.push((PartitionId::new(partition.partition_index), size));
                }
            }
        }
        Ok(sizes)
    }
}
