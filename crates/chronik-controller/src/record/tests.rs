//! Round trips of every kind of record.

use chronik_types::{LogIndex, ProducerId};
use proptest::prelude::*;

use super::*;
use crate::MetadataEntry;

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<[u8; 16]>().prop_map(Uuid::from_bytes)
}

fn nodes() -> impl Strategy<Value = Vec<NodeId>> {
    proptest::collection::vec(any::<i32>().prop_map(NodeId::new), 0..5)
}

fn topic_name() -> impl Strategy<Value = TopicName> {
    "[a-zA-Z0-9_-]{1,20}".prop_map(|name| TopicName::new(&name).expect("legal"))
}

fn resource() -> impl Strategy<Value = ConfigResource> {
    prop_oneof![
        Just(ConfigResource::ClusterDefault),
        any::<i32>().prop_map(|id| ConfigResource::Broker(NodeId::new(id))),
        topic_name().prop_map(ConfigResource::Topic),
        any::<String>().prop_map(ConfigResource::Group),
        any::<String>().prop_map(ConfigResource::ClientMetrics),
    ]
}

fn registration() -> impl Strategy<Value = PartitionRegistration> {
    (
        nodes(),
        nodes(),
        nodes(),
        any::<Option<i32>>(),
        any::<(i32, i32)>(),
    )
        .prop_map(
            |(replicas, isr, elr, leader, epochs)| PartitionRegistration {
                replicas,
                isr,
                elr,
                leader: leader.map(NodeId::new),
                leader_epoch: LeaderEpoch::new(epochs.0),
                partition_epoch: PartitionEpoch::new(epochs.1),
            },
        )
}

fn broker() -> impl Strategy<Value = BrokerRegistered> {
    let listener = (any::<String>(), any::<String>(), any::<(u16, i16)>()).prop_map(
        |(name, host, (port, security_protocol))| Listener {
            name,
            host,
            port,
            security_protocol,
        },
    );
    let feature = (any::<String>(), any::<(i16, i16)>())
        .prop_map(|(name, (min, max))| SupportedFeature { name, min, max });
    (
        (any::<i32>(), uuid(), uuid(), any::<Option<u64>>()),
        proptest::collection::vec(listener, 0..3),
        any::<Option<String>>(),
        proptest::collection::vec(feature, 0..3),
        any::<bool>(),
    )
        .prop_map(
            |((node, dir, id, amends), listeners, rack, features, fenced)| BrokerRegistered {
                node: NodeId::new(node),
                directory_id: DirectoryId::new(dir),
                incarnation_id: id,
                amends: amends.map(Incarnation::new),
                listeners,
                rack,
                features,
                fenced,
            },
        )
}

fn record() -> impl Strategy<Value = MetadataRecord> {
    let partition = || (uuid().prop_map(TopicId::new), any::<i32>(), registration());
    prop_oneof![
        (uuid(), any::<bool>()).prop_map(|(id, memory)| MetadataRecord::ClusterCreated {
            cluster_id: ClusterId::new(id),
            default_durability: if memory {
                Durability::QuorumMemory
            } else {
                Durability::QuorumFsync
            },
        }),
        any::<(String, i16)>()
            .prop_map(|(name, level)| MetadataRecord::FeatureLevelSet { name, level }),
        broker().prop_map(MetadataRecord::BrokerRegistered),
        any::<(i32, bool, bool)>().prop_map(|(node, fenced, shutting_down)| {
            MetadataRecord::BrokerChanged {
                node: NodeId::new(node),
                fenced,
                shutting_down,
            }
        }),
        any::<i32>().prop_map(|id| MetadataRecord::BrokerRemoved {
            node: NodeId::new(id)
        }),
        (uuid(), topic_name()).prop_map(|(id, name)| MetadataRecord::TopicCreated {
            id: TopicId::new(id),
            name
        }),
        uuid().prop_map(|id| MetadataRecord::TopicDeleted {
            id: TopicId::new(id)
        }),
        partition().prop_map(
            |(topic, id, registration)| MetadataRecord::PartitionCreated {
                topic,
                partition: PartitionId::new(id),
                registration,
            }
        ),
        partition().prop_map(
            |(topic, id, registration)| MetadataRecord::PartitionChanged {
                topic,
                partition: PartitionId::new(id),
                registration,
            }
        ),
        (resource(), any::<(String, Option<String>)>()).prop_map(|(resource, (name, value))| {
            MetadataRecord::ConfigChanged {
                resource,
                name,
                value,
            }
        }),
        any::<i64>().prop_map(|next| MetadataRecord::ProducerIdsAllocated {
            next: ProducerId::new(next)
        }),
    ]
}

proptest! {
    #[test]
    fn entries_read_back_from_their_bytes(
        on: u64,
        records in proptest::collection::vec(record(), 0..6),
    ) {
        let entry = MetadataEntry::decided(LogIndex::new(on), records);
        let bytes = entry.encode().expect("small");
        let lengths: usize = entry.records.iter().map(MetadataRecord::encoded_len).sum();
        prop_assert_eq!(lengths + MetadataEntry::OVERHEAD, bytes.len());
        prop_assert_eq!(MetadataEntry::decode(&bytes), Ok(entry));
    }

    /// I14: whatever the bytes are, reading them ends with a value or an error.
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = MetadataEntry::decode(&bytes);
        let _ = crate::MetadataImage::decode(&bytes);
    }

    #[test]
    fn a_cut_entry_is_refused(record in record(), cut: prop::sample::Index) {
        let entry = MetadataEntry::decided(LogIndex::new(1), vec![record]);
        let bytes = entry.encode().expect("small");
        prop_assert!(MetadataEntry::decode(&bytes[..cut.index(bytes.len())]).is_err());
    }
}

#[test]
fn unknown_kinds_and_newer_versions_are_refused_by_name() {
    let read = |bytes: &[u8]| {
        MetadataRecord::read(&mut Reader::new(bytes))
            .expect_err("refused")
            .to_string()
    };
    expect_test::expect![[r#"
        metadata record kind 99 is not known to this version of Chronik
        TopicDeleted has version 5, and this version of Chronik reads up to 0"#]]
    .assert_eq(&[read(&[99, 0]), read(&[7, 5])].join("\n"));
}

#[test]
fn a_list_that_lies_about_its_length_allocates_nothing() {
    // A record list of 2^32-1 elements in an entry of 15 bytes.
    let mut bytes = vec![0, 1];
    bytes.extend([0; 8]);
    bytes.extend([0xff; 4]);
    assert_eq!(MetadataEntry::decode(&bytes), Err(DecodeError::Truncated));
}
