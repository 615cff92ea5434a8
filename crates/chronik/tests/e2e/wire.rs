//! What several tests do on the wire: raw frames, and a topic with records in and out.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;
use chronik_client::Connection;
use chronik_protocol::generated as m;
use chronik_protocol::{BatchBuilder, BatchIter, Codec, RecordIter};

/// A socket whose reads end with an error, and so its test, when nothing comes for this long.
pub(crate) const READ_MAX: Duration = Duration::from_secs(60);

/// A request as it stands on the wire: its size, then `body`.
pub(crate) fn frame(body: &[u8]) -> Vec<u8> {
    let mut frame = i32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(body);
    frame
}

/// A request header (v1) with correlation id 7 and no client id.
pub(crate) fn header(api: i16, version: i16) -> Vec<u8> {
    let mut header = api.to_be_bytes().to_vec();
    header.extend_from_slice(&version.to_be_bytes());
    header.extend_from_slice(&7_i32.to_be_bytes());
    header.extend_from_slice(&(-1_i16).to_be_bytes());
    header
}

/// A blocking connection.
pub(crate) fn connect(address: &str) -> TcpStream {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(READ_MAX)).unwrap();
    socket
}

/// Sends bytes and reads until the node closes; what it answered before.
pub(crate) fn send(address: &str, bytes: &[u8]) -> Vec<u8> {
    let mut socket = connect(address);
    // A node that closes early may break the pipe; what counts is that it closes.
    let _ = socket.write_all(bytes);
    let mut answer = Vec::new();
    match socket.read_to_end(&mut answer) {
        Ok(_) => answer,
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => answer,
        Err(error) => panic!("the node did not close: {error}"),
    }
}

/// Asks for the api versions, as every client does first.
pub(crate) async fn assert_serves(address: &str) {
    let connection = Connection::connect(address).await.unwrap();
    let request = m::ApiVersionsRequest::default();
    connection.call(&request, 0).await.unwrap();
}

/// A topic with one partition.
pub(crate) async fn create_topic(connection: &Connection, name: &str, configs: &[(&str, &str)]) {
    let configs =
        configs.iter().map(
            |(name, value)| m::create_topics_request::CreatableTopicConfig {
                name: (*name).into(),
                value: Some((*value).into()),
            },
        );
    let request = m::CreateTopicsRequest {
        topics: vec![m::create_topics_request::CreatableTopic {
            name: name.into(),
            num_partitions: 1,
            replication_factor: -1,
            configs: configs.collect(),
            ..Default::default()
        }],
        timeout_ms: 30_000,
        ..Default::default()
    };
    let response = connection.call(&request, 7).await.unwrap();
    assert_eq!(response.topics[0].error_code, 0, "{:?}", response.topics[0]);
}

/// A batch of one record without key.
pub(crate) fn batch(codec: Codec, value: &[u8]) -> Bytes {
    let mut builder = BatchBuilder::new(codec);
    builder
        .push(1_700_000_000_000, None, Some(value), &[])
        .unwrap();
    builder.build().unwrap()
}

/// Produces to partition 0 with acks=all; error code and base offset, none without an answer.
pub(crate) async fn produce(
    connection: &Connection,
    topic: &str,
    records: Bytes,
) -> Option<(i16, i64)> {
    let request = m::ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        transactional_id: None,
        topic_data: vec![m::produce_request::TopicProduceData {
            name: topic.into(),
            partition_data: vec![m::produce_request::PartitionProduceData {
                index: 0,
                records: Some(records),
            }],
            ..Default::default()
        }],
    };
    let response = connection.call(&request, 9).await.ok()?;
    let answer = &response.responses[0].partition_responses[0];
    Some((answer.error_code, answer.base_offset))
}

/// A fetch of partition 0, of at most `max_bytes`.
pub(crate) fn fetch_request(topic: &str, offset: i64, max_bytes: i32) -> m::FetchRequest {
    m::FetchRequest {
        max_bytes,
        session_epoch: -1,
        topics: vec![m::fetch_request::FetchTopic {
            topic: topic.into(),
            partitions: vec![m::fetch_request::FetchPartition {
                fetch_offset: offset,
                partition_max_bytes: max_bytes,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// All values of partition 0, in order, each as (offset, value).
pub(crate) async fn read_all(connection: &Connection, topic: &str) -> Vec<(i64, Vec<u8>)> {
    let mut values: Vec<(i64, Vec<u8>)> = Vec::new();
    loop {
        let offset = values.last().map_or(0, |(offset, _)| offset + 1);
        let request = fetch_request(topic, offset, 1 << 20);
        let response = connection.call(&request, 11).await.unwrap();
        let data = &response.responses[0].partitions[0];
        assert_eq!(data.error_code, 0);
        let records = data.records.clone().unwrap_or_default();
        if records.is_empty() {
            assert_eq!(
                offset, data.high_watermark,
                "a gap below the high watermark"
            );
            return values;
        }
        for batch in BatchIter::new(&records) {
            let (position, header) = batch.unwrap();
            let bytes = records.slice(position..position + header.size());
            for record in RecordIter::new(&bytes, 1 << 20).unwrap() {
                let record = record.unwrap();
                values.push((record.offset, record.value.unwrap().to_vec()));
            }
        }
    }
}
