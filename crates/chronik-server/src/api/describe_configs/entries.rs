//! The configurations of each kind of resource as DescribeConfigs shows them.

use std::collections::BTreeSet;

use chronik_controller::ConfigResource;
use chronik_controller::broker_config::{BROKER_CONFIGS, UpdateMode, broker_config};
use chronik_controller::group_config::{CLIENT_METRICS_CONFIGS, GROUP_CONFIGS, GroupConfig};
use chronik_controller::topic_config::{ConfigType, TOPIC_CONFIGS};
use chronik_protocol::Str;
use chronik_protocol::generated::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsSynonym,
};
use chronik_types::TopicName;

use crate::broker_settings::{BrokerSettings, Effective, Origin};
use crate::log_levels::LogLevels;
use crate::settings::{Kind, SETTINGS};
use crate::topic_settings::effective;

/// What is shown of each configuration, and of what.
pub(super) struct Entries<'a> {
    pub(super) broker: BrokerSettings<'a>,
    pub(super) log_levels: &'a dyn LogLevels,
    /// Whether to say every place that a value could come from.
    pub(super) synonyms: bool,
    /// Whether to say what a configuration does.
    pub(super) documentation: bool,
}

/// Which configurations of a resource are asked for.
pub(super) struct Wanted<'a>(Option<BTreeSet<&'a str>>);

impl<'a> Wanted<'a> {
    /// No key at all means every one, as none given does.
    pub(super) fn new(keys: Option<&'a [Str]>) -> Self {
        let keys = keys.filter(|keys| !keys.is_empty());
        Self(keys.map(|keys| keys.iter().map(|key| &**key).collect()))
    }

    fn has(&self, name: &str) -> bool {
        self.0.as_ref().is_none_or(|names| names.contains(name))
    }
}

/// One configuration before it is written down.
struct Entry<'a> {
    name: &'a str,
    /// `None` for names that no table has.
    kind: Option<ConfigType>,
    sensitive: bool,
    read_only: bool,
    doc: &'a str,
    value: Option<Effective<'a>>,
    synonyms: Vec<(&'a str, Effective<'a>)>,
}

impl Entries<'_> {
    fn write(&self, entry: Entry<'_>) -> DescribeConfigsResourceResult {
        let shown = |value: &str| (!entry.sensitive).then(|| Str::from(value));
        let synonym = |(name, found): &(&str, Effective<'_>)| DescribeConfigsSynonym {
            name: (*name).into(),
            value: shown(found.value),
            source: found.origin as i8,
        };
        let origin = entry.value.map_or(Origin::Default, |found| found.origin);
        DescribeConfigsResourceResult {
            name: entry.name.into(),
            value: entry.value.and_then(|found| shown(found.value)),
            read_only: entry.read_only,
            config_source: origin as i8,
            is_sensitive: entry.sensitive,
            synonyms: if self.synonyms {
                entry.synonyms.iter().map(synonym).collect()
            } else {
                Vec::new()
            },
            config_type: entry.kind.map_or(0, ConfigType::code),
            documentation: (self.documentation && !entry.doc.is_empty()).then(|| entry.doc.into()),
        }
    }

    /// Everything a broker's configuration could be, the one that counts first: also under the
    /// names that Kafka falls back to.
    fn chain<'n>(&self, name: &'n str) -> Vec<(&'n str, Effective<'_>)> {
        let names = std::iter::once(name).chain(fallbacks(name).iter().copied());
        let found = |name| {
            let all = self.broker.given(name).chain(self.broker.default(name));
            all.map(move |found| (name, found))
        };
        names.flat_map(found).collect()
    }

    /// The chain of what gives a topic its default. Kafka says nothing of the names it falls back
    /// to unless somebody has set the first.
    fn chain_of_topic<'n>(&self, name: &'n str) -> Vec<(&'n str, Effective<'_>)> {
        match self.broker.value(name) {
            Some(_) => self.chain(name),
            None => Vec::new(),
        }
    }

    pub(super) fn topic(
        &self,
        topic: &TopicName,
        wanted: &Wanted<'_>,
    ) -> Vec<DescribeConfigsResourceResult> {
        let BrokerSettings { image, config } = self.broker;
        let own = ConfigResource::Topic(topic.clone());
        let rows = TOPIC_CONFIGS.iter().filter(|row| wanted.has(row.name));
        let rows = rows.map(|row| {
            let set = image.config(&own, row.name).map(|value| Effective {
                value,
                origin: Origin::Topic,
            });
            let mut synonyms: Vec<_> = set.map(|found| (row.name, found)).into_iter().collect();
            if let Some(name) = row.broker_synonym {
                synonyms.extend(self.chain_of_topic(name));
            }
            self.write(Entry {
                name: row.name,
                kind: Some(row.kind),
                sensitive: false,
                read_only: false,
                doc: row.doc,
                value: effective(image, config, topic, row.name),
                synonyms,
            })
        });
        rows.collect()
    }

    /// Kafka's configurations of a broker, the settings of Chronik alone, and what plug-ins would
    /// have.
    pub(super) fn broker(&self, wanted: &Wanted<'_>) -> Vec<DescribeConfigsResourceResult> {
        let known = BROKER_CONFIGS.iter().map(|row| row.name);
        let ours = SETTINGS.iter().map(|setting| setting.name);
        let BrokerSettings { image, config } = self.broker;
        let dynamic = [
            ConfigResource::Broker(config.node_id),
            ConfigResource::ClusterDefault,
        ];
        let set = dynamic
            .iter()
            .filter_map(|resource| image.configs(resource));
        let set = set.flatten().map(|(name, _)| name.as_str());
        let all = known.chain(ours).chain(set);
        let names: BTreeSet<&str> = all.filter(|name| wanted.has(name)).collect();
        let rows = names.into_iter().map(|name| self.broker_entry(name));
        rows.collect()
    }

    fn broker_entry(&self, name: &str) -> DescribeConfigsResourceResult {
        let synonyms = self.chain(name);
        let value = self.broker.value(name);
        let setting = SETTINGS.iter().find(|setting| setting.name == name);
        let entry = match (broker_config(name), setting) {
            (Some(row), _) => Entry {
                name,
                kind: Some(row.kind),
                sensitive: row.sensitive,
                read_only: row.mode == UpdateMode::ReadOnly,
                doc: row.doc,
                value,
                synonyms,
            },
            (None, Some(setting)) => Entry {
                name,
                kind: Some(kind_of(setting.kind)),
                sensitive: false,
                read_only: true,
                doc: setting.doc,
                value,
                synonyms,
            },
            (None, None) => Entry {
                name,
                kind: None,
                sensitive: true,
                read_only: true,
                doc: "",
                value,
                synonyms,
            },
        };
        self.write(entry)
    }

    /// What is set for all brokers.
    pub(super) fn cluster_default(
        &self,
        wanted: &Wanted<'_>,
    ) -> Vec<DescribeConfigsResourceResult> {
        let image = self.broker.image;
        let set = image.configs(&ConfigResource::ClusterDefault);
        let set = set.into_iter().flatten();
        let rows = set
            .filter(|(name, _)| wanted.has(name))
            .map(|(name, value)| {
                let found = Effective {
                    value,
                    origin: Origin::Cluster,
                };
                let row = broker_config(name);
                self.write(Entry {
                    name,
                    kind: row.map(|row| row.kind),
                    sensitive: row.is_none_or(|row| row.sensitive),
                    read_only: row.is_none(),
                    doc: row.map_or("", |row| row.doc),
                    value: Some(found),
                    synonyms: vec![(name, found)],
                })
            });
        rows.collect()
    }

    pub(super) fn group(
        &self,
        group: &ConfigResource,
        wanted: &Wanted<'_>,
    ) -> Vec<DescribeConfigsResourceResult> {
        let rows = GROUP_CONFIGS.iter();
        rows.filter(|row| wanted.has(row.name))
            .map(|row| self.named(group, row, Origin::Group))
            .collect()
    }

    pub(super) fn client_metrics(
        &self,
        subscription: &ConfigResource,
        wanted: &Wanted<'_>,
    ) -> Vec<DescribeConfigsResourceResult> {
        CLIENT_METRICS_CONFIGS
            .iter()
            .filter(|row| wanted.has(row.name))
            .map(|row| self.named(subscription, row, Origin::ClientMetrics))
            .collect()
    }

    fn named(
        &self,
        resource: &ConfigResource,
        row: &'static GroupConfig,
        origin: Origin,
    ) -> DescribeConfigsResourceResult {
        let set = self.broker.image.config(resource, row.name);
        let set = set.map(|value| Effective { value, origin });
        let mut synonyms: Vec<_> = set.map(|found| (row.name, found)).into_iter().collect();
        let default = by_default(row.name, row.default);
        let mut value = set.unwrap_or(default.1);
        match row.broker_synonym() {
            Some(name) if origin == Origin::Group => {
                synonyms.extend(self.chain(name));
                value = synonyms.first().map_or(value, |(_, found)| *found);
            }
            None if origin == Origin::Group && set.is_none() => synonyms.push(default),
            _ => {}
        }
        self.write(Entry {
            name: row.name,
            kind: Some(row.kind),
            sensitive: false,
            read_only: false,
            doc: row.doc,
            value: Some(value),
            synonyms,
        })
    }

    /// The levels of this process's log.
    pub(super) fn loggers(&self, wanted: &Wanted<'_>) -> Vec<DescribeConfigsResourceResult> {
        let levels = self.log_levels.levels().into_iter();
        let levels = levels.filter(|(name, _)| wanted.has(name));
        let rows = levels.map(|(name, level)| DescribeConfigsResourceResult {
            name: name.into(),
            value: Some(level.name().into()),
            config_source: Origin::BrokerLogger as i8,
            ..DescribeConfigsResourceResult::default()
        });
        rows.collect()
    }
}

fn by_default<'a>(name: &'a str, value: &'a str) -> (&'a str, Effective<'a>) {
    let origin = Origin::Default;
    (name, Effective { value, origin })
}

/// The names that Kafka looks at where the first is not set.
fn fallbacks(name: &str) -> &'static [&'static str] {
    match name {
        "log.retention.ms" => &["log.retention.minutes", "log.retention.hours"],
        "log.roll.ms" => &["log.roll.hours"],
        "log.roll.jitter.ms" => &["log.roll.jitter.hours"],
        "log.flush.interval.ms" => &["log.flush.scheduler.interval.ms"],
        _ => &[],
    }
}

/// The type of one of our own settings.
fn kind_of(kind: Kind) -> ConfigType {
    match kind {
        Kind::Text | Kind::Path | Kind::Choice(_) => ConfigType::String,
        Kind::Bool => ConfigType::Boolean,
        Kind::Int(_, max) | Kind::Optional(_, max) if max <= i64::from(i32::MAX) => ConfigType::Int,
        Kind::Int(..) | Kind::Optional(..) => ConfigType::Long,
        Kind::Ratio => ConfigType::Double,
        Kind::Endpoints => ConfigType::List,
    }
}
