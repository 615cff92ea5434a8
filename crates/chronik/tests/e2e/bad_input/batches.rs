//! Record batches that are none, compressed bombs among them: the answers are Kafka 4.3.1's but
//! where the table says otherwise.

use std::fmt::Write as _;

use bytes::Bytes;
use chronik_client::Connection;
use chronik_protocol::Codec;
use chronik_types::ErrorCode;
use expect_test::expect;

use super::{BUDGET, assert_bounded, start};
use crate::node::data_dir;
use crate::wire::{batch, create_topic, produce, read_all};

const LENGTH_AT: usize = 8;
const MAGIC_AT: usize = 16;
const CRC_AT: usize = 17;
const ATTRIBUTES_AT: usize = 21;
const LAST_OFFSET_DELTA_AT: usize = 23;
const PRODUCER_ID_AT: usize = 43;
const COUNT_AT: usize = 57;
const RECORDS_AT: usize = 61;

/// A good batch with other bytes at a place, and a CRC that fits them.
fn with(at: usize, bytes: &[u8]) -> Bytes {
    let mut batch = batch(Codec::None, b"value").to_vec();
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    sealed(batch)
}

/// With the CRC of its bytes.
fn sealed(mut batch: Vec<u8>) -> Bytes {
    let crc = crc_fast::crc32_iscsi(&batch[ATTRIBUTES_AT..]);
    batch[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&crc.to_be_bytes());
    batch.into()
}

/// With these bytes for its records.
fn with_records(attributes: u8, records: &[u8]) -> Bytes {
    let mut batch = batch(Codec::None, b"value")[..RECORDS_AT].to_vec();
    batch.extend_from_slice(records);
    batch[ATTRIBUTES_AT + 1] = attributes;
    let length = i32::try_from(batch.len() - LENGTH_AT - 4).unwrap();
    batch[LENGTH_AT..LENGTH_AT + 4].copy_from_slice(&length.to_be_bytes());
    sealed(batch)
}

/// What is sent, and the code that Kafka 4.3.1 answered to the same; -1 is UNKNOWN_SERVER_ERROR.
fn hostile() -> Vec<(&'static str, Bytes, i16)> {
    let good = batch(Codec::None, b"value");
    let records = good[RECORDS_AT..].to_vec();
    let mut wrong_crc = good.to_vec();
    wrong_crc[CRC_AT] ^= 1;
    let count = |count: i32| {
        let mut batch = with(COUNT_AT, &count.to_be_bytes()).to_vec();
        let last = count.wrapping_sub(1).to_be_bytes();
        batch[LAST_OFFSET_DELTA_AT..LAST_OFFSET_DELTA_AT + 4].copy_from_slice(&last);
        sealed(batch)
    };
    let length = |length: i32| with(LENGTH_AT, &length.to_be_bytes());
    vec![
        ("no bytes", Bytes::new(), 87),
        ("magic 0", with(MAGIC_AT, &[0]), 87),
        ("magic 1", with(MAGIC_AT, &[1]), 87),
        ("magic 3", with(MAGIC_AT, &[3]), 2),
        ("magic -1", with(MAGIC_AT, &[0xff]), 2),
        ("wrong crc", wrong_crc.into(), 2),
        ("cut off", good.slice(..good.len() - 3), 87),
        ("cut off in its header", good.slice(..20), 87),
        ("length beyond the records", length(1000), 87),
        ("length below a header", length(40), 2),
        ("negative length", length(-1), 2),
        ("length of 2 GiB", length(i32::MAX), -1),
        ("count 2 of 1", count(2), 87),
        ("count 0", count(0), 87),
        ("count -1", count(-1), 87),
        ("count 2^31-1", count(i32::MAX), 87),
        (
            "last offset delta 5",
            with(LAST_OFFSET_DELTA_AT, &[0, 0, 0, 5]),
            87,
        ),
        ("two batches", [&good[..], &good].concat().into(), 87),
        (
            "bytes after the batch",
            [&good[..], &[0; 5]].concat().into(),
            0,
        ),
        ("base offset 9", with(0, &9_i64.to_be_bytes()), 87),
        ("codec 5", with(ATTRIBUTES_AT, &[0, 5]), -1),
        ("control batch", with(ATTRIBUTES_AT, &[0, 0x20]), 87),
        (
            "producer without sequence",
            with(PRODUCER_ID_AT, &5_i64.to_be_bytes()),
            87,
        ),
        ("a record's length lies", with(RECORDS_AT, &[0x7f]), 87),
        (
            "bytes after the record",
            with_records(0, &[&records[..], &[0, 0]].concat()),
            87,
        ),
        ("gzip that is none", with_records(1, b"garbage!!!"), -1),
    ]
}

#[tokio::test]
async fn hostile_batches_get_kafkas_answer_and_what_is_stored_stays_readable() {
    let dir = data_dir();
    let node = start(&dir, "");
    let connection = Connection::connect(&node.kafka).await.unwrap();
    create_topic(&connection, "hostile", &[]).await;
    let name = |code| ErrorCode::from_code(code).map_or("none", ErrorCode::name);
    let mut table = String::new();
    for (what, bytes, kafka) in hostile() {
        let (code, _) = produce(&connection, "hostile", bytes).await.unwrap();
        write!(table, "{what}: {}", name(code)).unwrap();
        if code != kafka {
            write!(table, " (Kafka: {})", name(kafka)).unwrap();
        }
        table.push('\n');
    }
    expect![[r#"
        no bytes: INVALID_RECORD
        magic 0: INVALID_RECORD
        magic 1: INVALID_RECORD
        magic 3: CORRUPT_MESSAGE
        magic -1: CORRUPT_MESSAGE
        wrong crc: CORRUPT_MESSAGE
        cut off: INVALID_RECORD
        cut off in its header: INVALID_RECORD
        length beyond the records: INVALID_RECORD
        length below a header: CORRUPT_MESSAGE
        negative length: CORRUPT_MESSAGE
        length of 2 GiB: INVALID_RECORD (Kafka: UNKNOWN_SERVER_ERROR)
        count 2 of 1: INVALID_RECORD
        count 0: INVALID_RECORD
        count -1: INVALID_RECORD
        count 2^31-1: INVALID_RECORD
        last offset delta 5: INVALID_RECORD
        two batches: INVALID_RECORD
        bytes after the batch: INVALID_RECORD (Kafka: NONE)
        base offset 9: INVALID_RECORD
        codec 5: CORRUPT_MESSAGE (Kafka: UNKNOWN_SERVER_ERROR)
        control batch: INVALID_RECORD
        producer without sequence: INVALID_RECORD
        a record's length lies: INVALID_RECORD
        bytes after the record: INVALID_RECORD
        gzip that is none: NONE (Kafka: UNKNOWN_SERVER_ERROR)
    "#]]
    .assert_eq(&table);

    create_topic(&connection, "good", &[]).await;
    let good = batch(Codec::None, b"value");
    let answer = produce(&connection, "good", good).await;
    assert_eq!(answer, Some((0, 0)));
    let stored = read_all(&connection, "good").await;
    assert_eq!(stored, [(0, b"value".to_vec())]);
    assert_bounded(&node, BUDGET);
}

/// A bomb is below the topic's limit as it comes and far above every limit when opened. Nobody
/// opens it where the topic does not ask for what is inside; where it does, opening ends early.
#[tokio::test]
async fn compressed_bombs_cost_no_memory() {
    let dir = data_dir();
    let node = start(&dir, "");
    let connection = Connection::connect(&node.kafka).await.unwrap();
    create_topic(&connection, "bombs", &[]).await;
    create_topic(&connection, "opened", &[("cleanup.policy", "compact")]).await;
    let value = vec![0_u8; 200 << 20];
    for codec in [Codec::Gzip, Codec::Zstd] {
        let bomb = batch(codec, &value);
        assert!(bomb.len() < 1 << 20, "{codec:?}: {} bytes", bomb.len());
        let stored = produce(&connection, "bombs", bomb.clone()).await.unwrap();
        assert_eq!(stored.0, 0, "{codec:?}");
        let refused = produce(&connection, "opened", bomb).await.unwrap();
        let code = ErrorCode::MessageTooLarge.code();
        assert_eq!(refused, (code, -1), "{codec:?}");
    }
    assert_bounded(&node, BUDGET);
}
