//! Topic configurations: Kafka's names, types, defaults and bounds, and the one of our own.
//!
//! One table, used to judge values here and to answer DescribeConfigs in the server. Documented
//! exceptions from Kafka are `chronik.durability` and, where it is not set, `min.insync.replicas`
//! ([`crate::effective_min_isr`]).
//! Absent: what the values do, which is the log's business.

use chronik_types::ErrorCode;

use crate::config_def::{Bounds, check_value};
pub use crate::config_def::{ConfigType, Effect, list};
use crate::response::ApiError;

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

use Bounds::{Any, GzipLevel, ManyOf, NotSupported, OneOf, ThrottledReplicas};
use ConfigType::{Boolean, Double, Int, List, Long, String as Text};

const fn at_least(min: f64) -> Bounds {
    Bounds::Range(Some(min), None)
}

const fn between(min: f64, max: f64) -> Bounds {
    Bounds::Range(Some(min), Some(max))
}

const MAX: &str = "9223372036854775807";
const NO_TIERING: &str = "Tiered Storage functionality is disabled in the broker. \
                          Topic cannot be configured with remote log storage.";

/// All of them, sorted by name.
#[rustfmt::skip]
pub const TOPIC_CONFIGS: &[TopicConfig] = &[
    row("chronik.durability", Text, "quorum-fsync", OneOf("quorum-fsync|quorum-memory"), "",
        "What an acknowledgement promises: quorum-fsync, on stable storage, or quorum-memory, in the page cache as in Kafka. The default is the cluster's."),
    row("cleanup.policy", List, "delete", ManyOf("compact|delete"), "log.cleanup.policy",
        "Whether old segments are deleted by time and size, or compacted to the last value of each key, or both."),
    row("compression.gzip.level", Int, "-1", GzipLevel, "compression.gzip.level",
        "The level to use when compression.type is gzip."),
    row("compression.lz4.level", Int, "9", between(1.0, 17.0), "compression.lz4.level",
        "The level to use when compression.type is lz4."),
    row("compression.type", Text, "producer", OneOf("uncompressed|zstd|lz4|snappy|gzip|producer"), "compression.type",
        "How batches are stored; producer keeps what the producer chose."),
    row("compression.zstd.level", Int, "3", between(-131_072.0, 22.0), "compression.zstd.level",
        "The level to use when compression.type is zstd."),
    row("delete.retention.ms", Long, "86400000", at_least(0.0), "log.cleaner.delete.retention.ms",
        "How long delete markers of a compacted topic are kept."),
    row("file.delete.delay.ms", Long, "60000", at_least(0.0), "log.segment.delete.delay.ms",
        "How long a file stays on disk after it was deleted from the log."),
    row("flush.messages", Long, MAX, at_least(1.0), "log.flush.interval.messages",
        "After how many records a sync is forced; 1 means quorum-fsync."),
    row("flush.ms", Long, MAX, at_least(0.0), "log.flush.interval.ms",
        "After what time a sync is forced."),
    row("follower.replication.throttled.replicas", List, "", ThrottledReplicas, "",
        "Replicas whose replication is throttled at the follower: partition:broker pairs, or *."),
    row("index.interval.bytes", Int, "4096", at_least(0.0), "log.index.interval.bytes",
        "How many bytes of log lie between two entries of the offset index."),
    row("leader.replication.throttled.replicas", List, "", ThrottledReplicas, "",
        "Replicas whose replication is throttled at the leader: partition:broker pairs, or *."),
    row("local.retention.bytes", Long, "-2", at_least(-2.0), "log.local.retention.bytes",
        "How much of a tiered partition is kept locally; -2 means retention.bytes."),
    row("local.retention.ms", Long, "-2", at_least(-2.0), "log.local.retention.ms",
        "How long segments of a tiered partition are kept locally; -2 means retention.ms."),
    row("max.compaction.lag.ms", Long, MAX, at_least(1.0), "log.cleaner.max.compaction.lag.ms",
        "The longest time a record may stay uncompacted."),
    row("max.message.bytes", Int, "1048588", at_least(0.0), "message.max.bytes",
        "The largest batch that is accepted, after compression."),
    row("message.timestamp.after.max.ms", Long, "3600000", at_least(0.0), "log.message.timestamp.after.max.ms",
        "How far a record's timestamp may lie in the broker's future."),
    row("message.timestamp.before.max.ms", Long, MAX, at_least(0.0), "log.message.timestamp.before.max.ms",
        "How far a record's timestamp may lie in the broker's past."),
    row("message.timestamp.type", Text, "CreateTime", OneOf("CreateTime|LogAppendTime"), "log.message.timestamp.type",
        "Whether a record's timestamp is its producer's or the time of its append."),
    row("min.cleanable.dirty.ratio", Double, "0.5", between(0.0, 1.0), "log.cleaner.min.cleanable.ratio",
        "How much of a compacted log must be uncompacted before it is compacted again."),
    row("min.compaction.lag.ms", Long, "0", at_least(0.0), "log.cleaner.min.compaction.lag.ms",
        "The shortest time a record stays uncompacted."),
    row("min.insync.replicas", Int, "1", at_least(1.0), "min.insync.replicas",
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
    row("retention.ms", Long, "604800000", at_least(-1.0), "log.retention.ms",
        "How long records are kept before old segments are deleted; -1 is for ever."),
    row("segment.bytes", Int, "1073741824", at_least(1_048_576.0), "log.segment.bytes",
        "The size of a segment's file."),
    row("segment.index.bytes", Int, "10485760", at_least(4.0), "log.index.size.max.bytes",
        "The largest size of an index."),
    row("segment.jitter.ms", Long, "0", at_least(0.0), "log.roll.jitter.ms",
        "Random time taken from segment.ms, so that segments do not roll all at once."),
    row("segment.ms", Long, "604800000", at_least(1.0), "log.roll.ms",
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

/// Topic configurations without effect, and the word of the reason why.
const WITHOUT_EFFECT: &[(&str, &str)] = &[
    ("file.delete.delay.ms", "fixed"),
    ("flush.ms", "durability"),
    ("follower.replication.throttled.replicas", "quotas"),
    ("leader.replication.throttled.replicas", "quotas"),
    ("local.retention.bytes", "tiering"),
    ("local.retention.ms", "tiering"),
    ("preallocate", "fixed"),
    ("remote.log.copy.disable", "tiering"),
    ("remote.log.delete.on.disable", "tiering"),
    ("remote.storage.enable", "tiering"),
];

impl TopicConfig {
    /// Judges a value, in Kafka's words.
    pub fn validate(&self, value: &str) -> Result<(), ApiError> {
        check_value(self.name, self.kind, self.bounds, value)
            .map_err(|why| ApiError::new(ErrorCode::InvalidConfig, why))
    }

    /// Whether it does something here.
    #[must_use]
    pub fn effect(&self) -> Effect {
        WITHOUT_EFFECT
            .iter()
            .find(|(name, _)| *name == self.name)
            .and_then(|(_, reason)| Effect::by_word(reason))
            .unwrap_or(Effect::Dynamic)
    }
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
        for (name, reason) in WITHOUT_EFFECT {
            assert!(topic_config(name).is_some(), "{name}");
            assert!(Effect::by_word(reason).is_some(), "{name}");
        }
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
