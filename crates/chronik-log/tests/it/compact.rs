//! Compaction of whole logs: what stays, what is forgotten, what a restart finds.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chronik_io::fs::Disk;
use chronik_io::fs::sim::Fault;
use chronik_log::{LogConfig, LogError, LogManager, LogManagerOptions, PartitionLog};
use chronik_protocol::{BatchBuilder, BatchIter, Codec, ProducerStamp, RecordIter};
use chronik_types::{Durability, LeaderEpoch, Offset, Timestamp};

use crate::paused_disk::PausedDisk;
use crate::support::*;

/// By offset: key and value.
type Records = BTreeMap<i64, (String, Option<String>)>;

fn compacted() -> LogConfig {
    LogConfig {
        segment_bytes: 4096,
        index_interval_bytes: 300,
        cleanup_compact: true,
        cleanup_delete: false,
        ..LogConfig::default()
    }
}

/// The cleaner runs only when asked.
fn by_hand() -> LogManagerOptions {
    LogManagerOptions {
        cleaner_enable: false,
        ..options()
    }
}

pub(crate) fn keyed(
    codec: Codec,
    producer: Option<ProducerStamp>,
    records: &[(String, Option<String>)],
) -> BytesMut {
    let mut builder = BatchBuilder::new(codec);
    if let Some(producer) = producer {
        builder = builder.producer(producer);
    }
    for (key, value) in records {
        let value = value.as_ref().map(String::as_bytes);
        builder
            .push(1_700_000_000_000, Some(key.as_bytes()), value, &[])
            .unwrap();
    }
    BytesMut::from(&builder.build().unwrap()[..])
}

/// Appends batches of three records over 40 keys, every tenth of them a tombstone.
fn fill(log: &Arc<PartitionLog>, batches: usize, written: &mut Records) {
    for n in 0..batches {
        let records: Vec<_> = (0..3)
            .map(|i| {
                let at = n * 3 + i;
                let value = (at % 10 != 9).then(|| format!("value {at} {}", "x".repeat(60)));
                (format!("key {}", at * 7 % 40), value)
            })
            .collect();
        let codec = Codec::ALL[n % 5];
        let base = append(log, keyed(codec, None, &records))
            .unwrap()
            .base_offset;
        for (i, record) in records.into_iter().enumerate() {
            written.insert(base.get() + i as i64, record);
        }
    }
}

pub(crate) fn records_of(batches: &Bytes) -> Records {
    let mut found = Records::new();
    for batch in BatchIter::new(batches) {
        let (at, header) = batch.unwrap();
        let bytes = batches.slice(at..at + header.size());
        for record in RecordIter::new(&bytes, 1 << 20).unwrap() {
            let record = record.unwrap();
            let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
            let pair = (
                record.key.map(text).unwrap_or_default(),
                record.value.map(text),
            );
            let again = found.insert(record.offset, pair);
            assert!(again.is_none(), "offset {} twice", record.offset);
        }
    }
    found
}

/// The last record of every key.
fn last_of_each(records: &Records) -> Records {
    let mut last = BTreeMap::new();
    for (offset, (key, _)) in records {
        last.insert(key, *offset);
    }
    let is_last = |(offset, (key, _)): &(&i64, &(String, Option<String>))| last[key] == **offset;
    let kept = records.iter().filter(is_last);
    kept.map(|(offset, record)| (*offset, record.clone()))
        .collect()
}

/// I11: what is there was written, and of each key written the last record is there, or it was a
/// tombstone and nothing of the key is there.
pub(crate) fn is_compaction_of(found: &Records, written: &Records) -> bool {
    let genuine = found
        .iter()
        .all(|(offset, record)| written.get(offset) == Some(record));
    let kept = last_of_each(written).iter().all(|(offset, (key, value))| {
        found.contains_key(offset)
            || (value.is_none() && found.values().all(|(other, _)| other != key))
    });
    genuine && kept
}

async fn clean(manager: &LogManager) -> Option<chronik_log::CompactionRun> {
    let key = key("t", 0);
    let run = manager.clean(key.topic_id, key.partition);
    let run = tokio::time::timeout(Duration::from_secs(3600), run).await;
    run.expect("it ends").unwrap()
}

fn create(manager: &LogManager, class: Durability, config: LogConfig) -> Arc<PartitionLog> {
    manager.create(key("t", 0), class, config).unwrap()
}

fn log_of(manager: &LogManager) -> Arc<PartitionLog> {
    let key = key("t", 0);
    manager.get(key.topic_id, key.partition).unwrap()
}

#[tokio::test]
async fn the_last_record_of_every_key_stays_across_passes_and_restarts() {
    for class in [Durability::QuorumFsync, Durability::QuorumMemory] {
        let world = RealWorld::new();
        let (manager, _) = world.open_with(by_hand()).await;
        let log = create(&manager, class, compacted());
        let mut written = Records::new();
        fill(&log, 200, &mut written);
        manager.checkpoint().await.unwrap();
        let active = log.segments().last().unwrap().base_offset;
        let before = log.size_bytes();
        let run = clean(&manager).await.expect("it is dirty");
        assert_eq!((run.from, run.upto), (Offset::ZERO, active));
        assert!(run.bytes_after < run.bytes_before / 2, "{run:?}");
        assert!(log.size_bytes() < before / 2);
        let dirty: Records = written.clone().split_off(&active.get());
        let clean_part: Records = written
            .range(..active.get())
            .map(|(o, r)| (*o, r.clone()))
            .collect();
        let mut expected = last_of_each(&clean_part);
        expected.extend(dirty);
        let found = records_of(&read_all(&log));
        assert_eq!(found, expected);
        assert_eq!(clean(&manager).await, None, "nothing is dirty any more");
        // From any offset the next record that is there follows.
        for from in 0..600 {
            let rest = records_of(&read_from(&log, Offset::new(from)));
            let rest: Vec<_> = rest.keys().filter(|offset| **offset >= from).collect();
            assert_eq!(
                rest,
                expected.range(from..).map(|(o, _)| o).collect::<Vec<_>>()
            );
        }
        manager.close().await.unwrap();

        let text = std::fs::read_to_string(world.file("cleaner-offset-checkpoint")).unwrap();
        assert_eq!(text, format!("0\n1\nt 0 {active}\n"));
        let (manager, report) = world.open_with(by_hand()).await;
        assert!(report.clean);
        let log = log_of(&manager);
        log.set_config(compacted());
        assert_eq!(records_of(&read_all(&log)), expected);
        assert_eq!(log.compaction().cleaned_offset, active);
        fill(&log, 100, &mut written);
        manager.checkpoint().await.unwrap();
        let run = clean(&manager).await.unwrap();
        assert_eq!(run.from, active);
        assert!(is_compaction_of(&records_of(&read_all(&log)), &written));
        assert_eq!(log.compaction().last_run, Some(run));
        manager.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_kafka_reads_of_a_compacted_log_is_whole() {
    let world = RealWorld::new();
    let (manager, _) = world.open_with(by_hand()).await;
    let log = create(&manager, Durability::QuorumFsync, compacted());
    fill(&log, 300, &mut Records::new());
    manager.checkpoint().await.unwrap();
    clean(&manager).await.unwrap();
    // What the first pass made small the second makes one.
    fill(&log, 20, &mut Records::new());
    manager.checkpoint().await.unwrap();
    let before = log.segments().len();
    let upto = clean(&manager).await.unwrap().upto;
    assert!(log.segments().len() < before, "small neighbours became one");
    manager.close().await.unwrap();
    let disk = chronik_io::fs::RealDisk::new();
    let mut lines = Vec::new();
    let mut line = |line: &str| lines.push(line.to_owned());
    let found = chronik_log::inspect::inspect(&disk, &world.file("t-0"), &mut line).unwrap();
    assert_eq!(found.damage, []);
    assert!(lines.contains(&format!("  compacted below offset {upto}")));
    assert!(found.files > 4);
    let names: Vec<_> = std::fs::read_dir(world.file("t-0"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let odd = |name: &&String| {
        [".swap", ".cleaned", ".tmp"]
            .iter()
            .any(|s| name.ends_with(s))
    };
    assert_eq!(names.iter().find(odd), None);
}

#[tokio::test(start_paused = true)]
async fn tombstones_go_after_their_retention_and_their_keys_with_them() {
    let world = SimWorld::new();
    let (manager, _) = world.open_with(by_hand()).await;
    let config = LogConfig {
        delete_retention_ms: 60_000,
        ..compacted()
    };
    let log = create(&manager, Durability::QuorumFsync, config);
    let mut written = Records::new();
    for value in [Some("value".to_owned()), None] {
        let record = ("gone".to_owned(), value);
        let batch = keyed(Codec::None, None, std::slice::from_ref(&record));
        let at = append(&log, batch).unwrap().base_offset;
        written.insert(at.get(), record);
    }
    fill(&log, 200, &mut written);
    manager.checkpoint().await.unwrap();
    clean(&manager).await.unwrap();
    let of_gone = |log: &PartitionLog| {
        let found = records_of(&read_all(log));
        let of_key = found.into_iter().filter(|(_, (key, _))| key == "gone");
        of_key.map(|(offset, _)| offset).collect::<Vec<_>>()
    };
    assert_eq!(of_gone(&log), [1], "the tombstone alone");
    for (wait, goes) in [(59, false), (2, true)] {
        tokio::time::sleep(Duration::from_secs(wait)).await;
        fill(&log, 40, &mut written);
        manager.checkpoint().await.unwrap();
        clean(&manager).await.unwrap();
        assert_eq!(of_gone(&log).is_empty(), goes, "after {wait} s more");
        assert!(is_compaction_of(&records_of(&read_all(&log)), &written));
    }
}

#[tokio::test]
async fn a_producers_sequence_survives_the_loss_of_all_its_records() {
    let world = RealWorld::new();
    let (manager, _) = world.open_with(by_hand()).await;
    let log = create(&manager, Durability::QuorumFsync, compacted());
    let stamp = |sequence| {
        Some(ProducerStamp {
            producer_id: 9,
            producer_epoch: 2,
            base_sequence: sequence,
        })
    };
    let record = [("key 0".to_owned(), Some("of nine".to_owned()))];
    append(&log, keyed(Codec::None, stamp(0), &record)).unwrap();
    append(&log, keyed(Codec::None, stamp(1), &record)).unwrap();
    fill(&log, 100, &mut Records::new());
    manager.checkpoint().await.unwrap();
    clean(&manager).await.unwrap();
    let first = read_from(&log, Offset::ZERO);
    let (_, header) = BatchIter::new(&first).next().unwrap().unwrap();
    assert_eq!(
        (header.base_offset, header.count),
        (1, 0),
        "kept without records"
    );
    assert_eq!((header.producer_id, header.base_sequence), (9, 1));
    // Without any snapshot, the log itself must tell.
    drop((manager, log));
    for entry in std::fs::read_dir(world.file("t-0")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|suffix| suffix == "snapshot") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let (manager, _) = world.open_with(by_hand()).await;
    let log = log_of(&manager);
    let again = append(&log, keyed(Codec::None, stamp(1), &record)).unwrap();
    assert!(again.duplicate);
    assert_eq!(again.base_offset, Offset::new(1));
    assert!(append(&log, keyed(Codec::None, stamp(3), &record)).is_err());
    assert!(append(&log, keyed(Codec::None, stamp(2), &record)).is_ok());
}

#[tokio::test]
async fn a_map_too_small_for_the_keys_takes_several_passes() {
    let world = RealWorld::new();
    let options = LogManagerOptions {
        cleaner_dedupe_bytes: 24 * 20,
        ..by_hand()
    };
    let (manager, _) = world.open_with(options).await;
    let log = create(&manager, Durability::QuorumFsync, compacted());
    let mut written = Records::new();
    fill(&log, 100, &mut written);
    manager.checkpoint().await.unwrap();
    let mut from = Offset::ZERO;
    let mut passes = 0;
    while let Some(run) = clean(&manager).await {
        assert_eq!(run.from, from);
        assert!(run.upto > from, "each pass gets further");
        from = run.upto;
        passes += 1;
        assert!(is_compaction_of(&records_of(&read_all(&log)), &written));
    }
    assert!(passes > 3, "{passes}");
    assert_eq!(from, log.segments().last().unwrap().base_offset);
}

#[tokio::test]
async fn a_truncation_below_makes_the_log_dirty_again_also_after_a_restart() {
    let world = RealWorld::new();
    let (manager, _) = world.open_with(by_hand()).await;
    let log = create(&manager, Durability::QuorumFsync, compacted());
    fill(&log, 200, &mut Records::new());
    manager.checkpoint().await.unwrap();
    let cleaned = clean(&manager).await.unwrap().upto;
    let to = log.truncate(Offset::new(cleaned.get() - 20)).await.unwrap();
    assert_eq!(log.compaction().cleaned_offset, to);
    fill(&log, 100, &mut Records::new());
    manager.checkpoint().await.unwrap();
    drop((manager, log));
    let (manager, _) = world.open_with(by_hand()).await;
    assert_eq!(log_of(&manager).compaction().cleaned_offset, Offset::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_segment_stops_the_compaction_of_its_partition_alone() {
    let world = SimWorld::new();
    let (manager, _) = world.open_with(by_hand()).await;
    let log = create(&manager, Durability::QuorumFsync, compacted());
    let other = manager.create(key("other", 0), Durability::QuorumFsync, compacted());
    let other = other.unwrap();
    for log in [&log, &other] {
        fill(log, 100, &mut Records::new());
    }
    manager.checkpoint().await.unwrap();
    let path = Path::new(DIR).join("t-0/00000000000000000000.log");
    assert!(world.disk.flip_bit(&path, 500, 3));
    let of = key("t", 0);
    let refused = manager.clean(of.topic_id, of.partition).await;
    let Err(LogError::Corrupt(why)) = refused else {
        panic!("{refused:?}");
    };
    assert!(why.contains("00000000000000000000.log: byte"), "{why}");
    assert!(log.compaction().uncleanable.is_some());
    assert_eq!(manager.stats().cleaner_uncleanable, 1);
    assert_eq!(clean(&manager).await, None, "it is not tried again");
    let of = key("other", 0);
    assert!(
        manager
            .clean(of.topic_id, of.partition)
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(*world.ended.lock().unwrap(), []);
}

/// Stored while nothing had to be opened, with a checksum that fits: no damage of the disk.
#[tokio::test(start_paused = true)]
async fn a_batch_that_cannot_be_opened_stays_and_the_rest_is_compacted() {
    let world = SimWorld::new();
    let (manager, _) = world.open_with(by_hand()).await;
    let log = create(&manager, Durability::QuorumFsync, compacted());
    let sealed: Vec<_> = (0..3)
        .map(|n| (format!("sealed {n}"), Some("x".repeat(100))))
        .collect();
    let mut batch = keyed(Codec::Gzip, None, &sealed);
    let middle = batch.len() - 20;
    batch[middle] ^= 0xff;
    chronik_protocol::set_max_timestamp(
        &mut batch,
        chronik_protocol::TimestampType::CreateTime,
        1_700_000_000_000,
    );
    let kept = batch.clone();
    append(&log, batch).unwrap();
    let mut written = Records::new();
    fill(&log, 100, &mut written);
    manager.checkpoint().await.unwrap();
    let run = clean(&manager).await.unwrap();
    assert!(run.upto > Offset::new(3), "{run:?}");
    assert_eq!(log.compaction().uncleanable, None);
    let end = log.offsets().log_end;
    let first = log.read(Offset::ZERO, 1, end, true).unwrap().batches;
    // The log has given it its place: what follows base offset and epoch is as it was sent.
    assert_eq!(first[21..], kept[21..]);
    let rest = records_of(&read_from(&log, Offset::new(3)));
    assert!(is_compaction_of(&rest, &written));
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_is_no_partitions_is_not_looked_into() {
    let world = SimWorld::new();
    let foreign = Path::new(DIR).join("lost+found");
    let file = foreign.join("theirs.cleaned");
    world.disk.create_dir_all(&foreign).unwrap();
    world
        .disk
        .open(&file, chronik_io::fs::OpenMode::CreateNew)
        .unwrap();
    let (manager, _) = world.open_with(by_hand()).await;
    drop(manager);
    assert!(world.disk.exists(&file).unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_puts_a_compaction_off_and_loses_nothing() {
    let world = SimWorld::new();
    let (manager, _) = world.open_with(by_hand()).await;
    let log = create(&manager, Durability::QuorumFsync, compacted());
    let mut written = Records::new();
    fill(&log, 200, &mut written);
    manager.checkpoint().await.unwrap();
    let of = key("t", 0);
    for fault in ["*.log.cleaned", "*.index.cleaned", "*cleaner-offset.tmp"] {
        let id = world.disk.inject(fault, Fault::ShortWrite);
        let refused = manager.clean(of.topic_id, of.partition).await;
        assert!(
            matches!(refused, Err(LogError::File(_))),
            "{fault}: {refused:?}"
        );
        world.disk.heal(id);
        assert!(
            is_compaction_of(&records_of(&read_all(&log)), &written),
            "{fault}"
        );
        assert_eq!(log.compaction().cleaned_offset, Offset::ZERO);
    }
    assert!(clean(&manager).await.is_some());
    assert!(is_compaction_of(&records_of(&read_all(&log)), &written));
    assert_eq!(*world.ended.lock().unwrap(), []);
}

/// Nobody asks for it: a segment is closed, a checkpoint covers it, the cleaner comes.
#[tokio::test(start_paused = true)]
async fn the_cleaner_comes_by_itself_once_enough_is_dirty() {
    let world = SimWorld::new();
    let (manager, _) = world.open().await;
    let log = create(&manager, Durability::QuorumFsync, compacted());
    let mut written = Records::new();
    fill(&log, 200, &mut written);
    // Nothing but the backoff's timer asks for the checkpoint that a quiet log needs.
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(log.compaction().last_run.is_some());
    assert!(log.compaction().dirty_percent() == 0);
    assert!(is_compaction_of(&records_of(&read_all(&log)), &written));
    let stats = manager.stats();
    assert_eq!(stats.cleaner_runs, 1);
    assert!(stats.cleaner_records_dropped > 100 && stats.cleaner_read_bytes > log.size_bytes());
}

#[tokio::test(start_paused = true)]
async fn a_compaction_keeps_to_its_bytes_per_second() {
    let world = SimWorld::new();
    let options = LogManagerOptions {
        cleaner_bytes_per_second: Some(1000),
        ..by_hand()
    };
    let (manager, _) = world.open_with(options).await;
    let log = create(&manager, Durability::QuorumFsync, compacted());
    fill(&log, 100, &mut Records::new());
    manager.checkpoint().await.unwrap();
    let began = tokio::time::Instant::now();
    clean(&manager).await.unwrap();
    let stats = manager.stats();
    let bytes = stats.cleaner_read_bytes + stats.cleaner_written_bytes;
    let took = began.elapsed().as_secs();
    assert!(
        took >= bytes / 1000 - 1 && took <= bytes / 1000 + 1,
        "{took} s for {bytes}"
    );
}

/// Batch by batch, so that each is looked for in an index.
fn read_each_batch(log: &PartitionLog) -> Bytes {
    let end = log.offsets().log_end;
    let (mut from, mut out) = (Offset::ZERO, BytesMut::new());
    while from < end {
        let read = log.read(from, 1, end, true).unwrap();
        assert!(read.next_offset > from, "no progress at {from}");
        out.extend_from_slice(&read.batches);
        from = read.next_offset;
    }
    out.freeze()
}

/// A reader that goes on while segments are replaced under it sees offsets in order and the last
/// record of every key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_go_on_while_segments_are_replaced() {
    let world = RealWorld::new();
    let (manager, _) = world.open_with(by_hand()).await;
    let log = create(&manager, Durability::QuorumFsync, compacted());
    let mut written = Records::new();
    for _ in 0..10 {
        fill(&log, 100, &mut written);
        manager.checkpoint().await.unwrap();
        let cleaning = manager.clone();
        let cleaner = tokio::spawn(async move { clean(&cleaning).await });
        let mut rounds = 0;
        while !cleaner.is_finished() || rounds == 0 {
            let found = records_of(&read_each_batch(&log));
            assert!(is_compaction_of(&found, &written));
            rounds += 1;
            tokio::task::yield_now().await;
        }
        cleaner.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_batch_larger_than_a_segment_is_refused() {
    let world = RealWorld::new();
    let (manager, _) = world.open().await;
    let log = create(&manager, Durability::QuorumFsync, compacted());
    let refused = log.append(chronik_log::AppendAsLeader {
        now: Timestamp::from_millis(0),
        leader_epoch: LeaderEpoch::new(0),
        batch: batch(1, &[7; 4097], 0, None).freeze(),
    });
    assert!(matches!(
        refused,
        Err(chronik_log::AppendError::LargerThanSegment { max: 4096, .. })
    ));
}

/// What may come while a compaction writes, syncs and renames.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Change {
    LogStart,
    Truncate,
    Reset,
    Delete,
}

/// Syncs of the log's files take a second each, so a pass takes a while, and the change comes at
/// every half second of it.
#[tokio::test(start_paused = true)]
async fn what_comes_during_a_compaction_leaves_a_log_that_a_crash_does_not_change() {
    for change in [
        Change::LogStart,
        Change::Truncate,
        Change::Reset,
        Change::Delete,
    ] {
        for half_seconds in 1..24 {
            change_during_compaction(change, Duration::from_millis(500 * half_seconds)).await;
        }
    }
}

/// What can be read from the log's start on. Of a log cut within what compaction thinned out
/// nothing may be left, and its end lies further on.
fn readable(log: &PartitionLog) -> Records {
    let offsets = log.offsets();
    let read = log.read(offsets.log_start, 1 << 20, offsets.log_end, true);
    let (mut bytes, mut from) = (BytesMut::new(), offsets.log_start);
    let mut read = read.unwrap();
    while read.next_offset > from {
        bytes.extend_from_slice(&read.batches);
        from = read.next_offset;
        read = log.read(from, 1 << 20, offsets.log_end, true).unwrap();
    }
    records_of(&bytes.freeze()).split_off(&offsets.log_start.get())
}

async fn change_during_compaction(change: Change, after: Duration) {
    let world = SimWorld::new();
    let (manager, _) = world.open_with(by_hand()).await;
    let log = create(&manager, Durability::QuorumFsync, compacted());
    let mut written = Records::new();
    fill(&log, 60, &mut written);
    manager.checkpoint().await.unwrap();
    let second = Duration::from_secs(1);
    let slow = Fault::SlowSync {
        min: second,
        max: second,
    };
    world.disk.inject("*/t-0*", slow);
    let of = log.key().clone();
    let cleaner = manager.clone();
    let cleaning = tokio::spawn(async move { cleaner.clean(of.topic_id, of.partition).await });
    tokio::time::sleep(after).await;
    let of = log.key();
    match change {
        Change::LogStart => {
            log.set_log_start(Offset::new(100)).await.unwrap();
            written = written.split_off(&100);
        }
        Change::Truncate => {
            let end = log.truncate(Offset::new(31)).await.unwrap();
            written.split_off(&end.get());
        }
        Change::Reset => {
            log.reset(Offset::new(500)).await.unwrap();
            written.clear();
        }
        Change::Delete => manager.delete(of.topic_id, of.partition).await.unwrap(),
    }
    let cleaned = cleaning.await.unwrap();
    let fine = matches!(&cleaned, Ok(_) | Err(LogError::Busy));
    assert!(fine, "{change:?} after {after:?}: {cleaned:?}");
    assert_eq!(
        *world.ended.lock().unwrap(),
        [],
        "{change:?} after {after:?}"
    );
    let before = (change != Change::Delete).then(|| {
        let found = readable(&log);
        // What a truncation took away may have superseded what compaction had dropped.
        if change != Change::Truncate {
            assert!(
                is_compaction_of(&found, &written),
                "{change:?} after {after:?}"
            );
        }
        (log.offsets().log_start, log.offsets().log_end, found)
    });
    manager.flush().await;
    let of = log.key().clone();
    drop((manager, log));
    world.disk.heal_all();
    world.disk.crash_losing_unsynced();
    let (manager, report) = world.open_with(by_hand()).await;
    assert_eq!(report.offline, [], "{change:?} after {after:?}");
    let found = manager.get(of.topic_id, of.partition).map(|log| {
        let found = readable(&log);
        (log.offsets().log_start, log.offsets().log_end, found)
    });
    assert_eq!(found, before, "{change:?} after {after:?}");
}

/// It has found the segment, and before it looks into the index both are replaced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_a_compaction_overtakes_looks_again() {
    let world = RealWorld::new();
    let disk = Arc::new(PausedDisk::default());
    let env = env(disk.clone());
    let opened = LogManager::open(&env, world.path(), by_hand()).await;
    let (manager, _) = opened.unwrap();
    let log = create(&manager, Durability::QuorumFsync, compacted());
    let mut written = Records::new();
    fill(&log, 100, &mut written);
    manager.checkpoint().await.unwrap();
    // The end of the last closed segment: most of it stays.
    let active = log.segments().last().unwrap().base_offset;
    let from = Offset::new(active.get() - 1);
    let (came, comes) = tokio::sync::oneshot::channel();
    let (go_on, goes_on) = std::sync::mpsc::channel();
    disk.hold_next((came, goes_on));
    let reader = Arc::clone(&log);
    let read = tokio::task::spawn_blocking(move || reader.read(from, 1, active, true));
    let minute = Duration::from_secs(60);
    tokio::time::timeout(minute, comes).await.unwrap().unwrap();
    clean(&manager).await.unwrap();
    go_on.send(()).unwrap();
    let read = tokio::time::timeout(minute, read).await.unwrap();
    let read = read.unwrap().unwrap();
    assert_eq!(read.next_offset, active);
    let found = records_of(&read.batches);
    assert!(!found.is_empty());
    assert!(
        found
            .iter()
            .all(|(offset, record)| written[offset] == *record)
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_a_slow_compaction_and_leaves_nothing_of_it() {
    let world = SimWorld::new();
    let options = LogManagerOptions {
        cleaner_bytes_per_second: Some(1000),
        ..by_hand()
    };
    let (manager, _) = world.open_with(options.clone()).await;
    let log = create(&manager, Durability::QuorumFsync, compacted());
    let mut written = Records::new();
    fill(&log, 200, &mut written);
    manager.checkpoint().await.unwrap();
    let of = log.key().clone();
    let cleaner = manager.clone();
    let cleaning = tokio::spawn(async move { cleaner.clean(of.topic_id, of.partition).await });
    // The map is built and the first segments are being rewritten.
    let seconds = log.size_bytes() / 1000 + 3;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let began = tokio::time::Instant::now();
    manager.close().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(1));
    let stopped = cleaning.await.unwrap();
    assert!(matches!(stopped, Err(LogError::Busy)), "{stopped:?}");
    let (manager, report) = world.open_with(options).await;
    assert!(report.clean);
    let log = log_of(&manager);
    assert!(is_compaction_of(&records_of(&read_all(&log)), &written));
    assert_eq!(log.compaction().cleaned_offset, Offset::ZERO);
    let names = world.disk.list(&Path::new(DIR).join("t-0")).unwrap();
    let odd = names.iter().find(|entry| {
        let ends = [".cleaned", ".swap"];
        ends.iter().any(|end| entry.name.ends_with(end))
    });
    assert_eq!(odd, None);
}

#[tokio::test]
async fn a_log_that_is_compacted_and_deleted_from_loses_its_oldest_segments_too() {
    let world = RealWorld::new();
    let (manager, _) = world.open_with(by_hand()).await;
    let config = LogConfig {
        cleanup_delete: true,
        retention_ms: None,
        retention_bytes: Some(6000),
        ..compacted()
    };
    let log = create(&manager, Durability::QuorumFsync, config);
    let mut written = Records::new();
    fill(&log, 200, &mut written);
    manager.checkpoint().await.unwrap();
    let cleaned = clean(&manager).await.unwrap().upto;
    let end = log.offsets().log_end;
    let now = Timestamp::from_millis(1_700_000_000_000);
    log.apply_retention(now, end).await.unwrap();
    fill(&log, 200, &mut written);
    manager.checkpoint().await.unwrap();
    let end = log.offsets().log_end;
    assert!(log.apply_retention(now, end).await.unwrap() > 0);
    let start = log.offsets().log_start;
    assert!(start > cleaned, "what was compacted is gone");
    assert!(log.size_bytes() < 6000 + 4096);
    // The dirty part begins where the log does.
    let run = clean(&manager).await.unwrap();
    assert_eq!(run.from, start);
    let found = records_of(&read_all(&log)).split_off(&start.get());
    assert!(is_compaction_of(&found, &written.split_off(&start.get())));
}

/// As a log taken over from Kafka has it: the transactions' data and markers, by producer id.
#[tokio::test]
async fn aborted_data_goes_and_nothing_above_an_open_transaction_is_touched() {
    let world = RealWorld::new();
    let (manager, _) = world.open_with(by_hand()).await;
    let log = create(&manager, Durability::QuorumFsync, compacted());
    let follow = |builder: BatchBuilder, key: &[u8], value: &[u8]| {
        let end = log.offsets().log_end;
        let mut builder = builder.base_offset(end.get()).leader_epoch(0);
        builder.push(5, Some(key), Some(value), &[]).unwrap();
        let batch = builder.build().unwrap();
        log.append_as_follower(Timestamp::from_millis(5), batch)
            .unwrap();
        end.get()
    };
    let transactional = |producer_id, base_sequence| {
        let stamp = ProducerStamp {
            producer_id,
            producer_epoch: 0,
            base_sequence,
        };
        BatchBuilder::new(Codec::None)
            .producer(stamp)
            .transactional()
    };
    let end = |producer_id, commits: u8| {
        let builder = transactional(producer_id, -1).control();
        follow(builder, &[0, 0, 0, commits], &[0, 0, 0, 0, 0, 7])
    };
    let before = follow(BatchBuilder::new(Codec::None), b"a", b"before");
    let aborted = follow(transactional(7, 0), b"a", b"aborted");
    end(7, 0);
    let open = follow(transactional(8, 0), b"b", b"committed later");
    fill(&log, 100, &mut Records::new());
    manager.checkpoint().await.unwrap();
    assert_eq!(log.first_open_transaction(), Some(Offset::new(open)));
    assert_eq!(clean(&manager).await, None, "nothing is decided");
    end(8, 1);
    manager.checkpoint().await.unwrap();
    let run = clean(&manager).await.unwrap();
    assert!(run.upto > Offset::new(open));
    let found = records_of(&read_all(&log));
    assert!(found.contains_key(&before) && !found.contains_key(&aborted));
    assert!(found.contains_key(&open), "its marker lies above the range");
}
