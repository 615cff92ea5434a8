//! Fetches under way: at most one per node, each for the partitions it leads.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use bytes::Bytes;
use chronik_protocol::generated::fetch_request::{FetchPartition, FetchTopic};
use chronik_protocol::generated::fetch_response::PartitionData;
use chronik_protocol::generated::{FetchRequest, FetchResponse};
use chronik_protocol::{ApiKey, BatchError, BatchIter};
use chronik_types::{ErrorCode, LeaderEpoch, Offset, PartitionId, TopicId};

use super::{Fetcher, Key, damaged};
use crate::ClientError;
use crate::client::Leader;

/// The last version of Fetch that names topics by their names.
const LAST_WITH_NAMES: i16 = 12;

type Answer = Result<FetchResponse, ClientError>;

pub(super) struct Flight {
    addr: String,
    /// What was asked for, and the ids of topics that the answer may use for them.
    pub(super) keys: Vec<(Key, Option<TopicId>)>,
    answer: Pin<Box<dyn Future<Output = Answer> + Send>>,
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flight({}, {:?})", self.addr, self.keys)
    }
}

/// The first of these to be answered. Dropping it loses nothing.
pub(super) async fn first(flights: &mut [Flight]) -> (usize, Answer) {
    poll_fn(|cx| {
        for (place, flight) in flights.iter_mut().enumerate() {
            if let Poll::Ready(answer) = flight.answer.as_mut().poll(cx) {
                return Poll::Ready((place, answer));
            }
        }
        Poll::Pending
    })
    .await
}

impl Fetcher {
    /// Sends a fetch to every node that leads something we need and is not busy with one.
    pub(super) async fn launch(&mut self) -> Result<(), ClientError> {
        let mut nodes: BTreeMap<String, Vec<(Key, Leader)>> = BTreeMap::new();
        let hungry = self.cursors.iter().filter(|(_, cursor)| cursor.is_hungry());
        for (key, _) in hungry {
            let leader = match self.client.leader(&key.0, key.1).await {
                Ok(leader) => leader,
                // The others are read meanwhile.
                Err(_) if !self.flights.is_empty() || !nodes.is_empty() => continue,
                Err(error) => return Err(error),
            };
            let busy = self.flights.iter().any(|flight| flight.addr == leader.addr);
            if !busy {
                let asked = nodes.entry(leader.addr.clone()).or_default();
                asked.push((key.clone(), leader));
            }
        }
        for (addr, asked) in nodes {
            let connection = match self.pool.get(&addr).await {
                Ok(connection) => connection,
                Err(_) if !self.flights.is_empty() => continue,
                Err(error) => return Err(error),
            };
            let names_only = asked.iter().any(|(_, leader)| leader.topic_id.is_none());
            let max = if names_only {
                LAST_WITH_NAMES
            } else {
                i16::MAX
            };
            let version = connection.pick_at_most(ApiKey::Fetch, max)?;
            let request = self.request(&asked);
            let answer = Box::pin(connection.send(&request, version));
            let keys: Vec<_> = asked
                .into_iter()
                .map(|(key, leader)| (key, leader.topic_id))
                .collect();
            for (key, _) in &keys {
                if let Some(cursor) = self.cursors.get_mut(key) {
                    cursor.in_flight = true;
                }
            }
            self.flights.push(Flight { addr, keys, answer });
        }
        if self.flights.is_empty() {
            // Every cursor is done, under way or hungry, and the hungry ones were sent for.
            return Err(ClientError::Incomplete {
                api: ApiKey::Fetch,
                subject: "anything to read".into(),
            });
        }
        Ok(())
    }

    fn request(&self, asked: &[(Key, Leader)]) -> FetchRequest {
        let mut topics: Vec<FetchTopic> = Vec::new();
        for ((topic, partition), leader) in asked {
            let entry = FetchPartition {
                partition: partition.get(),
                current_leader_epoch: leader.epoch.map_or(-1, LeaderEpoch::get),
                fetch_offset: self.cursors[&(topic.clone(), *partition)].position.get(),
                partition_max_bytes: self.options.partition_max_bytes,
                ..FetchPartition::default()
            };
            match topics.last_mut() {
                Some(last) if last.topic == **topic => last.partitions.push(entry),
                _ => topics.push(FetchTopic {
                    topic: (&**topic).into(),
                    topic_id: leader.topic_id.map(TopicId::get).unwrap_or_default(),
                    partitions: vec![entry],
                }),
            }
        }
        let max_wait = self.options.max_wait.as_millis();
        FetchRequest {
            max_wait_ms: i32::try_from(max_wait).unwrap_or(i32::MAX),
            min_bytes: self.options.min_bytes,
            max_bytes: self.options.max_bytes,
            topics,
            ..FetchRequest::default()
        }
    }

    /// A fetch has its answer; what it brought is queued, and the first failure told.
    pub(super) fn land(
        &mut self,
        keys: Vec<(Key, Option<TopicId>)>,
        answer: Answer,
    ) -> Result<(), ClientError> {
        for (key, _) in &keys {
            if let Some(cursor) = self.cursors.get_mut(key) {
                cursor.in_flight = false;
            }
        }
        let answer = answer?;
        ClientError::check(ApiKey::Fetch, "", answer.error_code, None)?;
        let mut outcome = Ok(());
        for topic in answer.responses {
            for data in topic.partitions {
                let asked = keys.iter().find(|((name, partition), id)| {
                    let named = topic.topic == **name;
                    let identified = id.is_some_and(|id| id.get() == topic.topic_id);
                    partition.get() == data.partition_index && (named || identified)
                });
                if let Some((key, _)) = asked {
                    let received = self.receive(key, data);
                    outcome = outcome.and(received);
                }
            }
        }
        outcome
    }

    fn receive(&mut self, key: &Key, data: PartitionData) -> Result<(), ClientError> {
        let Some(cursor) = self.cursors.get_mut(key) else {
            return Ok(());
        };
        if data.error_code == ErrorCode::OffsetOutOfRange.code() {
            return Err(ClientError::OffsetOutOfRange {
                topic: key.0.to_string(),
                partition: key.1,
                offset: cursor.position,
            });
        }
        let subject = subject(key);
        ClientError::check(ApiKey::Fetch, &subject, data.error_code, None)?;
        cursor.high_watermark = Some(Offset::new(data.high_watermark));
        let records = data.records.unwrap_or_default();
        let found = split(&records).map_err(|error| damaged(key, cursor.position, error))?;
        cursor.buffered += found.len();
        for (header, batch) in found {
            self.batches.push_back((key.clone(), header, batch));
        }
        Ok(())
    }
}

fn subject((topic, partition): &(std::sync::Arc<str>, PartitionId)) -> String {
    format!("{topic}-{partition}")
}

/// The whole batches of an answer; the server may cut off the last one.
fn split(records: &Bytes) -> Result<Vec<(chronik_protocol::BatchHeader, Bytes)>, BatchError> {
    let mut found = Vec::new();
    let mut batches = BatchIter::new(records);
    for batch in &mut batches {
        let (start, header) = batch?;
        found.push((header, records.slice(start..start + header.size())));
    }
    if found.is_empty() && !records.is_empty() {
        // The first batch always comes whole, however large.
        return Err(BatchError::Truncated {
            needed: records.len() + 1,
            left: records.len(),
        });
    }
    Ok(found)
}
