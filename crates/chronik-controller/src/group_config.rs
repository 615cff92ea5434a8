//! Configurations of groups and of client metrics subscriptions, as Kafka 4.3 has them.
//!
//! They are judged, kept and shown. Absent: what they do, which is the group coordinator's.

use chronik_types::ErrorCode;

use crate::broker_config::broker_config;
use crate::config_def::{Bounds, ConfigType, check_value};
use crate::response::ApiError;

/// One configuration of a group or of a client metrics subscription.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct GroupConfig {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: ConfigType,
    /// Its default.
    pub default: &'static str,
    /// What it does, for people.
    pub doc: &'static str,
    bounds: Bounds,
}

impl GroupConfig {
    /// The broker configuration that gives groups their default.
    #[must_use]
    pub fn broker_synonym(&self) -> Option<&'static str> {
        broker_config(&format!("group.{}", self.name)).map(|row| row.name)
    }
}

const fn row(
    name: &'static str,
    kind: ConfigType,
    default: &'static str,
    bounds: Bounds,
    doc: &'static str,
) -> GroupConfig {
    GroupConfig {
        name,
        kind,
        default,
        doc,
        bounds,
    }
}

const fn at_least(min: f64) -> Bounds {
    Bounds::Range(Some(min), None)
}

use Bounds::{Any, OneOf};
use ConfigType::{Boolean, Int, List, String as Text};

/// Those of a group, sorted by name.
#[rustfmt::skip]
pub const GROUP_CONFIGS: &[GroupConfig] = &[
    row("consumer.assignment.interval.ms", Int, "1000", at_least(0.0),
        "Least time between assignments of a consumer group, in milliseconds."),
    row("consumer.heartbeat.interval.ms", Int, "5000", at_least(1.0),
        "How often members of a consumer group report, in milliseconds."),
    row("consumer.session.timeout.ms", Int, "45000", at_least(1.0),
        "Silence after which a member of a consumer group is removed, in milliseconds."),
    row("share.assignment.interval.ms", Int, "1000", at_least(0.0),
        "Least time between assignments of a share group, in milliseconds."),
    row("share.auto.offset.reset", Text, "latest", Any,
        "Where a share group starts in a partition: latest, earliest, or by_duration: and an ISO 8601 duration."),
    row("share.delivery.count.limit", Int, "5", at_least(2.0),
        "How often a record is delivered before it is given up."),
    row("share.heartbeat.interval.ms", Int, "5000", at_least(1.0),
        "How often members of a share group report, in milliseconds."),
    row("share.isolation.level", Text, "read_uncommitted", OneOf("read_committed|read_uncommitted"),
        "Whether a share group sees records of open and aborted transactions."),
    row("share.partition.max.record.locks", Int, "2000", at_least(100.0),
        "Most records of a partition that are in delivery."),
    row("share.record.lock.duration.ms", Int, "30000", at_least(1000.0),
        "How long a member holds a delivered record, in milliseconds."),
    row("share.renew.acknowledge.enable", Boolean, "true", Any,
        "Whether members may hold delivered records for longer."),
    row("share.session.timeout.ms", Int, "45000", at_least(1.0),
        "Silence after which a member of a share group is removed, in milliseconds."),
    row("streams.assignment.interval.ms", Int, "1000", at_least(0.0),
        "Least time between assignments of a streams group, in milliseconds."),
    row("streams.heartbeat.interval.ms", Int, "5000", at_least(1.0),
        "How often members of a streams group report, in milliseconds."),
    row("streams.initial.rebalance.delay.ms", Int, "3000", at_least(0.0),
        "How long a streams group's first rebalance waits for members, in milliseconds."),
    row("streams.num.standby.replicas", Int, "0", at_least(0.0),
        "Standby replicas of each task."),
    row("streams.session.timeout.ms", Int, "45000", at_least(1.0),
        "Silence after which a member of a streams group is removed, in milliseconds."),
];

/// Those of a client metrics subscription, sorted by name.
#[rustfmt::skip]
pub const CLIENT_METRICS_CONFIGS: &[GroupConfig] = &[
    row("interval.ms", Int, "300000", Any,
        "How often clients send metrics, in milliseconds, from 100 to 3600000."),
    row("match", List, "", Any,
        "Which clients are meant: pairs of a property and a pattern."),
    row("metrics", List, "", Any,
        "Which metrics are wanted, by the prefix of their names; * for all."),
];

/// The properties that a client metrics subscription may select clients by.
const SELECTORS: [&str; 6] = [
    "client_id",
    "client_instance_id",
    "client_software_name",
    "client_software_version",
    "client_source_address",
    "client_source_port",
];

fn find(table: &'static [GroupConfig], name: &str) -> Option<&'static GroupConfig> {
    table.iter().find(|row| row.name == name)
}

/// The configuration of a group of a name.
#[must_use]
pub fn group_config(name: &str) -> Option<&'static GroupConfig> {
    find(GROUP_CONFIGS, name)
}

/// The configuration of a client metrics subscription of a name.
#[must_use]
pub fn client_metrics_config(name: &str) -> Option<&'static GroupConfig> {
    find(CLIENT_METRICS_CONFIGS, name)
}

fn invalid<T>(why: String) -> Result<T, ApiError> {
    Err(ApiError::new(ErrorCode::InvalidConfig, why))
}

/// Judges the explicitly set configurations of one group together. `broker` says what a broker
/// configuration is set to, where it is.
pub fn validate_group<'a>(
    configs: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    broker: &dyn Fn(&str) -> Option<String>,
) -> Result<(), ApiError> {
    for (name, value) in configs.clone() {
        let Some(row) = group_config(name) else {
            return invalid(format!("Unknown group config name: {name}"));
        };
        check_value(name, row.kind, row.bounds, value).or_else(invalid)?;
        check_auto_offset_reset(name, value)?;
    }
    for (name, value) in configs.clone() {
        check_limits(name, value, broker)?;
    }
    for kind in ["consumer", "share", "streams"] {
        check_session(kind, configs.clone())?;
    }
    Ok(())
}

fn check_auto_offset_reset(name: &str, value: &str) -> Result<(), ApiError> {
    let value = value.trim();
    let is_legal = matches!(value, "latest" | "earliest")
        || value.strip_prefix("by_duration:").is_some_and(is_duration);
    if name != "share.auto.offset.reset" || is_legal {
        return Ok(());
    }
    let why = format!(
        "Invalid value `{value}` for configuration {name}. The value must be either 'earliest', \
         'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'."
    );
    invalid(crate::config_def::invalid_value(name, value, &why))
}

/// Whether a text has the form of a duration of ISO 8601 that is not negative.
fn is_duration(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('P') else {
        return false;
    };
    let (days, time) = rest.split_once('T').unwrap_or((rest, ""));
    let parts = |text: &str, units: &str| {
        let mut number = String::new();
        let mut units = units.chars();
        for c in text.chars() {
            if c.is_ascii_digit() || c == '.' {
                number.push(c);
            } else if number.parse::<f64>().is_ok() && units.any(|unit| unit == c) {
                number.clear();
            } else {
                return false;
            }
        }
        number.is_empty()
    };
    let is_empty = days.is_empty() && time.is_empty();
    !is_empty && !rest.ends_with('T') && parts(days, "D") && parts(time, "HMS")
}

/// Brokers limit what groups may set: `group.KIND.min.REST` and `group.KIND.max.REST`.
fn check_limits(
    name: &str,
    value: &str,
    broker: &dyn Fn(&str) -> Option<String>,
) -> Result<(), ApiError> {
    let Some((kind, rest)) = name.split_once('.') else {
        return Ok(());
    };
    let rest = rest.strip_prefix("num.").unwrap_or(rest);
    let limit = |end: &str| -> Option<(String, i64)> {
        let limit = format!("group.{kind}.{end}.{rest}");
        let row = broker_config(&limit)?;
        let set = broker(&limit).and_then(|text| text.trim().parse().ok());
        let number = set.or_else(|| row.default?.parse().ok())?;
        Some((limit, number))
    };
    let Ok(number) = value.trim().parse::<i64>() else {
        return Ok(());
    };
    match (limit("min"), limit("max")) {
        (Some((limit, min)), _) if number < min => {
            invalid(format!("{name} must be greater than or equal to {limit}"))
        }
        (_, Some((limit, max))) if number > max => {
            invalid(format!("{name} must be less than or equal to {limit}"))
        }
        _ => Ok(()),
    }
}

/// A session must outlast the time between two heartbeats.
fn check_session<'a>(
    kind: &str,
    configs: impl Iterator<Item = (&'a str, &'a str)> + Clone,
) -> Result<(), ApiError> {
    let number = |name: &str| {
        let set = configs.clone().find(|(set, _)| *set == name);
        let default = group_config(name).map(|row| row.default);
        let text = set.map(|(_, value)| value).or(default)?;
        text.trim().parse::<i64>().ok()
    };
    let session = format!("{kind}.session.timeout.ms");
    let heartbeat = format!("{kind}.heartbeat.interval.ms");
    if number(&session) <= number(&heartbeat) {
        return invalid(format!("{session} must be greater than {heartbeat}"));
    }
    Ok(())
}

/// Judges the explicitly set configurations of one client metrics subscription.
pub fn validate_client_metrics<'a>(
    configs: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<(), ApiError> {
    let refuse = |why: String| Err(ApiError::new(ErrorCode::InvalidRequest, why));
    for (name, value) in configs {
        let Some(row) = client_metrics_config(name) else {
            return refuse(format!("Unknown client metrics configuration: {name}"));
        };
        check_value(name, row.kind, row.bounds, value).or_else(invalid)?;
        match name {
            "interval.ms" => {
                let interval: i64 = value.trim().parse().unwrap_or(0);
                if !(100..=3_600_000).contains(&interval) {
                    return refuse(format!(
                        "Invalid value {interval} for interval.ms, interval must be between 100 \
                         and 3600000 (1 hour)"
                    ));
                }
            }
            "match" => check_patterns(value)?,
            _ => {}
        }
    }
    Ok(())
}

fn check_patterns(value: &str) -> Result<(), ApiError> {
    for pattern in crate::config_def::list(value) {
        let mut halves = pattern.split('=').map(str::trim);
        let known = halves.next().is_some_and(|name| SELECTORS.contains(&name));
        if !known || halves.next().is_none() || halves.next().is_some() {
            return invalid(format!("Illegal client matching pattern: {pattern}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted_and_their_defaults_are_legal() {
        for table in [GROUP_CONFIGS, CLIENT_METRICS_CONFIGS] {
            assert!(table.is_sorted_by(|a, b| a.name < b.name));
        }
        let defaults = GROUP_CONFIGS.iter().map(|row| (row.name, row.default));
        assert_eq!(validate_group(defaults, &|_| None), Ok(()));
        let defaults = CLIENT_METRICS_CONFIGS.iter();
        let defaults = defaults.map(|row| (row.name, row.default));
        assert_eq!(validate_client_metrics(defaults), Ok(()));
    }

    #[test]
    fn groups_are_limited_by_what_brokers_set() {
        let judge = |name, value, limit: Option<&str>| {
            let limit = limit.map(str::to_owned);
            match validate_group([(name, value)].into_iter(), &|_| limit.clone()) {
                Ok(()) => "legal".to_owned(),
                Err(error) => error.to_string(),
            }
        };
        let text = [
            judge("consumer.session.timeout.ms", "45000", None),
            judge("consumer.session.timeout.ms", "44999", None),
            judge("consumer.session.timeout.ms", "60001", None),
            judge("consumer.session.timeout.ms", "46000", Some("50000")),
            judge("streams.num.standby.replicas", "3", None),
            judge("share.delivery.count.limit", "1", None),
            judge("share.renew.acknowledge.enable", "perhaps", None),
            judge("unknown", "1", None),
        ];
        expect_test::expect![[r#"
            legal
            INVALID_CONFIG: consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms
            INVALID_CONFIG: consumer.session.timeout.ms must be less than or equal to group.consumer.max.session.timeout.ms
            INVALID_CONFIG: consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms
            INVALID_CONFIG: streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas
            INVALID_CONFIG: Invalid value 1 for configuration share.delivery.count.limit: Value must be at least 2
            INVALID_CONFIG: Invalid value perhaps for configuration share.renew.acknowledge.enable: Expected value to be either true or false
            INVALID_CONFIG: Unknown group config name: unknown"#]].assert_eq(&text.join("\n"));
    }

    #[test]
    fn a_duration_has_the_form_of_iso_8601() {
        for legal in ["PT1H", "P2D", "P1DT2H3M4.5S", "PT0.001S"] {
            assert!(is_duration(legal), "{legal}");
        }
        for wrong in [
            "", "P", "PT", "P1DT", "1H", "PT1D", "PT1M2H", "PTH", "P1", "PT-1S",
        ] {
            assert!(!is_duration(wrong), "{wrong}");
        }
    }
}
