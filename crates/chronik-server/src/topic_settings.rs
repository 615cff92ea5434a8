//! A topic's settings as they take effect on this node.
//!
//! A value is looked for on the topic, then among the cluster's and this broker's dynamic
//! defaults, then in the node's own settings under the broker's name for it, then in the table.

use chronik_controller::topic_config::{list, topic_config};
use chronik_controller::{ConfigResource, MetadataImage, TopicImage};
use chronik_log::{LogConfig, TimestampType};
use chronik_protocol::{Codec, Compression};
use chronik_replication::MinIsr;
use chronik_types::{PartitionId, TopicName};

use crate::broker_settings::{BrokerSettings, Effective, Origin};
use crate::settings::NodeConfig;

/// What a topic asks of the batches written to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ProduceRules {
    pub(crate) min_isr: MinIsr,
    /// `max.message.bytes`
    pub(crate) max_message_bytes: usize,
    /// Whether `cleanup.policy` has `compact`.
    pub(crate) keys_required: bool,
    /// Whether `message.timestamp.type` is `LogAppendTime`.
    pub(crate) log_append_time: bool,
    pub(crate) timestamps: TimestampBounds,
    /// `segment.bytes`: a batch must fit into a segment.
    pub(crate) segment_bytes: usize,
    /// `compression.type` with its level; `None` keeps what the producer chose.
    pub(crate) compression: Option<Compression>,
}

impl ProduceRules {
    /// Whether timestamps inside a compressed batch matter. The header's own are always checked;
    /// what is inside is looked at only where an operator has set a limit.
    pub(crate) fn limits_timestamps(&self) -> bool {
        !self.log_append_time && self.timestamps.before_ms != i64::MAX
    }
}

/// How far a timestamp may be from the broker's clock, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TimestampBounds {
    /// `message.timestamp.before.max.ms`
    pub(crate) before_ms: i64,
    /// `message.timestamp.after.max.ms`
    pub(crate) after_ms: i64,
}

impl TimestampBounds {
    pub(crate) fn contains(&self, timestamp: i64, now: i64) -> bool {
        timestamp >= now.saturating_sub(self.before_ms)
            && timestamp <= now.saturating_add(self.after_ms)
    }
}

/// The value of a topic setting that the table has; `None` for an unknown name.
pub(crate) fn effective<'a>(
    image: &'a MetadataImage,
    config: &'a NodeConfig,
    topic: &TopicName,
    name: &str,
) -> Option<Effective<'a>> {
    let row = topic_config(name)?;
    let found = |value, origin| Some(Effective { value, origin });
    if let Some(value) = image.config(&ConfigResource::Topic(topic.clone()), name) {
        return found(value, Origin::Topic);
    }
    if name == "chronik.durability" {
        return found(image.durability(topic).as_str(), Origin::Cluster);
    }
    let broker = BrokerSettings { image, config };
    let given = row
        .broker_synonym
        .and_then(|name| broker.given(name).next());
    given.or_else(|| found(row.default, Origin::Default))
}

struct Reader<'a> {
    image: &'a MetadataImage,
    config: &'a NodeConfig,
    topic: &'a TopicName,
}

impl Reader<'_> {
    /// Without the white space around it, as it was judged.
    fn text(&self, name: &str) -> &str {
        effective(self.image, self.config, self.topic, name).map_or("", |found| found.value.trim())
    }

    /// Values were checked when they were set; one that cannot be read falls to `otherwise`.
    fn number(&self, name: &str, otherwise: i64) -> i64 {
        self.text(name).parse().unwrap_or(otherwise)
    }

    fn size(&self, name: &str, otherwise: u64) -> u64 {
        u64::try_from(self.number(name, -1)).unwrap_or(otherwise)
    }

    /// A limit that -1 switches off.
    fn limit(&self, name: &str) -> Option<u64> {
        u64::try_from(self.number(name, -1)).ok()
    }

    fn has_policy(&self, policy: &str) -> bool {
        list(self.text("cleanup.policy")).any(|item| item == policy)
    }

    fn compression(&self) -> Option<Compression> {
        let (codec, level) = match self.text("compression.type") {
            "uncompressed" => (Codec::None, None),
            "snappy" => (Codec::Snappy, None),
            "gzip" => (Codec::Gzip, Some("compression.gzip.level")),
            "lz4" => (Codec::Lz4, Some("compression.lz4.level")),
            "zstd" => (Codec::Zstd, Some("compression.zstd.level")),
            _ => return None,
        };
        let level = level.map(|name| self.number(name, 0));
        Some(Compression {
            codec,
            level: level.and_then(|level| i32::try_from(level).ok()),
        })
    }

    fn log_append_time(&self) -> bool {
        self.text("message.timestamp.type") == "LogAppendTime"
    }
}

/// What the log of a topic's partitions obeys.
pub(crate) fn log_config(
    image: &MetadataImage,
    config: &NodeConfig,
    topic: &TopicName,
) -> LogConfig {
    let read = Reader {
        image,
        config,
        topic,
    };
    let default = LogConfig::default();
    LogConfig {
        segment_bytes: read.size("segment.bytes", default.segment_bytes),
        segment_ms: read.size("segment.ms", default.segment_ms),
        segment_jitter_ms: read.size("segment.jitter.ms", default.segment_jitter_ms),
        segment_index_bytes: read.size("segment.index.bytes", default.segment_index_bytes),
        index_interval_bytes: read.size("index.interval.bytes", default.index_interval_bytes),
        retention_ms: read.limit("retention.ms"),
        retention_bytes: read.limit("retention.bytes"),
        timestamp_type: if read.log_append_time() {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        },
        cleanup_delete: read.has_policy("delete"),
        cleanup_compact: read.has_policy("compact"),
        min_cleanable_dirty_millionths: millionths(read.text("min.cleanable.dirty.ratio"))
            .unwrap_or(default.min_cleanable_dirty_millionths),
        min_compaction_lag_ms: read.size("min.compaction.lag.ms", default.min_compaction_lag_ms),
        // Kafka's way of saying never.
        max_compaction_lag_ms: read
            .limit("max.compaction.lag.ms")
            .filter(|lag| *lag < i64::MAX.unsigned_abs()),
        delete_retention_ms: read.size("delete.retention.ms", default.delete_retention_ms),
    }
}

/// A ratio from 0 to 1 in millionths.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked"
)]
fn millionths(text: &str) -> Option<u32> {
    let ratio: f64 = text.trim().parse().ok()?;
    (0.0..=1.0)
        .contains(&ratio)
        .then(|| (ratio * 1_000_000.0).round() as u32)
}

/// Whether only compaction may take records from a topic.
pub(crate) fn is_compacted_only(
    image: &MetadataImage,
    config: &NodeConfig,
    topic: &TopicName,
) -> bool {
    let read = Reader {
        image,
        config,
        topic,
    };
    read.has_policy("compact") && !read.has_policy("delete")
}

/// What a topic asks of the batches written to one of its partitions.
pub(crate) fn produce_rules(
    image: &MetadataImage,
    config: &NodeConfig,
    topic: &TopicImage,
    partition: PartitionId,
) -> ProduceRules {
    let read = Reader {
        image,
        config,
        topic: &topic.name,
    };
    let replicas = topic
        .partition(partition)
        .map_or(1, |registration| registration.replicas.len());
    let max = read.number("max.message.bytes", 1_048_588);
    ProduceRules {
        min_isr: MinIsr(image.min_isr(&topic.name, replicas)),
        max_message_bytes: usize::try_from(max).unwrap_or(0),
        keys_required: read.has_policy("compact"),
        log_append_time: read.log_append_time(),
        timestamps: TimestampBounds {
            before_ms: read.number("message.timestamp.before.max.ms", i64::MAX),
            after_ms: read.number("message.timestamp.after.max.ms", 3_600_000),
        },
        segment_bytes: usize::try_from(read.number("segment.bytes", 1 << 30)).unwrap_or(usize::MAX),
        compression: read.compression(),
    }
}
