//! What changed between two images, so that publishers do work for what changed only.
//!
//! A delta names things; their old and new state are in the images before and after.

use std::collections::{BTreeMap, BTreeSet};

use chronik_types::{NodeId, PartitionId, TopicId, TopicName};

use crate::image::MetadataImage;
use crate::record::ConfigResource;

/// The names of what changed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MetadataDelta {
    /// Whether the cluster came to be, or a feature level or the producer ids moved.
    pub cluster: bool,
    /// Brokers that registered, changed or are gone.
    pub brokers: BTreeSet<NodeId>,
    /// Topics that came, changed or went.
    pub topics: BTreeMap<TopicId, TopicDelta>,
    /// Whose configuration changed.
    pub configs: BTreeSet<ConfigResource>,
}

/// What happened to a topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicDelta {
    /// Its name.
    pub name: TopicName,
    /// Whether it was not there before.
    pub created: bool,
    /// Whether it is there no more.
    pub deleted: bool,
    /// The partitions that came or changed; empty for a deleted topic.
    pub partitions: BTreeSet<PartitionId>,
}

impl MetadataDelta {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.cluster
            && self.brokers.is_empty()
            && self.topics.is_empty()
            && self.configs.is_empty()
    }

    /// Adds what `later` changed after this, for a publisher that takes several steps at once.
    /// A topic that came and went in between is not mentioned.
    pub fn merge(&mut self, later: &Self) {
        self.cluster |= later.cluster;
        self.brokers.extend(&later.brokers);
        self.configs.extend(later.configs.iter().cloned());
        for (id, change) in &later.topics {
            match self.topics.get_mut(id) {
                Some(earlier) if earlier.created && change.deleted => {
                    self.topics.remove(id);
                }
                Some(earlier) if change.deleted => *earlier = change.clone(),
                Some(earlier) => earlier.partitions.extend(&change.partitions),
                None => {
                    self.topics.insert(*id, change.clone());
                }
            }
        }
    }

    /// The difference of two images, for when there are no records to tell (a snapshot arrived).
    #[must_use]
    pub fn between(before: &MetadataImage, after: &MetadataImage) -> Self {
        let mut delta = Self {
            cluster: before.cluster_id() != after.cluster_id()
                || before.default_durability() != after.default_durability()
                || before.features() != after.features()
                || before.next_producer_id() != after.next_producer_id(),
            ..Self::default()
        };
        for node in before.brokers().chain(after.brokers()).map(|b| b.node) {
            if before.broker(node) != after.broker(node) {
                delta.brokers.insert(node);
            }
        }
        for topic in before.topics() {
            if after.topic_by_id(topic.id).is_none() {
                delta.topics.insert(
                    topic.id,
                    TopicDelta {
                        name: topic.name.clone(),
                        created: false,
                        deleted: true,
                        partitions: BTreeSet::new(),
                    },
                );
            }
        }
        for topic in after.topics() {
            let old = before.topic_by_id(topic.id);
            let partitions: BTreeSet<_> = topic
                .partitions()
                .filter(|(id, state)| old.and_then(|old| old.partition(*id)) != Some(*state))
                .map(|(id, _)| id)
                .collect();
            if old.is_none() || !partitions.is_empty() {
                delta.topics.insert(
                    topic.id,
                    TopicDelta {
                        name: topic.name.clone(),
                        created: old.is_none(),
                        deleted: false,
                        partitions,
                    },
                );
            }
        }
        for resource in before.configured().chain(after.configured()) {
            if before.configs(resource) != after.configs(resource) {
                delta.configs.insert(resource.clone());
            }
        }
        delta
    }
}
