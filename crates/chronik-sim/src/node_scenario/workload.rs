//! Clients: writers, readers, one who asks for log ends, and the judge who reads everything.
//!
//! Values are unique and name their content, so that a reader can tell damage from a record.
//! A writer is idempotent and tries again, or plain and tries once: a plain one that tries again
//! may write twice, as in Kafka. Absent: what is right and wrong; the checker knows that.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use chronik_client::{
    Client, ClientError, ClientOptions, ConnectionOptions, Delivered, FetchedRecord, Fetcher,
    FetcherOptions, NewTopic, OffsetSpec, PartitionRange, Producer, ProducerOptions,
    ProducerRecord, SendError, Start, Stop,
};
use chronik_io::Rng;
use chronik_types::{ErrorCode, Offset, PartitionId, Timestamp};
use chronik_verify::history::{Isolation, Operation, Outcome, Read, TopicPartition, Value};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::host::ADDRESS;
use super::members::Groups;
use crate::recorder::Recorder;

pub(super) const TOPIC: &str = "t";
pub(super) const PARTITIONS: i32 = 3;
/// Content beyond a value's number.
const FILLER_MAX: u64 = 6 << 10;

/// What all clients share.
#[derive(Clone, Debug)]
pub(super) struct Clients {
    pub(super) seed: u64,
    pub(super) recorder: Recorder,
    pub(super) stopping: Arc<AtomicBool>,
    pub(super) groups: Groups,
}

pub(super) fn at(partition: PartitionId) -> TopicPartition {
    TopicPartition {
        topic: TOPIC.to_owned(),
        partition: partition.get().unsigned_abs(),
    }
}

pub(super) fn partitions() -> impl Iterator<Item = PartitionId> {
    (0..PARTITIONS).map(PartitionId::new)
}

impl Clients {
    pub(super) fn rng(&self, process: u32) -> Rng {
        Rng::seeded(self.seed.rotate_left(17) ^ u64::from(process))
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    async fn connect(&self) -> Client {
        let options = ClientOptions {
            connection: ConnectionOptions {
                connect_timeout: Duration::from_millis(500),
                request_timeout: Duration::from_secs(1),
                ..ConnectionOptions::default()
            },
            patience: Duration::from_secs(5),
            ..ClientOptions::default()
        };
        loop {
            match Client::connect_with(&[ADDRESS.to_owned()], options.clone()).await {
                Ok(client) => return client,
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Makes the topic that all others use.
    pub(super) async fn create_topic(self) -> turmoil::Result {
        let topic = NewTopic {
            name: TOPIC.to_owned(),
            partitions: Some(PARTITIONS),
            replication_factor: Some(1),
            configs: vec![("segment.bytes".to_owned(), "1048576".to_owned())],
        };
        loop {
            match self.connect().await.create_topic(&topic).await {
                Ok(_) => break,
                Err(error) if error.code() == Some(ErrorCode::TopicAlreadyExists) => break,
                Err(error) => {
                    self.recorder.note(format_args!("no topic yet: {error}"));
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
        self.recorder.note("the topic is there");
        Ok(())
    }

    /// Two idempotent writers and a plain one, until they are told to stop.
    pub(super) async fn write(self) -> turmoil::Result {
        let mut writers = JoinSet::new();
        for (process, idempotent) in [(1, true), (2, true), (3, false)] {
            writers.spawn(self.clone().writer(process, idempotent));
        }
        writers.join_all().await;
        Ok(())
    }

    async fn writer(self, process: u32, idempotent: bool) {
        let rng = self.rng(process);
        let mut sent = 0;
        while !self.is_stopping() {
            let options = ProducerOptions {
                idempotent,
                in_flight: if idempotent { 5 } else { 1 },
                delivery_timeout: match idempotent {
                    true => Duration::from_secs(30),
                    false => Duration::ZERO,
                },
                batch_bytes: 16 << 10,
                ..ProducerOptions::default()
            };
            let client = self.connect().await;
            let producer = match Producer::new(client, options).await {
                Ok(producer) => producer,
                Err(error) => {
                    self.recorder
                        .note(format_args!("{process} has no producer: {error}"));
                    sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            // Its records have their results before the process goes on with the next producer.
            let mut results = JoinSet::new();
            for _ in 0..20 + rng.below(200) {
                if self.is_stopping() {
                    break;
                }
                let value = Value(u64::from(process) << 32 | sent);
                sent += 1;
                let partition = PartitionId::new(i32::try_from(rng.below(3)).unwrap_or(0));
                let size = rng.below(FILLER_MAX) * rng.below(2);
                let one = self.send(&producer, process, partition, value, size).await;
                results.spawn(one);
                if rng.below(3) == 0 {
                    sleep(Duration::from_millis(rng.below(60))).await;
                }
            }
            results.join_all().await;
        }
    }

    async fn send(
        &self,
        producer: &Producer,
        process: u32,
        partition: PartitionId,
        value: Value,
        size: u64,
    ) -> impl Future<Output = ()> + Send + 'static {
        let recorder = self.recorder.clone();
        let invoked = recorder.stamp();
        let record = ProducerRecord {
            timestamp: Timestamp::from_millis(1_700_000_000_000),
            value: Some(content(value, size)),
            ..ProducerRecord::default()
        };
        let delivery = producer.send(TOPIC, Some(partition), record).await;
        async move {
            let result = match delivery {
                Ok(delivery) => delivery.await,
                // It was not even queued.
                Err(cause) => Err(SendError {
                    cause,
                    maybe_written: false,
                }),
            };
            record_send(&recorder, process, invoked, partition, value, result);
        }
    }

    /// Two readers and one who asks for log ends, until they are told to stop.
    pub(super) async fn read(self) -> turmoil::Result {
        let mut readers = JoinSet::new();
        readers.spawn(self.clone().reader(11));
        readers.spawn(self.clone().reader(12));
        readers.spawn(self.clone().ask_for_log_ends(21));
        readers.join_all().await;
        Ok(())
    }

    async fn reader(self, process: u32) {
        let rng = self.rng(process);
        let mut positions = BTreeMap::new();
        while !self.is_stopping() {
            let ranges: Vec<_> = partitions()
                .map(|p| self.range(p, *positions.entry(p).or_insert(Offset::ZERO), Stop::Never))
                .collect();
            let options = FetcherOptions {
                max_wait: Duration::from_millis(200),
                partition_max_bytes: 64 << 10,
                ..FetcherOptions::default()
            };
            let Ok(mut fetcher) = Fetcher::open(self.connect().await, &ranges, options).await
            else {
                continue;
            };
            for _ in 0..50 + rng.below(500) {
                if self.is_stopping() {
                    break;
                }
                let invoked = self.recorder.stamp();
                match timeout(Duration::from_millis(500), fetcher.next()).await {
                    Ok(Ok(Some(record))) => {
                        self.record_read(process, invoked, &record, &mut positions);
                    }
                    Ok(Ok(None)) | Err(_) => {}
                    Ok(Err(error)) => {
                        self.read_failed(process, &error);
                        sleep(Duration::from_millis(50)).await;
                    }
                }
            }
        }
    }

    fn range(&self, partition: PartitionId, start: Offset, stop: Stop) -> PartitionRange {
        PartitionRange {
            topic: TOPIC.to_owned(),
            partition,
            start: Start::Offset(start),
            stop,
        }
    }

    fn record_read(
        &self,
        process: u32,
        invoked: u64,
        record: &FetchedRecord,
        positions: &mut BTreeMap<PartitionId, Offset>,
    ) {
        let offset = record.offset.get().unsigned_abs();
        let at = at(record.partition);
        let Some(value) = record.value.as_ref().and_then(value_of) else {
            self.recorder.violation(format_args!(
                "the record at {at} offset {offset} is damaged"
            ));
            return;
        };
        let before = positions.insert(record.partition, record.offset.next());
        let first = before.is_none_or(|before| before == Offset::ZERO);
        let poll = Operation::Poll {
            at,
            sought: first.then_some(0),
            isolation: Isolation::ReadUncommitted,
            reads: vec![Read { offset, value }],
        };
        self.recorder.ended(process, invoked, Outcome::Ok, poll);
    }

    fn read_failed(&self, process: u32, error: &ClientError) {
        match error.root() {
            // Nothing is ever deleted, and nobody may read what can still go away.
            ClientError::OffsetOutOfRange { .. } | ClientError::Batch { .. } => {
                self.recorder.violation(format_args!("{process}: {error}"));
            }
            error => self
                .recorder
                .note(format_args!("{process} cannot read: {error}")),
        }
    }

    async fn ask_for_log_ends(self, process: u32) {
        while !self.is_stopping() {
            let client = self.connect().await;
            if self.log_ends(&client, process).await.is_none() {
                self.recorder
                    .note(format_args!("{process} cannot ask for log ends"));
            }
            sleep(Duration::from_millis(300)).await;
        }
    }

    async fn log_ends(
        &self,
        client: &Client,
        process: u32,
    ) -> Option<BTreeMap<PartitionId, Offset>> {
        let asked: Vec<_> = partitions().map(|p| (p, OffsetSpec::Latest)).collect();
        let invoked = self.recorder.stamp();
        let found = client.list_offsets(TOPIC, &asked).await.ok()?;
        let mut ends = BTreeMap::new();
        for (partition, listed) in found {
            let offset = listed?.offset;
            let operation = Operation::LogEnd {
                at: at(partition),
                offset: Some(offset.get().unsigned_abs()),
            };
            self.recorder
                .ended(process, invoked, Outcome::Ok, operation);
            ends.insert(partition, offset);
        }
        Some(ends)
    }

    /// After all faults: every partition takes a write, everything is read, and so are the groups'
    /// committed offsets.
    pub(super) async fn judge(self) -> turmoil::Result {
        let process = 31;
        let client = self.connect().await;
        self.write_once(&client, process).await;
        self.read_committed_offsets(process).await;
        let Some(ends) = self.log_ends(&client, process).await else {
            self.recorder.violation("the log ends cannot be found");
            return Ok(());
        };
        let ranges: Vec<_> = ends
            .iter()
            .map(|(p, end)| self.range(*p, Offset::ZERO, Stop::Offset(*end)))
            .collect();
        let mut positions = BTreeMap::new();
        let opened = Fetcher::open(client, &ranges, FetcherOptions::default()).await;
        let mut result = opened.map(Some);
        while let Ok(Some(fetcher)) = &mut result {
            let invoked = self.recorder.stamp();
            match fetcher.next().await {
                Ok(Some(record)) => {
                    self.record_read(process + 1, invoked, &record, &mut positions);
                }
                Ok(None) => result = Ok(None),
                Err(error) => result = Err(error),
            }
        }
        if let Err(error) = result {
            self.recorder
                .violation(format_args!("the final read fails: {error}"));
            return Ok(());
        }
        self.recorder.read_to_the_end();
        self.recorder.note("everything is read");
        Ok(())
    }

    async fn write_once(&self, client: &Client, process: u32) {
        let producer = match Producer::new(client.clone(), ProducerOptions::default()).await {
            Ok(producer) => producer,
            Err(error) => {
                let text = format!("no producer id after the faults: {error}");
                return self.recorder.violation(text);
            }
        };
        for (number, partition) in (0..).zip(partitions()) {
            let value = Value(u64::from(process) << 32 | number);
            let invoked = self.recorder.stamp();
            let record = ProducerRecord {
                value: Some(content(value, 0)),
                ..ProducerRecord::default()
            };
            let result = match producer.send(TOPIC, Some(partition), record).await {
                Ok(delivery) => delivery.await,
                Err(cause) => Err(SendError {
                    cause,
                    maybe_written: false,
                }),
            };
            if let Err(error) = &result {
                let text = format!("no write after the faults: {error}");
                self.recorder.violation(text);
            }
            record_send(&self.recorder, process, invoked, partition, value, result);
        }
    }
}

fn record_send(
    recorder: &Recorder,
    process: u32,
    invoked: u64,
    partition: PartitionId,
    value: Value,
    result: Result<Delivered, SendError>,
) {
    let (outcome, offset) = match &result {
        Ok(delivered) => (Outcome::Ok, delivered.offset),
        Err(error) if error.maybe_written => (Outcome::Unknown, None),
        Err(_) => (Outcome::Fail, None),
    };
    if let Err(error) = &result {
        recorder.note(format_args!("{process} {value}: {error}"));
    }
    let operation = Operation::Produce {
        at: at(partition),
        value,
        offset: offset.map(|offset| offset.get().unsigned_abs()),
        transaction: None,
    };
    recorder.ended(process, invoked, outcome, operation);
}

/// The bytes of a value: its number, and a filler that follows from it.
fn content(value: Value, size: u64) -> Bytes {
    let filler = (0..size).map(|at| filler(value, at));
    let bytes = value.0.to_be_bytes().into_iter().chain(filler);
    bytes.collect()
}

fn filler(value: Value, at: u64) -> u8 {
    value.0.wrapping_mul(31).wrapping_add(at).to_le_bytes()[0]
}

/// The value that this is the content of, if it is whole.
fn value_of(content: &Bytes) -> Option<Value> {
    let (number, rest) = content.split_first_chunk()?;
    let value = Value(u64::from_be_bytes(*number));
    let whole = (0..).zip(rest).all(|(at, byte)| *byte == filler(value, at));
    whole.then_some(value)
}
