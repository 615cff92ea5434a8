//! Closed-loop load at full speed: one process writes, one reads back and checks.
//!
//! Record i goes to partition i modulo their number and its value begins with i, so that a reader
//! can tell a lost, doubled or moved record without remembering more than one number a partition.

use crate::args::Args;
use crate::client::{
    Deliveries, Fetches, PATIENCE, assign_all, config, consumer_config, create_topic, text,
};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Message, Offset};
use std::time::{Duration, Instant};

/// Between two records of a reader; a broker that says nothing for this long has failed.
const SILENCE_MAX: Duration = Duration::from_secs(60);

pub(crate) fn produce(mut args: Args) -> Result<(), String> {
    let bootstrap: String = args.need("bootstrap")?;
    let topic: String = args.need("topic")?;
    let partitions: i32 = args.need("partitions")?;
    let records: u64 = args.need("records")?;
    let size: usize = args.or("size", 1024)?;
    let batch: u32 = args.or("batch-bytes", 65_536)?;
    let acks: String = args.or("acks", "all".to_owned())?;
    let compression: String = args.or("compression", "none".to_owned())?;
    args.end()?;
    if partitions < 1 || size < 8 {
        return Err("--partitions is at least 1, --size at least 8".to_owned());
    }
    create_topic(&bootstrap, &topic, partitions)?;
    let producer: BaseProducer<Deliveries> = config(
        &bootstrap,
        &[
            ("acks", &acks),
            ("compression.type", &compression),
            ("batch.size", &batch.to_string()),
            ("batch.num.messages", "1000000"),
            ("linger.ms", "5"),
            ("queue.buffering.max.messages", "100000"),
            ("message.timeout.ms", "120000"),
        ],
    )
    .create_with_context(Deliveries::default())
    .map_err(text)?;
    let mut value = filler(size);
    let began = Instant::now();
    for number in 0..records {
        value[..8].copy_from_slice(&number.to_be_bytes());
        let partition = (number % partitions as u64) as i32;
        send(&producer, &topic, partition, &value)?;
        if number % 64 == 0 {
            producer.poll(Duration::ZERO);
        }
    }
    producer.flush(Duration::from_secs(120)).map_err(text)?;
    let seconds = began.elapsed().as_secs_f64();
    producer.context().all(records)?;
    report(records, records * size as u64, seconds, "");
    Ok(())
}

/// Queues one record; while the queue is full it serves deliveries.
pub(crate) fn send(
    producer: &BaseProducer<Deliveries>,
    topic: &str,
    partition: i32,
    value: &[u8],
) -> Result<(), String> {
    loop {
        let record = BaseRecord::<(), [u8]>::to(topic)
            .partition(partition)
            .payload(value);
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                producer.poll(Duration::from_millis(10));
            }
            Err((error, _)) => return Err(text(error)),
        }
    }
}

/// Bytes that do not compress to nothing: a xorshift sequence, the same every time.
pub(crate) fn filler(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..size).map(|_| next()).collect()
}

pub(crate) fn consume(mut args: Args) -> Result<(), String> {
    let bootstrap: String = args.need("bootstrap")?;
    let topic: String = args.need("topic")?;
    let records: u64 = args.need("records")?;
    let fetch_max: Option<u32> = args.take("max-fetch-bytes")?;
    args.end()?;
    let mut config = consumer_config(&bootstrap, &[("statistics.interval.ms", "200")]);
    if let Some(max) = fetch_max {
        config
            .set("fetch.message.max.bytes", max.to_string())
            // librdkafka refuses a fetch smaller than its largest message.
            .set("message.max.bytes", max.max(1000).to_string())
            .set("fetch.max.bytes", max.max(1000).to_string());
    }
    let consumer: BaseConsumer<Fetches> = config
        .create_with_context(Fetches::default())
        .map_err(text)?;
    let partitions = assign_all(&consumer, &topic, Offset::Beginning)?;
    let mut check = Sequence::new(partitions);
    let began = Instant::now();
    let mut bytes = 0;
    for _ in 0..records {
        let polled = consumer.poll(SILENCE_MAX);
        let message = polled.ok_or_else(|| format!("silence after {} records", check.seen))?;
        let message = message.map_err(text)?;
        let value = message.payload().unwrap_or_default();
        bytes += value.len() as u64;
        check.see(message.partition(), value)?;
    }
    let seconds = began.elapsed().as_secs_f64();
    check.nothing_is_left(&consumer, &topic, partitions)?;
    let mean = consumer.context().mean_bytes();
    let mean = mean.map_or("null".to_owned(), |bytes| format!("{bytes:.0}"));
    report(
        records,
        bytes,
        seconds,
        &format!(r#","fetch_bytes_mean":{mean}"#),
    );
    Ok(())
}

/// What `produce` wrote, seen again: each partition's numbers go up by the number of partitions.
struct Sequence {
    next: Vec<u64>,
    step: u64,
    seen: u64,
}

impl Sequence {
    fn new(partitions: i32) -> Self {
        let step = u64::try_from(partitions).unwrap_or(1);
        Self {
            next: (0..step).collect(),
            step,
            seen: 0,
        }
    }

    fn see(&mut self, partition: i32, value: &[u8]) -> Result<(), String> {
        let expected = usize::try_from(partition)
            .ok()
            .and_then(|partition| self.next.get_mut(partition))
            .ok_or_else(|| format!("partition {partition} was not assigned"))?;
        let number = value.first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
        if number != Some(*expected) {
            return Err(format!(
                "partition {partition}: record {number:?} instead of {expected}"
            ));
        }
        *expected += self.step;
        self.seen += 1;
        Ok(())
    }

    /// The partitions' ends say that no more was written than was read.
    fn nothing_is_left(
        &self,
        consumer: &BaseConsumer<Fetches>,
        topic: &str,
        partitions: i32,
    ) -> Result<(), String> {
        let mut held = 0;
        for partition in 0..partitions {
            let (low, high) = consumer
                .fetch_watermarks(topic, partition, PATIENCE)
                .map_err(text)?;
            held += u64::try_from(high - low).unwrap_or(0);
        }
        if held == self.seen {
            Ok(())
        } else {
            Err(format!(
                "{topic} holds {held} records, {} were read",
                self.seen
            ))
        }
    }
}

fn report(records: u64, bytes: u64, seconds: f64, more: &str) {
    let rate = bytes as f64 / 1e6 / seconds;
    println!(
        r#"{{"records":{records},"bytes":{bytes},"seconds":{seconds:.4},"mb_per_s":{rate:.1},"errors":0{more}}}"#
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_doubled_or_moved_record_is_told() {
        let value = |number: u64| number.to_be_bytes();
        let mut check = Sequence::new(2);
        assert_eq!(check.see(0, &value(0)), Ok(()));
        assert_eq!(check.see(1, &value(1)), Ok(()));
        assert_eq!(check.see(0, &value(2)), Ok(()));
        assert!(check.see(0, &value(2)).is_err(), "doubled");
        assert!(check.see(0, &value(6)).is_err(), "lost");
        assert!(check.see(1, &value(4)).is_err(), "moved");
        assert!(check.see(2, &value(4)).is_err(), "no such partition");
        assert!(check.see(1, b"short").is_err(), "no number");
    }
}
