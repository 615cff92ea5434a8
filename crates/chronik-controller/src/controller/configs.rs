//! Configurations of topics and brokers: set, delete, append, subtract.

use std::collections::{BTreeMap, BTreeSet};

use chronik_types::{ErrorCode, TopicName};

use super::MAX_RECORDS_PER_USER_REQUEST;
use crate::image::MetadataImage;
use crate::record::{ConfigResource, MetadataRecord};
use crate::request::{AlterConfigOp, ConfigAlteration, IncrementalAlterConfigs};
use crate::response::{ApiError, ItemResult};
use crate::topic_config::{
    ConfigType, TopicConfig, list, topic_config, topic_config_of_broker, validate_topic,
};

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
    match resource {
        ConfigResource::Topic(name) => check_topic(image, name)?,
        ConfigResource::Broker(node) if image.broker(*node).is_none() => {
            return Err(ApiError::new(
                ErrorCode::BrokerIdNotRegistered,
                format!("Broker {node} is not registered."),
            ));
        }
        ConfigResource::Broker(_) | ConfigResource::ClusterDefault => {}
    }
    let before = image.configs(resource).cloned().unwrap_or_default();
    let mut after = if alteration.replace {
        BTreeMap::new()
    } else {
        before.clone()
    };
    for (name, op) in &alteration.ops {
        apply_op(resource, name, op, &mut after)?;
    }
    match resource {
        ConfigResource::Topic(_) => {
            validate_topic(after.iter().map(|(n, v)| (n.as_str(), v.as_str())))?;
        }
        ConfigResource::Broker(_) | ConfigResource::ClusterDefault => {
            for (name, value) in &after {
                if let Some(row) = broker_row(name) {
                    row.validate(value)?;
                }
            }
        }
    }
    Ok(differences(resource, &before, &after))
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

/// The row that judges a broker's configuration, where it is the default of a topic's.
fn broker_row(name: &str) -> Option<&'static TopicConfig> {
    topic_config_of_broker(name)
}

fn row(resource: &ConfigResource, name: &str) -> Option<&'static TopicConfig> {
    match resource {
        ConfigResource::Topic(_) => topic_config(name),
        ConfigResource::Broker(_) | ConfigResource::ClusterDefault => broker_row(name),
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
    if config.map(|config| config.kind) != Some(ConfigType::List) {
        let (direction, kind) = (
            if verb == "APPEND" { "to" } else { "from" },
            config.map_or("unknown", |config| config.kind.name()),
        );
        return Err(ApiError::new(
            ErrorCode::InvalidConfig,
            format!("Can't {verb} {direction} key {name} because its type is {kind}, not LIST."),
        ));
    }
    let default = config.map_or("", |config| config.default);
    let present = configs.get(name).map_or(default, String::as_str);
    let mut items: Vec<_> = list(present).collect();
    for item in list(value) {
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
