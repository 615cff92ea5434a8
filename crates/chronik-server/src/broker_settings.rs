//! A broker's configurations as they take effect on this node: the dynamic ones of the metadata
//! log over the node's own settings over the table.
//!
//! Read from the image each time, so that a change takes effect as soon as it is published. What
//! is read at start only has no dynamic values: what is kept of them in the metadata log does not
//! count, and so is not told.

use chronik_controller::broker_config::broker_config;
use chronik_controller::topic_config::Effect;
use chronik_controller::{ConfigResource, MetadataImage};

use crate::settings::{NodeConfig, Setting};

/// A value's text, and where it came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Effective<'a> {
    pub(crate) value: &'a str,
    pub(crate) origin: Origin,
}

/// Kafka's sources of a configuration, with their numbers in DescribeConfigs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    Topic = 1,
    Broker = 2,
    Cluster = 3,
    StaticBroker = 4,
    Default = 5,
    BrokerLogger = 6,
    ClientMetrics = 7,
    Group = 8,
}

/// See the module's documentation.
#[derive(Clone, Copy)]
pub(crate) struct BrokerSettings<'a> {
    pub(crate) image: &'a MetadataImage,
    pub(crate) config: &'a NodeConfig,
}

impl<'a> BrokerSettings<'a> {
    /// Every value of a name that somebody set and that can count, the one that does first.
    pub(crate) fn given(self, name: &str) -> impl Iterator<Item = Effective<'a>> + use<'a> {
        let own = ConfigResource::Broker(self.config.node_id);
        let at_start = broker_config(name).is_some_and(|row| row.effect == Effect::AtStart);
        let dynamic = |resource| self.image.config(resource, name).filter(|_| !at_start);
        let found = [
            (dynamic(&own), Origin::Broker),
            (dynamic(&ConfigResource::ClusterDefault), Origin::Cluster),
            (self.config.given(name), Origin::StaticBroker),
        ];
        found.into_iter().filter_map(|(value, origin)| {
            Some(Effective {
                value: value?,
                origin,
            })
        })
    }

    /// What counts where nobody set anything: Kafka's default, or for what is ours to choose at
    /// start the default of the node's own settings.
    pub(crate) fn default(self, name: &str) -> Option<Effective<'a>> {
        let row = broker_config(name);
        let ours =
            Setting::by_name(name).filter(|_| row.is_none_or(|row| row.effect == Effect::AtStart));
        let value = match ours {
            Some(setting) => Some(setting.default).filter(|text| !text.is_empty()),
            None => row.and_then(|row| row.default),
        };
        value.map(|value| Effective {
            value,
            origin: Origin::Default,
        })
    }

    /// The value that counts.
    pub(crate) fn value(self, name: &str) -> Option<Effective<'a>> {
        self.given(name).next().or_else(|| self.default(name))
    }
}

#[cfg(test)]
mod tests {
    use chronik_controller::{MetadataEntry, MetadataRecord};
    use chronik_types::LogIndex;

    use super::*;

    #[test]
    fn what_is_read_at_start_is_not_told_to_be_what_was_set_later() {
        let names = [
            ("log.cleaner.backoff.ms", "7"),
            ("producer.id.expiration.ms", "7"),
            ("log.retention.ms", "7"),
        ];
        let set = |(name, value): (&str, &str)| MetadataRecord::ConfigChanged {
            resource: ConfigResource::ClusterDefault,
            name: name.to_owned(),
            value: Some(value.to_owned()),
        };
        let mut image = MetadataImage::default();
        image.apply(LogIndex::new(1), &MetadataEntry::barrier());
        let entry = MetadataEntry::decided(LogIndex::new(1), names.map(set).to_vec());
        image.apply(LogIndex::new(2), &entry);
        let config = NodeConfig::resolve([]).expect("has defaults");
        let settings = BrokerSettings {
            image: &image,
            config: &config,
        };
        let told = names.map(|(name, _)| settings.value(name).expect("has a value"));
        let told = told.map(|found| (found.value, found.origin));
        let wanted = [
            ("15000", Origin::Default),
            ("86400000", Origin::Default),
            ("7", Origin::Cluster),
        ];
        assert_eq!(told, wanted);
    }
}
