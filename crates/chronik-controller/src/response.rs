//! What the controller answers.

use std::collections::BTreeMap;
use std::fmt;

use chronik_types::{
    ErrorCode, Incarnation, LogIndex, PartitionId, ProducerId, TopicId, TopicName,
};

use crate::record::{ConfigResource, PartitionRegistration};
use crate::request::TopicRef;

/// A refusal in Kafka's terms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApiError {
    /// The code of the wire.
    pub code: ErrorCode,
    /// For people; `None` where Kafka sends its standard text.
    pub message: Option<String>,
}

impl ApiError {
    /// A code with a message.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: Some(message.into()),
        }
    }

    /// A code alone.
    #[must_use]
    pub const fn bare(code: ErrorCode) -> Self {
        Self {
            code,
            message: None,
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "{}: {message}", self.code),
            None => write!(f, "{}", self.code),
        }
    }
}

impl std::error::Error for ApiError {}

/// An answer, or why not.
pub type ItemResult<T> = Result<T, ApiError>;

/// A topic that was created, or would be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreatedTopic {
    /// Its identity.
    pub id: TopicId,
    /// Its partitions.
    pub partitions: i32,
    /// Its replication factor: that of its first partition.
    pub replication_factor: i16,
    /// The configurations it was created with.
    pub configs: BTreeMap<String, String>,
}

/// A topic that is gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeletedTopic {
    /// Its identity.
    pub id: TopicId,
    /// Its name.
    pub name: TopicName,
}

/// Producer ids to hand out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProducerIdBlock {
    /// The first.
    pub start: ProducerId,
    /// How many.
    pub len: i32,
}

/// The state of each partition after a proposal, or why it was refused.
pub type AlterPartitionResults =
    BTreeMap<TopicId, Vec<(PartitionId, ItemResult<PartitionRegistration>)>>;

/// The answer to a [`crate::ControllerRequest`], item by item in the request's order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ControllerResponse {
    /// The cluster is there.
    CreateCluster(ItemResult<()>),
    /// The broker's life is the index of its registration.
    RegisterBroker(ItemResult<Incarnation>),
    /// The status is as asked.
    UpdateBrokerStatus(ItemResult<()>),
    /// The broker is gone.
    RemoveBroker(ItemResult<()>),
    /// Per topic.
    CreateTopics(Vec<(String, ItemResult<CreatedTopic>)>),
    /// Per topic.
    DeleteTopics(Vec<(TopicRef, ItemResult<DeletedTopic>)>),
    /// Per topic.
    CreatePartitions(Vec<(String, ItemResult<()>)>),
    /// Per resource.
    IncrementalAlterConfigs(Vec<(ConfigResource, ItemResult<()>)>),
    /// A block of producer ids.
    AllocateProducerIds(ItemResult<ProducerIdBlock>),
    /// The state after the proposal, per partition.
    AlterPartition(ItemResult<AlterPartitionResults>),
}

impl ControllerResponse {
    /// Replaces the index that was assumed while deciding by the one the entry got: a broker's
    /// incarnation is the index of its registration, which is known only then.
    #[must_use]
    pub fn settle(self, assumed: LogIndex, index: LogIndex) -> Self {
        match self {
            Self::RegisterBroker(Ok(incarnation))
                if incarnation == Incarnation::new(assumed.get()) =>
            {
                Self::RegisterBroker(Ok(Incarnation::new(index.get())))
            }
            other => other,
        }
    }
}
