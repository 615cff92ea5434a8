//! Topics: creation and deletion.
//!
//! A topic has its partitions, with leader and ISR, from its first moment: all its records are in
//! one entry.

use std::collections::{BTreeMap, BTreeSet};

use chronik_types::{
    ErrorCode, LeaderEpoch, NodeId, PartitionEpoch, PartitionId, TopicId, TopicName,
};

use super::configs::check_sizes;
use super::{ControllerSettings, MAX_RECORDS_PER_USER_REQUEST, Random};
use crate::image::{MetadataImage, TopicImage};
use crate::placement::{candidates, place};
use crate::record::{ConfigResource, MetadataRecord, PartitionRegistration};
use crate::request::{CreatableTopic, CreateTopics, DeleteTopics, TopicRef};
use crate::response::{ApiError, CreatedTopic, DeletedTopic, ItemResult};
use crate::topic_config::validate_topic;

/// The topic that Kafka keeps its metadata in: clients know it for one that cannot be created.
const CLUSTER_METADATA: &str = "__cluster_metadata";

pub(super) fn create(
    settings: &ControllerSettings,
    image: &MetadataImage,
    request: &CreateTopics,
    random: &mut dyn Random,
    records: &mut Vec<MetadataRecord>,
) -> Vec<(String, ItemResult<CreatedTopic>)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for topic in &request.topics {
        *counts.entry(&topic.name).or_default() += 1;
    }
    let total: i64 = request
        .topics
        .iter()
        .map(|topic| wanted_partitions(settings, topic).max(0))
        .sum();
    let too_many = total > i64::try_from(MAX_RECORDS_PER_USER_REQUEST).unwrap_or(i64::MAX);
    let mut scratch = image.clone();
    let mut answered = BTreeSet::new();
    let mut results = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        if !answered.insert(topic.name.as_str()) {
            continue;
        }
        let result = if counts[topic.name.as_str()] > 1 {
            Err(ApiError::new(
                ErrorCode::InvalidRequest,
                "Duplicate topic name.",
            ))
        } else if topic.name == CLUSTER_METADATA {
            Err(ApiError::new(
                ErrorCode::InvalidRequest,
                "Creation of internal topic __cluster_metadata is prohibited.",
            ))
        } else if too_many {
            Err(excessive())
        } else {
            create_one(settings, &scratch, topic, random).and_then(|(made, created)| {
                if records.len() + made.len() > MAX_RECORDS_PER_USER_REQUEST {
                    return Err(excessive());
                }
                let mut delta = crate::MetadataDelta::default();
                for record in &made {
                    scratch.replay(super::assumed_index(image), record, &mut delta);
                }
                records.extend(made);
                Ok(created)
            })
        };
        results.push((topic.name.clone(), result));
    }
    if request.validate_only {
        records.clear();
    }
    results
}

pub(super) fn excessive() -> ApiError {
    ApiError::new(
        ErrorCode::PolicyViolation,
        "Excessively large number of partitions per request.",
    )
}

fn wanted_partitions(settings: &ControllerSettings, topic: &CreatableTopic) -> i64 {
    match topic.partitions {
        _ if !topic.assignments.is_empty() => {
            i64::try_from(topic.assignments.len()).unwrap_or(i64::MAX)
        }
        -1 => i64::from(settings.default_partitions),
        count => i64::from(count),
    }
}

fn create_one(
    settings: &ControllerSettings,
    image: &MetadataImage,
    topic: &CreatableTopic,
    random: &mut dyn Random,
) -> ItemResult<(Vec<MetadataRecord>, CreatedTopic)> {
    let name = TopicName::new(&topic.name)
        .map_err(|why| ApiError::new(ErrorCode::InvalidTopicException, why.to_string()))?;
    if image.topic(name.as_str()).is_some() {
        return Err(ApiError::new(
            ErrorCode::TopicAlreadyExists,
            format!("Topic '{name}' already exists."),
        ));
    }
    if let Some(existing) = image.colliding_topic(&name) {
        return Err(ApiError::new(
            ErrorCode::InvalidTopicException,
            format!("Topic '{name}' collides with existing topic: {existing}"),
        ));
    }
    let configs = creation_configs(topic)?;
    let replicas = if topic.assignments.is_empty() {
        placed(settings, image, topic, random)?
    } else {
        assigned(image, topic)?
    };
    let id = TopicId::new(random.uuid());
    let created = CreatedTopic {
        id,
        partitions: i32::try_from(replicas.len()).unwrap_or(i32::MAX),
        replication_factor: i16::try_from(replicas[0].len()).unwrap_or(i16::MAX),
        configs,
    };
    let mut records = vec![MetadataRecord::TopicCreated {
        id,
        name: name.clone(),
    }];
    for (key, value) in &created.configs {
        records.push(MetadataRecord::ConfigChanged {
            resource: ConfigResource::Topic(name.clone()),
            name: key.clone(),
            value: Some(value.clone()),
        });
    }
    let new = new_partitions(image, id, PartitionId::new(0), replicas);
    records.extend(new);
    Ok((records, created))
}

fn creation_configs(topic: &CreatableTopic) -> ItemResult<BTreeMap<String, String>> {
    let mut configs = BTreeMap::new();
    let mut nulls = Vec::new();
    for (name, value) in &topic.configs {
        match value {
            Some(value) => {
                configs.insert(name.clone(), value.clone());
            }
            None => nulls.push(name.as_str()),
        }
    }
    if !nulls.is_empty() {
        return Err(null_configs(&nulls));
    }
    check_sizes(&configs)?;
    validate_topic(configs.iter().map(|(n, v)| (n.as_str(), v.as_str())))?;
    Ok(configs)
}

fn null_configs(names: &[&str]) -> ApiError {
    ApiError::new(
        ErrorCode::InvalidConfig,
        format!(
            "Null value not supported for topic configs: {}",
            names.join(",")
        ),
    )
}

fn placed(
    settings: &ControllerSettings,
    image: &MetadataImage,
    topic: &CreatableTopic,
    random: &mut dyn Random,
) -> ItemResult<Vec<Vec<NodeId>>> {
    if topic.replication_factor < -1 || topic.replication_factor == 0 {
        return Err(ApiError::new(
            ErrorCode::InvalidReplicationFactor,
            "Replication factor must be larger than 0, or -1 to use the default value.",
        ));
    }
    if topic.partitions < -1 || topic.partitions == 0 {
        return Err(ApiError::new(
            ErrorCode::InvalidPartitions,
            "Number of partitions was set to an invalid non-positive value.",
        ));
    }
    let known = candidates(image, &settings.voters);
    let factor = match topic.replication_factor {
        -1 => match settings.default_replication_factor {
            Some(set) => usize::try_from(set).unwrap_or(1),
            None => known.len().min(3),
        },
        set => usize::try_from(set).unwrap_or(1),
    };
    let partitions = usize::try_from(wanted_partitions(settings, topic)).unwrap_or(1);
    place_checked(&known, partitions, factor.max(1), random).map_err(|why| {
        ApiError::new(
            ErrorCode::InvalidReplicationFactor,
            format!("Unable to replicate the partition {factor} time(s): {why}"),
        )
    })
}

/// Places, or says why that cannot be.
pub(super) fn place_checked(
    known: &[crate::placement::Candidate<'_>],
    partitions: usize,
    factor: usize,
    random: &mut dyn Random,
) -> Result<Vec<Vec<NodeId>>, String> {
    if !known.iter().any(|candidate| candidate.active) {
        return Err("All brokers are currently fenced or in controlled shutdown.".to_owned());
    }
    if factor > known.len() {
        return Err(format!(
            "The target replication factor of {factor} cannot be reached because only {} \
             broker(s) are registered.",
            known.len()
        ));
    }
    Ok(place(known, partitions, factor, random))
}

fn assigned(image: &MetadataImage, topic: &CreatableTopic) -> ItemResult<Vec<Vec<NodeId>>> {
    let invalid = |message: &str| Err(ApiError::new(ErrorCode::InvalidRequest, message));
    if topic.replication_factor != -1 {
        return invalid(
            "A manual partition assignment was specified, but replication factor was not set to -1.",
        );
    }
    if topic.partitions != -1 {
        return invalid(
            "A manual partition assignment was specified, but numPartitions was not set to -1.",
        );
    }
    let mut by_id = BTreeMap::new();
    let mut factor = None;
    for (id, replicas) in &topic.assignments {
        if by_id.insert(*id, replicas.clone()).is_some() {
            return Err(ApiError::new(
                ErrorCode::InvalidReplicaAssignment,
                format!("Found multiple manual partition assignments for partition {id}"),
            ));
        }
        check_assignment(image, *id, replicas, factor)?;
        factor = Some(replicas.len());
    }
    let consecutive = by_id
        .keys()
        .copied()
        .eq((0..).map(PartitionId::new).take(by_id.len()));
    if !consecutive {
        return Err(ApiError::new(
            ErrorCode::InvalidReplicaAssignment,
            "partitions should be a consecutive 0-based integer sequence",
        ));
    }
    Ok(by_id.into_values().collect())
}

/// Judges replicas that a client chose.
pub(super) fn check_assignment(
    image: &MetadataImage,
    id: PartitionId,
    replicas: &[NodeId],
    factor: Option<usize>,
) -> ItemResult<()> {
    let refuse = |message: String| Err(ApiError::new(ErrorCode::InvalidReplicaAssignment, message));
    if replicas.is_empty() {
        return refuse(
            "The manual partition assignment includes an empty replica list.".to_owned(),
        );
    }
    let mut seen = BTreeSet::new();
    for node in replicas {
        if image.broker(*node).is_none() {
            return refuse(format!(
                "The manual partition assignment includes broker {node}, but no such broker is registered."
            ));
        }
        if !seen.insert(*node) {
            return refuse(format!(
                "The manual partition assignment includes the broker {node} more than once."
            ));
        }
    }
    if let Some(factor) = factor.filter(|factor| *factor != replicas.len()) {
        return refuse(format!(
            "The manual partition assignment includes a partition with {} replica(s), but this is \
             not consistent with previous partitions, which have {factor} replica(s).",
            replicas.len()
        ));
    }
    if !replicas.iter().any(|node| image.is_active(*node)) {
        return refuse(format!(
            "All brokers specified in the manual partition assignment for partition {id} are \
             fenced or in controlled shutdown."
        ));
    }
    Ok(())
}

/// New partitions from `first` on: the ISR starts with the live replicas.
pub(super) fn new_partitions(
    image: &MetadataImage,
    topic: TopicId,
    first: PartitionId,
    placements: Vec<Vec<NodeId>>,
) -> impl Iterator<Item = MetadataRecord> {
    (first.get()..).zip(placements).map(move |(id, replicas)| {
        let isr: Vec<_> = replicas
            .iter()
            .copied()
            .filter(|node| image.is_active(*node))
            .collect();
        MetadataRecord::PartitionCreated {
            topic,
            partition: PartitionId::new(id),
            registration: PartitionRegistration {
                leader: isr.first().copied(),
                replicas,
                isr,
                elr: Vec::new(),
                leader_epoch: LeaderEpoch::new(0),
                partition_epoch: PartitionEpoch::new(0),
            },
        }
    })
}

/// Deletes. A name or an id that comes twice is answered once, refused, as are a name and an id
/// of the same topic: Kafka takes them for mistakes and deletes nothing of the kind.
pub(super) fn delete(
    image: &MetadataImage,
    request: &DeleteTopics,
    records: &mut Vec<MetadataRecord>,
) -> Vec<(TopicRef, ItemResult<DeletedTopic>)> {
    let mut counts: BTreeMap<&TopicRef, usize> = BTreeMap::new();
    for topic in &request.topics {
        *counts.entry(topic).or_default() += 1;
    }
    let mut answered = BTreeSet::new();
    let mut results = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        if !answered.insert(topic) {
            continue;
        }
        let Some(found) = deletable(image, topic, &counts) else {
            continue;
        };
        let result = found.and_then(|found| {
            if records.len() >= MAX_RECORDS_PER_USER_REQUEST {
                return Err(ApiError::new(
                    ErrorCode::PolicyViolation,
                    "Excessively large number of topics per request.",
                ));
            }
            records.push(MetadataRecord::TopicDeleted { id: found.id });
            Ok(DeletedTopic {
                id: found.id,
                name: found.name.clone(),
            })
        });
        results.push((topic.clone(), result));
    }
    results
}

/// The topic meant, if it may be deleted. Nothing for an id whose topic is also asked for by name:
/// the name has the answer.
fn deletable<'a>(
    image: &'a MetadataImage,
    topic: &TopicRef,
    counts: &BTreeMap<&TopicRef, usize>,
) -> Option<ItemResult<&'a TopicImage>> {
    let invalid = |message: &str| Err(ApiError::new(ErrorCode::InvalidRequest, message));
    let is_duplicate = counts.get(topic).is_some_and(|count| *count > 1);
    Some(match topic {
        TopicRef::Name(_) if is_duplicate => invalid("Duplicate topic name."),
        TopicRef::Id(_) if is_duplicate => invalid("Duplicate topic id."),
        TopicRef::Name(name) => match image.topic(name) {
            None => Err(ApiError::new(
                ErrorCode::UnknownTopicOrPartition,
                "This server does not host this topic-partition.",
            )),
            Some(found) if counts.contains_key(&TopicRef::Id(found.id)) => {
                invalid("The provided topic name maps to an ID that was already supplied.")
            }
            Some(found) => Ok(found),
        },
        TopicRef::Id(id) => match image.topic_by_id(*id) {
            None => Err(ApiError::new(
                ErrorCode::UnknownTopicId,
                "This server does not host this topic ID.",
            )),
            Some(found) => {
                let name = TopicRef::Name(found.name.to_string());
                match counts.get(&name) {
                    Some(1) => return None,
                    // A name that came twice is refused for that, and the id stands alone.
                    _ => Ok(found),
                }
            }
        },
    })
}
