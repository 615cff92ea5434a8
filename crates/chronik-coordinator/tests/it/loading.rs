//! Loading a long log.

use std::time::Instant;

use bytes::{BufMut, Bytes, BytesMut};
use chronik_coordinator::{GroupShard, Now, Replayed, Settings};
use chronik_types::PartitionId;

const GROUPS: usize = 1_000;
const TOPICS: usize = 10;
const PARTITIONS: usize = 100;

/// Prints how long it takes: `--nocapture`, and `--release` for a figure that means something.
#[test]
fn a_million_offsets_are_loaded() {
    let records: Vec<_> = (0..PARTITIONS)
        .flat_map(|p| (0..TOPICS).map(move |t| (p, t)))
        .flat_map(|(p, t)| (0..GROUPS).map(move |g| record(g, t, p)))
        .collect();
    let began = Instant::now();
    let mut shard = GroupShard::new(Settings::default());
    for (key, value) in &records {
        let replayed = shard.replay(Some(key), Some(value));
        assert_eq!(replayed, Ok(Replayed::OffsetCommitted));
    }
    shard.loaded(Now::default());
    let took = began.elapsed();
    println!("{} offsets in {took:?}", records.len());
    let facts = shard.facts();
    assert_eq!(facts.offsets, 1_000_000);
    assert_eq!(facts.empty, GROUPS);
    for (group, topic, partition) in [(0, 0, 0), (999, 9, 99), (500, 5, 50)] {
        let committed = shard.committed(
            &format!("group-{group}"),
            &format!("topic-{topic}"),
            PartitionId::new(partition),
        );
        assert_eq!(committed.unwrap().offset.get(), i64::from(partition));
    }
}

/// The worst order: each record is of another group than the one before.
fn record(group: usize, topic: usize, partition: usize) -> (Bytes, Bytes) {
    let mut key = BytesMut::new();
    key.put_i16(1);
    for text in [format!("group-{group}"), format!("topic-{topic}")] {
        key.put_u16(u16::try_from(text.len()).unwrap());
        key.put_slice(text.as_bytes());
    }
    key.put_i32(i32::try_from(partition).unwrap());
    let mut value = BytesMut::new();
    value.put_i16(3);
    value.put_i64(i64::try_from(partition).unwrap());
    value.put_i32(0);
    value.put_u16(0);
    value.put_i64(0);
    (key.freeze(), value.freeze())
}
