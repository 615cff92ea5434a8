//! Compaction by the running node: the last value of every key stays, in order, through kills.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use chronik_client::Connection;
use chronik_protocol::{BatchBuilder, BatchIter, Codec, RecordIter};
use chronik_types::ErrorCode;

use crate::node::{Node, data_dir};
use crate::wire::{create_topic, fetch_request, produce};

const TOPIC: &str = "compacted";
const KEYS: usize = 50;
/// Bytes of a batch: a segment of 1 MiB holds about 30.
const BATCH_BYTES: usize = 32 << 10;

/// By offset: key and value.
type Records = BTreeMap<i64, (String, Option<String>)>;

/// Small files, and a cleaner that looks again soon.
fn start(dir: &Path) -> Node {
    let file = dir.join("chronik.toml");
    let text = "\"chronik.checkpoint.max.bytes\" = 1048576\n\"log.cleaner.backoff.ms\" = 100\n";
    std::fs::write(&file, text).unwrap();
    let data: PathBuf = dir.join("data");
    Node::start_with(&data, &["--config", file.to_str().unwrap()])
}

async fn create(connection: &Connection) {
    let configs = [
        ("cleanup.policy", "compact"),
        ("segment.bytes", "1048576"),
        ("min.cleanable.dirty.ratio", "0.1"),
        ("delete.retention.ms", "0"),
    ];
    create_topic(connection, TOPIC, &configs).await;
}

/// Batches of four records over a few keys. Every 17th record is a tombstone.
fn batch(number: usize) -> (Bytes, Vec<(String, Option<String>)>) {
    let codecs = [Codec::None, Codec::Lz4, Codec::Zstd];
    let mut builder = BatchBuilder::new(codecs[number % codecs.len()]);
    let records: Vec<_> = (number * 4..number * 4 + 4)
        .map(|n| {
            let value = (n % 17 > 0).then(|| noise(n, BATCH_BYTES / 4));
            (format!("key {}", n * 31 % KEYS), value)
        })
        .collect();
    for (key, value) in &records {
        let value = value.as_ref().map(String::as_bytes);
        builder
            .push(1_700_000_000_000, Some(key.as_bytes()), value, &[])
            .unwrap();
    }
    (builder.build().unwrap(), records)
}

/// Text that no codec makes much smaller.
fn noise(seed: usize, bytes: usize) -> String {
    let mut state = seed as u64 + 1;
    let mut text = format!("value {seed} ");
    while text.len() < bytes {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        text.push_str(&format!("{:x}", state >> 20));
    }
    text
}

/// Writes batches one after the other; false once the connection is gone, the last one in doubt.
async fn write(connection: &Connection, count: usize, written: &mut Written) -> bool {
    for _ in 0..count {
        let (bytes, records) = batch(written.batches);
        match produce(connection, TOPIC, bytes).await {
            Some((0, base)) => {
                written.note(base, records);
                written.batches += 1;
            }
            None => return false,
            Some(refused) => panic!("{refused:?}"),
        }
    }
    true
}

#[derive(Default)]
struct Written {
    batches: usize,
    records: Records,
}

impl Written {
    fn note(&mut self, base: i64, records: Vec<(String, Option<String>)>) {
        // The one in doubt was stored, and stored again now: what it says is the same.
        self.records.extend((base..).zip(records));
    }
}

/// Everything that can be read, in the order it came.
async fn read(connection: &Connection) -> Records {
    let mut found = Records::new();
    let mut offset = 0;
    loop {
        let request = fetch_request(TOPIC, offset, 1 << 20);
        let response = connection.call(&request, 11).await.unwrap();
        let data = &response.responses[0].partitions[0];
        assert_eq!(data.error_code, 0);
        let batches = data.records.clone().unwrap_or_default();
        if batches.is_empty() {
            assert_eq!(offset, data.high_watermark, "the end is reached");
            return found;
        }
        for batch in BatchIter::new(&batches) {
            let (at, header) = batch.unwrap();
            let bytes = batches.slice(at..at + header.size());
            for record in RecordIter::new(&bytes, 1 << 20).unwrap() {
                let record = record.unwrap();
                let last = found.last_key_value().map_or(-1, |(last, _)| *last);
                assert!(record.offset > last, "{} after {last}", record.offset);
                let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
                let pair = (record.key.map(text).unwrap(), record.value.map(text));
                found.insert(record.offset, pair);
            }
            offset = header.next_offset();
        }
    }
}

/// I11. Records that were in doubt may be there as well, with offsets nobody was told.
fn assert_is_compaction(found: &Records, written: &Written) {
    let mut last: BTreeMap<&str, i64> = BTreeMap::new();
    for (offset, (key, _)) in &written.records {
        last.insert(key, *offset);
    }
    for (offset, record) in found {
        if let Some(was) = written.records.get(offset) {
            assert_eq!(record, was, "offset {offset}");
        }
    }
    for (key, offset) in last {
        let of_key = || found.iter().filter(|(_, (other, _))| other == key);
        let superseded = of_key().any(|(later, _)| *later > offset);
        let tombstone = written.records[&offset].1.is_none();
        let gone = tombstone && of_key().next().is_none();
        assert!(
            found.contains_key(&offset) || superseded || gone,
            "{key} at {offset} is lost"
        );
    }
}

fn metric(node: &Node, name: &str) -> u64 {
    let page = node.get("/metrics");
    let line = page.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in {page}"))
        .trim()
        .parse()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_value_of_every_key_is_read_after_compaction_and_a_restart() {
    let test = async {
        let dir = data_dir();
        let node = start(dir.path());
        let connection = Connection::connect(&node.kafka).await.unwrap();
        create(&connection).await;
        let mut written = Written::default();
        assert!(write(&connection, 200, &mut written).await);
        // Each pass says what it did; the last of these leaves less than is written by the keys.
        let line = node.wait_for_line("event=\"compacted\"");
        assert!(
            line.contains("log=\"compacted-0\"") && line.contains("dropped="),
            "{line}"
        );
        let found = read(&connection).await;
        assert!(found.len() < written.records.len(), "{} stay", found.len());
        assert_is_compaction(&found, &written);
        assert!(metric(&node, "chronik_cleaner_runs ") > 0);
        assert!(metric(&node, "chronik_cleaner_records_dropped ") > 0);
        assert_eq!(metric(&node, "chronik_cleaner_uncleanable_partitions "), 0);
        // A record needs a key, and a batch a segment that holds it.
        let keyless = crate::wire::batch(Codec::None, b"value");
        let answer = produce(&connection, TOPIC, keyless).await;
        assert_eq!(answer.map(|a| a.0), Some(ErrorCode::InvalidRecord.code()));
        drop(connection);
        assert_eq!(node.terminate(), Some(0));
        let node = start(dir.path());
        let connection = Connection::connect(&node.kafka).await.unwrap();
        assert_is_compaction(&read(&connection).await, &written);
        assert!(write(&connection, 10, &mut written).await);
        assert_is_compaction(&read(&connection).await, &written);
    };
    let minutes = Duration::from_secs(120);
    tokio::time::timeout(minutes, test).await.expect("in time");
}

/// Each round ends by `kill -9` as soon as a compaction has ended, while others go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compaction_that_is_killed_loses_no_key() {
    const ROUNDS: u64 = 5;
    let test = async {
        let dir = data_dir();
        let mut node = start(dir.path());
        let mut connection = Connection::connect(&node.kafka).await.unwrap();
        create(&connection).await;
        let mut written = Written::default();
        for round in 0..ROUNDS {
            let pid = rustix::process::Pid::from_raw(node.pid() as i32).unwrap();
            assert!(write(&connection, 60, &mut written).await);
            node.wait_for_line("event=\"compacted\"");
            let killer = tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(30 + 23 * round)).await;
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
            });
            while write(&connection, 10, &mut written).await {}
            killer.await.unwrap();
            node.kill();
            node = start(dir.path());
            connection = Connection::connect(&node.kafka).await.unwrap();
            assert_is_compaction(&read(&connection).await, &written);
        }
        let page = node.get("/metrics");
        assert!(
            page.contains("chronik_cleaner_uncleanable_partitions 0"),
            "{page}"
        );
    };
    let minutes = Duration::from_secs(120);
    tokio::time::timeout(minutes, test).await.expect("in time");
}

#[tokio::test]
async fn a_batch_larger_than_a_segment_is_refused_as_kafka_refuses_it() {
    let dir = data_dir();
    let node = start(dir.path());
    let connection = Connection::connect(&node.kafka).await.unwrap();
    let configs = [
        ("segment.bytes", "1048576"),
        ("max.message.bytes", "4000000"),
    ];
    create_topic(&connection, "small-segments", &configs).await;
    let large = crate::wire::batch(Codec::None, &vec![7; 1 << 20]);
    let answer = produce(&connection, "small-segments", large).await;
    let code = ErrorCode::RecordListTooLarge.code();
    assert_eq!(answer.map(|answer| answer.0), Some(code));
    let fits = crate::wire::batch(Codec::None, &vec![7; 1_000_000]);
    let answer = produce(&connection, "small-segments", fits).await;
    assert_eq!(answer, Some((0, 0)));
}
