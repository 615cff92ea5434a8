//! The fold: one entry into the image. It never fails and never decides.
//!
//! Keeps I15: an entry that was decided on another state than the one here changes nothing but the
//! applied index, on every node alike. A record about something that does not exist changes
//! nothing; the controller never writes one.

use std::collections::BTreeSet;
use std::sync::Arc;

use chronik_types::{Incarnation, LogIndex, PartitionId, TopicId};

use super::{BrokerRegistration, MetadataImage, TopicImage, has_collision_characters};
use crate::delta::{MetadataDelta, TopicDelta};
use crate::entry::MetadataEntry;
use crate::record::{BrokerRegistered, ConfigResource, MetadataRecord, PartitionRegistration};

/// What an entry did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ApplyOutcome {
    /// Its records are in the image.
    Applied(MetadataDelta),
    /// It was decided on a state that another decision has replaced. Nothing changed.
    Conflict,
}

impl MetadataImage {
    /// Notes an entry of the log that is not ours: Raft's own blank and membership entries.
    pub fn skip(&mut self, index: LogIndex) {
        assert!(
            self.applied.is_none_or(|applied| applied < index),
            "the log is applied in order"
        );
        self.applied = Some(index);
    }

    /// Folds the entry at `index` in.
    pub fn apply(&mut self, index: LogIndex, entry: &MetadataEntry) -> ApplyOutcome {
        self.skip(index);
        if !entry.is_barrier() && entry.decided_on != self.last_decision {
            return ApplyOutcome::Conflict;
        }
        self.last_decision = Some(index);
        let mut delta = MetadataDelta::default();
        for record in &entry.records {
            self.replay(index, record, &mut delta);
        }
        ApplyOutcome::Applied(delta)
    }

    /// Folds one record in. A controller calls it on its scratch image.
    pub(crate) fn replay(
        &mut self,
        index: LogIndex,
        record: &MetadataRecord,
        delta: &mut MetadataDelta,
    ) {
        match record {
            MetadataRecord::ClusterCreated {
                cluster_id,
                default_durability,
            } => {
                self.cluster = Some((*cluster_id, *default_durability));
                delta.cluster = true;
            }
            MetadataRecord::FeatureLevelSet { name, level } => {
                self.features.insert(name.clone(), *level);
                delta.cluster = true;
            }
            MetadataRecord::BrokerRegistered(broker) => {
                self.replay_registration(index, broker);
                delta.brokers.insert(broker.node);
            }
            MetadataRecord::BrokerChanged {
                node,
                fenced,
                shutting_down,
            } => {
                if let Some(broker) = self.brokers.get_mut(node) {
                    let broker = Arc::make_mut(broker);
                    broker.fenced = *fenced;
                    broker.shutting_down = *shutting_down;
                    delta.brokers.insert(*node);
                }
            }
            MetadataRecord::BrokerRemoved { node } => {
                if self.brokers.remove(node).is_some() {
                    delta.brokers.insert(*node);
                }
                let resource = ConfigResource::Broker(*node);
                if self.configs.remove(&resource).is_some() {
                    delta.configs.insert(resource);
                }
            }
            MetadataRecord::TopicCreated { id, name } => self.replay_topic(*id, name, delta),
            MetadataRecord::TopicDeleted { id } => self.replay_deletion(*id, delta),
            MetadataRecord::PartitionCreated {
                topic,
                partition,
                registration,
            }
            | MetadataRecord::PartitionChanged {
                topic,
                partition,
                registration,
            } => self.replay_partition(*topic, *partition, registration, delta),
            MetadataRecord::ConfigChanged {
                resource,
                name,
                value,
            } => {
                self.replay_config(resource, name, value.as_deref());
                delta.configs.insert(resource.clone());
            }
            MetadataRecord::ProducerIdsAllocated { next } => {
                self.next_producer_id = *next;
                delta.cluster = true;
            }
        }
    }

    fn replay_registration(&mut self, index: LogIndex, broker: &BrokerRegistered) {
        let shutting_down = broker.amends.is_some()
            && self
                .brokers
                .get(&broker.node)
                .is_some_and(|before| before.shutting_down);
        self.brokers.insert(
            broker.node,
            Arc::new(BrokerRegistration {
                node: broker.node,
                incarnation: broker
                    .amends
                    .unwrap_or_else(|| Incarnation::new(index.get())),
                incarnation_id: broker.incarnation_id,
                directory_id: broker.directory_id,
                listeners: broker.listeners.clone(),
                rack: broker.rack.clone(),
                features: broker.features.clone(),
                fenced: broker.fenced,
                shutting_down,
            }),
        );
    }

    fn replay_topic(
        &mut self,
        id: TopicId,
        name: &chronik_types::TopicName,
        delta: &mut MetadataDelta,
    ) {
        self.names.insert(name.clone(), id);
        if has_collision_characters(name) {
            self.collisions.insert(name.collision_key(), name.clone());
        }
        self.topics.insert(
            id,
            TopicImage {
                id,
                name: name.clone(),
                partitions: imbl::Vector::new(),
            },
        );
        delta.topics.insert(
            id,
            TopicDelta {
                name: name.clone(),
                created: true,
                deleted: false,
                partitions: BTreeSet::new(),
            },
        );
    }

    fn replay_deletion(&mut self, id: TopicId, delta: &mut MetadataDelta) {
        let Some(topic) = self.topics.remove(&id) else {
            return;
        };
        if self.names.get(&topic.name) == Some(&id) {
            self.names.remove(&topic.name);
        }
        let key = topic.name.collision_key();
        if self.collisions.get(&key) == Some(&topic.name) {
            self.collisions.remove(&key);
        }
        let resource = ConfigResource::Topic(topic.name.clone());
        if self.configs.remove(&resource).is_some() {
            delta.configs.insert(resource);
        }
        delta.topics.insert(
            id,
            TopicDelta {
                name: topic.name,
                created: false,
                deleted: true,
                partitions: BTreeSet::new(),
            },
        );
    }

    fn replay_partition(
        &mut self,
        id: TopicId,
        partition: PartitionId,
        registration: &PartitionRegistration,
        delta: &mut MetadataDelta,
    ) {
        let Some(topic) = self.topics.get_mut(&id) else {
            return;
        };
        let Ok(at) = usize::try_from(partition.get()) else {
            return;
        };
        if at < topic.partitions.len() {
            topic.partitions.set(at, Arc::new(registration.clone()));
        } else if at == topic.partitions.len() {
            topic.partitions.push_back(Arc::new(registration.clone()));
        } else {
            return;
        }
        delta
            .topics
            .entry(id)
            .or_insert_with(|| TopicDelta {
                name: topic.name.clone(),
                created: false,
                deleted: false,
                partitions: BTreeSet::new(),
            })
            .partitions
            .insert(partition);
    }

    fn replay_config(&mut self, resource: &ConfigResource, name: &str, value: Option<&str>) {
        let mut configs = self.configs.get(resource).cloned().unwrap_or_default();
        let map = Arc::make_mut(&mut configs);
        match value {
            Some(value) => {
                map.insert(name.to_owned(), value.to_owned());
            }
            None => {
                map.remove(name);
            }
        }
        if map.is_empty() {
            self.configs.remove(resource);
        } else {
            self.configs.insert(resource.clone(), configs);
        }
    }
}
