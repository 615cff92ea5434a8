//! Writing records: batched by partition, acknowledged one by one.
//!
//! ```text
//! send ─► budget of bytes ─► the partition's lane ─► batch ─► window of 1..=5 in flight ─► Delivery
//! ```
//! Keeps, per partition: records are written in the order of the calls to `send`; with
//! idempotence none is written twice, whatever is tried again. A failure says whether the record
//! may have been written all the same. Without idempotence and with more than one batch in
//! flight, trying again may reorder or repeat batches, as in Kafka.
//! Absent: transactions, and splitting a batch that the server finds too large.

mod lane;
mod partitioner;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use chronik_io::task;
use chronik_protocol::{Codec, RecordHeader};
use chronik_types::{Offset, PartitionId, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::client::{Client, IfMissing, ProducerIdentity};
use crate::pool::Pool;
use crate::{ClientError, Topic};
use lane::Lane;
use partitioner::Rotation;
pub use partitioner::partition_for_key;

/// What an acknowledgement means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Acks {
    /// There is none.
    None,
    /// The leader has it.
    Leader,
    /// All in-sync replicas have it.
    #[default]
    All,
}

impl Acks {
    fn wire(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

/// How a producer behaves.
#[derive(Clone, Debug)]
pub struct ProducerOptions {
    /// What an acknowledgement means; idempotence needs all.
    pub acks: Acks,
    /// Whether the server drops what is sent twice and refuses what comes out of order.
    pub idempotent: bool,
    /// How batches are compressed.
    pub codec: Codec,
    /// The size from which a batch takes no more records, before compression.
    pub batch_bytes: usize,
    /// How long a batch waits for more records.
    pub linger: Duration,
    /// Batches of one partition under way at once, 1 to 5.
    pub in_flight: usize,
    /// Bytes of records that wait or are under way; beyond it `send` waits.
    pub buffer_bytes: u32,
    /// How long a batch is tried.
    pub delivery_timeout: Duration,
    /// Whether a topic that does not exist may be created by the server.
    pub missing: IfMissing,
}

impl Default for ProducerOptions {
    /// Idempotent, acknowledged by all, not compressed, batches of 64 KiB without waiting, 5 in
    /// flight, 32 MiB in all, tried for 2 minutes, no topic created.
    fn default() -> Self {
        Self {
            acks: Acks::All,
            idempotent: true,
            codec: Codec::None,
            batch_bytes: 64 << 10,
            linger: Duration::ZERO,
            in_flight: 5,
            buffer_bytes: 32 << 20,
            delivery_timeout: Duration::from_secs(120),
            missing: IfMissing::Fail,
        }
    }
}

/// A record to write.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ProducerRecord {
    /// When it happened.
    pub timestamp: Timestamp,
    /// What partitioning and compaction go by.
    pub key: Option<Bytes>,
    /// The payload; `None` deletes the key where the topic is compacted.
    pub value: Option<Bytes>,
    /// Headers in order.
    pub headers: Vec<RecordHeader>,
}

impl ProducerRecord {
    /// What it counts against the buffer.
    fn cost(&self) -> usize {
        let header = |h: &RecordHeader| h.key.len() + h.value.as_ref().map_or(0, Bytes::len) + 64;
        let len = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        let headers: usize = self.headers.iter().map(header).sum();
        64 + len(&self.key) + len(&self.value) + headers
    }
}

/// A record that was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delivered {
    /// In which partition.
    pub partition: PartitionId,
    /// Where; `None` without acknowledgements, or for a repetition the server no longer knows.
    pub offset: Option<Offset>,
    /// The time that the server gave it, where it does that.
    pub log_append_time: Option<Timestamp>,
}

/// A record whose writing was not acknowledged.
#[derive(Clone, PartialEq, Debug)]
pub struct SendError {
    /// Why.
    pub cause: ClientError,
    /// Whether it may be in the log all the same.
    pub maybe_written: bool,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unsure = if self.maybe_written {
            "; it may have been written all the same"
        } else {
            ""
        };
        write!(f, "{}{unsure}", self.cause)
    }
}

impl std::error::Error for SendError {}

/// The result of one record, when it is there.
#[derive(Debug)]
pub struct Delivery(oneshot::Receiver<Result<Delivered, SendError>>);

impl Future for Delivery {
    type Output = Result<Delivered, SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|result| {
            result.unwrap_or(Err(SendError {
                cause: ClientError::Stopped,
                maybe_written: true,
            }))
        })
    }
}

/// A record on its way.
#[derive(Debug)]
struct Queued {
    record: ProducerRecord,
    done: oneshot::Sender<Result<Delivered, SendError>>,
    /// Its part of the buffer.
    permit: OwnedSemaphorePermit,
}

/// What all lanes of a producer share.
#[derive(Debug)]
struct Core {
    client: Client,
    pool: Pool,
    options: ProducerOptions,
    identity: Option<ProducerIdentity>,
}

/// Writes records. What was sent before it is dropped is still written if the runtime lives;
/// [`Self::flush`] waits for that.
#[derive(Debug)]
pub struct Producer {
    core: Arc<Core>,
    buffer: Arc<Semaphore>,
    lanes: Mutex<BTreeMap<(String, PartitionId), mpsc::UnboundedSender<Queued>>>,
    topics: Mutex<BTreeMap<String, Known>>,
}

/// What choosing a partition needs.
#[derive(Debug)]
struct Known {
    count: i32,
    rotation: Rotation,
}

impl Producer {
    /// Starts a producer; an idempotent one asks for its id now.
    pub async fn new(client: Client, options: ProducerOptions) -> Result<Self, ClientError> {
        if options.idempotent && options.acks != Acks::All {
            return Err(ClientError::Options("idempotence needs acks=all"));
        }
        if !(1..=5).contains(&options.in_flight) {
            return Err(ClientError::Options("1 to 5 batches may be in flight"));
        }
        let identity = match options.idempotent {
            true => Some(client.init_producer_id().await?),
            false => None,
        };
        let buffer = usize::try_from(options.buffer_bytes).unwrap_or(usize::MAX);
        Ok(Self {
            buffer: Arc::new(Semaphore::new(buffer.min(Semaphore::MAX_PERMITS))),
            core: Arc::new(Core {
                pool: Pool::new(client.options().connection.clone()),
                client,
                options,
                identity,
            }),
            lanes: Mutex::default(),
            topics: Mutex::default(),
        })
    }

    /// The producer's id, if it is idempotent. A partition that failed continues with another.
    pub fn identity(&self) -> Option<ProducerIdentity> {
        self.core.identity
    }

    /// Takes a record; waits while the buffer is full. Without a partition the key decides as
    /// in Kafka, and without a key partitions take turns. The result comes with the [`Delivery`];
    /// it may be dropped.
    pub async fn send(
        &self,
        topic: &str,
        partition: Option<PartitionId>,
        record: ProducerRecord,
    ) -> Result<Delivery, ClientError> {
        let cost = u32::try_from(record.cost()).unwrap_or(u32::MAX);
        let partition = self.choose(topic, partition, &record, cost).await?;
        let permits = cost.min(self.core.options.buffer_bytes);
        let permit = Arc::clone(&self.buffer)
            .acquire_many_owned(permits)
            .await
            .map_err(|_| ClientError::Stopped)?;
        let (done, delivery) = oneshot::channel();
        let queued = Queued {
            record,
            done,
            permit,
        };
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes
            .entry((topic.to_owned(), partition))
            .or_insert_with(|| self.open_lane(topic, partition));
        lane.send(queued).map_err(|_| ClientError::Stopped)?;
        Ok(Delivery(delivery))
    }

    /// Waits until every record so far has its result.
    pub async fn flush(&self) {
        // All of the buffer is free only when nothing is under way.
        let _all = self
            .buffer
            .acquire_many(self.core.options.buffer_bytes)
            .await;
    }

    fn open_lane(&self, topic: &str, partition: PartitionId) -> mpsc::UnboundedSender<Queued> {
        let (sender, records) = mpsc::unbounded_channel();
        let lane = Lane::new(Arc::clone(&self.core), topic, partition, records);
        // A panic drops the senders of all results, which their receivers see.
        drop(task::spawn_isolated(lane.run(), || ()));
        sender
    }

    async fn choose(
        &self,
        topic: &str,
        partition: Option<PartitionId>,
        record: &ProducerRecord,
        cost: u32,
    ) -> Result<PartitionId, ClientError> {
        if let Some(chosen) = self.choose_known(topic, partition, record, cost) {
            return chosen;
        }
        let known = self
            .core
            .client
            .topic(topic, self.core.options.missing)
            .await?;
        self.remember(topic, &known);
        self.choose_known(topic, partition, record, cost)
            .unwrap_or_else(|| Err(ClientError::UnknownTopic(topic.to_owned())))
    }

    fn remember(&self, topic: &str, known: &Topic) {
        let count = i32::try_from(known.partitions.len()).unwrap_or(i32::MAX);
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        topics.entry(topic.to_owned()).or_insert_with(|| Known {
            count,
            rotation: Rotation::default(),
        });
    }

    fn choose_known(
        &self,
        topic: &str,
        partition: Option<PartitionId>,
        record: &ProducerRecord,
        cost: u32,
    ) -> Option<Result<PartitionId, ClientError>> {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let known = topics.get_mut(topic)?;
        Some(match (partition, &record.key) {
            (Some(partition), _) if (0..known.count).contains(&partition.get()) => Ok(partition),
            (Some(partition), _) => Err(ClientError::UnknownPartition {
                topic: topic.to_owned(),
                partition,
                count: usize::try_from(known.count).unwrap_or(0),
            }),
            (None, Some(key)) => Ok(partition_for_key(key, known.count)),
            (None, None) => {
                let batch = self.core.options.batch_bytes;
                Ok(known.rotation.next(known.count, cost, batch))
            }
        })
    }
}

#[cfg(test)]
mod tests;
