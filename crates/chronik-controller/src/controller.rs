//! The controller: requests in, facts out.
//!
//! [`Controller::decide`] is a function of the image, the request and randomness; it runs on the
//! leader only, and its records are what every node replays. Answers carry Kafka's error codes and
//! messages (`ReplicationControlManager`, `ConfigurationControlManager`, `ClusterControlManager`).
//! Absent: heartbeats and sessions, which are the leader's own table, and when to write records.

mod brokers;
mod configs;
mod partitions;
#[cfg(test)]
pub(crate) mod tests;
mod topics;

use chronik_types::{
    ClusterId, ErrorCode, Incarnation, LogIndex, NodeId, ProducerId, TopicName, Uuid,
};

use crate::election::Election;
use crate::image::MetadataImage;
use crate::record::MetadataRecord;
use crate::request::{ControllerRequest, CreateCluster};
use crate::response::{ApiError, ControllerResponse, ItemResult, ProducerIdBlock};

/// The most records a user's request may make, as in Kafka.
pub const MAX_RECORDS_PER_USER_REQUEST: usize = 10_000;

/// How many producer ids a broker gets at a time, as in Kafka.
const PRODUCER_ID_BLOCK: i32 = 1000;

/// Where random numbers come from: the system's entropy, or a simulation's seed.
pub trait Random {
    /// 64 random bits.
    fn next_u64(&mut self) -> u64;

    /// A number of `0..bound`; `bound` is at least 1.
    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next_u64() % bound).unwrap_or(0)
    }

    /// A random uuid whose text does not start with a dash.
    fn uuid(&mut self) -> Uuid {
        loop {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&self.next_u64().to_le_bytes());
            bytes[8..].copy_from_slice(&self.next_u64().to_le_bytes());
            let uuid = Uuid::from_random(bytes);
            if !uuid.starts_with_dash() {
                return uuid;
            }
        }
    }
}

/// What the operator set that decisions depend on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ControllerSettings {
    /// `num.partitions`.
    pub default_partitions: i32,
    /// `default.replication.factor` where it was set; otherwise min(3, known brokers).
    pub default_replication_factor: Option<i16>,
    /// The listed voters, which count as known brokers before they register.
    pub voters: Vec<NodeId>,
}

impl Default for ControllerSettings {
    fn default() -> Self {
        Self {
            default_partitions: 1,
            default_replication_factor: None,
            voters: Vec::new(),
        }
    }
}

/// Decides.
#[derive(Clone, Debug, Default)]
pub struct Controller {
    settings: ControllerSettings,
}

/// The outcome of one request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// The facts to write; none for a refusal.
    pub records: Vec<MetadataRecord>,
    /// The answer, once they are applied.
    pub response: ControllerResponse,
}

impl Controller {
    /// A controller with these settings.
    #[must_use]
    pub const fn new(settings: ControllerSettings) -> Self {
        Self { settings }
    }

    /// Decides one request on the state `image`. An incarnation in the answer assumes that the
    /// records land right after it; [`ControllerResponse::settle`] corrects it.
    pub fn decide(
        &self,
        image: &MetadataImage,
        request: &ControllerRequest,
        random: &mut dyn Random,
    ) -> Decision {
        let mut records = Vec::new();
        let out = &mut records;
        let response = match request {
            ControllerRequest::CreateCluster(request) => {
                ControllerResponse::CreateCluster(create_cluster(image, request, out))
            }
            ControllerRequest::RegisterBroker(request) => {
                ControllerResponse::RegisterBroker(brokers::register(image, request, out))
            }
            ControllerRequest::UpdateBrokerStatus(request) => {
                ControllerResponse::UpdateBrokerStatus(brokers::update_status(image, request, out))
            }
            ControllerRequest::RemoveBroker { node } => {
                ControllerResponse::RemoveBroker(brokers::remove(image, *node, out))
            }
            ControllerRequest::CreateTopics(request) => ControllerResponse::CreateTopics(
                topics::create(&self.settings, image, request, random, out),
            ),
            ControllerRequest::DeleteTopics(request) => {
                ControllerResponse::DeleteTopics(topics::delete(image, request, out))
            }
            ControllerRequest::CreatePartitions(request) => ControllerResponse::CreatePartitions(
                partitions::create(&self.settings, image, request, random, out),
            ),
            ControllerRequest::IncrementalAlterConfigs(request) => {
                ControllerResponse::IncrementalAlterConfigs(configs::alter(image, request, out))
            }
            ControllerRequest::AllocateProducerIds { node, incarnation } => {
                ControllerResponse::AllocateProducerIds(allocate_producer_ids(
                    image,
                    *node,
                    *incarnation,
                    out,
                ))
            }
            ControllerRequest::AlterPartition(request) => {
                ControllerResponse::AlterPartition(partitions::alter(image, request, out))
            }
        };
        Decision { records, response }
    }
}

/// The index that the records of a batch on `image` are assumed to get.
pub(crate) fn assumed_index(image: &MetadataImage) -> LogIndex {
    image.applied().map_or(LogIndex::new(0), LogIndex::next)
}

/// Refuses a request of another life of a broker.
fn check_incarnation(
    image: &MetadataImage,
    node: NodeId,
    incarnation: Incarnation,
) -> ItemResult<()> {
    match image.broker(node) {
        None => Err(ApiError::new(
            ErrorCode::StaleBrokerEpoch,
            format!("No broker registration found for broker id {node}"),
        )),
        Some(broker) if broker.incarnation != incarnation => Err(ApiError::new(
            ErrorCode::StaleBrokerEpoch,
            format!(
                "Expected broker epoch {incarnation}, but got broker epoch {}",
                broker.incarnation
            ),
        )),
        Some(_) => Ok(()),
    }
}

/// The rules of election for a topic's partition, with `is_active` instead of the image's word.
fn election<'a>(
    image: &MetadataImage,
    topic: &TopicName,
    replicas: usize,
    is_active: &'a dyn Fn(NodeId) -> bool,
    lost: &'a [NodeId],
) -> Election<'a> {
    Election {
        is_active,
        min_isr: image.min_isr(topic, replicas),
        unclean: image
            .topic_config(topic, "unclean.leader.election.enable")
            .is_some_and(|value| value.trim().eq_ignore_ascii_case("true")),
        lost,
    }
}

fn create_cluster(
    image: &MetadataImage,
    request: &CreateCluster,
    records: &mut Vec<MetadataRecord>,
) -> ItemResult<()> {
    match image.cluster_id() {
        Some(id) => check_cluster(id, request.cluster_id),
        None => {
            records.push(MetadataRecord::ClusterCreated {
                cluster_id: request.cluster_id,
                default_durability: request.default_durability,
            });
            records.extend(request.features.iter().map(|(name, level)| {
                MetadataRecord::FeatureLevelSet {
                    name: name.clone(),
                    level: *level,
                }
            }));
            Ok(())
        }
    }
}

fn check_cluster(ours: ClusterId, theirs: ClusterId) -> ItemResult<()> {
    if ours == theirs {
        Ok(())
    } else {
        Err(ApiError::new(
            ErrorCode::InconsistentClusterId,
            format!("Expected cluster ID {ours}, but got cluster ID {theirs}"),
        ))
    }
}

fn allocate_producer_ids(
    image: &MetadataImage,
    node: NodeId,
    incarnation: Incarnation,
    records: &mut Vec<MetadataRecord>,
) -> ItemResult<ProducerIdBlock> {
    check_incarnation(image, node, incarnation)?;
    let start = image.next_producer_id();
    let next = start
        .get()
        .checked_add(i64::from(PRODUCER_ID_BLOCK))
        .ok_or_else(|| {
            ApiError::new(
                ErrorCode::UnknownServerError,
                "Exhausted all producerIds as the next block's end producerId has exceeded \
                 the int64 type limit",
            )
        })?;
    records.push(MetadataRecord::ProducerIdsAllocated {
        next: ProducerId::new(next),
    });
    Ok(ProducerIdBlock {
        start,
        len: PRODUCER_ID_BLOCK,
    })
}
