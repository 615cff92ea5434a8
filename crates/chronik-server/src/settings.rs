//! Every setting of a node in one table: Kafka's name, flag, default, kind and meaning.
//!
//! The command line, the environment, the TOML file, `chronik config reference` and
//! DescribeConfigs are all made from [`SETTINGS`]; nothing else names a setting.
//! Absent: reading the environment or files (the binary does), topic settings (the controller's
//! `topic_config` has those).

mod endpoint;
mod node_config;

use std::fmt;

use chronik_controller::broker_config::broker_config;

pub use endpoint::{Endpoint, InvalidEndpoint, parse_endpoints};
pub use node_config::{GroupConfig, NodeConfig};

/// What a setting's text must look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Anything, also nothing.
    Text,
    /// A path.
    Path,
    /// `true` or `false`.
    Bool,
    /// A whole number within these bounds, both included.
    Int(i64, i64),
    /// A number from 0 to 1.
    Ratio,
    /// As [`Self::Int`], or nothing.
    Optional(i64, i64),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `[NAME=]HOST:PORT` or `NAME://HOST:PORT`, comma separated.
    Endpoints,
}

impl Kind {
    /// Kafka's name of the type, as DescribeConfigs and reference pages use it.
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::Text | Self::Path | Self::Choice(_) => "string",
            Self::Bool => "boolean",
            Self::Ratio => "double",
            Self::Int(_, max) | Self::Optional(_, max) if max <= i32::MAX as i64 => "int",
            Self::Int(..) | Self::Optional(..) => "long",
            Self::Endpoints => "list",
        }
    }

    pub(crate) fn check(self, text: &str) -> Result<(), String> {
        match self {
            Self::Text | Self::Path => Ok(()),
            Self::Bool if matches!(text, "true" | "false") => Ok(()),
            Self::Bool => Err("must be true or false".to_owned()),
            Self::Optional(..) if text.is_empty() => Ok(()),
            Self::Int(min, max) | Self::Optional(min, max) => match text.parse::<i64>() {
                Ok(n) if (min..=max).contains(&n) => Ok(()),
                _ => Err(format!("must be a whole number from {min} to {max}")),
            },
            Self::Ratio => match text.parse::<f64>() {
                Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(()),
                _ => Err("must be a number from 0 to 1".to_owned()),
            },
            Self::Choice(words) if words.contains(&text) => Ok(()),
            Self::Choice(words) => Err(format!("must be one of {}", words.join(", "))),
            Self::Endpoints => parse_endpoints(text)
                .map(drop)
                .map_err(|error| error.to_string()),
        }
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Kafka's name where Kafka has one, else `chronik.…`.
    pub name: &'static str,
    /// The flag of `chronik start` without dashes, if it has one.
    pub flag: Option<&'static str>,
    /// What a value looks like in `--help`.
    pub value_name: &'static str,
    /// The default in text form; empty means "chosen at start" and the meaning says how.
    pub default: &'static str,
    /// What the text must look like.
    pub kind: Kind,
    /// What it does, with unit.
    pub doc: &'static str,
}

impl Setting {
    /// The environment variable: `CHRONIK_` and the name with dots and dashes as underscores.
    pub fn variable(&self) -> String {
        let name = self.name.strip_prefix("chronik.").unwrap_or(self.name);
        format!("CHRONIK_{}", name.replace(['.', '-'], "_").to_uppercase())
    }

    /// Whether a text is legal; the problem in words.
    pub fn check(&self, text: &str) -> Result<(), String> {
        self.kind.check(text)
    }

    /// Finds a row by its name.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.name == name)
    }
}

/// What a broker setting of Kafka's, one that has no row here, does in Chronik; `None` for a name
/// that Kafka does not have.
pub fn broker_setting_effect(name: &str) -> Option<&'static str> {
    broker_config(name).map(|row| row.effect.words())
}

/// Where a value came from; a later one wins over an earlier one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Source {
    /// The table.
    Default,
    /// The TOML file.
    File,
    /// `CHRONIK_*`.
    Environment,
    /// The command line.
    Flag,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Environment => "environment",
            Self::Flag => "command line",
        })
    }
}

/// A setting that cannot be used, with what to do about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InvalidSetting {
    /// The setting's name as it was written.
    pub name: String,
    /// Where it was written.
    pub source: Source,
    /// What is wrong.
    pub problem: String,
}

impl fmt::Display for InvalidSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.name, self.source, self.problem)
    }
}

impl std::error::Error for InvalidSetting {}

const MIB: i64 = 1 << 20;
const LONG: Kind = Kind::Int(-1, i64::MAX);

const fn flag(
    name: &'static str,
    flag: &'static str,
    value_name: &'static str,
    default: &'static str,
    kind: Kind,
    doc: &'static str,
) -> Setting {
    Setting {
        name,
        flag: Some(flag),
        value_name,
        default,
        kind,
        doc,
    }
}

const fn plain(
    name: &'static str,
    default: &'static str,
    kind: Kind,
    doc: &'static str,
) -> Setting {
    Setting {
        name,
        flag: None,
        value_name: "VALUE",
        default,
        kind,
        doc,
    }
}

/// The table.
pub const SETTINGS: &[Setting] = &[
    flag(
        "log.dirs",
        "data-dir",
        "DIR",
        "./chronik-data",
        Kind::Path,
        "Directory of everything this node keeps. Made (mode 0750) if it is not there.",
    ),
    flag(
        "listeners",
        "listen",
        "[NAME=]HOST:PORT",
        "127.0.0.1:9092",
        Kind::Endpoints,
        "Addresses on which Kafka clients are served; the flag may be repeated. Port 0 lets the system choose.",
    ),
    flag(
        "advertised.listeners",
        "advertise",
        "[NAME=]HOST:PORT",
        "",
        Kind::Endpoints,
        "Addresses told to clients, matched to the listeners by name. Default: the address listened on, or the host name where that is a wildcard.",
    ),
    flag(
        "chronik.internal.listener",
        "internal-listen",
        "HOST:PORT",
        "127.0.0.1:9192",
        Kind::Endpoints,
        "Address for the other nodes of a cluster. A single node does not open it.",
    ),
    flag(
        "chronik.internal.advertised.listener",
        "internal-advertise",
        "HOST:PORT",
        "",
        Kind::Endpoints,
        "Address told to the other nodes. Default: the internal address.",
    ),
    flag(
        "chronik.http.listener",
        "http",
        "HOST:PORT",
        "127.0.0.1:9080",
        Kind::Endpoints,
        "Address of /livez, /readyz and /metrics; empty for none.",
    ),
    flag(
        "node.id",
        "node-id",
        "ID",
        "1",
        Kind::Int(0, i32::MAX as i64),
        "This node's id, unique in its cluster.",
    ),
    flag(
        "broker.rack",
        "rack",
        "RACK",
        "",
        Kind::Text,
        "Where this node stands; replicas are spread over racks.",
    ),
    flag(
        "chronik.durability",
        "durability",
        "CLASS",
        "quorum-fsync",
        Kind::Choice(&["quorum-fsync", "quorum-memory"]),
        "What an acknowledgement promises where a topic does not say: quorum-fsync, on stable storage; quorum-memory, in the page cache as with Kafka. Set when the cluster is formed, then kept in its metadata.",
    ),
    flag(
        "chronik.log.level",
        "log-level",
        "LEVEL",
        "info",
        Kind::Text,
        "error, warn, info, debug or trace, or filters such as info,chronik::metadata=trace.",
    ),
    flag(
        "chronik.log.format",
        "log-format",
        "FORMAT",
        "text",
        Kind::Choice(&["text", "json"]),
        "Form of the log lines on standard error.",
    ),
    plain(
        "num.partitions",
        "1",
        Kind::Int(1, 10_000),
        "Partitions of a topic created without a number.",
    ),
    plain(
        "auto.create.topics.enable",
        "true",
        Kind::Bool,
        "Whether a topic that a client asks for is created.",
    ),
    plain(
        "delete.topic.enable",
        "true",
        Kind::Bool,
        "Whether topics may be deleted.",
    ),
    plain(
        "message.max.bytes",
        "1048588",
        Kind::Int(0, i32::MAX as i64),
        "Largest record batch, in bytes (topics: max.message.bytes).",
    ),
    plain(
        "log.segment.bytes",
        "1073741824",
        Kind::Int(MIB, i32::MAX as i64),
        "Largest segment file, in bytes (topics: segment.bytes).",
    ),
    plain(
        "log.roll.ms",
        "604800000",
        Kind::Int(1, i64::MAX),
        "Age at which a segment is closed, in milliseconds (topics: segment.ms).",
    ),
    plain(
        "log.retention.ms",
        "604800000",
        LONG,
        "Age at which a segment is deleted, in milliseconds; -1 keeps it (topics: retention.ms).",
    ),
    plain(
        "log.retention.bytes",
        "-1",
        LONG,
        "Size above which a partition's oldest segments are deleted, in bytes; -1 keeps them (topics: retention.bytes).",
    ),
    plain(
        "log.retention.check.interval.ms",
        "300000",
        Kind::Int(1, i64::MAX),
        "How often retention looks for segments to delete, in milliseconds.",
    ),
    plain(
        "log.cleaner.backoff.ms",
        "15000",
        Kind::Int(1, i64::MAX),
        "How long compaction waits before it looks again for what time or a full disk held back, in milliseconds.",
    ),
    plain(
        "log.cleaner.dedupe.buffer.size",
        "16777216",
        Kind::Int(1024, 1 << 40),
        "Memory for the keys of a compaction, in bytes, taken only while one runs; 24 bytes and a third more a key. More keys than fit take several passes.",
    ),
    plain(
        "log.cleaner.io.max.bytes.per.second",
        "67108864",
        Kind::Int(0, i64::MAX),
        "Bytes that compaction reads and writes in a second at most; 0 is no limit.",
    ),
    plain(
        "log.cleaner.min.cleanable.ratio",
        "0.5",
        Kind::Ratio,
        "Part of a compacted log that must be dirty before it is compacted again (topics: min.cleanable.dirty.ratio).",
    ),
    plain(
        "log.cleaner.min.compaction.lag.ms",
        "0",
        Kind::Int(0, i64::MAX),
        "Shortest time a record stays uncompacted, in milliseconds (topics: min.compaction.lag.ms).",
    ),
    plain(
        "log.cleaner.max.compaction.lag.ms",
        "9223372036854775807",
        Kind::Int(1, i64::MAX),
        "Longest time a record stays uncompacted, in milliseconds (topics: max.compaction.lag.ms).",
    ),
    plain(
        "log.cleaner.delete.retention.ms",
        "86400000",
        Kind::Int(0, i64::MAX),
        "How long compaction keeps a tombstone after it has met it, in milliseconds (topics: delete.retention.ms).",
    ),
    plain(
        "log.roll.jitter.ms",
        "",
        Kind::Optional(0, i64::MAX),
        "Most by which a segment is closed early, in milliseconds (topics: segment.jitter.ms).",
    ),
    plain(
        "log.index.interval.bytes",
        "4096",
        Kind::Int(0, i32::MAX as i64),
        "Bytes of log between two entries of an index (topics: index.interval.bytes).",
    ),
    plain(
        "log.index.size.max.bytes",
        "10485760",
        Kind::Int(4, i32::MAX as i64),
        "Largest size of an index, in bytes (topics: segment.index.bytes).",
    ),
    plain(
        "log.cleanup.policy",
        "delete",
        Kind::Choice(&["delete", "compact", "compact,delete", "delete,compact", ""]),
        "Whether old segments are deleted, compacted, or both (topics: cleanup.policy).",
    ),
    plain(
        "log.message.timestamp.type",
        "CreateTime",
        Kind::Choice(&["CreateTime", "LogAppendTime"]),
        "Whose timestamps records have, the producer's or the append's (topics: message.timestamp.type).",
    ),
    plain(
        "log.message.timestamp.before.max.ms",
        "9223372036854775807",
        Kind::Int(0, i64::MAX),
        "How far a timestamp may lie in the past, in milliseconds (topics: message.timestamp.before.max.ms).",
    ),
    plain(
        "log.message.timestamp.after.max.ms",
        "3600000",
        Kind::Int(0, i64::MAX),
        "How far a timestamp may lie in the future, in milliseconds (topics: message.timestamp.after.max.ms).",
    ),
    plain(
        "compression.type",
        "producer",
        Kind::Choice(&["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"]),
        "Codec in which batches are stored; producer keeps what was sent (topics: compression.type).",
    ),
    plain(
        "compression.gzip.level",
        "-1",
        Kind::Int(-1, 9),
        "Level of gzip, 1 to 9; -1 is its default.",
    ),
    plain(
        "compression.lz4.level",
        "9",
        Kind::Int(1, 17),
        "Level of lz4, for Kafka's sake: every level packs alike.",
    ),
    plain(
        "compression.zstd.level",
        "3",
        Kind::Int(-131_072, 22),
        "Level of zstd.",
    ),
    plain(
        "default.replication.factor",
        "",
        Kind::Optional(1, i16::MAX as i64),
        "Copies of a topic created without a number. Default: the smaller of 3 and the known brokers.",
    ),
    plain(
        "producer.id.expiration.ms",
        "86400000",
        Kind::Int(1, i32::MAX as i64),
        "Time without a write after which an idempotent producer's state is forgotten, in milliseconds.",
    ),
    plain(
        "min.insync.replicas",
        "",
        Kind::Optional(1, i32::MAX as i64),
        "In-sync replicas that acks=all needs, where the cluster has no number yet. Default: 2 with three replicas or more, else 1.",
    ),
    plain(
        "socket.request.max.bytes",
        "104857600",
        Kind::Int(1024, i32::MAX as i64),
        "Largest request, in bytes. Requests other than Produce are limited to 8 MiB.",
    ),
    plain(
        "connections.max.idle.ms",
        "600000",
        LONG,
        "Age at which an idle connection is closed, in milliseconds; -1 never.",
    ),
    plain(
        "fetch.max.bytes",
        "57671680",
        Kind::Int(1024, i32::MAX as i64),
        "Most bytes of records in one fetch response.",
    ),
    plain(
        "max.incremental.fetch.session.cache.slots",
        "1000",
        Kind::Int(0, 1_000_000),
        "Most incremental fetch sessions kept.",
    ),
    plain(
        "offsets.topic.num.partitions",
        "50",
        Kind::Int(1, 10_000),
        "Partitions of __consumer_offsets, fixed when that topic is made.",
    ),
    plain(
        "offsets.topic.replication.factor",
        "3",
        Kind::Int(1, i16::MAX as i64),
        "Replicas of __consumer_offsets, or as many as there are nodes.",
    ),
    plain(
        "offsets.topic.segment.bytes",
        "104857600",
        Kind::Int(MIB, i32::MAX as i64),
        "Largest segment file of __consumer_offsets, in bytes.",
    ),
    plain(
        "offsets.retention.minutes",
        "10080",
        Kind::Int(1, i32::MAX as i64),
        "How long offsets outlive the last member of their group, in minutes.",
    ),
    plain(
        "offsets.retention.check.interval.ms",
        "600000",
        Kind::Int(1, i64::MAX),
        "How often expired offsets are looked for, in milliseconds.",
    ),
    plain(
        "offset.metadata.max.bytes",
        "4096",
        Kind::Int(0, i32::MAX as i64),
        "Longest text that a committed offset carries, in bytes.",
    ),
    plain(
        "group.initial.rebalance.delay.ms",
        "3000",
        Kind::Int(0, i32::MAX as i64),
        "How long an empty group waits for further members before its first rebalance, in milliseconds.",
    ),
    plain(
        "group.min.session.timeout.ms",
        "6000",
        Kind::Int(0, i32::MAX as i64),
        "Shortest session timeout a group's member may ask for, in milliseconds.",
    ),
    plain(
        "group.max.session.timeout.ms",
        "1800000",
        Kind::Int(0, i32::MAX as i64),
        "Longest session timeout a group's member may ask for, in milliseconds.",
    ),
    plain(
        "group.max.size",
        "2147483647",
        Kind::Int(1, i32::MAX as i64),
        "Members of one group at most.",
    ),
    plain(
        "chronik.memory.budget.bytes",
        "0",
        Kind::Int(0, i64::MAX),
        "Bytes held for clients at most (requests, replies, connections), and as many for consumer groups; 0 is the smaller of 256 MiB and a quarter of memory.",
    ),
    plain(
        "chronik.produce.pipeline.max",
        "8",
        Kind::Int(1, 1000),
        "Produce requests of one connection in progress at once.",
    ),
    plain(
        "chronik.journal.file.bytes",
        "134217728",
        Kind::Int(MIB, 1 << 40),
        "Size of one journal file, in bytes.",
    ),
    plain(
        "chronik.journal.files.max",
        "4",
        Kind::Int(2, 64),
        "Journal files at most.",
    ),
    plain(
        "chronik.checkpoint.max.bytes",
        "134217728",
        Kind::Int(MIB, 1 << 40),
        "Bytes that may wait for a checkpoint at moderate load; restart time follows from it.",
    ),
    plain(
        "chronik.disk.reserve.bytes",
        "0",
        Kind::Int(0, i64::MAX),
        "Free bytes below which produce is refused; 0 is the smaller of 1 GiB and 5 % of the filesystem.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_legal_and_every_name_flag_and_variable_is_unique() {
        let mut seen = std::collections::BTreeSet::new();
        for setting in SETTINGS {
            if !setting.default.is_empty() {
                assert_eq!(
                    setting.kind.check(setting.default),
                    Ok(()),
                    "{}",
                    setting.name
                );
            }
            assert!(seen.insert(setting.name.to_owned()), "{}", setting.name);
            assert!(seen.insert(setting.variable()), "{}", setting.name);
            if let Some(flag) = setting.flag {
                assert!(seen.insert(format!("--{flag}")), "{flag}");
            }
        }
        assert_eq!(
            Setting::by_name("node.id")
                .map(Setting::variable)
                .as_deref(),
            Some("CHRONIK_NODE_ID")
        );
    }

    #[test]
    fn a_kind_refuses_what_it_cannot_be() {
        assert!(Kind::Int(0, 9).check("10").is_err());
        assert!(Kind::Bool.check("yes").is_err());
        assert!(Kind::Ratio.check("1.1").is_err() && Kind::Ratio.check("NaN").is_err());
        assert!(Kind::Choice(&["a"]).check("b").is_err());
        assert!(Kind::Endpoints.check("nowhere").is_err());
    }
}
