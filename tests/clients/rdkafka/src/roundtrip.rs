//! The client suite of the `rdkafka` crate: records out, and back byte for byte.
//!
//! Prints a line per test and closes as `cargo test` does, so that the task runner can count them.
//! Every test makes a topic of its own. Absent: groups and transactions.

use crate::args::Args;
use crate::client::{PATIENCE, config, consumer_config, create_topic, text};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers, OwnedHeaders, Timestamp};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientContext, Message, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

/// The first record's timestamp, in milliseconds; three records share each second.
const START_MS: i64 = 1_700_000_000_000;

struct Test {
    name: String,
    run: Box<Run>,
}

type Run = dyn Fn(&Suite) -> Result<(), String>;

struct Suite {
    bootstrap: String,
}

pub(crate) fn run(mut args: Args) -> Result<(), String> {
    let suite = Suite {
        bootstrap: args.need("bootstrap")?,
    };
    let only = args.every("only");
    let wanted = |name: &str| only.is_empty() || only.iter().any(|begin| name.starts_with(begin));
    args.end()?;
    let (began, mut failures) = (Instant::now(), Vec::new());
    let (chosen, others): (Vec<_>, Vec<_>) =
        tests().into_iter().partition(|test| wanted(&test.name));
    for test in &chosen {
        let started = Instant::now();
        let result = (test.run)(&suite);
        let word = if result.is_ok() { "ok" } else { "FAILED" };
        let seconds = started.elapsed().as_secs_f64();
        println!("test {} ... {word} ({seconds:.1} s)", test.name);
        failures.extend(result.err().map(|reason| (&test.name, reason)));
    }
    for (name, reason) in &failures {
        println!("\n---- {name}\n{reason}");
    }
    println!(
        "\ntest result: {}. {} passed; {} failed; 0 ignored; 0 measured; {} filtered out; finished in {:.1}s",
        if failures.is_empty() { "ok" } else { "FAILED" },
        chosen.len() - failures.len(),
        failures.len(),
        others.len(),
        began.elapsed().as_secs_f64(),
    );
    match failures.len() {
        0 => Ok(()),
        failed => Err(format!("{failed} tests failed")),
    }
}

fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for codec in CODECS {
        tests.push(Test {
            name: format!("rdkafka.roundtrip.{codec}"),
            run: Box::new(move |suite| suite.roundtrip(&[("compression.type", codec)])),
        });
    }
    for codec in CODECS {
        let idempotent = [("compression.type", codec), ("enable.idempotence", "true")];
        tests.push(Test {
            name: format!("rdkafka.idempotent.{codec}"),
            run: Box::new(move |suite| suite.roundtrip(&idempotent)),
        });
    }
    let mut add = |name: &str, run: fn(&Suite) -> Result<(), String>| {
        tests.push(Test {
            name: format!("rdkafka.{name}"),
            run: Box::new(run),
        });
    };
    add("partitions", Suite::partitions);
    add("offset_inside_a_batch", Suite::offset_inside_a_batch);
    add("seek", Suite::seek);
    add("seek_by_time", Suite::seek_by_time);
    add("out_of_range", Suite::out_of_range);
    add("too_large_record", Suite::too_large_record);
    tests
}

/// A record as it is written and read; a value that is absent is a tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Record {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
    timestamp_ms: i64,
}

/// Records with every kind of key, value and header, absent and empty ones among them.
fn sample(count: usize) -> Vec<Record> {
    let record = |number: usize| Record {
        key: match number % 4 {
            0 => None,
            1 => Some(Vec::new()),
            _ => Some(format!("key-{number}").into_bytes()),
        },
        value: match number % 5 {
            // A tombstone has a key, or nobody could tell whose it is.
            0 if !number.is_multiple_of(4) => None,
            1 => Some(Vec::new()),
            2 => Some((0..=255).cycle().take(number * 7).collect()),
            _ => Some(format!("value {number} of {count}").into_bytes()),
        },
        headers: match number % 3 {
            0 => Vec::new(),
            1 => vec![("trace".to_owned(), Some(vec![0, 255, number as u8]))],
            _ => vec![
                ("same".to_owned(), Some(b"one".to_vec())),
                ("same".to_owned(), None),
                (String::new(), Some(Vec::new())),
            ],
        },
        timestamp_ms: START_MS + (number / 3) as i64 * 1000,
    };
    (0..count).map(record).collect()
}

/// Where each record went, by its number; or why it did not.
#[derive(Default)]
struct Placed(Mutex<BTreeMap<usize, Result<i64, RDKafkaErrorCode>>>);

impl ClientContext for Placed {}

impl ProducerContext for Placed {
    type DeliveryOpaque = Box<usize>;

    fn delivery(&self, result: &DeliveryResult<'_>, number: Box<usize>) {
        let placed = match result {
            Ok(message) => Ok(message.offset()),
            Err((error, _)) => Err(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)),
        };
        let mut all = self.0.lock().expect("nobody panics with it");
        all.insert(*number, placed);
    }
}

impl Suite {
    /// A new topic under a name nobody used before.
    fn topic(&self, about: &str, partitions: i32) -> Result<String, String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let unique = now.map_err(|e| e.to_string())?.as_nanos();
        let topic = format!("clients-rdkafka-{about}-{unique:x}");
        create_topic(&self.bootstrap, &topic, partitions)?;
        Ok(topic)
    }

    /// Writes the records; what became of each.
    fn produce(
        &self,
        topic: &str,
        partition: i32,
        records: &[Record],
        settings: &[(&str, &str)],
    ) -> Result<Vec<Result<i64, RDKafkaErrorCode>>, String> {
        let mut config = config(&self.bootstrap, &[("acks", "all"), ("linger.ms", "20")]);
        for (key, value) in settings {
            config.set(*key, *value);
        }
        let producer: BaseProducer<Placed> = config
            .create_with_context(Placed::default())
            .map_err(text)?;
        for (number, record) in records.iter().enumerate() {
            let mut out = BaseRecord::<[u8], [u8], _>::with_opaque_to(topic, Box::new(number))
                .partition(partition)
                .timestamp(record.timestamp_ms);
            out.key = record.key.as_deref();
            out.payload = record.value.as_deref();
            if !record.headers.is_empty() {
                out.headers = Some(headers_of(record));
            }
            producer.send(out).map_err(|(error, _)| text(error))?;
        }
        producer.flush(PATIENCE).map_err(text)?;
        let mut placed = producer.context().0.lock().expect("nobody panics with it");
        (0..records.len())
            .map(|number| placed.remove(&number))
            .map(|placed| placed.ok_or_else(|| "a record without an answer".to_owned()))
            .collect()
    }

    /// The offsets of records that all went well.
    fn produce_all(
        &self,
        topic: &str,
        partition: i32,
        records: &[Record],
        settings: &[(&str, &str)],
    ) -> Result<Vec<i64>, String> {
        let placed = self.produce(topic, partition, records, settings)?;
        let placed: Result<Vec<i64>, RDKafkaErrorCode> = placed.into_iter().collect();
        placed.map_err(|code| code.to_string())
    }

    fn assigned(&self, topic: &str, partition: i32, from: i64) -> Result<BaseConsumer, String> {
        let consumer: BaseConsumer =
            consumer_config(&self.bootstrap, &[("enable.partition.eof", "true")])
                .create()
                .map_err(text)?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(from))
            .map_err(text)?;
        consumer.assign(&list).map_err(text)?;
        Ok(consumer)
    }

    /// Offsets and records of a partition from an offset to its end.
    fn consume(
        &self,
        topic: &str,
        partition: i32,
        from: i64,
    ) -> Result<Vec<(i64, Record)>, String> {
        read_to_end(&self.assigned(topic, partition, from)?)
    }

    fn roundtrip(&self, settings: &[(&str, &str)]) -> Result<(), String> {
        let (topic, written) = (self.topic("roundtrip", 1)?, sample(300));
        let offsets = self.produce_all(&topic, 0, &written, settings)?;
        let dense: Vec<i64> = (0..300).collect();
        equal("offsets are dense and in order", &offsets, &dense)?;
        same(&topic, 0, &written, &self.consume(&topic, 0, 0)?)
    }

    fn partitions(&self) -> Result<(), String> {
        let (topic, written) = (self.topic("partitions", 3)?, sample(90));
        for partition in 0..3 {
            let from = partition as usize * 30;
            self.produce_all(&topic, partition, &written[from..from + 30], &[])?;
        }
        for partition in 0..3 {
            let from = partition as usize * 30;
            let read = self.consume(&topic, partition, 0)?;
            same(&topic, 0, &written[from..from + 30], &read)?;
        }
        Ok(())
    }

    fn offset_inside_a_batch(&self) -> Result<(), String> {
        let (topic, written) = (self.topic("offset", 1)?, sample(200));
        let one_batch = [("linger.ms", "500"), ("compression.type", "lz4")];
        self.produce_all(&topic, 0, &written, &one_batch)?;
        same(&topic, 137, &written[137..], &self.consume(&topic, 0, 137)?)
    }

    fn seek(&self) -> Result<(), String> {
        let (topic, written) = (self.topic("seek", 1)?, sample(60));
        self.produce_all(&topic, 0, &written, &[])?;
        let consumer = self.assigned(&topic, 0, 0)?;
        same(&topic, 0, &written, &read_to_end(&consumer)?)?;
        consumer
            .seek(&topic, 0, Offset::Offset(42), PATIENCE)
            .map_err(text)?;
        same(&topic, 42, &written[42..], &read_to_end(&consumer)?)
    }

    fn seek_by_time(&self) -> Result<(), String> {
        let (topic, written) = (self.topic("time", 1)?, sample(90));
        self.produce_all(&topic, 0, &written, &[])?;
        let consumer = self.assigned(&topic, 0, 0)?;
        let offset_at = |timestamp_ms| {
            let mut times = TopicPartitionList::new();
            times
                .add_partition_offset(&topic, 0, Offset::Offset(timestamp_ms))
                .map_err(text)?;
            let found = consumer.offsets_for_times(times, PATIENCE).map_err(text)?;
            Ok::<_, String>(found.elements()[0].offset())
        };
        // A time between two seconds means the later one.
        for (timestamp_ms, expected) in [
            (START_MS - 1, Offset::Offset(0)),
            (START_MS + 10_000, Offset::Offset(30)),
            (START_MS + 10_001, Offset::Offset(33)),
            (START_MS + 10_000_000, Offset::End),
        ] {
            equal("an offset by time", &offset_at(timestamp_ms)?, &expected)?;
        }
        same(&topic, 33, &written[33..], &self.consume(&topic, 0, 33)?)
    }

    fn out_of_range(&self) -> Result<(), String> {
        let topic = self.topic("range", 1)?;
        self.produce_all(&topic, 0, &sample(5), &[])?;
        let consumer = self.assigned(&topic, 0, 77)?;
        match consumer.poll(PATIENCE) {
            Some(Err(KafkaError::MessageConsumption(
                RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange,
            ))) => Ok(()),
            Some(Err(other)) => Err(format!("offset 77 of 5: {other}")),
            Some(Ok(message)) => Err(format!("offset 77 of 5 gave {}", message.offset())),
            None => Err("offset 77 of 5: no answer".to_owned()),
        }
    }

    fn too_large_record(&self) -> Result<(), String> {
        let topic = self.topic("large", 1)?;
        let record = |bytes: usize| Record {
            value: Some(vec![7; bytes]),
            ..sample(4)[3].clone()
        };
        // The client lets it pass, so the broker has to say no; what fits is not in its way.
        let written = [record(900_000), record(1_100_000)];
        let settings = [("message.max.bytes", "4000000"), ("linger.ms", "0")];
        let small = self.produce_all(&topic, 0, &written[..1], &settings)?;
        let large = self.produce(&topic, 0, &written[1..], &settings)?;
        equal("the record that fits", &small, &vec![0])?;
        let refused = vec![Err(RDKafkaErrorCode::MessageSizeTooLarge)];
        equal("the record that does not", &large, &refused)?;
        same(&topic, 0, &written[..1], &self.consume(&topic, 0, 0)?)
    }
}

fn headers_of(record: &Record) -> OwnedHeaders {
    let empty = OwnedHeaders::new_with_capacity(record.headers.len());
    record.headers.iter().fold(empty, |headers, (key, value)| {
        headers.insert(Header {
            key,
            value: value.as_deref(),
        })
    })
}

fn read_to_end(consumer: &BaseConsumer) -> Result<Vec<(i64, Record)>, String> {
    let end = Instant::now() + PATIENCE;
    let mut records = Vec::new();
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match consumer.poll(left.max(Duration::from_millis(1))) {
            Some(Ok(message)) => records.push((message.offset(), record_of(&message)?)),
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(records),
            Some(Err(error)) => return Err(text(error)),
            None => return Err(format!("no end after {} records", records.len())),
        }
    }
}

fn record_of(message: &impl Message) -> Result<Record, String> {
    let headers = message.headers().map(|headers| {
        let owned =
            |header: Header<'_, &[u8]>| (header.key.to_owned(), header.value.map(<[u8]>::to_vec));
        headers.iter().map(owned).collect()
    });
    match message.timestamp() {
        Timestamp::CreateTime(timestamp_ms) => Ok(Record {
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers.unwrap_or_default(),
            timestamp_ms,
        }),
        other => Err(format!("offset {}: timestamp {other:?}", message.offset())),
    }
}

/// What was read is what was written, from this offset on.
fn same(topic: &str, from: i64, written: &[Record], read: &[(i64, Record)]) -> Result<(), String> {
    for (at, (expected, (offset, record))) in written.iter().zip(read).enumerate() {
        equal(&format!("{topic}: offset"), offset, &(from + at as i64))?;
        equal(&format!("{topic}: record {offset}"), record, expected)?;
    }
    equal(&format!("{topic}: records"), &read.len(), &written.len())
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, got: &T, expected: &T) -> Result<(), String> {
    if got == expected {
        return Ok(());
    }
    Err(format!("{what}: got {got:?}, expected {expected:?}"))
}
