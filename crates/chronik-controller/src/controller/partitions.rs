//! Partitions: adding some to a topic, and a leader's proposal of in-sync replicas.

use std::collections::{BTreeMap, BTreeSet};

use chronik_types::{ErrorCode, NodeId, PartitionId, TopicId};

use super::topics::{check_assignment, excessive, new_partitions, place_checked};
use super::{
    ControllerSettings, MAX_RECORDS_PER_USER_REQUEST, Random, check_incarnation, election,
};
use crate::image::{MetadataImage, TopicImage};
use crate::placement::candidates;
use crate::record::{MetadataRecord, PartitionRegistration};
use crate::request::{AlterPartition, AlterPartitionItem, CreatePartitions, CreatePartitionsTopic};
use crate::response::{AlterPartitionResults, ApiError, ItemResult};

pub(super) fn create(
    settings: &ControllerSettings,
    image: &MetadataImage,
    request: &CreatePartitions,
    random: &mut dyn Random,
    records: &mut Vec<MetadataRecord>,
) -> Vec<(String, ItemResult<()>)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for topic in &request.topics {
        *counts.entry(&topic.name).or_default() += 1;
    }
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
        } else {
            create_one(settings, image, topic, random, records)
        };
        results.push((topic.name.clone(), result));
    }
    if request.validate_only {
        records.clear();
    }
    results
}

fn create_one(
    settings: &ControllerSettings,
    image: &MetadataImage,
    request: &CreatePartitionsTopic,
    random: &mut dyn Random,
    records: &mut Vec<MetadataRecord>,
) -> ItemResult<()> {
    let topic = image
        .topic(&request.name)
        .ok_or_else(|| ApiError::bare(ErrorCode::UnknownTopicOrPartition))?;
    let present = topic.partition_count();
    let wanted = usize::try_from(request.count).unwrap_or(0);
    if wanted == present {
        return Err(ApiError::new(
            ErrorCode::InvalidPartitions,
            format!("Topic already has {present} partition(s)."),
        ));
    }
    if wanted < present {
        return Err(ApiError::new(
            ErrorCode::InvalidPartitions,
            format!(
                "The topic {} currently has {present} partition(s); {} would not be an increase.",
                topic.name, request.count
            ),
        ));
    }
    let added = wanted - present;
    if records.len() + added > MAX_RECORDS_PER_USER_REQUEST {
        return Err(excessive());
    }
    let factor = topic
        .partition(PartitionId::new(0))
        .map_or(1, |partition| partition.replicas.len());
    let first = PartitionId::new(i32::try_from(present).unwrap_or(i32::MAX));
    let placements = match &request.assignments {
        Some(assignments) => assigned(image, topic, assignments, added, factor)?,
        None => {
            let known = candidates(image, &settings.voters);
            place_checked(&known, added, factor, random).map_err(|why| {
                ApiError::new(
                    ErrorCode::InvalidReplicationFactor,
                    format!("Unable to replicate the partition {factor} time(s): {why}"),
                )
            })?
        }
    };
    records.extend(new_partitions(image, topic.id, first, placements));
    Ok(())
}

fn assigned(
    image: &MetadataImage,
    topic: &TopicImage,
    assignments: &[Vec<NodeId>],
    added: usize,
    factor: usize,
) -> ItemResult<Vec<Vec<NodeId>>> {
    if assignments.len() != added {
        return Err(ApiError::new(
            ErrorCode::InvalidReplicaAssignment,
            format!(
                "Attempted to add {added} additional partition(s), but only {} assignment(s) were \
                 specified.",
                assignments.len()
            ),
        ));
    }
    for (id, replicas) in (topic.partition_count()..).zip(assignments) {
        let id = PartitionId::new(i32::try_from(id).unwrap_or(i32::MAX));
        check_assignment(image, id, replicas, Some(factor))?;
    }
    Ok(assignments.to_vec())
}

pub(super) fn alter(
    image: &MetadataImage,
    request: &AlterPartition,
    records: &mut Vec<MetadataRecord>,
) -> ItemResult<AlterPartitionResults> {
    check_incarnation(image, request.node, request.incarnation)?;
    let mut results = BTreeMap::new();
    for (id, items) in &request.topics {
        let answers: Vec<_> = items
            .iter()
            .map(|item| {
                (
                    item.partition,
                    alter_one(image, request.node, *id, item, records),
                )
            })
            .collect();
        results.insert(*id, answers);
    }
    Ok(results)
}

/// Kafka's order of checks, so that a stale leader and a stale controller are told apart.
fn alter_one(
    image: &MetadataImage,
    sender: NodeId,
    id: TopicId,
    item: &AlterPartitionItem,
    records: &mut Vec<MetadataRecord>,
) -> ItemResult<PartitionRegistration> {
    let refuse = |code| Err(ApiError::bare(code));
    let Some(topic) = image.topic_by_id(id) else {
        return refuse(ErrorCode::UnknownTopicId);
    };
    let Some(before) = topic.partition(item.partition) else {
        return refuse(ErrorCode::UnknownTopicOrPartition);
    };
    if item.leader_epoch > before.leader_epoch || item.partition_epoch > before.partition_epoch {
        return refuse(ErrorCode::NotController);
    }
    if item.leader_epoch < before.leader_epoch {
        return refuse(ErrorCode::FencedLeaderEpoch);
    }
    if before.leader != Some(sender) {
        return refuse(ErrorCode::InvalidRequest);
    }
    if item.partition_epoch < before.partition_epoch {
        return refuse(ErrorCode::InvalidUpdateVersion);
    }
    let proposed: BTreeSet<_> = item.isr.iter().map(|(node, _)| *node).collect();
    let known = proposed.iter().all(|node| before.replicas.contains(node));
    if !known || proposed.len() != item.isr.len() || !proposed.contains(&sender) {
        return refuse(ErrorCode::InvalidRequest);
    }
    let eligible = item.isr.iter().all(|(node, incarnation)| {
        image.broker(*node).is_some_and(|broker| {
            broker.is_active() && incarnation.is_none_or(|life| life == broker.incarnation)
        })
    });
    if !eligible {
        return refuse(ErrorCode::IneligibleReplica);
    }
    let isr: Vec<_> = item.isr.iter().map(|(node, _)| *node).collect();
    let is_active = |node| image.is_active(node);
    let rules = election(image, &topic.name, before.replicas.len(), &is_active, &[]);
    match rules.change(before, &isr) {
        Some(after) => {
            records.push(MetadataRecord::PartitionChanged {
                topic: id,
                partition: item.partition,
                registration: after.clone(),
            });
            Ok(after)
        }
        None => Ok(before.clone()),
    }
}
