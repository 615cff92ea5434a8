//! Closed-loop load at full speed: one process writes, one reads back and checks.
//!
//! Record i goes to partition i modulo their number and its value begins with i, so that a reader
//! can tell a lost, doubled or moved record.

use crate::args::Args;
use crate::client::{Deliveries, Fetches, assign_all, config, consumer_config, create_topic, text};
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
    let settings = [
        ("statistics.interval.ms", "200"),
        ("enable.partition.eof", "true"),
    ];
    let mut config = consumer_config(&bootstrap, &settings);
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
    let mut check = Seen::new(records, partitions);
    let began = Instant::now();
    let (mut bytes, mut seconds, mut ends) = (0, 0.0, 0);
    // Every partition is read to its end: more than was written would show as much as less.
    while ends < partitions {
        let polled = consumer.poll(SILENCE_MAX);
        let message = match polled.ok_or_else(|| format!("silence after {} records", check.seen))? {
            Ok(message) => message,
            Err(KafkaError::PartitionEOF(_)) => {
                ends += 1;
                continue;
            }
            Err(error) => return Err(text(error)),
        };
        let value = message.payload().unwrap_or_default();
        bytes += value.len() as u64;
        check.see(message.partition(), value)?;
        if check.seen == records {
            seconds = began.elapsed().as_secs_f64();
        }
    }
    if check.seen != records {
        return Err(format!("{topic} holds {} of {records} records", check.seen));
    }
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

/// What `produce` wrote, seen again: each number once, in its partition. Not in its order: a
/// producer that is not idempotent may have sent a batch again after the ones behind it.
struct Seen {
    /// A bit for each record.
    numbers: Vec<u64>,
    records: u64,
    partitions: u64,
    seen: u64,
}

impl Seen {
    fn new(records: u64, partitions: i32) -> Self {
        Self {
            numbers: vec![0; records.div_ceil(64) as usize],
            records,
            partitions: u64::try_from(partitions).unwrap_or(1),
            seen: 0,
        }
    }

    fn see(&mut self, partition: i32, value: &[u8]) -> Result<(), String> {
        let number = value.first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
        let number = number.filter(|number| *number < self.records);
        let number = number.ok_or("a record that the producer did not write")?;
        if u64::try_from(partition) != Ok(number % self.partitions) {
            return Err(format!("record {number} is in partition {partition}"));
        }
        let (word, bit) = ((number / 64) as usize, 1 << (number % 64));
        if self.numbers[word] & bit != 0 {
            return Err(format!("record {number} is there twice"));
        }
        self.numbers[word] |= bit;
        self.seen += 1;
        Ok(())
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
    fn a_doubled_moved_or_foreign_record_is_told() {
        let value = |number: u64| number.to_be_bytes();
        let mut check = Seen::new(6, 2);
        assert_eq!(check.see(0, &value(2)), Ok(()));
        assert_eq!(check.see(0, &value(0)), Ok(()), "sent again, so behind");
        assert_eq!(check.see(1, &value(1)), Ok(()));
        assert!(check.see(0, &value(2)).is_err(), "doubled");
        assert!(check.see(1, &value(4)).is_err(), "moved");
        assert!(check.see(0, &value(6)).is_err(), "foreign");
        assert!(check.see(1, b"short").is_err(), "no number");
        assert_eq!(check.seen, 3);
    }
}
