//! A node's settings after flags, environment, file and defaults were laid over each other.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use chronik_types::{Durability, NodeId};

use super::{Endpoint, InvalidSetting, SETTINGS, Setting, Source, parse_endpoints};

/// Typed settings, all checked.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// `log.dirs`
    pub data_dir: PathBuf,
    /// `listeners`, at least one.
    pub listeners: Vec<Endpoint>,
    /// `advertised.listeners`, by name; may be empty.
    pub advertised: Vec<Endpoint>,
    /// `chronik.http.listener`; none where the text is empty.
    pub http: Option<Endpoint>,
    /// `node.id`
    pub node_id: NodeId,
    /// `broker.rack`
    pub rack: Option<String>,
    /// `chronik.durability`: the class of a cluster formed now.
    pub durability: Durability,
    /// `num.partitions`
    pub num_partitions: i32,
    /// `default.replication.factor`; `None` is up to three.
    pub default_replication_factor: Option<i16>,
    /// `producer.id.expiration.ms`
    pub producer_expiration_ms: u64,
    /// `auto.create.topics.enable`
    pub auto_create_topics: bool,
    /// `delete.topic.enable`
    pub delete_topic: bool,
    /// `log.retention.check.interval.ms`
    pub retention_check_interval: Duration,
    /// `log.cleaner.backoff.ms`
    pub cleaner_backoff: Duration,
    /// `log.cleaner.dedupe.buffer.size`
    pub cleaner_dedupe_bytes: usize,
    /// `log.cleaner.io.max.bytes.per.second`; `None` is no limit.
    pub cleaner_bytes_per_second: Option<u64>,
    /// `socket.request.max.bytes`
    pub request_bytes_max: usize,
    /// `connections.max.idle.ms`; `None` never.
    pub connection_idle_max: Option<Duration>,
    /// `fetch.max.bytes`
    pub fetch_bytes_max: usize,
    /// `max.incremental.fetch.session.cache.slots`
    pub fetch_sessions_max: usize,
    /// `offsets.*`, `offset.*` and `group.*`
    pub groups: GroupConfig,
    /// `chronik.memory.budget.bytes`; `None` is chosen at start.
    pub memory_budget_bytes: Option<usize>,
    /// `chronik.produce.pipeline.max`
    pub produce_pipeline_max: usize,
    /// `chronik.journal.file.bytes`
    pub journal_file_bytes: u64,
    /// `chronik.journal.files.max`
    pub journal_files_max: usize,
    /// `chronik.checkpoint.max.bytes`
    pub checkpoint_bytes_max: u64,
    /// `chronik.disk.reserve.bytes`; `None` is chosen at start.
    pub disk_reserve_bytes: Option<u64>,
    /// Every setting's text and where it came from, by name: for DescribeConfigs, and for the
    /// broker-wide defaults of topic settings.
    pub values: BTreeMap<&'static str, (String, Source)>,
}

/// What the group coordinator obeys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupConfig {
    /// `offsets.topic.num.partitions`
    pub offsets_partitions: i32,
    /// `offsets.topic.replication.factor`, where there are as many nodes.
    pub offsets_replication_factor: i16,
    /// `offsets.topic.segment.bytes`
    pub offsets_segment_bytes: i64,
    /// `offsets.retention.minutes`
    pub offsets_retention: Duration,
    /// `offsets.retention.check.interval.ms`
    pub offsets_retention_check: Duration,
    /// `offset.metadata.max.bytes`
    pub offset_metadata_bytes_max: usize,
    /// `group.initial.rebalance.delay.ms`
    pub initial_rebalance_delay: Duration,
    /// `group.min.session.timeout.ms`
    pub session_timeout_min: Duration,
    /// `group.max.session.timeout.ms`
    pub session_timeout_max: Duration,
    /// `group.max.size`
    pub size_max: usize,
}

impl NodeConfig {
    /// Lays values over the defaults: the later source wins. All problems are reported at once.
    pub fn resolve(
        given: impl IntoIterator<Item = (String, String, Source)>,
    ) -> Result<Self, Vec<InvalidSetting>> {
        let mut values: BTreeMap<&'static str, (String, Source)> = SETTINGS
            .iter()
            .map(|s| (s.name, (s.default.to_owned(), Source::Default)))
            .collect();
        let mut problems = Vec::new();
        let mut given: Vec<_> = given.into_iter().collect();
        given.sort_by_key(|(_, _, source)| *source);
        for (name, value, source) in given {
            let problem = |problem: String| InvalidSetting {
                name: name.clone(),
                source,
                problem,
            };
            match Setting::by_name(&name) {
                None => problems.push(problem(unknown(&name))),
                Some(setting) => match setting.kind.check(&value) {
                    Err(text) => problems.push(problem(format!("{value:?}: {text}"))),
                    Ok(()) => {
                        values.insert(setting.name, (value, source));
                    }
                },
            }
        }
        if problems.is_empty() {
            Self::from_values(values).map_err(|problem| vec![problem])
        } else {
            Err(problems)
        }
    }

    fn from_values(
        values: BTreeMap<&'static str, (String, Source)>,
    ) -> Result<Self, InvalidSetting> {
        let read = Reader(&values);
        let listeners = read.endpoints("listeners")?;
        if listeners.is_empty() {
            return Err(read.invalid("listeners", "names no address"));
        }
        let mut names: Vec<_> = listeners.iter().map(|l| &l.name).collect();
        names.sort();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(read.invalid("listeners", "two listeners have the same name"));
        }
        let advertised = read.endpoints("advertised.listeners")?;
        if let Some(stray) = advertised.iter().find(|a| !names.contains(&&a.name)) {
            let text = format!("{} is not the name of a listener", stray.name);
            return Err(read.invalid("advertised.listeners", &text));
        }
        if let Some(wild) = advertised.iter().find(|a| a.is_wildcard()) {
            let text = format!("{wild} is no address a client could connect to");
            return Err(read.invalid("advertised.listeners", &text));
        }
        let http = read.endpoints("chronik.http.listener")?.pop();
        let idle: i64 = read.parsed("connections.max.idle.ms")?;
        Ok(Self {
            data_dir: PathBuf::from(read.text("log.dirs")),
            advertised,
            http,
            node_id: NodeId::new(read.parsed("node.id")?),
            rack: Some(read.text("broker.rack").to_owned()).filter(|rack| !rack.is_empty()),
            durability: read.parsed("chronik.durability")?,
            num_partitions: read.parsed("num.partitions")?,
            default_replication_factor: read.optional("default.replication.factor")?,
            producer_expiration_ms: read.parsed("producer.id.expiration.ms")?,
            auto_create_topics: read.parsed("auto.create.topics.enable")?,
            delete_topic: read.parsed("delete.topic.enable")?,
            retention_check_interval: Duration::from_millis(
                read.parsed("log.retention.check.interval.ms")?,
            ),
            cleaner_backoff: Duration::from_millis(read.parsed("log.cleaner.backoff.ms")?),
            cleaner_dedupe_bytes: read.parsed("log.cleaner.dedupe.buffer.size")?,
            cleaner_bytes_per_second: Some(read.parsed("log.cleaner.io.max.bytes.per.second")?)
                .filter(|bytes| *bytes > 0),
            request_bytes_max: read.parsed("socket.request.max.bytes")?,
            connection_idle_max: u64::try_from(idle).ok().map(Duration::from_millis),
            fetch_bytes_max: read.parsed("fetch.max.bytes")?,
            fetch_sessions_max: read.parsed("max.incremental.fetch.session.cache.slots")?,
            groups: read.groups()?,
            memory_budget_bytes: Some(read.parsed("chronik.memory.budget.bytes")?)
                .filter(|bytes| *bytes > 0),
            produce_pipeline_max: read.parsed("chronik.produce.pipeline.max")?,
            journal_file_bytes: read.parsed("chronik.journal.file.bytes")?,
            journal_files_max: read.parsed("chronik.journal.files.max")?,
            checkpoint_bytes_max: read.parsed("chronik.checkpoint.max.bytes")?,
            disk_reserve_bytes: Some(read.parsed("chronik.disk.reserve.bytes")?)
                .filter(|bytes| *bytes > 0),
            listeners,
            values,
        })
    }

    /// The text of a setting, where one was given.
    pub fn given(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)
            .filter(|(_, source)| *source != Source::Default)
            .map(|(text, _)| text.as_str())
    }

    /// The text of a setting of the table; empty if there is none of that name.
    pub fn text(&self, name: &str) -> &str {
        self.values.get(name).map_or("", |(text, _)| text)
    }
}

struct Reader<'a>(&'a BTreeMap<&'static str, (String, Source)>);

impl Reader<'_> {
    fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |(text, _)| text)
    }

    fn invalid(&self, name: &str, problem: &str) -> InvalidSetting {
        InvalidSetting {
            name: name.to_owned(),
            source: self.0.get(name).map_or(Source::Default, |(_, s)| *s),
            problem: problem.to_owned(),
        }
    }

    fn parsed<T: FromStr>(&self, name: &str) -> Result<T, InvalidSetting> {
        let text = self.text(name);
        text.parse()
            .map_err(|_| self.invalid(name, &format!("{text:?} cannot be read")))
    }

    fn millis(&self, name: &str) -> Result<Duration, InvalidSetting> {
        self.parsed(name).map(Duration::from_millis)
    }

    fn groups(&self) -> Result<GroupConfig, InvalidSetting> {
        let minutes: u64 = self.parsed("offsets.retention.minutes")?;
        Ok(GroupConfig {
            offsets_partitions: self.parsed("offsets.topic.num.partitions")?,
            offsets_replication_factor: self.parsed("offsets.topic.replication.factor")?,
            offsets_segment_bytes: self.parsed("offsets.topic.segment.bytes")?,
            offsets_retention: Duration::from_secs(minutes * 60),
            offsets_retention_check: self.millis("offsets.retention.check.interval.ms")?,
            offset_metadata_bytes_max: self.parsed("offset.metadata.max.bytes")?,
            initial_rebalance_delay: self.millis("group.initial.rebalance.delay.ms")?,
            session_timeout_min: self.millis("group.min.session.timeout.ms")?,
            session_timeout_max: self.millis("group.max.session.timeout.ms")?,
            size_max: self.parsed("group.max.size")?,
        })
    }

    /// Nothing where the text is empty.
    fn optional<T: FromStr>(&self, name: &str) -> Result<Option<T>, InvalidSetting> {
        match self.text(name) {
            "" => Ok(None),
            _ => self.parsed(name).map(Some),
        }
    }

    fn endpoints(&self, name: &str) -> Result<Vec<Endpoint>, InvalidSetting> {
        parse_endpoints(self.text(name)).map_err(|e| self.invalid(name, &e.to_string()))
    }
}

fn unknown(name: &str) -> String {
    let near = SETTINGS
        .iter()
        .map(|s| (distance(s.name, name), s.name))
        .min()
        .filter(|(distance, _)| *distance <= 4);
    match near {
        Some((_, near)) => format!("no such setting; did you mean {near}?"),
        None => "no such setting; `chronik config reference` lists them".to_owned(),
    }
}

/// Edits between two names (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(given: &[(&str, &str, Source)]) -> Result<NodeConfig, Vec<InvalidSetting>> {
        NodeConfig::resolve(
            given
                .iter()
                .map(|(n, v, s)| ((*n).to_owned(), (*v).to_owned(), *s)),
        )
    }

    #[test]
    fn the_command_line_wins_over_environment_over_file_over_default() {
        let config = resolve(&[
            ("node.id", "4", Source::Flag),
            ("node.id", "3", Source::Environment),
            ("num.partitions", "2", Source::File),
            ("num.partitions", "6", Source::Environment),
        ])
        .unwrap();
        assert_eq!(config.node_id, NodeId::new(4));
        assert_eq!(config.num_partitions, 6);
        assert_eq!(config.listeners[0].address(), "127.0.0.1:9092");
    }

    #[test]
    fn every_problem_is_named_with_its_source() {
        let problems = resolve(&[
            ("node.idd", "4", Source::File),
            ("num.partitions", "many", Source::Environment),
        ])
        .unwrap_err();
        let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "node.idd (file): no such setting; did you mean node.id?",
                "num.partitions (environment): \"many\": must be a whole number from 1 to 10000"
            ]
        );
    }

    #[test]
    fn an_advertised_address_must_belong_to_a_listener_and_be_reachable() {
        assert!(resolve(&[("advertised.listeners", "X=h:1", Source::Flag)]).is_err());
        assert!(resolve(&[("advertised.listeners", "0.0.0.0:1", Source::Flag)]).is_err());
        assert!(resolve(&[("listeners", "h:1,h:2", Source::Flag)]).is_err());
        assert!(resolve(&[("advertised.listeners", "h:1", Source::Flag)]).is_ok());
    }
}
