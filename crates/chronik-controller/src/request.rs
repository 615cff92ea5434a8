//! What can be asked of the controller.
//!
//! Sentinels of the wire are `Option` here, except where the raw number must be judged to answer
//! with Kafka's own error: partition counts and replication factors stay integers, -1 for default.

use std::collections::BTreeMap;

use chronik_types::{
    ClusterId, DirectoryId, Durability, Incarnation, LeaderEpoch, NodeId, PartitionEpoch,
    PartitionId, TopicId, Uuid,
};

use crate::record::{ConfigResource, Listener, SupportedFeature};

/// A request for a change of metadata.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ControllerRequest {
    /// Gives the cluster its identity; repeating it changes nothing.
    CreateCluster(CreateCluster),
    /// A broker begins its life.
    RegisterBroker(RegisterBroker),
    /// A broker is fenced, unfenced or shutting down.
    UpdateBrokerStatus(UpdateBrokerStatus),
    /// A broker is gone for good.
    RemoveBroker {
        /// The broker.
        node: NodeId,
    },
    /// Kafka's CreateTopics.
    CreateTopics(CreateTopics),
    /// Kafka's DeleteTopics.
    DeleteTopics(DeleteTopics),
    /// Kafka's CreatePartitions.
    CreatePartitions(CreatePartitions),
    /// Kafka's IncrementalAlterConfigs.
    IncrementalAlterConfigs(IncrementalAlterConfigs),
    /// Kafka's AllocateProducerIds.
    AllocateProducerIds {
        /// Who asks.
        node: NodeId,
        /// In which life.
        incarnation: Incarnation,
    },
    /// Kafka's AlterPartition: a leader proposes an ISR.
    AlterPartition(AlterPartition),
}

impl ControllerRequest {
    /// Its place within a batch: fencing and shutdown, AlterPartition, registration, the rest.
    #[must_use]
    pub const fn order(&self) -> u8 {
        match self {
            Self::CreateCluster(_) => 0,
            Self::UpdateBrokerStatus(update) => match update.status {
                WantedStatus::Fenced | WantedStatus::ShuttingDown => 0,
                WantedStatus::Unfenced => 3,
            },
            Self::AlterPartition(_) => 1,
            Self::RegisterBroker(_) => 2,
            Self::RemoveBroker { .. }
            | Self::CreateTopics(_)
            | Self::DeleteTopics(_)
            | Self::CreatePartitions(_)
            | Self::IncrementalAlterConfigs(_)
            | Self::AllocateProducerIds { .. } => 3,
        }
    }

    /// Its name, for logs and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CreateCluster(_) => "CreateCluster",
            Self::RegisterBroker(_) => "RegisterBroker",
            Self::UpdateBrokerStatus(_) => "UpdateBrokerStatus",
            Self::RemoveBroker { .. } => "RemoveBroker",
            Self::CreateTopics(_) => "CreateTopics",
            Self::DeleteTopics(_) => "DeleteTopics",
            Self::CreatePartitions(_) => "CreatePartitions",
            Self::IncrementalAlterConfigs(_) => "IncrementalAlterConfigs",
            Self::AllocateProducerIds { .. } => "AllocateProducerIds",
            Self::AlterPartition(_) => "AlterPartition",
        }
    }
}

/// The first decision of a cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateCluster {
    /// Its identity.
    pub cluster_id: ClusterId,
    /// What an acknowledgement promises where a topic does not say.
    pub default_durability: Durability,
    /// The feature levels to finalise.
    pub features: Vec<(String, i16)>,
}

/// What is left of an earlier life in a broker's data directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DirectoryState {
    /// Its clean-shutdown mark matches.
    Clean,
    /// The same directory, and its journal was replayed.
    Intact,
    /// A new directory, or a journal that cannot be read.
    Lost,
}

/// A broker begins its life.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegisterBroker {
    /// The broker.
    pub node: NodeId,
    /// The cluster it belongs to.
    pub cluster_id: ClusterId,
    /// Drawn at each start of its process.
    pub incarnation_id: Uuid,
    /// Its data directory.
    pub directory_id: DirectoryId,
    /// What the directory holds.
    pub directory_state: DirectoryState,
    /// Partitions that recovery found damaged.
    pub damaged: Vec<(TopicId, PartitionId)>,
    /// Where it can be reached.
    pub listeners: Vec<Listener>,
    /// Its rack.
    pub rack: Option<String>,
    /// The features it supports.
    pub features: Vec<SupportedFeature>,
}

/// What a broker is to become.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WantedStatus {
    /// Alive: it may lead and be in sync.
    Unfenced,
    /// It leads nothing and is in no ISR.
    Fenced,
    /// It hands its leaderships over.
    ShuttingDown,
}

/// A broker's status is to change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UpdateBrokerStatus {
    /// The broker.
    pub node: NodeId,
    /// The life that is meant; another one is refused with STALE_BROKER_EPOCH.
    pub incarnation: Incarnation,
    /// What it is to become.
    pub status: WantedStatus,
}

/// Topics to create.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateTopics {
    /// In the order of the answer.
    pub topics: Vec<CreatableTopic>,
    /// Whether to answer only.
    pub validate_only: bool,
}

/// A topic to create.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CreatableTopic {
    /// As it came; judged here.
    pub name: String,
    /// -1 for the default.
    pub partitions: i32,
    /// -1 for the default.
    pub replication_factor: i16,
    /// Replicas per partition, when the client chose them.
    pub assignments: Vec<(PartitionId, Vec<NodeId>)>,
    /// Configurations; a null value is refused.
    pub configs: Vec<(String, Option<String>)>,
}

/// A topic by what the client knew.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum TopicRef {
    /// By name.
    Name(String),
    /// By id.
    Id(TopicId),
}

/// Topics to delete.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeleteTopics {
    /// In the order of the answer.
    pub topics: Vec<TopicRef>,
}

/// Partitions to add.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreatePartitions {
    /// In the order of the answer.
    pub topics: Vec<CreatePartitionsTopic>,
    /// Whether to answer only.
    pub validate_only: bool,
}

/// Partitions to add to one topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreatePartitionsTopic {
    /// The topic.
    pub name: String,
    /// How many it is to have in all.
    pub count: i32,
    /// Replicas of the new ones, when the client chose them.
    pub assignments: Option<Vec<Vec<NodeId>>>,
}

/// Configurations to change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IncrementalAlterConfigs {
    /// In the order of the answer.
    pub resources: Vec<ConfigAlteration>,
    /// Whether to answer only.
    pub validate_only: bool,
}

/// Configurations of one resource to change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigAlteration {
    /// Whose.
    pub resource: ConfigResource,
    /// What to do, in order.
    pub ops: Vec<(String, AlterConfigOp)>,
    /// Whether everything that `ops` does not set is removed (Kafka's old AlterConfigs).
    pub replace: bool,
}

/// What to do with one configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AlterConfigOp {
    /// Give it a value; a null one is refused.
    Set(Option<String>),
    /// Back to the default.
    Delete,
    /// Add to a list.
    Append(Option<String>),
    /// Take from a list.
    Subtract(Option<String>),
}

impl AlterConfigOp {
    /// Whether it needs a value and was given null.
    #[must_use]
    pub const fn is_without_value(&self) -> bool {
        matches!(
            self,
            Self::Set(None) | Self::Append(None) | Self::Subtract(None)
        )
    }
}

/// A leader proposes in-sync replicas.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AlterPartition {
    /// The leader.
    pub node: NodeId,
    /// Its life.
    pub incarnation: Incarnation,
    /// Per topic, in the order of the answer.
    pub topics: BTreeMap<TopicId, Vec<AlterPartitionItem>>,
}

/// A proposal for one partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AlterPartitionItem {
    /// Its number.
    pub partition: PartitionId,
    /// The epoch the leader leads in.
    pub leader_epoch: LeaderEpoch,
    /// The state the proposal is about.
    pub partition_epoch: PartitionEpoch,
    /// The proposed members, each with the life that fetched (unknown: not checked).
    pub isr: Vec<(NodeId, Option<Incarnation>)>,
}
