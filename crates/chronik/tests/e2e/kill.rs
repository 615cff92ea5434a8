//! `kill -9` under load: what was acknowledged is there afterwards, once and in order (I1, I7).

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use chronik_client::Connection;
use chronik_protocol::generated as m;
use chronik_protocol::{BatchBuilder, BatchIter, Codec, ProducerStamp, RecordIter};

use crate::node::{Node, data_dir};

const TOPIC: &str = "kill";
const PARTITIONS: i32 = 3;

fn batch(values: &[String], producer: ProducerStamp) -> Bytes {
    let mut builder = BatchBuilder::new(Codec::None).producer(producer);
    for value in values {
        builder
            .push(1_700_000_000_000, None, Some(value.as_bytes()), &[])
            .unwrap();
    }
    builder.build().unwrap()
}

async fn produce(connection: &Connection, partition: i32, records: Bytes) -> Option<(i16, i64)> {
    let request = m::ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        transactional_id: None,
        topic_data: vec![m::produce_request::TopicProduceData {
            name: TOPIC.into(),
            partition_data: vec![m::produce_request::PartitionProduceData {
                index: partition,
                records: Some(records),
            }],
            ..Default::default()
        }],
    };
    let response = connection.call(&request, 9).await.ok()?;
    let answer = &response.responses[0].partition_responses[0];
    Some((answer.error_code, answer.base_offset))
}

async fn read_all(connection: &Connection, partition: i32) -> BTreeMap<i64, String> {
    let mut values = BTreeMap::new();
    let mut offset = 0;
    loop {
        let request = m::FetchRequest {
            max_bytes: 1 << 20,
            session_epoch: -1,
            topics: vec![m::fetch_request::FetchTopic {
                topic: TOPIC.into(),
                partitions: vec![m::fetch_request::FetchPartition {
                    partition,
                    fetch_offset: offset,
                    partition_max_bytes: 1 << 20,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        let response = connection.call(&request, 11).await.unwrap();
        let data = &response.responses[0].partitions[0];
        assert_eq!(data.error_code, 0);
        let records = data.records.clone().unwrap_or_default();
        if records.is_empty() {
            assert_eq!(
                offset, data.high_watermark,
                "nothing readable below the high watermark"
            );
            return values;
        }
        for batch in BatchIter::new(&records) {
            let (position, header) = batch.unwrap();
            let bytes = records.slice(position..position + header.size());
            for record in RecordIter::new(&bytes, 1 << 20).unwrap() {
                let record = record.unwrap();
                let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
                assert!(values.insert(record.offset, value).is_none());
                offset = record.offset + 1;
            }
        }
    }
}

async fn create_topic(connection: &Connection) {
    let request = m::CreateTopicsRequest {
        topics: vec![m::create_topics_request::CreatableTopic {
            name: TOPIC.into(),
            num_partitions: PARTITIONS,
            replication_factor: -1,
            ..Default::default()
        }],
        timeout_ms: 30_000,
        ..Default::default()
    };
    let response = connection.call(&request, 7).await.unwrap();
    assert_eq!(response.topics[0].error_code, 0, "{:?}", response.topics[0]);
}

/// One idempotent producer: batches of a partition in order, one in flight per partition.
struct Producer {
    id: i64,
    next_sequence: Vec<i32>,
    /// Acknowledged (partition, base offset, values).
    acknowledged: Vec<(i32, i64, Vec<String>)>,
    /// Sent without an answer: to be sent again, unchanged.
    in_doubt: Vec<Option<(i32, Vec<String>)>>,
    written: usize,
}

impl Producer {
    async fn new(connection: &Connection) -> Self {
        let request = m::InitProducerIdRequest {
            transactional_id: None,
            ..Default::default()
        };
        let response = connection.call(&request, 4).await.unwrap();
        assert_eq!(response.error_code, 0);
        Self {
            id: response.producer_id,
            next_sequence: vec![0; PARTITIONS as usize],
            acknowledged: Vec::new(),
            in_doubt: vec![None; PARTITIONS as usize],
            written: 0,
        }
    }

    /// Writes to one partition; false once the connection is gone.
    async fn write(&mut self, connection: &Connection, partition: i32) -> bool {
        let index = partition as usize;
        let (sequence, values) = self.in_doubt[index].take().unwrap_or_else(|| {
            let count = 1 + self.written % 5;
            let values = (0..count)
                .map(|i| format!("value-{}-{i}", self.written))
                .collect();
            self.written += 1;
            (self.next_sequence[index], values)
        });
        let stamp = ProducerStamp {
            producer_id: self.id,
            producer_epoch: 0,
            base_sequence: sequence,
        };
        match produce(connection, partition, batch(&values, stamp)).await {
            Some((code, base)) => {
                assert_eq!(code, 0, "partition {partition} sequence {sequence}");
                self.next_sequence[index] = sequence + values.len() as i32;
                self.acknowledged.push((partition, base, values));
                true
            }
            None => {
                self.in_doubt[index] = Some((sequence, values));
                false
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_records_survive_kill_nine_once_and_in_order() {
    const ROUNDS: u64 = 4;
    let dir = data_dir();
    let mut node = Node::start(dir.path());
    let connection = Connection::connect(&node.kafka).await.unwrap();
    create_topic(&connection).await;
    let mut producer = Producer::new(&connection).await;
    let mut connection = connection;
    for round in 0..ROUNDS {
        let pid = rustix::process::Pid::from_raw(node.pid() as i32).unwrap();
        let killer = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(60 + 40 * round)).await;
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        });
        let mut partition = 0;
        while producer.write(&connection, partition).await {
            partition = (partition + 1) % PARTITIONS;
        }
        killer.await.unwrap();
        node.kill();
        node = Node::start(dir.path());
        connection = Connection::connect(&node.kafka).await.unwrap();
    }
    for partition in 0..PARTITIONS {
        assert!(producer.write(&connection, partition).await);
    }
    assert!(producer.acknowledged.len() > 10, "the load was no load");
    for partition in 0..PARTITIONS {
        let stored = read_all(&connection, partition).await;
        let mut expected = BTreeMap::new();
        for (_, base, values) in producer
            .acknowledged
            .iter()
            .filter(|(p, ..)| *p == partition)
        {
            for (i, value) in values.iter().enumerate() {
                let twice = expected.insert(base + i as i64, value.clone());
                assert!(
                    twice.is_none(),
                    "two acknowledgements for offset {}",
                    base + i as i64
                );
            }
        }
        assert_eq!(stored, expected, "partition {partition}");
    }
}

#[tokio::test]
async fn a_clean_stop_and_start_keeps_everything_and_exits_with_zero() {
    let dir = data_dir();
    let node = Node::start(dir.path());
    let connection = Connection::connect(&node.kafka).await.unwrap();
    create_topic(&connection).await;
    let mut producer = Producer::new(&connection).await;
    for partition in [0, 1, 2, 0, 1, 2] {
        assert!(producer.write(&connection, partition).await);
    }
    drop(connection);
    assert_eq!(node.terminate(), Some(0));
    let node = Node::start(dir.path());
    let connection = Connection::connect(&node.kafka).await.unwrap();
    let mut stored = 0;
    for partition in 0..PARTITIONS {
        stored += read_all(&connection, partition).await.len();
    }
    let written: usize = producer.acknowledged.iter().map(|(_, _, v)| v.len()).sum();
    assert_eq!(stored, written);
}
