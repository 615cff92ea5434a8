//! One partition's way from queue to log: batches, a window in flight, and trying again in order.
//!
//! ```text
//! queued ─ fill ─► Flight ─ answered ─► delivered
//!                    ▲  └─ retriable ─► all others answered too ─ wait ─┐
//!                    └────────────── everything left is sent again ◄────┘
//! ```
//! Answers are looked at from the front of the window only. Keeps, with idempotence: a batch keeps
//! its sequence number through all tries; once one has failed for good the numbers after it can
//! never be accepted, so everything behind it fails too and the lane goes on with a new id.

use std::collections::VecDeque;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chronik_protocol::generated::produce_request::{PartitionProduceData, TopicProduceData};
use chronik_protocol::generated::{ProduceRequest, ProduceResponse};
use chronik_protocol::{ApiKey, BatchBuilder, BatchError, ProducerStamp};
use chronik_types::{ErrorCode, Instant, Offset, PartitionId, Sequence, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::{Acks, Core, Delivered, Queued, SendError};
use crate::ClientError;
use crate::client::ProducerIdentity;

/// The last version of Produce that names topics by their names.
const LAST_WITH_NAMES: i16 = 12;

type Answer = Pin<Box<dyn Future<Output = Result<Delivered, ClientError>> + Send>>;

/// A batch under way.
struct Flight {
    batch: Bytes,
    waiting: Vec<Waiting>,
    created: Instant,
    /// A try ended without saying whether it was written.
    maybe_written: bool,
    answer: Answer,
}

/// Who wants to know about one record.
struct Waiting {
    done: oneshot::Sender<Result<Delivered, SendError>>,
    _permit: OwnedSemaphorePermit,
}

pub(super) struct Lane {
    core: Arc<Core>,
    topic: String,
    partition: PartitionId,
    records: mpsc::UnboundedReceiver<Queued>,
    /// The record that did not fit into the last batch.
    held: Option<Queued>,
    window: VecDeque<Flight>,
    identity: Option<ProducerIdentity>,
    sequence: Sequence,
    backoff: Duration,
}

impl Lane {
    pub(super) fn new(
        core: Arc<Core>,
        topic: &str,
        partition: PartitionId,
        records: mpsc::UnboundedReceiver<Queued>,
    ) -> Self {
        Self {
            topic: topic.to_owned(),
            partition,
            records,
            held: None,
            window: VecDeque::new(),
            identity: core.identity,
            sequence: Sequence::new(0),
            backoff: core.client.backoff().min,
            core,
        }
    }

    /// Runs until the producer is gone and everything has its result.
    pub(super) async fn run(mut self) {
        let mut open = true;
        while open || !self.window.is_empty() {
            let room = open && self.window.len() < self.core.options.in_flight;
            let front = self.window.front_mut();
            tokio::select! {
                biased;
                answer = async { (&mut front.expect("the branch is off without one").answer).await },
                    if front.is_some() => self.settle(answer).await,
                record = next(&mut self.held, &mut self.records), if room => match record {
                    Some(first) => self.ship(first).await,
                    None => open = false,
                },
            }
        }
    }

    /// Makes a batch that begins with this record, and sends it.
    async fn ship(&mut self, first: Queued) {
        let mut builder = BatchBuilder::new(self.core.options.codec);
        let mut waiting = Vec::new();
        self.add(&mut builder, &mut waiting, first);
        let linger = self.core.options.linger;
        if linger.is_zero() {
            while !self.is_full(&builder) {
                let Ok(record) = self.records.try_recv() else {
                    break;
                };
                self.add(&mut builder, &mut waiting, record);
            }
        } else {
            let fill = async {
                while !self.is_full(&builder) {
                    let Some(record) = self.records.recv().await else {
                        break;
                    };
                    self.add(&mut builder, &mut waiting, record);
                }
            };
            // A full batch does not wait, and one that is not full waits long enough.
            let _ = tokio::time::timeout(linger, fill).await;
        }
        if waiting.is_empty() {
            return;
        }
        match self.stamp(builder).await {
            Ok(batch) => {
                let answer = self.transmit(&batch).await;
                self.window.push_back(Flight {
                    batch,
                    waiting,
                    created: self.core.client.clock().now(),
                    maybe_written: false,
                    answer,
                });
            }
            Err(cause) => fail(waiting, &cause, false),
        }
    }

    fn is_full(&self, builder: &BatchBuilder) -> bool {
        self.held.is_some() || builder.size() >= self.core.options.batch_bytes
    }

    /// Adds the record, or holds it for the next batch.
    fn add(&mut self, builder: &mut BatchBuilder, waiting: &mut Vec<Waiting>, queued: Queued) {
        let record = &queued.record;
        let large = builder.size() + record.cost() > self.core.options.batch_bytes;
        if builder.count() > 0 && large {
            self.held = Some(queued);
            return;
        }
        let pushed = builder.push(
            record.timestamp.as_millis(),
            record.key.as_deref(),
            record.value.as_deref(),
            &record.headers,
        );
        let Queued { done, permit, .. } = queued;
        let one = Waiting {
            done,
            _permit: permit,
        };
        match pushed {
            Ok(()) => waiting.push(one),
            Err(error) => fail(vec![one], &self.batch_error(error), false),
        }
    }

    fn batch_error(&self, error: BatchError) -> ClientError {
        ClientError::Batch {
            topic: self.topic.clone(),
            partition: self.partition,
            offset: Offset::ZERO,
            error,
        }
    }

    /// Gives the batch its place in the producer's sequence.
    async fn stamp(&mut self, mut builder: BatchBuilder) -> Result<Bytes, ClientError> {
        let count = builder.count();
        if self.core.options.idempotent {
            let identity = match self.identity {
                Some(identity) => identity,
                None => self.core.client.init_producer_id().await?,
            };
            self.identity = Some(identity);
            builder = builder.producer(ProducerStamp {
                producer_id: identity.id.get(),
                producer_epoch: identity.epoch.get(),
                base_sequence: self.sequence.get(),
            });
        }
        let batch = builder.build().map_err(|error| self.batch_error(error))?;
        self.sequence = self.sequence.plus(count);
        Ok(batch)
    }

    /// Sends a batch to whoever leads; a failure to do so is an answer too.
    async fn transmit(&mut self, batch: &Bytes) -> Answer {
        match self.try_transmit(batch).await {
            Ok(answer) => answer,
            Err(error) => Box::pin(ready(Err(error))),
        }
    }

    async fn try_transmit(&mut self, batch: &Bytes) -> Result<Answer, ClientError> {
        let leader = self.core.client.leader(&self.topic, self.partition).await?;
        let connection = self.core.pool.get(&leader.addr).await?;
        let max = if leader.topic_id.is_some() {
            i16::MAX
        } else {
            LAST_WITH_NAMES
        };
        let version = connection.pick_at_most(ApiKey::Produce, max)?;
        let acks = self.core.options.acks;
        let request = ProduceRequest {
            transactional_id: None,
            acks: acks.wire(),
            timeout_ms: self.core.client.server_timeout_ms(),
            topic_data: vec![TopicProduceData {
                name: self.topic.as_str().into(),
                topic_id: leader.topic_id.map(|id| id.get()).unwrap_or_default(),
                partition_data: vec![PartitionProduceData {
                    index: self.partition.get(),
                    records: Some(batch.clone()),
                }],
            }],
        };
        let partition = self.partition;
        if acks == Acks::None {
            connection.send_oneway(&request, version)?;
            return Ok(Box::pin(ready(Ok(Delivered {
                partition,
                offset: None,
                log_append_time: None,
            }))));
        }
        let answer = connection.send(&request, version);
        let subject = format!("{}-{partition}", self.topic);
        Ok(Box::pin(async move {
            judge(&subject, partition, answer.await?)
        }))
    }

    /// The batch at the front of the window has its answer.
    async fn settle(&mut self, answer: Result<Delivered, ClientError>) {
        match answer {
            Ok(delivered) => {
                self.backoff = self.core.client.backoff().min;
                if let Some(flight) = self.window.pop_front() {
                    flight.deliver(delivered);
                }
            }
            Err(error) => {
                let now = self.core.client.clock().now();
                let timeout = self.core.options.delivery_timeout;
                let mut after = Duration::ZERO;
                if let Some(front) = self.window.front_mut() {
                    front.maybe_written |= error.outcome_unknown();
                    after = now.since(front.created);
                }
                if !error.is_retriable() {
                    self.refuse(error);
                } else if after + self.backoff >= timeout {
                    let last = Box::new(error);
                    self.refuse(ClientError::GaveUp { after, last });
                } else {
                    self.recover(&error).await;
                }
            }
        }
    }

    /// The batch at the front has failed for good.
    fn refuse(&mut self, cause: ClientError) {
        if let Some(front) = self.window.pop_front() {
            fail(front.waiting, &cause, front.maybe_written);
        }
        if self.core.options.idempotent {
            for flight in self.window.drain(..) {
                // Its own answer is not known, and will not be.
                fail(flight.waiting, &ClientError::EarlierFailed, true);
            }
            self.identity = None;
            self.sequence = Sequence::new(0);
        }
    }

    /// Waits until nothing is under way any more, then sends what is left again, in order.
    async fn recover(&mut self, error: &ClientError) {
        tracing::debug!(topic = %self.topic, partition = %self.partition, %error, "sending again");
        let mut left = VecDeque::new();
        for (place, mut flight) in std::mem::take(&mut self.window).into_iter().enumerate() {
            // The answer of the first is what brought us here.
            let answer = match place {
                0 => Err(error.clone()),
                _ => (&mut flight.answer).await,
            };
            match answer {
                Ok(delivered) => flight.deliver(delivered),
                Err(error) if error.is_retriable() || self.core.options.idempotent => {
                    flight.maybe_written |= error.outcome_unknown();
                    left.push_back(flight);
                }
                Err(error) => fail(flight.waiting, &error, flight.maybe_written),
            }
        }
        tokio::time::sleep(self.backoff).await;
        self.backoff = (self.backoff * 2).min(self.core.client.backoff().max);
        self.core.client.forget(&self.topic);
        for mut flight in left {
            flight.answer = self.transmit(&flight.batch).await;
            self.window.push_back(flight);
        }
    }
}

impl Flight {
    fn deliver(self, first: Delivered) {
        let offsets = first.offset.map(Offset::get);
        for (place, one) in (0_i64..).zip(self.waiting) {
            let delivered = Delivered {
                offset: offsets.map(|base| Offset::new(base + place)),
                ..first
            };
            // Whoever dropped the delivery does not want to know.
            let _ = one.done.send(Ok(delivered));
        }
    }
}

fn fail(waiting: Vec<Waiting>, cause: &ClientError, maybe_written: bool) {
    for one in waiting {
        let cause = cause.clone();
        let _ = one.done.send(Err(SendError {
            cause,
            maybe_written,
        }));
    }
}

/// What an answer says about the one batch it is about.
fn judge(
    subject: &str,
    partition: PartitionId,
    response: ProduceResponse,
) -> Result<Delivered, ClientError> {
    let answer = response
        .responses
        .into_iter()
        .flat_map(|topic| topic.partition_responses)
        .find(|answer| answer.index == partition.get())
        .ok_or_else(|| ClientError::Incomplete {
            api: ApiKey::Produce,
            subject: subject.to_owned(),
        })?;
    // The server has it, and has forgotten where.
    if answer.error_code != ErrorCode::DuplicateSequenceNumber.code() {
        let message = answer.error_message.as_deref();
        ClientError::check(ApiKey::Produce, subject, answer.error_code, message)?;
    }
    Ok(Delivered {
        partition,
        offset: (answer.base_offset >= 0).then(|| Offset::new(answer.base_offset)),
        log_append_time: (answer.log_append_time_ms >= 0)
            .then(|| Timestamp::from_millis(answer.log_append_time_ms)),
    })
}

/// The next record: the one held back, or the next of the queue.
async fn next(
    held: &mut Option<Queued>,
    records: &mut mpsc::UnboundedReceiver<Queued>,
) -> Option<Queued> {
    if held.is_some() {
        return held.take();
    }
    records.recv().await
}
