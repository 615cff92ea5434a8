//! Single requests over one connection, for parts that count or time them.

use std::time::{Duration, Instant};

use bytes::Bytes;
use chronik_client::Connection;
use chronik_protocol::generated as m;
use chronik_protocol::{BatchBuilder, Codec};
use chronik_types::ErrorCode;

use crate::Failure;
use crate::content::{content, now};

/// Versions that name topics by their names.
const CREATE_TOPICS: i16 = 7;
pub(crate) const PRODUCE: i16 = 9;
pub(crate) const FETCH: i16 = 11;

/// Between two attempts of a client that waits for a node to come up.
pub(crate) const PAUSE: Duration = Duration::from_millis(1);
/// And how long it does that.
pub(crate) const GIVE_UP: Duration = Duration::from_secs(60);

/// A request for one topic with defaults.
fn create_request(name: &str, partitions: i32) -> m::CreateTopicsRequest {
    m::CreateTopicsRequest {
        topics: vec![m::create_topics_request::CreatableTopic {
            name: name.into(),
            num_partitions: partitions,
            replication_factor: -1,
            ..Default::default()
        }],
        timeout_ms: 30_000,
        ..Default::default()
    }
}

/// Makes a topic. A node that listens already but has no controller yet says so, with codes that a
/// client tries again: this one does after every [`PAUSE`].
pub(crate) async fn create_topic(
    connection: &Connection,
    name: &str,
    partitions: i32,
) -> Result<(), Failure> {
    let request = create_request(name, partitions);
    let begun = Instant::now();
    loop {
        let response = connection.call(&request, CREATE_TOPICS).await?;
        let code = response.topics.first().map(|topic| topic.error_code);
        let error = code.and_then(ErrorCode::from_code);
        if !error.is_some_and(ErrorCode::is_retriable) || begun.elapsed() > GIVE_UP {
            return expect_none("CreateTopics", code.into_iter());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A produce request with acks=all of one batch.
pub(crate) fn produce_request(topic: &str, partition: i32, records: Bytes) -> m::ProduceRequest {
    m::ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        transactional_id: None,
        topic_data: vec![m::produce_request::TopicProduceData {
            name: topic.into(),
            partition_data: vec![m::produce_request::PartitionProduceData {
                index: partition,
                records: Some(records),
            }],
            ..Default::default()
        }],
    }
}

/// One answer for one batch, without an error.
pub(crate) fn check_produced(response: &m::ProduceResponse) -> Result<(), Failure> {
    let partitions = response
        .responses
        .iter()
        .flat_map(|t| &t.partition_responses);
    expect_none("Produce", partitions.map(|p| p.error_code))
}

/// A batch of one record of `bytes`.
pub(crate) fn batch_of_one(number: u64, bytes: usize) -> Result<Bytes, Failure> {
    let mut builder = BatchBuilder::new(Codec::None);
    let value = content(0, number, bytes);
    builder
        .push(now().as_millis(), None, Some(&value), &[])
        .and_then(|()| builder.build())
        .map_err(|e| Failure::new(format!("no batch: {e}")))
}

/// A fetch of partition 0 from its beginning that waits up to `max_wait_ms` for one byte.
pub(crate) fn fetch_request(topic: &str, max_wait_ms: i32) -> m::FetchRequest {
    m::FetchRequest {
        max_wait_ms,
        min_bytes: 1,
        max_bytes: 1 << 20,
        session_epoch: -1,
        topics: vec![m::fetch_request::FetchTopic {
            topic: topic.into(),
            partitions: vec![m::fetch_request::FetchPartition {
                partition: 0,
                partition_max_bytes: 1 << 20,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// Exactly one answer, and no error in it.
fn expect_none(api: &str, codes: impl Iterator<Item = i16>) -> Result<(), Failure> {
    let codes: Vec<i16> = codes.collect();
    match codes == [0] {
        true => Ok(()),
        false => Err(Failure::new(format!("{api} is answered with {codes:?}"))),
    }
}
