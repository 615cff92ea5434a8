//! Brokers: registration, fencing, unfencing, shutdown, removal.
//!
//! Keeps I5 and I3: a new life of a broker begins fenced, and everything it led gets another
//! leader epoch before it can lead again, because it may have come back with a shorter log.

use chronik_types::{Durability, ErrorCode, Incarnation, NodeId, PartitionId, TopicId};

use super::{assumed_index, check_cluster, check_incarnation, election};
use crate::image::{BrokerRegistration, MetadataImage, TopicImage};
use crate::record::{BrokerRegistered, MetadataRecord, PartitionRegistration};
use crate::request::{DirectoryState, RegisterBroker, UpdateBrokerStatus, WantedStatus};
use crate::response::{ApiError, ItemResult};

pub(super) fn register(
    image: &MetadataImage,
    request: &RegisterBroker,
    records: &mut Vec<MetadataRecord>,
) -> ItemResult<Incarnation> {
    let Some(cluster_id) = image.cluster_id() else {
        // The cluster is still being created: the broker's lifecycle tries again.
        return Err(ApiError::bare(ErrorCode::NotController));
    };
    check_cluster(cluster_id, request.cluster_id)?;
    check_features(image, request)?;
    let assumed = Incarnation::new(assumed_index(image).get());
    let before = image.broker(request.node);
    let amends = match before {
        Some(before) if before.incarnation_id == request.incarnation_id => {
            if same_facts(before, request) {
                return Ok(before.incarnation);
            }
            Some(before.incarnation)
        }
        Some(before) if supersedes(before, request, assumed) => None,
        Some(before) => {
            return Err(ApiError::new(
                ErrorCode::DuplicateBrokerRegistration,
                format!(
                    "Another broker is registered with that broker id. If the broker was recently \
                     restarted this should self-resolve once the heartbeat manager expires the \
                     broker's session. (directory {}, not {})",
                    before.directory_id, request.directory_id
                ),
            ));
        }
        None => None,
    };
    if amends.is_none() {
        end_earlier_life(image, request, before, records);
    }
    records.push(MetadataRecord::BrokerRegistered(BrokerRegistered {
        node: request.node,
        directory_id: request.directory_id,
        incarnation_id: request.incarnation_id,
        amends,
        listeners: request.listeners.clone(),
        rack: request.rack.clone(),
        features: request.features.clone(),
        fenced: amends.is_none() || before.is_some_and(|before| before.fenced),
    }));
    Ok(amends.unwrap_or(assumed))
}

/// Whether a new process may take the place of the registered one. The directory's lock proves the
/// old one dead if the directory is the same; otherwise its session must have ended.
fn supersedes(before: &BrokerRegistration, request: &RegisterBroker, assumed: Incarnation) -> bool {
    before.incarnation != assumed && (before.directory_id == request.directory_id || before.fenced)
}

fn same_facts(before: &BrokerRegistration, request: &RegisterBroker) -> bool {
    before.directory_id == request.directory_id
        && before.listeners == request.listeners
        && before.rack == request.rack
        && before.features == request.features
}

fn check_features(image: &MetadataImage, request: &RegisterBroker) -> ItemResult<()> {
    for (name, level) in image.features() {
        let supported = request
            .features
            .iter()
            .find(|feature| feature.name == *name)
            .map_or((0, 0), |feature| (feature.min, feature.max));
        if !(supported.0..=supported.1).contains(level) {
            return Err(ApiError::new(
                ErrorCode::UnsupportedVersion,
                format!(
                    "Unable to register because the broker does not support finalized version \
                     {level} of {name}. The broker wants a version between {} and {}, inclusive.",
                    supported.0, supported.1
                ),
            ));
        }
    }
    Ok(())
}

/// Takes the broker out of what it led and was in sync for. Where its data is not what it was, it
/// also leaves the ELR.
fn end_earlier_life(
    image: &MetadataImage,
    request: &RegisterBroker,
    before: Option<&BrokerRegistration>,
    records: &mut Vec<MetadataRecord>,
) {
    let same_directory = before.is_some_and(|before| before.directory_id == request.directory_id);
    let is_lost = |topic: &TopicImage, id: PartitionId, state: &PartitionRegistration| {
        if state.replicas.len() == 1 && same_directory {
            // Nobody else has the partition: whatever is there is the best there is.
            return false;
        }
        match request.directory_state {
            _ if request.damaged.contains(&(topic.id, id)) => true,
            DirectoryState::Clean => false,
            DirectoryState::Intact => image.durability(&topic.name) == Durability::QuorumMemory,
            DirectoryState::Lost => true,
        }
    };
    withdraw(image, request.node, &is_lost, records);
}

/// Partition changes for a broker that may not lead and be in sync any more.
fn withdraw(
    image: &MetadataImage,
    node: NodeId,
    is_lost: &dyn Fn(&TopicImage, PartitionId, &PartitionRegistration) -> bool,
    records: &mut Vec<MetadataRecord>,
) {
    let is_active = |other| other != node && image.is_active(other);
    for topic in image.topics() {
        for (id, state) in topic.partitions() {
            let member = state.isr.contains(&node) || state.elr.contains(&node);
            if !member && state.leader != Some(node) {
                continue;
            }
            let lost: &[NodeId] = if is_lost(topic, id, state) {
                &[node]
            } else {
                &[]
            };
            let isr: Vec<_> = state.isr.iter().copied().filter(|n| *n != node).collect();
            let rules = election(image, &topic.name, state.replicas.len(), &is_active, lost);
            push_change(topic.id, id, rules.change(state, &isr), records);
        }
    }
}

fn push_change(
    topic: TopicId,
    partition: PartitionId,
    change: Option<PartitionRegistration>,
    records: &mut Vec<MetadataRecord>,
) {
    records.extend(change.map(|registration| MetadataRecord::PartitionChanged {
        topic,
        partition,
        registration,
    }));
}

pub(super) fn update_status(
    image: &MetadataImage,
    request: &UpdateBrokerStatus,
    records: &mut Vec<MetadataRecord>,
) -> ItemResult<()> {
    let node = request.node;
    check_incarnation(image, node, request.incarnation)?;
    let (fenced, shutting_down) = image.broker(node).map_or((true, false), |broker| {
        (broker.fenced, broker.shutting_down)
    });
    match request.status {
        WantedStatus::Unfenced => {
            if fenced || shutting_down {
                push_status(node, false, false, records);
                elect_leaderless(image, node, records);
            }
        }
        WantedStatus::Fenced => {
            if !fenced {
                withdraw(image, node, &|_, _, _| false, records);
                push_status(node, true, shutting_down, records);
            }
        }
        WantedStatus::ShuttingDown => {
            if !shutting_down {
                withdraw(image, node, &|_, _, _| false, records);
                push_status(node, fenced, true, records);
            }
        }
    }
    Ok(())
}

fn push_status(node: NodeId, fenced: bool, shutting_down: bool, records: &mut Vec<MetadataRecord>) {
    records.push(MetadataRecord::BrokerChanged {
        node,
        fenced,
        shutting_down,
    });
}

/// A broker that has become active leads what nobody leads and it may.
fn elect_leaderless(image: &MetadataImage, node: NodeId, records: &mut Vec<MetadataRecord>) {
    let is_active = |other| other == node || image.is_active(other);
    for topic in image.topics() {
        for (id, state) in topic.partitions() {
            if state.leader.is_none() && state.replicas.contains(&node) {
                let rules = election(image, &topic.name, state.replicas.len(), &is_active, &[]);
                push_change(topic.id, id, rules.change(state, &state.isr), records);
            }
        }
    }
}

pub(super) fn remove(
    image: &MetadataImage,
    node: NodeId,
    records: &mut Vec<MetadataRecord>,
) -> ItemResult<()> {
    if image.broker(node).is_none() {
        return Err(ApiError::new(
            ErrorCode::BrokerIdNotRegistered,
            format!("Broker ID {node} is not currently registered"),
        ));
    }
    withdraw(image, node, &|_, _, _| true, records);
    records.push(MetadataRecord::BrokerRemoved { node });
    Ok(())
}
