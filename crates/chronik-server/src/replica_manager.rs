//! Which partitions this node holds, and their fate when metadata changes.
//!
//! Follows the metadata image: creates, leads, retires and deletes partitions as it says; nothing
//! here decides. The journal calls back with durable positions. Keeps I3: a partition is led only
//! in an epoch that the image assigned.
//! Absent: fetching from other leaders (with the cluster), the wire.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

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
}

impl ReplicaManager {
    pub(crate) fn new(node: NodeId, logs: LogManager, config: Arc<NodeConfig>) -> Arc<Self> {
        let manager = Arc::new(Self {
            node,
            logs,
            config,
            partitions: RwLock::default(),
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

    /// A partition that this node holds; `Unknown` also for one that lies elsewhere.
    pub(crate) fn get(
        &self,
        topic: TopicId,
        partition: PartitionId,
    ) -> Result<Arc<Partition>, PartitionError> {
        self.partitions
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&(topic, partition))
            .cloned()
            .ok_or(PartitionError::Unknown)
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
                ConfigResource::ClusterDefault => {
                    for topic in image.topics() {
                        self.apply_config(image, topic).await;
                    }
                }
                ConfigResource::Broker(_) => {}
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
