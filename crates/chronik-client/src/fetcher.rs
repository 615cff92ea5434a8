//! Reading records of explicit partitions, one record at a time.
//!
//! ```text
//! cursors without data ─ by leader ─► Fetch (one per node) ─► batches ─► CRC, open ─► records
//! ```
//! Keeps: within a partition records come in the order of their offsets, each once, none below the
//! start and none at or above the stop. `next` may be dropped and called again; nothing is lost.
//! A batch is opened up to a bound, and one at a time. Markers of transactions are skipped.
//! Absent: read_committed, consumer groups, fetch sessions, reading ahead, order between partitions.

mod cursor;
mod flight;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chronik_protocol::{BatchError, BatchHeader, RecordHeader, RecordIter};
use chronik_types::{Offset, PartitionId, Timestamp};

use crate::ClientError;
use crate::backoff::Retry;
use crate::client::{Client, OffsetSpec};
use crate::pool::Pool;
use cursor::Cursor;
use flight::Flight;

/// How a fetcher behaves.
#[derive(Clone, Debug)]
pub struct FetcherOptions {
    /// How long the server waits for `min_bytes`.
    pub max_wait: Duration,
    /// How many bytes are worth an answer.
    pub min_bytes: i32,
    /// How many bytes an answer has at most; a single batch may be larger.
    pub max_bytes: i32,
    /// The same for each partition.
    pub partition_max_bytes: i32,
    /// How large a batch may be once it is opened.
    pub batch_memory_max: usize,
}

impl Default for FetcherOptions {
    /// 500 ms, 1 byte, 32 MiB, 4 MiB, and 256 MiB.
    fn default() -> Self {
        Self {
            max_wait: Duration::from_millis(500),
            min_bytes: 1,
            max_bytes: 32 << 20,
            partition_max_bytes: 4 << 20,
            batch_memory_max: 256 << 20,
        }
    }
}

/// Where reading starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// At this offset.
    Offset(Offset),
    /// At the first record there is.
    Earliest,
    /// After the last record there is.
    Latest,
    /// At the first record that is not older; after the last one if all are.
    Time(Timestamp),
}

/// Where reading stops.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// Nowhere: wait for more.
    Never,
    /// Before this offset.
    Offset(Offset),
    /// Where the high watermark is now.
    HighWatermark,
    /// Before the first record that is not older; at the high watermark if all are.
    Time(Timestamp),
}

/// A partition to read, from where to where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionRange {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: PartitionId,
    /// Where to start.
    pub start: Start,
    /// Where to stop.
    pub stop: Stop,
}

/// A record that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FetchedRecord {
    /// Its topic.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: PartitionId,
    /// Its place.
    pub offset: Offset,
    /// Its time.
    pub timestamp: Timestamp,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its payload.
    pub value: Option<Bytes>,
    /// Its headers in order.
    pub headers: Vec<RecordHeader>,
}

/// A partition, cheap to copy around.
type Key = (Arc<str>, PartitionId);

/// Reads partitions.
#[derive(Debug)]
pub struct Fetcher {
    client: Client,
    pool: Pool,
    options: FetcherOptions,
    cursors: BTreeMap<Key, Cursor>,
    flights: Vec<Flight>,
    /// Batches that have come and are not opened yet.
    batches: VecDeque<(Key, BatchHeader, Bytes)>,
    open: Option<(Key, RecordIter)>,
    retry: Retry,
}

impl Fetcher {
    /// Finds out where to start and stop. Reading begins with [`Self::next`].
    pub async fn open(
        client: Client,
        ranges: &[PartitionRange],
        options: FetcherOptions,
    ) -> Result<Self, ClientError> {
        let mut topics: BTreeMap<&str, Vec<&PartitionRange>> = BTreeMap::new();
        for range in ranges {
            topics.entry(&range.topic).or_default().push(range);
        }
        let mut cursors = BTreeMap::new();
        for (topic, ranges) in topics {
            let shared: Arc<str> = topic.into();
            let starts = look_up(&client, topic, &ranges, |range| match range.start {
                Start::Offset(_) => None,
                Start::Earliest => Some(OffsetSpec::Earliest),
                Start::Latest => Some(OffsetSpec::Latest),
                Start::Time(time) => Some(OffsetSpec::At(time)),
            });
            let starts = starts.await?;
            let stops = look_up(&client, topic, &ranges, |range| match range.stop {
                Stop::Never | Stop::Offset(_) => None,
                Stop::HighWatermark => Some(OffsetSpec::Latest),
                Stop::Time(time) => Some(OffsetSpec::At(time)),
            });
            let stops = stops.await?;
            for range in ranges {
                let position = match range.start {
                    Start::Offset(offset) => offset,
                    _ => starts[&range.partition],
                };
                let stop = match range.stop {
                    Stop::Never => None,
                    Stop::Offset(offset) => Some(offset),
                    _ => Some(stops[&range.partition]),
                };
                // What lies beyond the end was not read, and must not look as if it was.
                if range.stop == Stop::HighWatermark && stop.is_some_and(|end| position > end) {
                    return Err(ClientError::OffsetOutOfRange {
                        topic: topic.to_owned(),
                        partition: range.partition,
                        offset: position,
                    });
                }
                let key = (Arc::clone(&shared), range.partition);
                cursors.insert(key, Cursor::new(position, stop));
            }
        }
        Ok(Self {
            pool: Pool::new(client.options().connection.clone()),
            retry: client.retry(),
            client,
            options,
            cursors,
            flights: Vec::new(),
            batches: VecDeque::new(),
            open: None,
        })
    }

    /// The next record of any partition; waits for one. `None` when all partitions have reached
    /// their stop. After an error it can be called again, and will meet the same trouble or not.
    pub async fn next(&mut self) -> Result<Option<FetchedRecord>, ClientError> {
        loop {
            if let Some(record) = self.take()? {
                return Ok(Some(record));
            }
            if self.is_done() {
                return Ok(None);
            }
            let step = match self.launch().await {
                Ok(()) => {
                    let (place, answer) = flight::first(&mut self.flights).await;
                    let flight = self.flights.swap_remove(place);
                    self.land(flight.keys, answer)
                }
                Err(error) => Err(error),
            };
            match step {
                Ok(()) => self.retry.reset(),
                Err(error) => {
                    for (topic, _) in self.cursors.keys() {
                        self.client.forget(topic);
                    }
                    self.retry.again(error).await?;
                }
            }
        }
    }

    /// Where the next record of a partition is read; `None` if it is not being read at all.
    pub fn position(&self, topic: &str, partition: PartitionId) -> Option<Offset> {
        let cursor = self.cursors.get(&(Arc::from(topic), partition))?;
        Some(cursor.position)
    }

    /// The high watermark of a partition as it was last heard.
    pub fn high_watermark(&self, topic: &str, partition: PartitionId) -> Option<Offset> {
        let cursor = self.cursors.get(&(Arc::from(topic), partition))?;
        cursor.high_watermark
    }

    fn is_done(&self) -> bool {
        self.cursors.values().all(Cursor::is_done)
    }

    /// The next record of what has come.
    fn take(&mut self) -> Result<Option<FetchedRecord>, ClientError> {
        loop {
            let Some((key, records)) = &mut self.open else {
                if !self.open_next()? {
                    return Ok(None);
                }
                continue;
            };
            let Some(cursor) = self.cursors.get_mut(key) else {
                self.open = None;
                continue;
            };
            match records.next() {
                Some(Ok(record)) => {
                    let offset = Offset::new(record.offset);
                    if offset < cursor.position {
                        continue;
                    }
                    cursor.position = offset;
                    if cursor.is_done() {
                        self.open = None;
                        continue;
                    }
                    cursor.position = offset.next();
                    return Ok(Some(FetchedRecord {
                        topic: Arc::clone(&key.0),
                        partition: key.1,
                        offset,
                        timestamp: Timestamp::from_millis(record.timestamp),
                        key: record.key,
                        value: record.value,
                        headers: record.headers,
                    }));
                }
                Some(Err(error)) => {
                    let error = damaged(key, cursor.position, error);
                    self.open = None;
                    return Err(error);
                }
                // The end of a batch may have been compacted away.
                None => {
                    cursor.pass(records.header());
                    self.open = None;
                }
            }
        }
    }

    /// Opens the next batch that has records for us; false if there is none.
    fn open_next(&mut self) -> Result<bool, ClientError> {
        while let Some((key, header, batch)) = self.batches.pop_front() {
            let Some(cursor) = self.cursors.get_mut(&key) else {
                continue;
            };
            cursor.buffered -= 1;
            let behind = header.next_offset() <= cursor.position.get();
            if behind || cursor.is_done() {
                continue;
            }
            let opened = cursor::check_crc(&header, &batch).and_then(|()| {
                // A marker is not a record, but it may be compressed: it stays closed.
                match header.is_control() {
                    true => Ok(None),
                    false => RecordIter::new(&batch, self.options.batch_memory_max).map(Some),
                }
            });
            match opened {
                Ok(Some(records)) => {
                    self.open = Some((key, records));
                    return Ok(true);
                }
                Ok(None) => cursor.pass(&header),
                Err(error) => {
                    let error = damaged(&key, cursor.position, error);
                    // What follows is fetched again, so that nothing is skipped.
                    cursor.buffered = 0;
                    self.batches.retain(|(other, _, _)| *other != key);
                    return Err(error);
                }
            }
        }
        Ok(false)
    }
}

fn damaged(key: &Key, offset: Offset, error: BatchError) -> ClientError {
    ClientError::Batch {
        topic: key.0.to_string(),
        partition: key.1,
        offset,
        error,
    }
}

/// Finds the positions that `spec` describes. A time after the last record means its end.
async fn look_up(
    client: &Client,
    topic: &str,
    ranges: &[&PartitionRange],
    spec: impl Fn(&PartitionRange) -> Option<OffsetSpec>,
) -> Result<BTreeMap<PartitionId, Offset>, ClientError> {
    let asked: Vec<_> = ranges
        .iter()
        .filter_map(|range| Some((range.partition, spec(range)?)))
        .collect();
    let found = client.list_offsets(topic, &asked).await?;
    let missing = |partition: &&PartitionId| found[*partition].is_none();
    let latest: Vec<_> = found
        .keys()
        .filter(missing)
        .map(|partition| (*partition, OffsetSpec::Latest))
        .collect();
    let ends = client.list_offsets(topic, &latest).await?;
    let listed = found.into_iter().chain(ends);
    Ok(listed
        .filter_map(|(partition, listed)| Some((partition, listed?.offset)))
        .collect())
}

#[cfg(test)]
mod tests;
