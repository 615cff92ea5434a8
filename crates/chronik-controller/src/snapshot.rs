//! The image as bytes, for Raft's snapshots.
//!
//! ```text
//! image: version u8, applied option u64, last decision option u64, cluster, features, brokers,
//!        topics with partitions, configs, next producer id
//! ```
//! Absent: a checksum, which belongs to the snapshot's file and message.

use std::sync::Arc;

use bytes::Bytes;
use chronik_types::{ClusterId, Incarnation, LogIndex, ProducerId, TopicId};

use crate::codec::{DecodeError, Reader, Writer};
use crate::image::{BrokerRegistration, MetadataImage, TopicImage, has_collision_characters};
use crate::record::{
    BrokerRegistered, ConfigResource, PartitionRegistration, durability_from_number,
    durability_number, read_topic_name,
};

const VERSION: u8 = 0;

impl MetadataImage {
    /// The whole image as bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut w = Writer::default();
        w.u8(VERSION);
        w.option(self.applied, |w, index| w.u64(index.get()));
        w.option(self.last_decision, |w, index| w.u64(index.get()));
        w.option(self.cluster, |w, (id, durability)| {
            w.uuid(id.get());
            w.u8(durability_number(durability));
        });
        w.count(self.features.len());
        for (name, level) in &self.features {
            w.str(name);
            w.i16(*level);
        }
        w.count(self.brokers.len());
        for broker in self.brokers.values() {
            write_broker(&mut w, broker);
        }
        w.count(self.topics.len());
        for topic in self.topics.values() {
            w.uuid(topic.id.get());
            w.str(topic.name.as_str());
            w.count(topic.partitions.len());
            for partition in &topic.partitions {
                partition.write(&mut w);
            }
        }
        w.count(self.configs.len());
        for (resource, configs) in &self.configs {
            resource.write(&mut w);
            w.list(configs.iter(), |w, (name, value)| {
                w.str(name);
                w.str(value);
            });
        }
        w.i64(self.next_producer_id.get());
        w.bytes.into()
    }

    /// Reads what [`Self::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let version = r.u8()?;
        if version > VERSION {
            return Err(DecodeError::UnsupportedVersion {
                what: "a metadata image",
                version,
                newest: VERSION,
            });
        }
        let mut image = Self {
            applied: r.option(read_index)?,
            last_decision: r.option(read_index)?,
            cluster: r
                .option(|r| Ok((ClusterId::new(r.uuid()?), durability_from_number(r.u8()?)?)))?,
            ..Self::default()
        };
        for (name, level) in r.list(|r| Ok((r.str()?, r.i16()?)))? {
            image.features.insert(name, level);
        }
        for broker in r.list(read_broker)? {
            image.brokers.insert(broker.node, Arc::new(broker));
        }
        for topic in r.list(read_topic)? {
            image.names.insert(topic.name.clone(), topic.id);
            if has_collision_characters(&topic.name) {
                image
                    .collisions
                    .insert(topic.name.collision_key(), topic.name.clone());
            }
            image.topics.insert(topic.id, topic);
        }
        let configs = r.list(|r| {
            let resource = ConfigResource::read(r)?;
            Ok((resource, r.list(|r| Ok((r.str()?, r.str()?)))?))
        })?;
        for (resource, values) in configs {
            let values = Arc::new(values.into_iter().collect());
            image.configs.insert(resource, values);
        }
        image.next_producer_id = ProducerId::new(r.i64()?);
        r.end()?;
        Ok(image)
    }
}

fn read_index(r: &mut Reader<'_>) -> Result<LogIndex, DecodeError> {
    Ok(LogIndex::new(r.u64()?))
}

fn write_broker(w: &mut Writer, broker: &BrokerRegistration) {
    BrokerRegistered {
        node: broker.node,
        directory_id: broker.directory_id,
        incarnation_id: broker.incarnation_id,
        amends: Some(broker.incarnation),
        listeners: broker.listeners.clone(),
        rack: broker.rack.clone(),
        features: broker.features.clone(),
        fenced: broker.fenced,
    }
    .write(w);
    w.bool(broker.shutting_down);
}

fn read_broker(r: &mut Reader<'_>) -> Result<BrokerRegistration, DecodeError> {
    let broker = BrokerRegistered::read(r)?;
    Ok(BrokerRegistration {
        node: broker.node,
        incarnation: broker.amends.unwrap_or(Incarnation::new(0)),
        incarnation_id: broker.incarnation_id,
        directory_id: broker.directory_id,
        listeners: broker.listeners,
        rack: broker.rack,
        features: broker.features,
        fenced: broker.fenced,
        shutting_down: r.bool()?,
    })
}

fn read_topic(r: &mut Reader<'_>) -> Result<TopicImage, DecodeError> {
    let id = TopicId::new(r.uuid()?);
    let name = read_topic_name(r)?;
    let partitions = r.list(PartitionRegistration::read)?;
    Ok(TopicImage {
        id,
        name,
        partitions: partitions.into_iter().map(Arc::new).collect(),
    })
}
