//! Which partitions this node holds, and their fate when metadata changes.
//!
//! Follows the metadata image: creates, leads, retires and deletes partitions as it says; nothing
//! here decides. The journal calls back with durable positions. Keeps I3: a partition is led only
//! in an epoch that the image assigned.
//! Absent: fetching from other leaders (with the cluster), the wire.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use chronik_controller::{ConfigResource, MetadataDelta, MetadataImage, TopicImage};
use chronik_log::{DurableListener, LogManager, PartitionKey, PartitionLog, StableOffsets};
use chronik_types::{NodeId, Offset, PartitionId, TopicId};

use crate::partition::{CurrentLeader, Partition, PartitionError};
use crate::settings::NodeConfig;
use crate::topic_settings::{log_config, produce_rules};

type Key = (TopicId, PartitionId);

/// See the module's documentation.
pub(crate) struct ReplicaManager {
    node: NodeId,
    logs: LogManager,
    config: Arc<NodeConfig>,
    partitions: RwLock<BTreeMap<Key, Arc<Partition>>>,
    /// Partitions that this node should hold and whose logs cannot be opened.
    unopened: RwLock<BTreeSet<Key>>,
}

impl ReplicaManager {
    pub(crate) fn new(node: NodeId, logs: LogManager, config: Arc<NodeConfig>) -> Arc<Self> {
        let manager = Arc::new(Self {
            node,
            logs,
            config,
            partitions: RwLock::default(),
            unopened: RwLock::default(),
        });
        manager
            .logs
            .set_listener(Arc::clone(&manager) as Arc<dyn DurableListener>);
        manager
            .logs
            .set_stable_offsets(Arc::clone(&manager) as Arc<dyn StableOffsets>);
        manager
    }

    /// The logs under the partitions.
    pub(crate) fn logs(&self) -> &LogManager {
        &self.logs
    }

    /// A partition that this node holds; `Offline` for one whose log cannot be opened, `Unknown`
    /// also for one that lies elsewhere.
    pub(crate) fn get(
        &self,
        topic: TopicId,
        partition: PartitionId,
    ) -> Result<Arc<Partition>, PartitionError> {
        let key = (topic, partition);
        let held = self
            .partitions
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned();
        held.ok_or_else(|| {
            let unopened = self.unopened.read().unwrap_or_else(PoisonError::into_inner);
            if unopened.contains(&key) {
                PartitionError::Offline
            } else {
                PartitionError::Unknown
            }
        })
    }

    /// All partitions held, by topic id and number.
    pub(crate) fn all(&self) -> Vec<Arc<Partition>> {
        self.partitions
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    /// Carries out what changed. Called in the order of the metadata log.
    pub(crate) async fn apply(&self, image: &MetadataImage, delta: &MetadataDelta) {
        let deleted = delta.topics.iter().filter(|(_, change)| change.deleted);
        let gone = deleted.flat_map(|(id, _)| self.retire_topic(*id)).collect();
        // Durably gone before a topic of the same name takes the directory.
        self.delete_logs(gone).await;
        for (id, change) in delta.topics.iter().filter(|(_, change)| !change.deleted) {
            if let Some(topic) = image.topic_by_id(*id) {
                for partition in &change.partitions {
                    self.apply_partition(image, topic, *partition);
                }
            }
        }
        for resource in &delta.configs {
            match resource {
                ConfigResource::Topic(name) => {
                    if let Some(topic) = image.topic(name.as_str()) {
                        self.apply_config(image, topic).await;
                    }
                }
                ConfigResource::ClusterDefault => self.apply_configs(image).await,
                ConfigResource::Broker(node) if *node == self.node => {
                    self.apply_configs(image).await;
                }
                ConfigResource::Broker(_)
                | ConfigResource::Group(_)
                | ConfigResource::ClientMetrics(_) => {}
            }
        }
    }

    /// Deletes logs of topics that are no longer in the metadata: they were deleted while this
    /// node was away. Called once the image has caught up with this node's registration.
    pub(crate) async fn delete_strays(&self, image: &MetadataImage) {
        let logs = self.logs.all();
        let strays = logs.iter().map(|log| log.key()).filter(|key| {
            let topic = image.topic_by_id(key.topic_id);
            topic.is_none_or(|topic| topic.partition(key.partition).is_none())
        });
        let strays: Vec<Key> = strays
            .inspect(|key| tracing::info!(event = "stray_log", topic = %key.topic, partition = %key.partition, "deleting the log of a deleted topic"))
            .map(|key| (key.topic_id, key.partition))
            .collect();
        self.delete_logs(strays).await;
    }

    fn apply_partition(&self, image: &MetadataImage, topic: &TopicImage, id: PartitionId) {
        let Some(registration) = topic.partition(id) else {
            return;
        };
        if !registration.replicas.contains(&self.node) {
            return;
        }
        let key = (topic.id, id);
        let held = self.get(topic.id, id).ok();
        let Some(partition) = held.or_else(|| self.open(image, topic, id)) else {
            return;
        };
        if registration.leader == Some(self.node) {
            partition.lead(self.node, registration.leader_epoch, &registration.isr);
        } else {
            partition.follow(CurrentLeader {
                node: registration.leader,
                epoch: registration.leader_epoch,
            });
        }
        self.unopened_mut().remove(&key);
        self.partitions
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, partition);
    }

    fn open(
        &self,
        image: &MetadataImage,
        topic: &TopicImage,
        id: PartitionId,
    ) -> Option<Arc<Partition>> {
        let class = image.durability(&topic.name);
        let config = log_config(image, &self.config, &topic.name);
        let log: Arc<PartitionLog> = match self.logs.get(topic.id, id) {
            Some(log) => {
                log.set_config(config);
                log
            }
            None => {
                let key = PartitionKey {
                    topic: topic.name.clone(),
                    topic_id: topic.id,
                    partition: id,
                };
                match self.logs.create(key, class, config) {
                    Ok(log) => log,
                    Err(error) => {
                        self.unopened_mut().insert((topic.id, id));
                        tracing::error!(event = "log_not_opened", topic = %topic.name, partition = %id, %error, "the partition stays offline");
                        return None;
                    }
                }
            }
        };
        Some(Arc::new(Partition::new(
            topic.name.clone(),
            id,
            log,
            Arc::new(produce_rules(image, &self.config, topic, id)),
        )))
    }

    /// What topics do not say themselves may have changed for all of them.
    async fn apply_configs(&self, image: &MetadataImage) {
        for topic in image.topics() {
            self.apply_config(image, topic).await;
        }
    }

    fn unopened_mut(&self) -> RwLockWriteGuard<'_, BTreeSet<Key>> {
        self.unopened
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn apply_config(&self, image: &MetadataImage, topic: &TopicImage) {
        let config = log_config(image, &self.config, &topic.name);
        for (id, _) in topic.partitions() {
            let Ok(partition) = self.get(topic.id, id) else {
                continue;
            };
            partition.log.set_config(config.clone());
            let class = image.durability(&topic.name);
            if partition.log.class() != class {
                // Returns once what was written under the old class is durable, so that the first
                // acknowledgement under a stronger one tells the truth.
                match partition.log.set_class(class).await {
                    Ok(()) => {
                        tracing::info!(event = "durability_changed", topic = %topic.name, partition = %id, durability = %class, "the durability class changed")
                    }
                    Err(error) => {
                        tracing::error!(event = "durability_not_changed", topic = %topic.name, partition = %id, %error, "the durability class stays")
                    }
                }
                partition.on_durable(partition.log.offsets().durable_end);
            }
            partition.set_rules(Arc::new(produce_rules(image, &self.config, topic, id)));
        }
    }

    fn retire_topic(&self, topic: TopicId) -> Vec<Key> {
        self.unopened_mut().retain(|(id, _)| *id != topic);
        let mut partitions = self
            .partitions
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let first = (topic, PartitionId::new(0));
        let last = (topic, PartitionId::new(i32::MAX));
        let keys: Vec<Key> = partitions
            .range(first..=last)
            .map(|(key, _)| *key)
            .collect();
        for key in &keys {
            if let Some(partition) = partitions.remove(key) {
                partition.retire();
            }
        }
        keys
    }

    /// Deletes logs together, so that they share the journal's windows.
    async fn delete_logs(&self, keys: Vec<Key>) {
        let mut deletions = tokio::task::JoinSet::new();
        for (topic, partition) in keys {
            let logs = self.logs.clone();
            deletions.spawn(async move {
                if let Err(error) = logs.delete(topic, partition).await {
                    tracing::error!(event = "log_not_deleted", %topic, %partition, %error, "cannot delete a log");
                }
            });
        }
        while deletions.join_next().await.is_some() {}
    }
}

impl std::fmt::Debug for ReplicaManager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReplicaManager")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

impl DurableListener for ReplicaManager {
    fn on_durable(&self, advanced: &[(Arc<PartitionLog>, Offset)]) {
        for (log, end) in advanced {
            let key = log.key();
            if let Ok(partition) = self.get(key.topic_id, key.partition) {
                partition.on_durable(*end);
            }
        }
    }
}

impl StableOffsets for ReplicaManager {
    fn stable_end(&self, log: &PartitionLog) -> Option<Offset> {
        let key = log.key();
        let partition = self.get(key.topic_id, key.partition).ok()?;
        let positions = partition.positions(None).ok()?;
        Some(positions.high_watermark)
    }
}

#[cfg(test)]
mod tests {
    use chronik_controller::{MetadataEntry, MetadataRecord, PartitionRegistration};
    use chronik_io::fs::RealDisk;
    use chronik_io::{Clock, Env, Exit, Rng};
    use chronik_log::{LogConfig, LogManagerOptions};
    use chronik_types::{Durability, LeaderEpoch, LogIndex, TopicName, Uuid};

    use super::*;

    const NODE: NodeId = NodeId::new(1);

    fn records(name: &TopicName, id: TopicId) -> Vec<MetadataRecord> {
        let registration = PartitionRegistration {
            replicas: vec![NODE],
            isr: vec![NODE],
            leader: Some(NODE),
            leader_epoch: LeaderEpoch::new(0),
            ..PartitionRegistration::default()
        };
        let name = name.clone();
        vec![
            MetadataRecord::TopicCreated { id, name },
            MetadataRecord::PartitionCreated {
                topic: id,
                partition: PartitionId::new(0),
                registration,
            },
        ]
    }

    #[tokio::test]
    async fn a_partition_whose_log_cannot_be_opened_is_offline_and_not_unknown() {
        let dir = tempfile::tempdir().unwrap();
        let env = Env {
            disk: Arc::new(RealDisk::new()),
            clock: Clock::real(),
            rng: Rng::from_entropy(),
            exit: Exit::process(),
        };
        let options = LogManagerOptions::default();
        let opened = LogManager::open_with_progress(&env, dir.path(), options, Arc::default());
        let (logs, _) = opened.await.unwrap();
        let name = TopicName::new("taken").unwrap();
        let (id, other) = (
            TopicId::new(Uuid::from_bytes([1; 16])),
            TopicId::new(Uuid::from_bytes([2; 16])),
        );
        // A log of an earlier topic of the name that could not be deleted.
        let key = PartitionKey {
            topic: name.clone(),
            topic_id: other,
            partition: PartitionId::new(0),
        };
        logs.create(key, Durability::QuorumFsync, LogConfig::default())
            .unwrap();
        let config = Arc::new(NodeConfig::resolve([]).unwrap());
        let manager = ReplicaManager::new(NODE, logs, config);
        let mut image = MetadataImage::default();
        image.apply(LogIndex::new(1), &MetadataEntry::barrier());
        let entry = MetadataEntry::decided(LogIndex::new(1), records(&name, id));
        let before = image.clone();
        image.apply(LogIndex::new(2), &entry);
        manager
            .apply(&image, &MetadataDelta::between(&before, &image))
            .await;
        let outcome = |id| manager.get(id, PartitionId::new(0)).map(|_| ());
        assert!(matches!(outcome(id), Err(PartitionError::Offline)));
        assert!(matches!(outcome(other), Err(PartitionError::Unknown)));
    }
}
