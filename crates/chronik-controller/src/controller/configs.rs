//! Configurations of topics, brokers, groups and client metrics: set, delete, append, subtract,
//! replace.

use std::collections::{BTreeMap, BTreeSet};

use chronik_types::{ErrorCode, TopicName};

use super::MAX_RECORDS_PER_USER_REQUEST;
use crate::broker_config::{broker_config, validate_broker};
use crate::group_config::{
    client_metrics_config, group_config, validate_client_metrics, validate_group,
};
use crate::image::MetadataImage;
use crate::record::{ConfigResource, MetadataRecord};
use crate::request::{AlterConfigOp, ConfigAlteration, IncrementalAlterConfigs};
use crate::response::{ApiError, ItemResult};
use crate::topic_config::{ConfigType, list, topic_config, validate_topic};

/// The longest name or value of a configuration, in bytes: what Kafka's own records can hold.
const TEXT_BYTES_MAX: usize = 32_767;
/// The longest name of a group or subscription that gets its first configuration, in bytes.
const RESOURCE_NAME_BYTES_MAX: usize = 255;
/// The most configurations of one resource, and their bytes.
const CONFIGS_MAX: usize = 1_000;
const CONFIGS_BYTES_MAX: usize = 1 << 20;
/// The most groups and client metrics subscriptions with configurations: unlike topics and
/// brokers they need not exist.
const NAMED_RESOURCES_MAX: usize = 100_000;
/// What the cluster says for all topics alike.
const MIN_ISR: &str = "min.insync.replicas";

pub(super) fn alter(
    image: &MetadataImage,
    request: &IncrementalAlterConfigs,
    records: &mut Vec<MetadataRecord>,
) -> Vec<(ConfigResource, ItemResult<()>)> {
    let mut counts: BTreeMap<&ConfigResource, usize> = BTreeMap::new();
    for alteration in &request.resources {
        *counts.entry(&alteration.resource).or_default() += 1;
    }
    let mut answered = BTreeSet::new();
    let mut results = Vec::with_capacity(request.resources.len());
    for alteration in &request.resources {
        let resource = &alteration.resource;
        if !answered.insert(resource) {
            continue;
        }
        let result = if counts[resource] > 1 {
            Err(ApiError::new(
                ErrorCode::InvalidRequest,
                "Each resource must appear at most once.",
            ))
        } else {
            alter_one(image, alteration).and_then(|made| {
                if records.len() + made.len() > MAX_RECORDS_PER_USER_REQUEST {
                    return Err(ApiError::new(
                        ErrorCode::PolicyViolation,
                        "Excessively large number of configurations per request.",
                    ));
                }
                records.extend(made);
                Ok(())
            })
        };
        results.push((resource.clone(), result));
    }
    if request.validate_only {
        records.clear();
    }
    results
}

fn alter_one(
    image: &MetadataImage,
    alteration: &ConfigAlteration,
) -> ItemResult<Vec<MetadataRecord>> {
    let resource = &alteration.resource;
    check_ops(&alteration.ops)?;
    check_resource(image, resource)?;
    let before = image.configs(resource).cloned().unwrap_or_default();
    let mut after = if alteration.replace {
        BTreeMap::new()
    } else {
        before.clone()
    };
    for (name, op) in &alteration.ops {
        apply_op(resource, name, op, &mut after)?;
    }
    check_sizes(&after)?;
    check_kept(resource, &before, &after)?;
    validate(image, resource, &after)?;
    Ok(differences(resource, &before, &after))
}

/// Whether there is such a resource, or can be.
fn check_resource(image: &MetadataImage, resource: &ConfigResource) -> ItemResult<()> {
    match resource {
        ConfigResource::Topic(name) => check_topic(image, name),
        ConfigResource::Broker(node) if image.broker(*node).is_none() => Err(ApiError::new(
            ErrorCode::BrokerIdNotRegistered,
            format!("Broker {node} is not registered."),
        )),
        ConfigResource::Group(name) | ConfigResource::ClientMetrics(name) => {
            let is_new = image.configs(resource).is_none();
            if is_new && name.len() > RESOURCE_NAME_BYTES_MAX {
                return Err(too_much("A resource's name is too long."));
            }
            if is_new && image.configs.len() >= NAMED_RESOURCES_MAX {
                return Err(too_much("Too many resources have configurations."));
            }
            Ok(())
        }
        ConfigResource::Broker(_) | ConfigResource::ClusterDefault => Ok(()),
    }
}

fn too_much(why: &str) -> ApiError {
    ApiError::new(ErrorCode::PolicyViolation, why)
}

/// A client could fill the metadata log otherwise.
pub(super) fn check_sizes(configs: &BTreeMap<String, String>) -> ItemResult<()> {
    let texts = configs.iter().flat_map(|(name, value)| [name, value]);
    let is_long = texts.clone().any(|text| text.len() > TEXT_BYTES_MAX);
    let bytes: usize = texts.map(String::len).sum();
    // What leaders and the controller rest on finds room whatever else is set.
    let count = configs.keys().filter(|name| *name != MIN_ISR).count();
    if is_long || count > CONFIGS_MAX || bytes > CONFIGS_BYTES_MAX {
        return Err(too_much("Too many or too long configurations."));
    }
    Ok(())
}

/// What the cluster once said of all topics is changed, never taken back.
fn check_kept(
    resource: &ConfigResource,
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> ItemResult<()> {
    let is_gone = before.contains_key(MIN_ISR) && !after.contains_key(MIN_ISR);
    if *resource == ConfigResource::ClusterDefault && is_gone {
        return Err(ApiError::new(
            ErrorCode::InvalidConfig,
            "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.",
        ));
    }
    Ok(())
}

fn validate(
    image: &MetadataImage,
    resource: &ConfigResource,
    after: &BTreeMap<String, String>,
) -> ItemResult<()> {
    let all = after.iter().map(|(n, v)| (n.as_str(), v.as_str()));
    let cluster = |name: &str| {
        let set = image.config(&ConfigResource::ClusterDefault, name);
        set.map(str::to_owned)
    };
    match resource {
        ConfigResource::Topic(_) => validate_topic(all),
        ConfigResource::Broker(_) if after.contains_key(MIN_ISR) => Err(ApiError::new(
            ErrorCode::InvalidConfig,
            "Broker-level min.insync.replicas cannot be altered while ELR is enabled.",
        )),
        ConfigResource::Broker(_) => validate_broker(all, true),
        ConfigResource::ClusterDefault => validate_broker(all, false),
        ConfigResource::Group(_) => validate_group(all, &cluster),
        ConfigResource::ClientMetrics(_) => validate_client_metrics(all),
    }
}

/// What is wrong with the request itself, whatever there is to alter.
fn check_ops(ops: &[(String, AlterConfigOp)]) -> ItemResult<()> {
    let mut touched = BTreeSet::new();
    if !ops.iter().all(|(name, _)| touched.insert(name)) {
        return Err(ApiError::new(
            ErrorCode::InvalidRequest,
            "Error due to duplicate config keys",
        ));
    }
    let nulls: Vec<&str> = ops
        .iter()
        .filter(|(_, op)| op.is_without_value())
        .map(|(name, _)| name.as_str())
        .collect();
    if nulls.is_empty() {
        Ok(())
    } else {
        Err(null_values(&nulls))
    }
}

fn null_values(names: &[&str]) -> ApiError {
    ApiError::new(
        ErrorCode::InvalidRequest,
        format!("Null value not supported for : {}", names.join(", ")),
    )
}

fn check_topic(image: &MetadataImage, name: &TopicName) -> ItemResult<()> {
    if image.topic(name.as_str()).is_some() {
        Ok(())
    } else {
        Err(ApiError::new(
            ErrorCode::UnknownTopicOrPartition,
            format!("The topic '{name}' does not exist."),
        ))
    }
}

/// Type and default of a configuration, where a table has it.
fn row(resource: &ConfigResource, name: &str) -> Option<(ConfigType, &'static str)> {
    match resource {
        ConfigResource::Topic(_) => topic_config(name).map(|row| (row.kind, row.default)),
        ConfigResource::Broker(_) | ConfigResource::ClusterDefault => {
            broker_config(name).map(|row| (row.kind, row.default.unwrap_or("")))
        }
        ConfigResource::Group(_) => group_config(name).map(|row| (row.kind, row.default)),
        ConfigResource::ClientMetrics(_) => {
            client_metrics_config(name).map(|row| (row.kind, row.default))
        }
    }
}

fn apply_op(
    resource: &ConfigResource,
    name: &str,
    op: &AlterConfigOp,
    configs: &mut BTreeMap<String, String>,
) -> ItemResult<()> {
    let (verb, value) = match op {
        AlterConfigOp::Delete => {
            configs.remove(name);
            return Ok(());
        }
        AlterConfigOp::Set(value) => ("SET", value),
        AlterConfigOp::Append(value) => ("APPEND", value),
        AlterConfigOp::Subtract(value) => ("SUBTRACT", value),
    };
    let value = value.as_deref().ok_or_else(|| null_values(&[name]))?;
    if matches!(op, AlterConfigOp::Set(_)) {
        configs.insert(name.to_owned(), value.to_owned());
        return Ok(());
    }
    let config = row(resource, name);
    if config.map(|(kind, _)| kind) != Some(ConfigType::List) {
        return Err(ApiError::new(
            ErrorCode::InvalidConfig,
            not_a_list(resource, verb, name, config.is_some()),
        ));
    }
    let default = config.map_or("", |(_, default)| default);
    let present = configs.get(name).map_or(default, String::as_str);
    let mut items: Vec<_> = list(present).collect();
    // Nothing counts as one empty item, which most lists then refuse.
    let empty = value.trim().is_empty().then_some("");
    for item in list(value).chain(empty) {
        match op {
            AlterConfigOp::Append(_) if !items.contains(&item) => items.push(item),
            AlterConfigOp::Subtract(_) => items.retain(|present| *present != item),
            _ => {}
        }
    }
    let joined = items.join(",");
    configs.insert(name.to_owned(), joined);
    Ok(())
}

/// Kafka's broker judges its own configurations before the controller does, in other words.
fn not_a_list(resource: &ConfigResource, verb: &str, name: &str, is_known: bool) -> String {
    let is_broker = matches!(
        resource,
        ConfigResource::Broker(_) | ConfigResource::ClusterDefault
    );
    match (is_broker, is_known) {
        (true, true) => format!(
            "Config value {} is not allowed for config key: {name}",
            verb.to_lowercase()
        ),
        (true, false) => format!("Unknown config name: {name}"),
        (false, _) => format!("Can't {verb} to key {name} because its type is not LIST."),
    }
}

fn differences(
    resource: &ConfigResource,
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> Vec<MetadataRecord> {
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| MetadataRecord::ConfigChanged {
            resource: resource.clone(),
            name: name.clone(),
            value: after.get(name).cloned(),
        })
        .collect()
}
