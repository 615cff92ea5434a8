//! Topics that come to be without anybody creating them: what they are created with.
//!
//! A client that asks for a name may bring its topic about (auto-creation); the topics that
//! coordinators keep their state in have settings of their own, whoever asks first.

use chronik_controller::{CreatableTopic, MetadataImage};

use crate::settings::NodeConfig;

/// Where consumer groups keep their state.
pub(crate) const CONSUMER_OFFSETS: &str = "__consumer_offsets";

/// What a topic of this name is created with.
pub(crate) fn creatable(name: &str, config: &NodeConfig, image: &MetadataImage) -> CreatableTopic {
    let topic = CreatableTopic {
        name: name.to_owned(),
        partitions: -1,
        replication_factor: -1,
        ..CreatableTopic::default()
    };
    if name != CONSUMER_OFFSETS {
        return topic;
    }
    let groups = &config.groups;
    let nodes = i16::try_from(image.brokers().count()).unwrap_or(i16::MAX);
    // The controller knows of nodes that have not registered yet, and takes up to three.
    let replication_factor = match groups.offsets_replication_factor {
        3 => -1,
        wanted => wanted.min(nodes.max(1)),
    };
    let settings = [
        ("cleanup.policy", "compact".to_owned()),
        ("compression.type", "producer".to_owned()),
        ("segment.bytes", groups.offsets_segment_bytes.to_string()),
    ];
    CreatableTopic {
        partitions: groups.offsets_partitions,
        replication_factor,
        configs: settings
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Some(value)))
            .collect(),
        ..topic
    }
}
