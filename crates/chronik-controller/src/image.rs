//! What a node knows of the cluster: the fold of the metadata log up to one index.
//!
//! Cheap to clone: its maps share their nodes, so an entry costs its records and not the number of
//! partitions. Keeps I4 (an image is a prefix of one history) and, in [`MetadataImage::apply`], I15.
//! Absent: who leads the metadata log, which is Raft's to say, and anything not in the log.

mod apply;

use std::collections::BTreeMap;
use std::sync::Arc;

use chronik_types::{
    ClusterId, DirectoryId, Durability, Incarnation, LogIndex, NodeId, PartitionId, ProducerId,
    TopicId, TopicName, Uuid,
};
use imbl::{OrdMap, Vector};

pub use apply::ApplyOutcome;

use crate::durability::{effective_min_isr, topic_durability};
use crate::record::{ConfigResource, Listener, PartitionRegistration, SupportedFeature};

/// The state of the cluster after one entry of the metadata log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MetadataImage {
    pub(crate) applied: Option<LogIndex>,
    pub(crate) last_decision: Option<LogIndex>,
    pub(crate) cluster: Option<(ClusterId, Durability)>,
    pub(crate) features: OrdMap<String, i16>,
    pub(crate) brokers: OrdMap<NodeId, Arc<BrokerRegistration>>,
    pub(crate) topics: OrdMap<TopicId, TopicImage>,
    pub(crate) names: OrdMap<TopicName, TopicId>,
    /// Collision keys of the names that have a `.` or `_`.
    pub(crate) collisions: OrdMap<String, TopicName>,
    pub(crate) configs: OrdMap<ConfigResource, Arc<BTreeMap<String, String>>>,
    pub(crate) next_producer_id: ProducerId,
}

/// A broker as the cluster knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokerRegistration {
    /// The broker.
    pub node: NodeId,
    /// This life of it (Kafka: broker epoch).
    pub incarnation: Incarnation,
    /// Drawn by its process at start.
    pub incarnation_id: Uuid,
    /// Its data directory.
    pub directory_id: DirectoryId,
    /// Where it can be reached.
    pub listeners: Vec<Listener>,
    /// Its rack.
    pub rack: Option<String>,
    /// The features it supports.
    pub features: Vec<SupportedFeature>,
    /// Whether it may neither lead nor be in sync.
    pub fenced: bool,
    /// Whether it is on its way out.
    pub shutting_down: bool,
}

impl BrokerRegistration {
    /// Whether it may lead and be in sync.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.fenced && !self.shutting_down
    }

    /// Its address of a listener name.
    #[must_use]
    pub fn listener(&self, name: &str) -> Option<&Listener> {
        self.listeners.iter().find(|listener| listener.name == name)
    }
}

/// A topic. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicImage {
    /// Its identity.
    pub id: TopicId,
    /// Its name.
    pub name: TopicName,
    pub(crate) partitions: Vector<Arc<PartitionRegistration>>,
}

impl TopicImage {
    /// How many partitions it has.
    #[must_use]
    pub fn partition_count(&self) -> usize {
        self.partitions.len()
    }

    /// One partition.
    #[must_use]
    pub fn partition(&self, id: PartitionId) -> Option<&PartitionRegistration> {
        let index = usize::try_from(id.get()).ok()?;
        self.partitions.get(index).map(Arc::as_ref)
    }

    /// All partitions, in order.
    pub fn partitions(&self) -> impl Iterator<Item = (PartitionId, &PartitionRegistration)> {
        (0..)
            .map(PartitionId::new)
            .zip(self.partitions.iter().map(Arc::as_ref))
    }
}

impl MetadataImage {
    /// The index of the last entry folded in.
    #[must_use]
    pub const fn applied(&self) -> Option<LogIndex> {
        self.applied
    }

    /// The index of the last entry that was a decision and was taken.
    #[must_use]
    pub const fn last_decision(&self) -> Option<LogIndex> {
        self.last_decision
    }

    /// The cluster's identity, once it has one.
    #[must_use]
    pub fn cluster_id(&self) -> Option<ClusterId> {
        self.cluster.map(|(id, _)| id)
    }

    /// What an acknowledgement promises where the topic does not say.
    #[must_use]
    pub fn default_durability(&self) -> Durability {
        self.cluster.map(|(_, class)| class).unwrap_or_default()
    }

    /// A finalised feature level.
    #[must_use]
    pub fn feature(&self, name: &str) -> Option<i16> {
        self.features.get(name).copied()
    }

    /// All finalised feature levels, by name.
    #[must_use]
    pub fn features(&self) -> &OrdMap<String, i16> {
        &self.features
    }

    /// A broker.
    #[must_use]
    pub fn broker(&self, node: NodeId) -> Option<&BrokerRegistration> {
        self.brokers.get(&node).map(Arc::as_ref)
    }

    /// All brokers, fenced ones too, by id.
    pub fn brokers(&self) -> impl Iterator<Item = &BrokerRegistration> {
        self.brokers.values().map(Arc::as_ref)
    }

    /// Whether a broker is registered, unfenced and not shutting down.
    #[must_use]
    pub fn is_active(&self, node: NodeId) -> bool {
        self.broker(node).is_some_and(BrokerRegistration::is_active)
    }

    /// A topic by name.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<&TopicImage> {
        self.topics.get(self.names.get(name)?)
    }

    /// A topic by id.
    #[must_use]
    pub fn topic_by_id(&self, id: TopicId) -> Option<&TopicImage> {
        self.topics.get(&id)
    }

    /// All topics, by name.
    pub fn topics(&self) -> impl Iterator<Item = &TopicImage> {
        self.names.values().filter_map(|id| self.topics.get(id))
    }

    /// How many topics there are.
    #[must_use]
    pub fn topic_count(&self) -> usize {
        self.topics.len()
    }

    /// The existing topic whose name differs from `name` in `.` and `_` only.
    #[must_use]
    pub fn colliding_topic(&self, name: &TopicName) -> Option<&TopicName> {
        has_collision_characters(name)
            .then(|| self.collisions.get(&name.collision_key()))?
            .filter(|existing| *existing != name)
    }

    /// One explicitly set configuration.
    #[must_use]
    pub fn config(&self, resource: &ConfigResource, name: &str) -> Option<&str> {
        self.configs.get(resource)?.get(name).map(String::as_str)
    }

    /// All explicitly set configurations of a resource.
    #[must_use]
    pub fn configs(&self, resource: &ConfigResource) -> Option<&BTreeMap<String, String>> {
        self.configs.get(resource).map(Arc::as_ref)
    }

    /// All resources with a configuration of their own.
    pub fn configured(&self) -> impl Iterator<Item = &ConfigResource> {
        self.configs.keys()
    }

    /// A topic's explicitly set configuration, its own or the cluster's.
    #[must_use]
    pub fn topic_config(&self, topic: &TopicName, name: &str) -> Option<&str> {
        self.config(&ConfigResource::Topic(topic.clone()), name)
            .or_else(|| self.config(&ConfigResource::ClusterDefault, name))
    }

    /// What an acknowledgement promises on a topic.
    #[must_use]
    pub fn durability(&self, topic: &TopicName) -> Durability {
        let own = ConfigResource::Topic(topic.clone());
        topic_durability(
            self.config(&own, "chronik.durability"),
            self.config(&own, "flush.messages"),
            self.default_durability(),
        )
    }

    /// How many in-sync replicas an acks=all write to a topic needs.
    #[must_use]
    pub fn min_isr(&self, topic: &TopicName, replication_factor: usize) -> usize {
        let explicit = self
            .topic_config(topic, "min.insync.replicas")
            .and_then(|value| value.trim().parse().ok());
        effective_min_isr(explicit, replication_factor)
    }

    /// The first producer id that is not taken.
    #[must_use]
    pub const fn next_producer_id(&self) -> ProducerId {
        self.next_producer_id
    }
}

pub(crate) fn has_collision_characters(name: &TopicName) -> bool {
    name.as_str().contains(['.', '_'])
}
