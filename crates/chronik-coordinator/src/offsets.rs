//! The committed offsets of one group, packed: a coordinator holds millions.
//!
//! What an offset rarely has (metadata, an expiry, a topic id unlike its neighbours') stands in a
//! box of its own; the topic id is that of the first offset committed for the name.

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

/// A committed offset as it is held.
#[derive(Debug)]
struct Packed {
    offset: Offset,
    committed_at: Timestamp,
    leader_epoch: Option<LeaderEpoch>,
    rare: Option<Box<Rare>>,
}

/// What few offsets have. The topic id is its own even where the topic's is the same.
#[derive(Debug)]
struct Rare {
    metadata: Option<Box<str>>,
    expires_at: Option<Timestamp>,
    topic_id: Option<TopicId>,
}

/// What an offset costs in its map, in bytes.
const OFFSET_WEIGHT: usize = size_of::<Packed>() + 32;

/// What a topic costs in a group, in bytes. Its name may be shared, and is counted all the same.
fn topic_weight(topic: &str) -> usize {
    128 + topic.len()
}

/// What an offset with so much metadata costs at most.
fn most(metadata: usize) -> usize {
    OFFSET_WEIGHT + size_of::<Rare>() + metadata
}

impl Packed {
    fn weight(&self) -> usize {
        let rare = self.rare.as_ref().map_or(0, |rare| {
            size_of::<Rare>() + rare.metadata.as_ref().map_or(0, |m| m.len())
        });
        OFFSET_WEIGHT + rare
    }

    fn new(committed: Committed, of_topic: Option<TopicId>) -> Self {
        let Committed {
            offset,
            leader_epoch,
            metadata,
            committed_at,
            expires_at,
            topic_id,
        } = committed;
        let is_plain = metadata.is_none() && expires_at.is_none() && topic_id == of_topic;
        let rare = (!is_plain).then(|| {
            Box::new(Rare {
                metadata,
                expires_at,
                topic_id,
            })
        });
        Self {
            offset,
            committed_at,
            leader_epoch,
            rare,
        }
    }

    fn committed(&self, of_topic: Option<TopicId>) -> Committed {
        let rare = self.rare.as_deref();
        Committed {
            offset: self.offset,
            leader_epoch: self.leader_epoch,
            metadata: rare.and_then(|rare| rare.metadata.clone()),
            committed_at: self.committed_at,
            expires_at: rare.and_then(|rare| rare.expires_at),
            topic_id: rare.map_or(of_topic, |rare| rare.topic_id),
        }
    }
}

/// The offsets of one topic.
#[derive(Debug)]
struct OfTopic {
    /// Of the offsets that do not say otherwise.
    topic_id: Option<TopicId>,
    partitions: BTreeMap<PartitionId, Packed>,
}

/// By topic and partition.
#[derive(Debug, Default)]
pub(crate) struct GroupOffsets {
    topics: BTreeMap<Arc<str>, OfTopic>,
    count: usize,
    /// What all of it holds.
    bytes: usize,
}

impl GroupOffsets {
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// What they hold, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many bytes more they hold at most once this is committed.
    pub(crate) fn growth(&self, topic: &str, partition: PartitionId, metadata: usize) -> usize {
        let of_topic = self.topics.get(topic);
        let held = of_topic.and_then(|t| t.partitions.get(&partition));
        let grown = match held {
            Some(held) if metadata == 0 && held.rare.is_none() => 0,
            Some(held) => most(metadata).saturating_sub(held.weight()),
            None => most(metadata),
        };
        let named = of_topic.map_or_else(|| topic_weight(topic), |_| 0);
        grown + named
    }

    pub(crate) fn get(&self, topic: &str, partition: PartitionId) -> Option<Committed> {
        let topic = self.topics.get(topic)?;
        let packed = topic.partitions.get(&partition)?;
        Some(packed.committed(topic.topic_id))
    }

    pub(crate) fn has(&self, topic: &str, partition: PartitionId) -> bool {
        let topic = self.topics.get(topic);
        topic.is_some_and(|topic| topic.partitions.contains_key(&partition))
    }

    pub(crate) fn has_topic(&self, topic: &str) -> bool {
        self.topics.contains_key(topic)
    }

    pub(crate) fn topics(&self) -> impl Iterator<Item = &str> {
        self.topics.keys().map(|topic| &**topic)
    }

    /// The offsets of one topic, by partition.
    pub(crate) fn of(&self, topic: &str) -> impl Iterator<Item = (PartitionId, Committed)> {
        let topic = self.topics.get(topic).into_iter();
        topic.flat_map(|topic| {
            let partitions = topic.partitions.iter();
            partitions.map(|(partition, packed)| (*partition, packed.committed(topic.topic_id)))
        })
    }

    /// All offsets, by topic and partition.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, PartitionId, Committed)> {
        self.topics().flat_map(|topic| {
            let of_topic = self.of(topic);
            of_topic.map(move |(partition, committed)| (topic, partition, committed))
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
        let topic = match self.topics.get_mut(topic) {
            Some(topic) => topic,
            None => {
                self.bytes += topic_weight(topic);
                self.topics.entry(names.intern(topic)).or_insert(OfTopic {
                    topic_id: committed.topic_id,
                    partitions: BTreeMap::new(),
                })
            }
        };
        let packed = Packed::new(committed, topic.topic_id);
        self.bytes += packed.weight();
        let before = topic.partitions.insert(partition, packed);
        self.bytes -= before.as_ref().map_or(0, Packed::weight);
        let is_new = before.is_none();
        self.count += usize::from(is_new);
        is_new
    }

    /// Returns whether there was one.
    pub(crate) fn remove(&mut self, topic: &str, partition: PartitionId) -> bool {
        let Some(of_topic) = self.topics.get_mut(topic) else {
            return false;
        };
        let before = of_topic.partitions.remove(&partition);
        self.bytes -= before.as_ref().map_or(0, Packed::weight);
        let removed = before.is_some();
        if of_topic.partitions.is_empty() {
            self.topics.remove(topic);
            self.bytes -= topic_weight(topic);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Seeded;

    #[test]
    fn an_offset_is_small_and_comes_back_as_it_was() {
        assert!(size_of::<Packed>() <= 32);
        let mut names = Names::new(Seeded(0));
        let mut offsets = GroupOffsets::default();
        let id = |byte| Some(TopicId::new(Uuid::from_bytes([byte; 16])));
        let plain = |topic_id| Committed {
            offset: Offset::new(5),
            leader_epoch: Some(LeaderEpoch::new(2)),
            metadata: None,
            committed_at: Timestamp::from_millis(7),
            expires_at: None,
            topic_id,
        };
        let all = [
            plain(id(1)),
            plain(id(2)),
            plain(None),
            Committed {
                metadata: Some("m".into()),
                expires_at: Some(Timestamp::from_millis(9)),
                ..plain(id(1))
            },
        ];
        for (partition, committed) in (0..).zip(&all) {
            let partition = PartitionId::new(partition);
            assert!(offsets.set(&mut names, "t", partition, committed.clone()));
            assert!(!offsets.set(&mut names, "t", partition, committed.clone()));
        }
        for (partition, committed) in (0..).zip(&all) {
            let found = offsets.get("t", PartitionId::new(partition));
            assert_eq!(found.as_ref(), Some(committed));
        }
        assert_eq!(offsets.iter().count(), 4);
    }
}
