//! Idempotent writers and a reader that go on while the node is killed and comes back.
//!
//! Every send and every poll is written down for the checker. Writers keep up to five batches of a
//! partition in flight; what is in doubt when the node dies is sent again by the producer itself,
//! so that each record ends acknowledged, and none may be there twice.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chronik_client::{
    Client, ClientError, ClientOptions, ConnectionOptions, Delivered, FetchedRecord, Fetcher,
    FetcherOptions, NewTopic, PartitionRange, Producer, ProducerOptions, ProducerRecord, SendError,
    Start, Stop,
};
use chronik_types::{Offset, PartitionId};
use chronik_verify::history::{Isolation, Operation, Outcome, Read, TopicPartition, Value};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::Failure;
use crate::content::{content, identify, now};
use crate::recorder::Recorder;

pub(crate) const TOPIC: &str = "load";
pub(crate) const PARTITIONS: i32 = 4;

/// Two writers, numbered from 1, and a reader.
const WRITERS: u32 = 2;
const READER: u32 = 11;

/// The longest value; they differ in length.
const VALUE_BYTES_MAX: u64 = 1200;

/// How long the load may take to get this many acknowledgements, restarts included.
const PROGRESS_MAX: Duration = Duration::from_secs(120);

/// Clients at work.
#[derive(Debug)]
pub(crate) struct Load {
    recorder: Arc<Recorder>,
    acknowledged: watch::Receiver<u64>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<Result<(), Failure>>,
}

impl Load {
    /// Creates the topic and starts the clients.
    pub(crate) async fn start(kafka: &str) -> Result<Self, Failure> {
        let topic = NewTopic {
            name: TOPIC.to_owned(),
            partitions: Some(PARTITIONS),
            ..NewTopic::default()
        };
        connect(kafka).await?.create_topic(&topic).await?;
        let recorder = Arc::new(Recorder::default());
        let stop = watch::Sender::new(false);
        let mut tasks = JoinSet::new();
        for process in 1..=WRITERS {
            let producer = Producer::new(connect(kafka).await?, options()).await?;
            let writer = Writer {
                recorder: Arc::clone(&recorder),
                process,
            };
            tasks.spawn(writer.run(producer, stop.subscribe()));
        }
        let reader = Reader::open(connect(kafka).await?, &recorder, READER, None).await?;
        tasks.spawn(reader.follow(stop.subscribe()));
        Ok(Self {
            acknowledged: recorder.acknowledged(),
            recorder,
            stop,
            tasks,
        })
    }

    /// Waits until `more` further records are acknowledged.
    pub(crate) async fn progress(&mut self, more: u64) -> Result<(), Failure> {
        let target = *self.acknowledged.borrow() + more;
        let reached = self.acknowledged.wait_for(|count| *count >= target);
        match tokio::time::timeout(PROGRESS_MAX, reached).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Failure::new(format!(
                "{more} acknowledgements took more than {PROGRESS_MAX:?}"
            ))),
        }
    }

    /// Stops the clients; every record has its result when this returns.
    pub(crate) async fn finish(mut self) -> Result<Arc<Recorder>, Failure> {
        self.stop.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            ended.map_err(|e| Failure::new(format!("a client of the load died: {e}")))??;
        }
        Ok(self.recorder)
    }
}

/// A client that comes back quickly after a restart.
pub(crate) async fn connect(kafka: &str) -> Result<Client, Failure> {
    let options = ClientOptions {
        connection: ConnectionOptions {
            connect_timeout: Duration::from_secs(5),
            ..ConnectionOptions::default()
        },
        patience: Duration::from_secs(120),
        backoff_min: Duration::from_millis(10),
        backoff_max: Duration::from_millis(100),
        ..ClientOptions::default()
    };
    Ok(Client::connect_with(&[kafka.to_owned()], options).await?)
}

/// Small batches and a small buffer: many requests are in flight when the node dies.
fn options() -> ProducerOptions {
    ProducerOptions {
        batch_bytes: 4 << 10,
        buffer_bytes: 192 << 10,
        in_flight: 5,
        delivery_timeout: Duration::from_secs(300),
        ..ProducerOptions::default()
    }
}

pub(crate) fn partitions() -> impl Iterator<Item = PartitionId> {
    (0..PARTITIONS).map(PartitionId::new)
}

pub(crate) fn place(partition: PartitionId) -> TopicPartition {
    TopicPartition {
        topic: TOPIC.to_owned(),
        partition: partition.get().unsigned_abs(),
    }
}

/// Sends records and writes down what became of them.
pub(crate) struct Writer {
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) process: u32,
}

impl Writer {
    async fn run(self, producer: Producer, stop: watch::Receiver<bool>) -> Result<(), Failure> {
        let mut results = JoinSet::new();
        for number in 0.. {
            if *stop.borrow() {
                break;
            }
            let partition = PartitionId::new((number % PARTITIONS as u64) as i32);
            results.spawn(self.send(&producer, partition, number).await);
            while results.try_join_next().is_some() {}
        }
        results.join_all().await;
        Ok(())
    }

    /// Queues one record; the future ends with its result.
    pub(crate) async fn send(
        &self,
        producer: &Producer,
        partition: PartitionId,
        number: u64,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (recorder, process) = (Arc::clone(&self.recorder), self.process);
        let invoked = recorder.stamp();
        let bytes = (number * 337) % VALUE_BYTES_MAX;
        let record = ProducerRecord {
            timestamp: now(),
            value: Some(content(process, number, bytes as usize).into()),
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
            let (outcome, offset) = outcome(&result);
            let sent = Operation::Produce {
                at: place(partition),
                value: value(process, number),
                offset,
                transaction: None,
            };
            recorder.ended(process, invoked, outcome, sent);
        }
    }
}

fn outcome(result: &Result<Delivered, SendError>) -> (Outcome, Option<u64>) {
    match result {
        Ok(delivered) => {
            let offset = delivered.offset.map(|offset| offset.get().unsigned_abs());
            (Outcome::Ok, offset)
        }
        Err(error) if error.maybe_written => (Outcome::Unknown, None),
        Err(_) => (Outcome::Fail, None),
    }
}

/// A value's name in the history.
fn value(process: u32, number: u64) -> Value {
    Value(u64::from(process) << 40 | number)
}

/// Reads all partitions from the beginning and writes down every record.
pub(crate) struct Reader {
    fetcher: Fetcher,
    recorder: Arc<Recorder>,
    process: u32,
    /// Partitions of which something was read.
    begun: BTreeSet<PartitionId>,
}

impl Reader {
    /// A reader up to these ends, or without an end.
    pub(crate) async fn open(
        client: Client,
        recorder: &Arc<Recorder>,
        process: u32,
        ends: Option<&[(PartitionId, Offset)]>,
    ) -> Result<Self, Failure> {
        let range = |partition, stop| PartitionRange {
            topic: TOPIC.to_owned(),
            partition,
            start: Start::Offset(Offset::ZERO),
            stop,
        };
        let ranges: Vec<_> = match ends {
            Some(ends) => ends
                .iter()
                .map(|(partition, end)| range(*partition, Stop::Offset(*end)))
                .collect(),
            None => partitions().map(|p| range(p, Stop::Never)).collect(),
        };
        let options = FetcherOptions {
            max_wait: Duration::from_millis(200),
            ..FetcherOptions::default()
        };
        Ok(Self {
            fetcher: Fetcher::open(client, &ranges, options).await?,
            recorder: Arc::clone(recorder),
            process,
            begun: BTreeSet::new(),
        })
    }

    /// Reads until told to stop.
    async fn follow(mut self, mut stop: watch::Receiver<bool>) -> Result<(), Failure> {
        while !*stop.borrow() {
            tokio::select! {
                _ = stop.changed() => {}
                more = self.step() => if !more { break },
            }
        }
        Ok(())
    }

    /// Reads to the ends.
    pub(crate) async fn finish(mut self) {
        while self.step().await {}
    }

    /// One record; false at the end and after a failure, which is written down.
    async fn step(&mut self) -> bool {
        let invoked = self.recorder.stamp();
        match self.fetcher.next().await {
            Ok(Some(record)) => {
                self.take(invoked, &record);
                true
            }
            Ok(None) => false,
            Err(error) => {
                self.failed(&error);
                false
            }
        }
    }

    fn take(&mut self, invoked: u64, record: &FetchedRecord) {
        let offset = record.offset.get().unsigned_abs();
        let at = place(record.partition);
        let bytes = record.value.as_ref().map_or(&[][..], Bytes::as_ref);
        let Some((process, number)) = identify(bytes) else {
            let text = format_args!("the record at {at} offset {offset} is damaged");
            return self.recorder.violation(text);
        };
        let first = self.begun.insert(record.partition);
        let poll = Operation::Poll {
            at,
            sought: first.then_some(0),
            isolation: Isolation::ReadUncommitted,
            reads: vec![Read {
                offset,
                value: value(process, number),
            }],
        };
        self.recorder
            .ended(self.process, invoked, Outcome::Ok, poll);
    }

    /// Nothing is ever deleted, nobody may read what can still go away, and the node comes back:
    /// a reader has no reason to fail.
    fn failed(&self, error: &ClientError) {
        self.recorder.violation(format_args!(
            "process {} cannot read: {error}",
            self.process
        ));
    }
}
