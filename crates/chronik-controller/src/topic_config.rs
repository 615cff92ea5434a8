//! Topic configurations: Kafka's names, types, defaults and bounds, and the one of our own.
//!
//! One table, used to judge values here and to answer DescribeConfigs in the server. Documented
//! exceptions from Kafka are `chronik.durability` and, where it is not set, `min.insync.replicas`
//! ([`crate::effective_min_isr`]).
//! Absent: what the values do, which is the log's business.

use chronik_types::ErrorCode;

use crate::response::ApiError;

/// Kafka's types of a configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConfigType {
    /// `true` or `false`.
    Boolean,
    /// Text.
    String,
    /// 32 bits.
    Int,
    /// 64 bits.
    Long,
    /// A floating-point number.
    Double,
    /// Texts separated by commas.
    List,
}

impl ConfigType {
    /// Kafka's name of the type.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Int => "INT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
        }
    }

    /// Kafka's number of the type in DescribeConfigs.
    #[must_use]
    pub const fn code(self) -> i8 {
        match self {
            Self::Boolean => 1,
            Self::String => 2,
            Self::Int => 3,
            Self::Long => 5,
            Self::Double => 6,
            Self::List => 7,
        }
    }
}

/// Which values are legal beyond the type.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Bounds {
    Any,
    AtLeast(i64),
    Between(i64, i64),
    Ratio,
    GzipLevel,
    OneOf(&'static [&'static str]),
    ManyOf(&'static [&'static str]),
    ThrottledReplicas,
    /// A switch that cannot be on, with what Kafka says to who tries.
    NotSupported(&'static str),
}

/// One configuration of a topic.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TopicConfig {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: ConfigType,
    /// Its default.
    pub default: &'static str,
    /// The broker configuration that gives topics their default.
    pub broker_synonym: Option<&'static str>,
    /// What it does, for people.
    pub doc: &'static str,
    bounds: Bounds,
}

const fn row(
    name: &'static str,
    kind: ConfigType,
    default: &'static str,
    bounds: Bounds,
    broker_synonym: &'static str,
    doc: &'static str,
) -> TopicConfig {
    TopicConfig {
        name,
        kind,
        default,
        broker_synonym: if broker_synonym.is_empty() {
            None
        } else {
            Some(broker_synonym)
        },
        doc,
        bounds,
    }
}

use Bounds::{
    Any, AtLeast, Between, GzipLevel, ManyOf, NotSupported, OneOf, Ratio, ThrottledReplicas,
};
use ConfigType::{Boolean, Double, Int, List, Long, String as Text};

const MAX: &str = "9223372036854775807";
const NO_TIERING: &str = "Tiered Storage functionality is disabled in the broker. \
                          Topic cannot be configured with remote log storage.";

/// All of them, sorted by name.
#[rustfmt::skip]
pub const TOPIC_CONFIGS: &[TopicConfig] = &[
    row("chronik.durability", Text, "quorum-fsync", OneOf(&["quorum-fsync", "quorum-memory"]), "",
        "What an acknowledgement promises: quorum-fsync, on stable storage, or quorum-memory, in the page cache as in Kafka. The default is the cluster's."),
    row("cleanup.policy", List, "delete", ManyOf(&["compact", "delete"]), "log.cleanup.policy",
        "Whether old segments are deleted by time and size, or compacted to the last value of each key, or both."),
    row("compression.gzip.level", Int, "-1", GzipLevel, "",
        "The level to use when compression.type is gzip."),
    row("compression.lz4.level", Int, "9", Between(1, 17), "",
        "The level to use when compression.type is lz4."),
    row("compression.type", Text, "producer", OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), "compression.type",
        "How batches are stored; producer keeps what the producer chose."),
    row("compression.zstd.level", Int, "3", Between(-131_072, 22), "",
        "The level to use when compression.type is zstd."),
    row("delete.retention.ms", Long, "86400000", AtLeast(0), "log.cleaner.delete.retention.ms",
        "How long delete markers of a compacted topic are kept."),
    row("file.delete.delay.ms", Long, "60000", AtLeast(0), "log.segment.delete.delay.ms",
        "How long a file stays on disk after it was deleted from the log."),
    row("flush.messages", Long, MAX, AtLeast(1), "log.flush.interval.messages",
        "After how many records a sync is forced; 1 means quorum-fsync."),
    row("flush.ms", Long, MAX, AtLeast(0), "log.flush.interval.ms",
        "After what time a sync is forced."),
    row("follower.replication.throttled.replicas", List, "", ThrottledReplicas, "",
        "Replicas whose replication is throttled at the follower: partition:broker pairs, or *."),
    row("index.interval.bytes", Int, "4096", AtLeast(0), "log.index.interval.bytes",
        "How many bytes of log lie between two entries of the offset index."),
    row("leader.replication.throttled.replicas", List, "", ThrottledReplicas, "",
        "Replicas whose replication is throttled at the leader: partition:broker pairs, or *."),
    row("local.retention.bytes", Long, "-2", AtLeast(-2), "log.local.retention.bytes",
        "How much of a tiered partition is kept locally; -2 means retention.bytes."),
    row("local.retention.ms", Long, "-2", AtLeast(-2), "log.local.retention.ms",
        "How long segments of a tiered partition are kept locally; -2 means retention.ms."),
    row("max.compaction.lag.ms", Long, MAX, AtLeast(1), "log.cleaner.max.compaction.lag.ms",
        "The longest time a record may stay uncompacted."),
    row("max.message.bytes", Int, "1048588", AtLeast(0), "message.max.bytes",
        "The largest batch that is accepted, after compression."),
    row("message.timestamp.after.max.ms", Long, "3600000", AtLeast(0), "log.message.timestamp.after.max.ms",
        "How far a record's timestamp may lie in the broker's future."),
    row("message.timestamp.before.max.ms", Long, MAX, AtLeast(0), "log.message.timestamp.before.max.ms",
        "How far a record's timestamp may lie in the broker's past."),
    row("message.timestamp.type", Text, "CreateTime", OneOf(&["CreateTime", "LogAppendTime"]), "log.message.timestamp.type",
        "Whether a record's timestamp is its producer's or the time of its append."),
    row("min.cleanable.dirty.ratio", Double, "0.5", Ratio, "log.cleaner.min.cleanable.ratio",
        "How much of a compacted log must be uncompacted before it is compacted again."),
    row("min.compaction.lag.ms", Long, "0", AtLeast(0), "log.cleaner.min.compaction.lag.ms",
        "The shortest time a record stays uncompacted."),
    row("min.insync.replicas", Int, "1", AtLeast(1), "min.insync.replicas",
        "How many in-sync replicas an acks=all write needs. Unset, it is 2 for three or more replicas."),
    row("preallocate", Boolean, "false", Any, "log.preallocate",
        "Whether a new segment's file is allocated in full."),
    row("remote.log.copy.disable", Boolean, "false", Any, "",
        "Whether tiered data becomes read-only."),
    row("remote.log.delete.on.disable", Boolean, "false", Any, "",
        "Whether tiered data is deleted when tiering is disabled."),
    row("remote.storage.enable", Boolean, "false", NotSupported(NO_TIERING), "",
        "Whether the topic is tiered."),
    row("retention.bytes", Long, "-1", Any, "log.retention.bytes",
        "The size a partition may grow to before old segments are deleted; -1 is no limit."),
    row("retention.ms", Long, "604800000", AtLeast(-1), "log.retention.ms",
        "How long records are kept before old segments are deleted; -1 is for ever."),
    row("segment.bytes", Int, "1073741824", AtLeast(1_048_576), "log.segment.bytes",
        "The size of a segment's file."),
    row("segment.index.bytes", Int, "10485760", AtLeast(4), "log.index.size.max.bytes",
        "The largest size of an index."),
    row("segment.jitter.ms", Long, "0", AtLeast(0), "log.roll.jitter.ms",
        "Random time taken from segment.ms, so that segments do not roll all at once."),
    row("segment.ms", Long, "604800000", AtLeast(1), "log.roll.ms",
        "After what time a segment is closed even if it is not full."),
    row("unclean.leader.election.enable", Boolean, "false", Any, "unclean.leader.election.enable",
        "Whether a replica that may lack committed records can become leader as a last resort."),
];

/// The configuration of a name.
#[must_use]
pub fn topic_config(name: &str) -> Option<&'static TopicConfig> {
    TOPIC_CONFIGS
        .binary_search_by(|row| row.name.cmp(name))
        .ok()
        .map(|at| &TOPIC_CONFIGS[at])
}

/// The topic configuration that a broker configuration gives the default of.
#[must_use]
pub fn topic_config_of_broker(name: &str) -> Option<&'static TopicConfig> {
    TOPIC_CONFIGS
        .iter()
        .find(|row| row.broker_synonym == Some(name))
}

impl TopicConfig {
    /// Judges a value, in Kafka's words.
    pub fn validate(&self, value: &str) -> Result<(), ApiError> {
        let value = value.trim();
        let refuse = |why: String| {
            Err(ApiError::new(
                ErrorCode::InvalidConfig,
                format!(
                    "Invalid value {value} for configuration {}: {why}",
                    self.name
                ),
            ))
        };
        let number = match self.kind {
            Boolean if !matches!(value.to_ascii_lowercase().as_str(), "true" | "false") => {
                return refuse("Expected value to be either true or false".to_owned());
            }
            Int => match value.parse::<i32>() {
                Ok(number) => Some(i64::from(number)),
                Err(_) => return refuse("Not a number of type INT".to_owned()),
            },
            Long => match value.parse::<i64>() {
                Ok(number) => Some(number),
                Err(_) => return refuse("Not a number of type LONG".to_owned()),
            },
            Double if !value.parse::<f64>().is_ok_and(f64::is_finite) => {
                return refuse("Not a number of type DOUBLE".to_owned());
            }
            Boolean | Double | Text | List => None,
        };
        match (self.bounds, number) {
            (AtLeast(min), Some(n)) if n < min => refuse(format!("Value must be at least {min}")),
            (Between(min, _), Some(n)) if n < min => {
                refuse(format!("Value must be at least {min}"))
            }
            (Between(_, max), Some(n)) if n > max => {
                refuse(format!("Value must be no more than {max}"))
            }
            (GzipLevel, Some(n)) if n != -1 && !(1..=9).contains(&n) => {
                refuse("Value must be between 1 and 9 or equal to -1".to_owned())
            }
            (Ratio, _) => match value.parse::<f64>() {
                Ok(ratio) if ratio < 0.0 => refuse("Value must be at least 0".to_owned()),
                Ok(ratio) if ratio > 1.0 => refuse("Value must be no more than 1".to_owned()),
                _ => Ok(()),
            },
            (OneOf(legal), _) if !legal.contains(&value) => {
                refuse(format!("String must be one of: {}", legal.join(", ")))
            }
            // An empty list is legal and keeps everything for ever.
            (ManyOf(legal), _) if !value.is_empty() => self.validate_items(value, legal),
            (NotSupported(why), _) if value.eq_ignore_ascii_case("true") => {
                Err(ApiError::new(ErrorCode::InvalidConfig, why))
            }
            (ThrottledReplicas, _) if !throttled_replicas(value) => refuse(
                "must be the literal '*' or a list of replicas in the following format: \
                 [partitionId]:[brokerId],[partitionId]:[brokerId],..."
                    .to_owned(),
            ),
            _ => Ok(()),
        }
    }

    fn validate_items(&self, value: &str, legal: &[&str]) -> Result<(), ApiError> {
        let name = self.name;
        let refuse = |why: String| Err(ApiError::new(ErrorCode::InvalidConfig, why));
        // An item may come twice: Kafka counts it once.
        for item in value.split(',').map(str::trim) {
            if item.is_empty() {
                return refuse(format!("Configuration '{name}' values must not be empty."));
            }
            if !legal.contains(&item) {
                return refuse(format!(
                    "Invalid value {item} for configuration {name}: String must be one of: {}",
                    legal.join(", ")
                ));
            }
        }
        Ok(())
    }
}

/// The items of a list value.
pub fn list(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

fn throttled_replicas(value: &str) -> bool {
    let pair = |item: &str| {
        item.split_once(':').is_some_and(|(partition, broker)| {
            partition.parse::<u32>().is_ok() && broker.parse::<u32>().is_ok()
        })
    };
    value == "*" || list(value).all(pair)
}

/// Judges the explicitly set configurations of one topic together.
pub fn validate_topic<'a>(
    configs: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<(), ApiError> {
    let mut min_lag = 0;
    let mut max_lag = i64::MAX;
    for (name, value) in configs {
        let config = topic_config(name).ok_or_else(|| {
            ApiError::new(
                ErrorCode::InvalidConfig,
                format!("Unknown topic config name: {name}"),
            )
        })?;
        config.validate(value)?;
        match name {
            "min.compaction.lag.ms" => min_lag = value.trim().parse().unwrap_or(min_lag),
            "max.compaction.lag.ms" => max_lag = value.trim().parse().unwrap_or(max_lag),
            _ => {}
        }
    }
    if min_lag > max_lag {
        return Err(ApiError::new(
            ErrorCode::InvalidConfig,
            format!(
                "conflict topic config setting min.compaction.lag.ms ({min_lag}) > \
                 max.compaction.lag.ms ({max_lag})"
            ),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_its_defaults_are_legal() {
        assert!(TOPIC_CONFIGS.is_sorted_by(|a, b| a.name < b.name));
        for config in TOPIC_CONFIGS {
            assert_eq!(config.validate(config.default), Ok(()), "{}", config.name);
            assert_eq!(topic_config(config.name), Some(config));
        }
    }

    #[test]
    fn values_are_refused_in_kafkas_words() {
        let refused = |name, value| {
            validate_topic([(name, value)].into_iter())
                .expect_err("refused")
                .message
                .expect("has a message")
        };
        expect_test::expect![[r#"
            Unknown topic config name: nope
            Invalid value abc for configuration retention.ms: Not a number of type LONG
            Invalid value 1 for configuration segment.bytes: Value must be at least 1048576
            Invalid value brotli for configuration compression.type: String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer
            Invalid value yes for configuration preallocate: Expected value to be either true or false
            Invalid value 1.5 for configuration min.cleanable.dirty.ratio: Value must be no more than 1
            Invalid value shred for configuration cleanup.policy: String must be one of: compact, delete
            Configuration 'cleanup.policy' values must not be empty.
            Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.
            Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1
            Invalid value strong for configuration chronik.durability: String must be one of: quorum-fsync, quorum-memory"#]]
        .assert_eq(
            &[
                refused("nope", "1"),
                refused("retention.ms", "abc"),
                refused("segment.bytes", "1"),
                refused("compression.type", "brotli"),
                refused("preallocate", "yes"),
                refused("min.cleanable.dirty.ratio", "1.5"),
                refused("cleanup.policy", "compact,shred"),
                refused("cleanup.policy", "delete,"),
                refused("remote.storage.enable", "TRUE"),
                refused("compression.gzip.level", "0"),
                refused("chronik.durability", "strong"),
            ]
            .join("\n"),
        );
    }

    #[test]
    fn a_cleanup_policy_may_be_empty_and_repeat_itself() {
        for value in ["", " ", "delete", "compact, delete", "delete,delete"] {
            let policy = [("cleanup.policy", value)];
            assert_eq!(validate_topic(policy.into_iter()), Ok(()), "{value:?}");
        }
    }

    #[test]
    fn a_minimum_lag_above_the_maximum_is_refused() {
        let both = [
            ("min.compaction.lag.ms", "10"),
            ("max.compaction.lag.ms", "5"),
        ];
        assert!(validate_topic(both.into_iter()).is_err());
    }
}
