//! What a version cannot say, and how a rope and tagged fields come out.

use bytes::Bytes;

use super::*;
use crate::generated::{
    ConsumerProtocolSubscription, FetchRequest, HeartbeatRequest, MetadataRequest, ProduceRequest,
    fetch_request::ReplicaState, produce_request::PartitionProduceData,
    produce_request::TopicProduceData,
};
use crate::{Decoder, Limits, Message};

fn encode<M: Message>(message: &M, version: i16) -> Result<Rope, EncodeError> {
    let mut e = Encoder::new();
    message.encode(&mut e, version)?;
    let length = e.len();
    let rope = e.finish();
    assert_eq!(rope.len(), length);
    Ok(rope)
}

#[test]
fn a_field_that_the_version_lacks_is_dropped_only_if_nothing_is_lost() {
    let heartbeat = HeartbeatRequest {
        group_instance_id: Some("a".into()),
        ..Default::default()
    };
    assert!(encode(&heartbeat, 3).is_ok());
    assert_eq!(
        encode(&heartbeat, 2).map(|_| ()),
        Err(EncodeError::NotInVersion {
            message: "HeartbeatRequest",
            field: "GroupInstanceId",
            version: 2
        })
    );
    let replica_state = ReplicaState {
        replica_id: 1,
        replica_epoch: 2,
    };
    let fetch = FetchRequest {
        replica_state,
        ..Default::default()
    };
    assert!(encode(&fetch, 15).is_ok());
    for version in [11, 14] {
        assert_eq!(
            encode(&fetch, version).map(|_| ()),
            Err(EncodeError::NotInVersion {
                message: "FetchRequest",
                field: "ReplicaState",
                version
            })
        );
    }
    let ignorable = FetchRequest {
        cluster_id: Some("c".into()),
        ..Default::default()
    };
    assert!(encode(&ignorable, 4).is_ok());
}

#[test]
fn null_is_written_only_where_it_is_legal() {
    let all = MetadataRequest {
        topics: None,
        ..Default::default()
    };
    assert!(encode(&all, 1).is_ok());
    assert_eq!(
        encode(&all, 0).map(|_| ()),
        Err(EncodeError::NullInVersion {
            message: "MetadataRequest",
            field: "Topics",
            version: 0
        })
    );
}

#[test]
fn what_does_not_fit_its_length_is_refused() {
    let request = |length: usize| HeartbeatRequest {
        group_id: "a".repeat(length).into(),
        ..Default::default()
    };
    for version in [0, 4] {
        assert!(encode(&request(32767), version).is_ok());
        assert_eq!(
            encode(&request(32768), version).map(|_| ()),
            Err(EncodeError::TooLong {
                message: "HeartbeatRequest",
                what: "string",
                length: 32768
            })
        );
    }
    assert!(matches!(
        encode(&request(0), 5),
        Err(EncodeError::UnsupportedVersion { version: 5, .. })
    ));
}

#[test]
fn large_records_are_chunks_of_their_own_and_small_ones_are_not() {
    let partition = |length: usize| PartitionProduceData {
        records: Some(Bytes::from(vec![1; length])),
        ..Default::default()
    };
    let produce = ProduceRequest {
        topic_data: vec![TopicProduceData {
            partition_data: vec![partition(4096), partition(4095), partition(9000)],
            ..Default::default()
        }],
        ..Default::default()
    };
    for version in ProduceRequest::VERSIONS {
        let rope = encode(&produce, version).expect("fits");
        let shared = rope.chunks().filter(|chunk| {
            let records = produce.topic_data[0].partition_data.iter();
            records
                .flat_map(|p| &p.records)
                .any(|records| records.as_ptr() == chunk.as_ptr())
        });
        assert_eq!(shared.count(), 2);
        let mut d = Decoder::new(rope.into_bytes(), Limits::default());
        assert_eq!(ProduceRequest::decode(&mut d, version), Ok(produce.clone()));
    }
}

#[test]
fn a_tagged_field_of_many_bytes_has_a_size_of_many_bytes() {
    for length in [0, 1, 125, 126, 127, 128, 300, 20_000] {
        let cluster_id = Some(Str::from("x".repeat(length)));
        let replica_state = ReplicaState {
            replica_id: 1,
            replica_epoch: 2,
        };
        let fetch = FetchRequest {
            cluster_id,
            replica_state,
            ..Default::default()
        };
        let frame = encode(&fetch, 17).expect("fits").into_bytes();
        let mut d = Decoder::new(frame, Limits::default());
        assert_eq!(FetchRequest::decode(&mut d, 17), Ok(fetch));
        assert_eq!(d.left(), 0);
    }
}

#[test]
fn two_messages_follow_each_other() {
    let subscription = ConsumerProtocolSubscription {
        user_data: Some(Bytes::from(vec![0; 5000])),
        ..Default::default()
    };
    let mut e = Encoder::new();
    assert!(e.is_empty());
    subscription.encode(&mut e, 0).expect("fits");
    HeartbeatRequest::default().encode(&mut e, 4).expect("fits");
    let mut d = Decoder::new(e.finish().into_bytes(), Limits::default());
    assert_eq!(
        ConsumerProtocolSubscription::decode(&mut d, 0),
        Ok(subscription)
    );
    assert_eq!(
        HeartbeatRequest::decode(&mut d, 4),
        Ok(HeartbeatRequest::default())
    );
    assert_eq!(d.left(), 0);
}
