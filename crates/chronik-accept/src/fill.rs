//! Writing many records fast, and reading them back byte by byte.
//!
//! The value at an offset of a partition follows from both, so every reader can say whether what
//! it got is what was written there.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chronik_client::{
    Client, Delivery, Fetcher, FetcherOptions, NewTopic, PartitionRange, Producer, ProducerOptions,
    ProducerRecord, Start, Stop,
};
use chronik_types::{Offset, PartitionId};
use tokio::task::JoinSet;

use crate::Failure;
use crate::content::{content, identify, now};

/// Bytes of every value.
pub(crate) const VALUE_BYTES: usize = 1024;

/// Producers, each with a connection of its own; partitions are shared out between them.
const PRODUCERS: i32 = 2;

/// Deliveries of a partition that may be outstanding: memory, not speed, is bounded by it.
const OUTSTANDING_MAX: usize = 8192;

/// Records to write to a topic, evenly over its partitions.
#[derive(Clone, Debug)]
pub(crate) struct Fill {
    pub(crate) topic: String,
    pub(crate) partitions: i32,
    /// In each partition.
    pub(crate) per_partition: u64,
    /// Where each partition's first record goes: how many it has already.
    pub(crate) from: u64,
}

impl Fill {
    /// `records` in all, rounded up to fill the partitions evenly.
    pub(crate) fn new(topic: &str, partitions: i32, records: u64) -> Self {
        Self {
            topic: topic.to_owned(),
            partitions,
            per_partition: records.div_ceil(u64::from(partitions.unsigned_abs())),
            from: 0,
        }
    }

    /// As many records behind these.
    pub(crate) fn then(&self, records: u64) -> Self {
        Self {
            from: self.from + self.per_partition,
            ..Self::new(&self.topic, self.partitions, records)
        }
    }

    /// All records.
    pub(crate) fn records(&self) -> u64 {
        self.per_partition * u64::from(self.partitions.unsigned_abs())
    }

    /// Bytes of all values.
    pub(crate) fn bytes(&self) -> u64 {
        self.records() * VALUE_BYTES as u64
    }

    /// Makes the topic.
    pub(crate) async fn create(&self, kafka: &str) -> Result<(), Failure> {
        let topic = NewTopic {
            name: self.topic.clone(),
            partitions: Some(self.partitions),
            ..NewTopic::default()
        };
        let client = Client::connect(&[kafka.to_owned()]).await?;
        client.create_topic(&topic).await?;
        Ok(())
    }

    /// Writes everything with acks=all and checks that each record is acknowledged where it
    /// belongs; gives the time from the first send to the last acknowledgement.
    pub(crate) async fn write(&self, kafka: &str) -> Result<Duration, Failure> {
        let mut producers = Vec::new();
        for _ in 0..PRODUCERS {
            let client = Client::connect(&[kafka.to_owned()]).await?;
            let options = ProducerOptions {
                batch_bytes: 128 << 10,
                ..ProducerOptions::default()
            };
            producers.push(Arc::new(Producer::new(client, options).await?));
        }
        let begun = Instant::now();
        let mut lanes = JoinSet::new();
        for partition in 0..self.partitions {
            let producer = &producers[(partition % PRODUCERS) as usize];
            lanes.spawn(
                self.clone()
                    .write_partition(Arc::clone(producer), partition),
            );
        }
        while let Some(ended) = lanes.join_next().await {
            ended.map_err(|e| Failure::new(format!("a writer died: {e}")))??;
        }
        Ok(begun.elapsed())
    }

    async fn write_partition(self, producer: Arc<Producer>, partition: i32) -> Result<(), Failure> {
        let mut outstanding: VecDeque<(u64, Delivery)> = VecDeque::new();
        for number in self.from..self.from + self.per_partition {
            if outstanding.len() == OUTSTANDING_MAX {
                landed(outstanding.pop_front(), partition).await?;
            }
            let record = ProducerRecord {
                timestamp: now(),
                value: Some(content(partition as u32, number, VALUE_BYTES).into()),
                ..ProducerRecord::default()
            };
            let at = Some(PartitionId::new(partition));
            let delivery = producer.send(&self.topic, at, record).await?;
            outstanding.push_back((number, delivery));
        }
        while !outstanding.is_empty() {
            landed(outstanding.pop_front(), partition).await?;
        }
        Ok(())
    }

    /// Reads everything up to the high watermark with our client.
    pub(crate) async fn read(&self, kafka: &str) -> Result<Reading, Failure> {
        let client = Client::connect(&[kafka.to_owned()]).await?;
        let range = |partition| PartitionRange {
            topic: self.topic.clone(),
            partition: PartitionId::new(partition),
            start: Start::Earliest,
            stop: Stop::HighWatermark,
        };
        let ranges: Vec<_> = (0..self.partitions).map(range).collect();
        let mut fetcher = Fetcher::open(client, &ranges, FetcherOptions::default()).await?;
        let mut reading = Reading::new(self.partitions);
        while let Some(record) = fetcher.next().await? {
            let value = record.value.unwrap_or_default();
            reading.take(record.partition.get(), record.offset.get(), &value)?;
        }
        Ok(reading)
    }
}

/// Waits for a record's acknowledgement; its offset has to be its number.
async fn landed(sent: Option<(u64, Delivery)>, partition: i32) -> Result<(), Failure> {
    let Some((number, delivery)) = sent else {
        return Ok(());
    };
    let delivered = delivery.await?;
    match delivered.offset.map(Offset::get) == i64::try_from(number).ok() {
        true => Ok(()),
        false => Err(Failure::new(format!(
            "record {number} of partition {partition} is acknowledged at {:?}",
            delivered.offset
        ))),
    }
}

/// What a reader has seen of each partition: everything below a number, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Reading {
    next: Vec<u64>,
}

impl Reading {
    pub(crate) fn new(partitions: i32) -> Self {
        Self {
            next: vec![0; partitions.unsigned_abs() as usize],
        }
    }

    /// Takes the next record of a partition; it has to be the next, with the right bytes.
    pub(crate) fn take(
        &mut self,
        partition: i32,
        offset: i64,
        value: &[u8],
    ) -> Result<(), Failure> {
        let next = self
            .next
            .get_mut(partition.unsigned_abs() as usize)
            .ok_or_else(|| Failure::new(format!("there is no partition {partition}")))?;
        let expected = Some((partition.unsigned_abs(), *next));
        if i64::try_from(*next) != Ok(offset)
            || identify(value) != expected
            || value.len() != VALUE_BYTES
        {
            return Err(Failure::new(format!(
                "partition {partition}: record {next} was due, came offset {offset} with {:?}, {} bytes",
                identify(value),
                value.len()
            )));
        }
        *next += 1;
        Ok(())
    }

    /// Whether every partition was read to its end, which has to be where the writer stopped.
    pub(crate) fn is_complete(&self, fill: &Fill) -> bool {
        let end = fill.from + fill.per_partition;
        self.next.len() == fill.partitions.unsigned_abs() as usize
            && self.next.iter().all(|next| *next == end)
    }

    /// Records read.
    pub(crate) fn records(&self) -> u64 {
        self.next.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_a_repetition_a_stranger_and_a_damaged_byte_are_refused() {
        let good = content(0, 1, VALUE_BYTES);
        let mut damaged = good.clone();
        damaged[700] ^= 1;
        let mut reading = Reading::new(2);
        reading.take(0, 0, &content(0, 0, VALUE_BYTES)).unwrap();
        for (partition, offset, value) in [
            (0, 2, content(0, 2, VALUE_BYTES)),
            (0, 0, content(0, 0, VALUE_BYTES)),
            (0, 1, content(1, 1, VALUE_BYTES)),
            (0, 1, content(0, 1, VALUE_BYTES - 1)),
            (0, 1, damaged),
            (2, 0, content(2, 0, VALUE_BYTES)),
        ] {
            let before = reading.clone();
            assert!(reading.take(partition, offset, &value).is_err());
            assert_eq!(reading, before);
        }
        reading.take(0, 1, &good).unwrap();
    }

    #[test]
    fn a_reading_is_complete_only_when_every_partition_reached_the_writers_end() {
        let fill = Fill::new("t", 2, 3);
        assert_eq!(fill.records(), 4, "rounded up");
        let mut reading = Reading::new(2);
        for (partition, number) in [(0, 0), (0, 1), (1, 0)] {
            let value = content(partition as u32, number as u64, VALUE_BYTES);
            reading.take(partition, number, &value).unwrap();
            assert!(!reading.is_complete(&fill));
        }
        reading.take(1, 1, &content(1, 1, VALUE_BYTES)).unwrap();
        assert!(reading.is_complete(&fill));
        assert!(!reading.is_complete(&fill.then(2)));
        assert_eq!(reading.records(), 4);
    }
}
