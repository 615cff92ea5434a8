//! The facts of the metadata log.
//!
//! ```text
//! record: kind u8, version u8, length u32, body
//! ```
//! A record states what is the case from its entry on; nothing in it has to be decided again when
//! it is replayed. Kinds and versions that this build does not know are refused by name (a reader
//! that skipped them would have another image than everybody else, I4).
//! Absent: a broker's incarnation in its registration, because it is the index of the entry.

#[cfg(test)]
mod tests;

use std::fmt;

use chronik_types::{
    ClusterId, DirectoryId, Durability, Incarnation, LeaderEpoch, NodeId, PartitionEpoch,
    PartitionId, ProducerId, TopicId, TopicName, Uuid,
};

use crate::codec::{DecodeError, Reader, Writer};

/// One fact.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MetadataRecord {
    /// The cluster exists.
    ClusterCreated {
        /// Its identity.
        cluster_id: ClusterId,
        /// What an acknowledgement promises on topics that do not say otherwise.
        default_durability: Durability,
    },
    /// A feature is finalised at a level.
    FeatureLevelSet {
        /// Such as `metadata.version`.
        name: String,
        /// The level.
        level: i16,
    },
    /// A broker began a new life, or said more about the present one.
    BrokerRegistered(BrokerRegistered),
    /// A broker's status changed.
    BrokerChanged {
        /// The broker.
        node: NodeId,
        /// Whether it may neither lead nor be in sync.
        fenced: bool,
        /// Whether it is on its way out.
        shutting_down: bool,
    },
    /// A broker is gone for good.
    BrokerRemoved {
        /// The broker.
        node: NodeId,
    },
    /// A topic exists, without partitions so far.
    TopicCreated {
        /// Its identity.
        id: TopicId,
        /// Its name.
        name: TopicName,
    },
    /// A topic, its partitions and its configuration are gone.
    TopicDeleted {
        /// Its identity.
        id: TopicId,
    },
    /// A partition exists.
    PartitionCreated {
        /// Its topic.
        topic: TopicId,
        /// Its number: always the next of its topic.
        partition: PartitionId,
        /// Everything about it.
        registration: PartitionRegistration,
    },
    /// A partition has another state. All of it is repeated: the record needs nothing before it.
    PartitionChanged {
        /// Its topic.
        topic: TopicId,
        /// Its number.
        partition: PartitionId,
        /// Everything about it.
        registration: PartitionRegistration,
    },
    /// A configuration has a value, or none any more.
    ConfigChanged {
        /// Whose.
        resource: ConfigResource,
        /// Its name.
        name: String,
        /// The value; `None` when it was removed.
        value: Option<String>,
    },
    /// Producer ids below this one are taken.
    ProducerIdsAllocated {
        /// The first free one.
        next: ProducerId,
    },
}

/// What a broker says when it registers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokerRegistered {
    /// The broker.
    pub node: NodeId,
    /// Its data directory.
    pub directory_id: DirectoryId,
    /// Drawn at each start of its process, so that a repeated request is recognised.
    pub incarnation_id: Uuid,
    /// `Some` when an earlier registration of the same process is amended and keeps its incarnation.
    pub amends: Option<Incarnation>,
    /// Where it can be reached.
    pub listeners: Vec<Listener>,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// The features it supports, by name.
    pub features: Vec<SupportedFeature>,
    /// Whether it starts fenced.
    pub fenced: bool,
}

/// An address of a broker.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Listener {
    /// The listener's name, such as `PLAINTEXT`.
    pub name: String,
    /// The advertised host.
    pub host: String,
    /// The advertised port.
    pub port: u16,
    /// Kafka's number of its security protocol: PLAINTEXT 0, SSL 1, SASL_PLAINTEXT 2, SASL_SSL 3.
    pub security_protocol: i16,
}

/// A range of feature levels.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SupportedFeature {
    /// Such as `metadata.version`.
    pub name: String,
    /// The least level it can work at.
    pub min: i16,
    /// The greatest.
    pub max: i16,
}

/// Replicas, leader and epochs of a partition.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PartitionRegistration {
    /// Where it is stored, preferred leader first.
    pub replicas: Vec<NodeId>,
    /// Who holds everything that is committed and is alive.
    pub isr: Vec<NodeId>,
    /// Who held everything when it left the ISR, and may lead when the ISR is empty (KIP-966).
    pub elr: Vec<NodeId>,
    /// Who serves it.
    pub leader: Option<NodeId>,
    /// Raised whenever the leader is set.
    pub leader_epoch: LeaderEpoch,
    /// Raised at every change.
    pub partition_epoch: PartitionEpoch,
}

/// What a configuration belongs to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ConfigResource {
    /// Every broker that does not say otherwise.
    ClusterDefault,
    /// One broker.
    Broker(NodeId),
    /// One topic.
    Topic(TopicName),
    /// One group, whether it is there or not; not empty.
    Group(String),
    /// One client metrics subscription; not empty.
    ClientMetrics(String),
}

impl fmt::Display for ConfigResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClusterDefault => f.write_str("cluster"),
            Self::Broker(node) => write!(f, "broker {node}"),
            Self::Topic(name) => write!(f, "topic {name}"),
            Self::Group(name) => write!(f, "group {name}"),
            Self::ClientMetrics(name) => write!(f, "client metrics {name}"),
        }
    }
}

/// Every kind's number. Numbers are never given twice.
mod kind {
    pub(super) const CLUSTER_CREATED: u8 = 1;
    pub(super) const FEATURE_LEVEL_SET: u8 = 2;
    pub(super) const BROKER_REGISTERED: u8 = 3;
    pub(super) const BROKER_CHANGED: u8 = 4;
    pub(super) const BROKER_REMOVED: u8 = 5;
    pub(super) const TOPIC_CREATED: u8 = 6;
    pub(super) const TOPIC_DELETED: u8 = 7;
    pub(super) const PARTITION_CREATED: u8 = 8;
    pub(super) const PARTITION_CHANGED: u8 = 9;
    pub(super) const CONFIG_CHANGED: u8 = 10;
    pub(super) const PRODUCER_IDS_ALLOCATED: u8 = 11;
}

/// The version each kind is written with, and the newest that is read.
const VERSION: u8 = 0;

impl MetadataRecord {
    fn kind(&self) -> u8 {
        match self {
            Self::ClusterCreated { .. } => kind::CLUSTER_CREATED,
            Self::FeatureLevelSet { .. } => kind::FEATURE_LEVEL_SET,
            Self::BrokerRegistered(_) => kind::BROKER_REGISTERED,
            Self::BrokerChanged { .. } => kind::BROKER_CHANGED,
            Self::BrokerRemoved { .. } => kind::BROKER_REMOVED,
            Self::TopicCreated { .. } => kind::TOPIC_CREATED,
            Self::TopicDeleted { .. } => kind::TOPIC_DELETED,
            Self::PartitionCreated { .. } => kind::PARTITION_CREATED,
            Self::PartitionChanged { .. } => kind::PARTITION_CHANGED,
            Self::ConfigChanged { .. } => kind::CONFIG_CHANGED,
            Self::ProducerIdsAllocated { .. } => kind::PRODUCER_IDS_ALLOCATED,
        }
    }

    /// Its name, for logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        kind_name(self.kind()).expect("every variant has a kind with a name")
    }

    /// How many bytes it takes in an entry.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let mut writer = Writer::default();
        self.write(&mut writer);
        writer.bytes.len()
    }

    pub(crate) fn write(&self, w: &mut Writer) {
        w.u8(self.kind());
        w.u8(VERSION);
        w.sized(|w| self.write_body(w));
    }

    fn write_body(&self, w: &mut Writer) {
        match self {
            Self::ClusterCreated {
                cluster_id,
                default_durability,
            } => {
                w.uuid(cluster_id.get());
                w.u8(durability_number(*default_durability));
            }
            Self::FeatureLevelSet { name, level } => {
                w.str(name);
                w.i16(*level);
            }
            Self::BrokerRegistered(broker) => broker.write(w),
            Self::BrokerChanged {
                node,
                fenced,
                shutting_down,
            } => {
                w.node(*node);
                w.bool(*fenced);
                w.bool(*shutting_down);
            }
            Self::BrokerRemoved { node } => w.node(*node),
            Self::TopicCreated { id, name } => {
                w.uuid(id.get());
                w.str(name.as_str());
            }
            Self::TopicDeleted { id } => w.uuid(id.get()),
            Self::PartitionCreated {
                topic,
                partition,
                registration,
            }
            | Self::PartitionChanged {
                topic,
                partition,
                registration,
            } => {
                w.uuid(topic.get());
                w.i32(partition.get());
                registration.write(w);
            }
            Self::ConfigChanged {
                resource,
                name,
                value,
            } => {
                resource.write(w);
                w.str(name);
                w.option(value.as_deref(), Writer::str);
            }
            Self::ProducerIdsAllocated { next } => w.i64(next.get()),
        }
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let kind = r.u8()?;
        let version = r.u8()?;
        let what = kind_name(kind).ok_or(DecodeError::UnknownRecordKind { kind })?;
        if version > VERSION {
            return Err(DecodeError::UnsupportedVersion {
                what,
                version,
                newest: VERSION,
            });
        }
        let mut body = r.sized()?;
        let record = Self::read_body(kind, &mut body)?;
        body.end()?;
        Ok(record)
    }

    fn read_body(kind: u8, r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match kind {
            kind::CLUSTER_CREATED => Self::ClusterCreated {
                cluster_id: ClusterId::new(r.uuid()?),
                default_durability: durability_from_number(r.u8()?)?,
            },
            kind::FEATURE_LEVEL_SET => Self::FeatureLevelSet {
                name: r.str()?,
                level: r.i16()?,
            },
            kind::BROKER_REGISTERED => Self::BrokerRegistered(BrokerRegistered::read(r)?),
            kind::BROKER_CHANGED => Self::BrokerChanged {
                node: r.node()?,
                fenced: r.bool()?,
                shutting_down: r.bool()?,
            },
            kind::BROKER_REMOVED => Self::BrokerRemoved { node: r.node()? },
            kind::TOPIC_CREATED => Self::TopicCreated {
                id: TopicId::new(r.uuid()?),
                name: read_topic_name(r)?,
            },
            kind::TOPIC_DELETED => Self::TopicDeleted {
                id: TopicId::new(r.uuid()?),
            },
            kind::PARTITION_CREATED => Self::PartitionCreated {
                topic: TopicId::new(r.uuid()?),
                partition: PartitionId::new(r.i32()?),
                registration: PartitionRegistration::read(r)?,
            },
            kind::PARTITION_CHANGED => Self::PartitionChanged {
                topic: TopicId::new(r.uuid()?),
                partition: PartitionId::new(r.i32()?),
                registration: PartitionRegistration::read(r)?,
            },
            kind::CONFIG_CHANGED => Self::ConfigChanged {
                resource: ConfigResource::read(r)?,
                name: r.str()?,
                value: r.option(Reader::str)?,
            },
            kind::PRODUCER_IDS_ALLOCATED => Self::ProducerIdsAllocated {
                next: ProducerId::new(r.i64()?),
            },
            _ => return Err(DecodeError::UnknownRecordKind { kind }),
        })
    }
}

fn kind_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        kind::CLUSTER_CREATED => "ClusterCreated",
        kind::FEATURE_LEVEL_SET => "FeatureLevelSet",
        kind::BROKER_REGISTERED => "BrokerRegistered",
        kind::BROKER_CHANGED => "BrokerChanged",
        kind::BROKER_REMOVED => "BrokerRemoved",
        kind::TOPIC_CREATED => "TopicCreated",
        kind::TOPIC_DELETED => "TopicDeleted",
        kind::PARTITION_CREATED => "PartitionCreated",
        kind::PARTITION_CHANGED => "PartitionChanged",
        kind::CONFIG_CHANGED => "ConfigChanged",
        kind::PRODUCER_IDS_ALLOCATED => "ProducerIdsAllocated",
        _ => return None,
    })
}

impl BrokerRegistered {
    pub(crate) fn write(&self, w: &mut Writer) {
        w.node(self.node);
        w.uuid(self.directory_id.get());
        w.uuid(self.incarnation_id);
        w.option(self.amends, |w, incarnation| w.u64(incarnation.get()));
        w.list(self.listeners.iter(), |w, listener| {
            w.str(&listener.name);
            w.str(&listener.host);
            w.u16(listener.port);
            w.i16(listener.security_protocol);
        });
        w.option(self.rack.as_deref(), Writer::str);
        w.list(self.features.iter(), |w, feature| {
            w.str(&feature.name);
            w.i16(feature.min);
            w.i16(feature.max);
        });
        w.bool(self.fenced);
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            node: r.node()?,
            directory_id: DirectoryId::new(r.uuid()?),
            incarnation_id: r.uuid()?,
            amends: r.option(|r| Ok(Incarnation::new(r.u64()?)))?,
            listeners: r.list(|r| {
                Ok(Listener {
                    name: r.str()?,
                    host: r.str()?,
                    port: r.u16()?,
                    security_protocol: r.i16()?,
                })
            })?,
            rack: r.option(Reader::str)?,
            features: r.list(|r| {
                Ok(SupportedFeature {
                    name: r.str()?,
                    min: r.i16()?,
                    max: r.i16()?,
                })
            })?,
            fenced: r.bool()?,
        })
    }
}

impl PartitionRegistration {
    pub(crate) fn write(&self, w: &mut Writer) {
        for nodes in [&self.replicas, &self.isr, &self.elr] {
            w.list(nodes.iter(), |w, node| w.node(*node));
        }
        w.option(self.leader, Writer::node);
        w.i32(self.leader_epoch.get());
        w.i32(self.partition_epoch.get());
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            replicas: r.list(Reader::node)?,
            isr: r.list(Reader::node)?,
            elr: r.list(Reader::node)?,
            leader: r.option(Reader::node)?,
            leader_epoch: LeaderEpoch::new(r.i32()?),
            partition_epoch: PartitionEpoch::new(r.i32()?),
        })
    }
}

impl ConfigResource {
    pub(crate) fn write(&self, w: &mut Writer) {
        match self {
            Self::ClusterDefault => w.u8(0),
            Self::Broker(node) => {
                w.u8(1);
                w.node(*node);
            }
            Self::Topic(name) => {
                w.u8(2);
                w.str(name.as_str());
            }
            Self::Group(name) => {
                w.u8(3);
                w.str(name);
            }
            Self::ClientMetrics(name) => {
                w.u8(4);
                w.str(name);
            }
        }
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8()? {
            0 => Self::ClusterDefault,
            1 => Self::Broker(r.node()?),
            2 => Self::Topic(read_topic_name(r)?),
            3 => Self::Group(r.str()?),
            4 => Self::ClientMetrics(r.str()?),
            _ => {
                return Err(DecodeError::Invalid {
                    what: "a config resource",
                });
            }
        })
    }
}

pub(crate) fn read_topic_name(r: &mut Reader<'_>) -> Result<TopicName, DecodeError> {
    TopicName::new(&r.str()?).map_err(|_| DecodeError::Invalid {
        what: "a topic name",
    })
}

pub(crate) fn durability_number(durability: Durability) -> u8 {
    match durability {
        Durability::QuorumFsync => 0,
        Durability::QuorumMemory => 1,
    }
}

pub(crate) fn durability_from_number(number: u8) -> Result<Durability, DecodeError> {
    match number {
        0 => Ok(Durability::QuorumFsync),
        1 => Ok(Durability::QuorumMemory),
        _ => Err(DecodeError::Invalid {
            what: "a durability class",
        }),
    }
}
