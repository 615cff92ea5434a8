//! The committed offsets of one group.

use std::collections::BTreeMap;
use std::sync::Arc;

use chronik_protocol::Str;
use chronik_protocol::generated::{OffsetCommitKey, OffsetCommitValue};
use chronik_types::{LeaderEpoch, Offset, PartitionId, Timestamp, TopicId, Uuid};

use crate::names::Names;
use crate::request::{leader_epoch, topic_id};

/// A committed offset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Committed {
    /// The next offset to read.
    pub offset: Offset,
    /// The leader epoch of the last record that was read.
    pub leader_epoch: Option<LeaderEpoch>,
    /// Whatever the client keeps with it; empty is none.
    pub metadata: Option<Box<str>>,
    /// When it was committed.
    pub committed_at: Timestamp,
    /// When it expires, if the client said so.
    pub expires_at: Option<Timestamp>,
    /// The topic it was committed for, if the client said so.
    pub topic_id: Option<TopicId>,
}

impl Committed {
    pub(crate) fn from_value(value: &OffsetCommitValue) -> Self {
        Self {
            offset: Offset::new(value.offset),
            leader_epoch: leader_epoch(value.leader_epoch),
            metadata: (!value.metadata.is_empty()).then(|| value.metadata.as_str().into()),
            committed_at: Timestamp::from_millis(value.commit_timestamp),
            expires_at: (value.expire_timestamp >= 0)
                .then_some(Timestamp::from_millis(value.expire_timestamp)),
            topic_id: topic_id(value.topic_id),
        }
    }

    pub(crate) fn to_value(&self) -> OffsetCommitValue {
        OffsetCommitValue {
            offset: self.offset.get(),
            leader_epoch: self.leader_epoch.map_or(-1, LeaderEpoch::get),
            metadata: self.metadata.as_deref().unwrap_or_default().into(),
            commit_timestamp: self.committed_at.as_millis(),
            expire_timestamp: self.expires_at.map_or(-1, Timestamp::as_millis),
            topic_id: self.topic_id.map_or(Uuid::ZERO, TopicId::get),
        }
    }

    /// Whether it is of another topic of the same name.
    pub(crate) fn is_of_another(&self, topic: Option<TopicId>) -> bool {
        matches!((self.topic_id, topic), (Some(ours), Some(theirs)) if ours != theirs)
    }
}

type Partitions = BTreeMap<PartitionId, Committed>;

/// By topic and partition.
#[derive(Debug, Default)]
pub(crate) struct GroupOffsets {
    topics: BTreeMap<Arc<str>, Partitions>,
    count: usize,
}

impl GroupOffsets {
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn get(&self, topic: &str, partition: PartitionId) -> Option<&Committed> {
        self.topics.get(topic)?.get(&partition)
    }

    pub(crate) fn has_topic(&self, topic: &str) -> bool {
        self.topics.contains_key(topic)
    }

    pub(crate) fn partitions(
        &self,
        topic: &str,
    ) -> impl Iterator<Item = (PartitionId, &Committed)> {
        let partitions = self.topics.get(topic).into_iter().flatten();
        partitions.map(|(partition, committed)| (*partition, committed))
    }

    pub(crate) fn topics(&self) -> impl Iterator<Item = (&Arc<str>, &Partitions)> {
        self.topics.iter()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, PartitionId, &Committed)> {
        self.topics.iter().flat_map(|(topic, partitions)| {
            let of_topic = partitions.iter();
            of_topic.map(|(partition, committed)| (&**topic, *partition, committed))
        })
    }

    /// Returns whether the key is new.
    pub(crate) fn set(
        &mut self,
        names: &mut Names,
        topic: &str,
        partition: PartitionId,
        committed: Committed,
    ) -> bool {
        let partitions = match self.topics.get_mut(topic) {
            Some(partitions) => partitions,
            None => self.topics.entry(names.intern(topic)).or_default(),
        };
        let is_new = partitions.insert(partition, committed).is_none();
        self.count += usize::from(is_new);
        is_new
    }

    /// Returns whether there was one.
    pub(crate) fn remove(&mut self, topic: &str, partition: PartitionId) -> bool {
        let Some(partitions) = self.topics.get_mut(topic) else {
            return false;
        };
        let removed = partitions.remove(&partition).is_some();
        if partitions.is_empty() {
            self.topics.remove(topic);
        }
        self.count -= usize::from(removed);
        removed
    }
}

/// The key of an offset's record.
pub(crate) fn key(group: &Str, topic: &str, partition: PartitionId) -> OffsetCommitKey {
    OffsetCommitKey {
        group: group.clone(),
        topic: topic.into(),
        partition: partition.get(),
    }
}
