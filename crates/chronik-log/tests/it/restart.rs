//! Logs on a real disk, across restarts.

use chronik_io::fs::sim::Fault;
use chronik_log::{AppendError, LogConfig, LogManagerOptions};
use chronik_types::{Durability, LeaderEpoch, Offset, Timestamp};

use crate::support::*;

#[tokio::test]
async fn what_was_durable_is_there_after_a_stop_without_closing() {
    let world = RealWorld::new();
    let (manager, _) = world.open().await;
    let log = manager
        .create(
            key("orders", 0),
            Durability::QuorumFsync,
            LogConfig::default(),
        )
        .unwrap();
    for n in 0..50 {
        write(&log, 3, format!("value {n}").as_bytes());
    }
    log.durable(Offset::new(150)).await;
    let before = read_all(&log);
    drop((manager, log));

    let (manager, report) = world.open().await;
    assert_eq!(
        (report.logs, report.offline.len(), report.clean),
        (1, 0, false)
    );
    let key = key("orders", 0);
    let log = manager.get(key.topic_id, key.partition).unwrap();
    assert_eq!(log.offsets().log_end, Offset::new(150));
    assert_eq!(log.offsets().durable_end, Offset::new(150));
    assert_eq!(read_all(&log), before);
    write(&log, 1, b"more");
    manager.close().await.unwrap();

    let (manager, report) = world.open().await;
    assert!(report.clean);
    let log = manager.get(key.topic_id, key.partition).unwrap();
    assert_eq!(log.offsets().log_end, Offset::new(151));
    let metadata = std::fs::read_to_string(world.file("orders-0/partition.metadata")).unwrap();
    assert_eq!(
        metadata,
        format!("version: 0\ntopic_id: {}\n", key.topic_id)
    );
}

#[tokio::test]
async fn a_range_is_whole_batches_below_the_end_asked_for() {
    let world = RealWorld::new();
    let (manager, _) = world.open().await;
    let config = LogConfig {
        segment_bytes: 4096,
        index_interval_bytes: 256,
        ..LogConfig::default()
    };
    let log = manager
        .create(key("orders", 0), Durability::QuorumFsync, config)
        .unwrap();
    for _ in 0..100 {
        write(&log, 5, &[7; 40]);
    }
    assert!(log.segments().len() > 5);
    let read = log
        .read(Offset::new(237), 1, Offset::new(500), true)
        .unwrap();
    assert_eq!(
        i64::from_be_bytes(read.batches[..8].try_into().unwrap()),
        235
    );
    assert_eq!(read.next_offset, Offset::new(240));
    let read = log
        .read(Offset::new(237), 1, Offset::new(500), false)
        .unwrap();
    assert!(read.batches.is_empty());
    let read = log
        .read(Offset::new(235), 1 << 20, Offset::new(239), true)
        .unwrap();
    assert!(read.batches.is_empty(), "the batch ends at 240");
    assert!(
        log.read(Offset::new(501), 1, Offset::new(500), true)
            .is_err()
    );
    for from in 0..500 {
        let all = read_from(&log, Offset::new(from));
        assert_eq!(
            i64::from_be_bytes(all[..8].try_into().unwrap()),
            from / 5 * 5
        );
    }
    manager.close().await.unwrap();
}

#[tokio::test]
async fn producers_and_epochs_survive_a_restart() {
    let world = RealWorld::new();
    let (manager, _) = world.open().await;
    let key = key("orders", 0);
    let log = manager
        .create(key.clone(), Durability::QuorumFsync, LogConfig::default())
        .unwrap();
    log.start_epoch(LeaderEpoch::new(4));
    append(&log, batch(3, b"a", 5, Some((9, 0, 0)))).unwrap();
    manager.checkpoint().await.unwrap();
    append(&log, batch(2, b"b", 6, Some((9, 0, 3)))).unwrap();
    log.start_epoch(LeaderEpoch::new(6));
    manager.flush().await;
    drop((manager, log));

    let (manager, _) = world.open().await;
    let log = manager.get(key.topic_id, key.partition).unwrap();
    assert_eq!(log.latest_epoch(), Some(LeaderEpoch::new(6)));
    assert_eq!(
        log.epoch_end(LeaderEpoch::new(5)),
        Some((LeaderEpoch::new(4), Offset::new(5)))
    );
    let again = append(&log, batch(2, b"b", 6, Some((9, 0, 3)))).unwrap();
    assert!(again.duplicate);
    assert_eq!(again.base_offset, Offset::new(3));
    let first = append(&log, batch(3, b"a", 5, Some((9, 0, 0)))).unwrap();
    assert!(
        first.duplicate,
        "batches since the last snapshot are remembered"
    );
    assert!(matches!(
        append(&log, batch(1, b"c", 7, Some((9, 0, 6)))),
        Err(AppendError::OutOfOrderSequence { .. })
    ));
    assert!(
        !append(&log, batch(1, b"c", 7, Some((9, 0, 5))))
            .unwrap()
            .duplicate
    );
    manager.close().await.unwrap();
}

#[tokio::test]
async fn a_truncated_log_stays_truncated_and_a_reset_one_reset() {
    let world = RealWorld::new();
    let (manager, _) = world.open().await;
    let config = LogConfig {
        segment_bytes: 2048,
        ..LogConfig::default()
    };
    let one = manager
        .create(key("orders", 0), Durability::QuorumFsync, config.clone())
        .unwrap();
    let two = manager
        .create(key("orders", 1), Durability::QuorumFsync, config)
        .unwrap();
    for n in 0..60 {
        write(&one, 2, format!("old {n}").as_bytes());
        write(&two, 2, &[9; 30]);
    }
    manager.checkpoint().await.unwrap();
    assert_eq!(
        one.truncate(Offset::new(51)).await.unwrap(),
        Offset::new(50)
    );
    two.reset(Offset::new(1000)).await.unwrap();
    for n in 0..20 {
        write(&one, 1, format!("new {n}").as_bytes());
        write(&two, 1, b"after");
    }
    manager.flush().await;
    let (before_one, before_two) = (read_all(&one), read_all(&two));
    drop((manager, one, two));

    let (manager, report) = world.open().await;
    assert_eq!(report.offline, []);
    let id = key("orders", 0).topic_id;
    let one = manager.get(id, key("orders", 0).partition).unwrap();
    let two = manager.get(id, key("orders", 1).partition).unwrap();
    assert_eq!(one.offsets().log_end, Offset::new(70));
    assert_eq!(
        (two.offsets().log_start, two.offsets().log_end),
        (Offset::new(1000), Offset::new(1020))
    );
    assert_eq!(read_all(&one), before_one);
    assert_eq!(read_all(&two), before_two);
    manager.close().await.unwrap();
}

#[tokio::test]
async fn a_deleted_topic_is_gone_and_its_name_can_be_taken_at_once() {
    let world = RealWorld::new();
    let (manager, _) = world.open().await;
    let (old, new) = (key_of("orders", 1, 0), key_of("orders", 2, 0));
    let log = manager
        .create(old.clone(), Durability::QuorumFsync, LogConfig::default())
        .unwrap();
    write(&log, 1, b"old");
    manager.checkpoint().await.unwrap();
    let deletion = tokio::spawn({
        let (manager, old) = (manager.clone(), old.clone());
        async move { manager.delete(old.topic_id, old.partition).await }
    });
    while manager.get(old.topic_id, old.partition).is_some() {
        tokio::task::yield_now().await;
    }
    let log = manager
        .create(new.clone(), Durability::QuorumFsync, LogConfig::default())
        .unwrap();
    deletion.await.unwrap().unwrap();
    write(&log, 2, b"new");
    manager.flush().await;
    drop((manager, log));

    let (manager, _) = world.open().await;
    assert!(manager.get(old.topic_id, old.partition).is_none());
    let log = manager.get(new.topic_id, new.partition).unwrap();
    assert_eq!(log.offsets().log_end, Offset::new(2));
    manager.close().await.unwrap();
}

#[tokio::test]
async fn a_log_in_memory_class_is_durable_at_once_and_scanned_after_a_stop() {
    let world = RealWorld::new();
    let (manager, _) = world.open().await;
    let key = key("orders", 0);
    let log = manager
        .create(key.clone(), Durability::QuorumMemory, LogConfig::default())
        .unwrap();
    manager.flush().await;
    let windows = manager.stats().windows;
    write(&log, 4, b"value");
    assert_eq!(log.offsets().durable_end, Offset::new(4));
    assert_eq!(manager.stats().windows, windows);
    manager.checkpoint().await.unwrap();
    write(&log, 4, b"value");
    let before = read_all(&log);
    drop((manager, log));
    let (manager, _) = world.open().await;
    let log = manager.get(key.topic_id, key.partition).unwrap();
    assert_eq!(read_all(&log), before);
    log.set_class(Durability::QuorumFsync).await.unwrap();
    write(&log, 1, b"strong");
    log.durable(Offset::new(9)).await;
    manager.close().await.unwrap();
}

#[tokio::test]
async fn offsets_are_found_by_timestamp() {
    let world = RealWorld::new();
    let (manager, _) = world.open().await;
    let config = LogConfig {
        segment_bytes: 3000,
        index_interval_bytes: 200,
        ..LogConfig::default()
    };
    let log = manager
        .create(key("orders", 0), Durability::QuorumFsync, config)
        .unwrap();
    for n in 0..100 {
        append(&log, batch(3, b"some value", 1000 + n * 10, None)).unwrap();
    }
    let end = log.offsets().log_end;
    for wanted in [0, 1000, 1001, 1003, 1010, 1555, 1992] {
        let found = log
            .offset_for_timestamp(Timestamp::from_millis(wanted), end)
            .unwrap();
        let (offset, timestamp, _) = found.unwrap();
        let expected = (0..300)
            .map(|o: i64| (o, 1000 + o / 3 * 10 + o % 3))
            .find(|(_, t)| *t >= wanted)
            .unwrap();
        assert_eq!((offset.get(), timestamp.as_millis()), expected);
    }
    assert_eq!(
        log.offset_for_timestamp(Timestamp::from_millis(1993), end)
            .unwrap(),
        None
    );
    assert_eq!(
        log.max_timestamp(end).unwrap(),
        Some((Offset::new(299), Timestamp::from_millis(1992)))
    );
    manager.close().await.unwrap();
}

/// What a checkpoint has covered is not read again, wherever in a journal file it ended.
#[tokio::test(start_paused = true)]
async fn recovery_reads_what_no_checkpoint_covers_and_not_the_journal_before_it() {
    let world = SimWorld::new();
    let few = LogManagerOptions {
        journal_file_bytes: 4 << 20,
        checkpoint_bytes: 1 << 20,
        journal_frame_bytes_max: 256 << 10,
        index_sync_bytes: 128 << 10,
        ..options()
    };
    let (manager, _) = world.open_with(few.clone()).await;
    let create = |n| manager.create(key("t", n), Durability::QuorumFsync, LogConfig::default());
    let logs: Vec<_> = (0..3).map(|n| create(n).unwrap()).collect();
    let mut written = 0;
    while manager.stats().checkpoints < 3 || manager.stats().checkpoint_lag_bytes > 64 << 10 {
        manager.room().await;
        write(&logs[written % 3], 1, &[1; 16 << 10]);
        written += 1;
        manager.flush().await;
        // The checkpoint is a task of its own and works without a disk's latency here.
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }
    assert!(written > 2 * 64, "{written} x 16 KiB");
    for log in &logs {
        write(log, 4, &[2; 16 << 10]);
    }
    manager.flush().await;
    let uncovered = manager.stats().checkpoint_lag_bytes;
    let before: Vec<_> = logs.iter().map(|log| read_all(log)).collect();
    drop((manager, logs));
    world.disk.crash_losing_unsynced();
    let before_opening = world.disk.counters("*").bytes_read;
    let (manager, report) = world.open_with(few).await;
    let read = world.disk.counters("*").bytes_read - before_opening;
    let after: Vec<_> = manager.all().iter().map(|log| read_all(log)).collect();
    assert!(after == before, "the logs differ");
    assert!(
        report.journal_bytes < uncovered + (64 << 10),
        "{report:?} with {uncovered} bytes since the last checkpoint"
    );
    // Once to find the operations, once to do them again.
    assert!(read < 2 * uncovered + (256 << 10), "{read} bytes read");
}

/// `quorum-memory` promises nothing across a power cut, but a process that dies leaves its files.
#[tokio::test(start_paused = true)]
async fn a_memory_log_keeps_every_segment_its_process_wrote() {
    for checkpoint_after in [None, Some(10), Some(25)] {
        let world = SimWorld::new();
        let (manager, _) = world.open().await;
        let small = LogConfig {
            segment_bytes: 4096,
            ..LogConfig::default()
        };
        let log = manager
            .create(key("clicks", 0), Durability::QuorumMemory, small)
            .unwrap();
        for n in 0..40 {
            if checkpoint_after == Some(n) {
                manager.checkpoint().await.unwrap();
            }
            if checkpoint_after.unwrap_or(0) == n {
                // A closed segment is synced in the background: not from here on.
                world.disk.inject("*/clicks-0*", Fault::HungSync);
            }
            write(&log, 2, &[n as u8; 300]);
        }
        manager.flush().await;
        let before = read_all(&log);
        assert!(log.segments().len() > 5, "it has rolled");
        drop((log, manager));
        // A batch that was torn ends the log; what follows it is gone.
        for damaged in [false, true] {
            world.disk.heal_all();
            world.disk.kill();
            let (manager, report) = world.open().await;
            assert!(report.offline.is_empty(), "{report:?}");
            let log = manager.all().remove(0);
            let after = read_all(&log);
            if damaged {
                assert!(before.starts_with(&after) && after.len() < before.len());
            } else {
                assert_eq!(after, before, "checkpoint after {checkpoint_after:?}");
                let bases: Vec<_> = log.segments().iter().map(|s| s.base_offset).collect();
                let name = format!("clicks-0/{:020}.log", bases[4].get());
                let path = std::path::Path::new(DIR).join(name);
                let mut bytes = read_file(&world.disk, &path);
                bytes[700] ^= 1;
                write_file(&world.disk, &path, bytes).await;
            }
        }
    }
}

#[tokio::test]
async fn retention_by_age_spares_records_that_tell_no_age_and_takes_old_ones() {
    let world = RealWorld::new();
    let (manager, _) = world.open().await;
    for (topic, timestamp, stays) in [("untimed", -1, true), ("old", 1_000, false)] {
        let small = LogConfig {
            segment_bytes: 4096,
            ..LogConfig::default()
        };
        let log = manager
            .create(key(topic, 0), Durability::QuorumFsync, small)
            .unwrap();
        for _ in 0..20 {
            append(&log, batch(1, &[7; 900], timestamp, None)).unwrap();
        }
        manager.checkpoint().await.unwrap();
        let now = Timestamp::from_millis(1_700_000_000_000);
        let end = log.offsets().log_end;
        let freed = log.apply_retention(now, end).await.unwrap();
        assert_eq!(freed == 0, stays, "{topic}: {freed} bytes freed");
        assert_eq!(log.offsets().log_start == Offset::ZERO, stays, "{topic}");
        assert_eq!(log.offsets().log_end, end);
    }
}

/// Records may be of any time; their producer is there as long as it writes.
#[tokio::test]
async fn a_producer_of_old_records_is_known_across_rolls_checkpoints_and_restarts() {
    let world = RealWorld::new();
    let (manager, _) = world.open().await;
    let small = LogConfig {
        segment_bytes: 4096,
        ..LogConfig::default()
    };
    let log = manager
        .create(key("import", 0), Durability::QuorumFsync, small.clone())
        .unwrap();
    for n in 0..20 {
        let old = batch(1, &[7; 900], 1_000, Some((9, 0, n)));
        append(&log, old).unwrap();
        if n % 7 == 0 {
            manager.checkpoint().await.unwrap();
        }
    }
    manager.close().await.unwrap();
    drop((manager, log));
    let (manager, _) = world.open().await;
    let log = manager.all().remove(0);
    let again = append(&log, batch(1, &[7; 900], 1_000, Some((9, 0, 19)))).unwrap();
    assert!(again.duplicate);
    append(&log, batch(1, &[7; 900], 1_000, Some((9, 0, 20)))).unwrap();
}

#[tokio::test]
async fn records_without_timestamps_age_by_their_files_time_after_a_restart() {
    const HOUR_MS: u64 = 3_600_000;
    let written = std::time::Duration::from_secs(1_600_000_000);
    let world = RealWorld::new();
    let (manager, _) = world.open().await;
    let small = LogConfig {
        segment_bytes: 4096,
        retention_ms: Some(HOUR_MS),
        ..LogConfig::default()
    };
    let key = key("orders", 0);
    let log = manager
        .create(key.clone(), Durability::QuorumFsync, small.clone())
        .unwrap();
    for _ in 0..40 {
        append(&log, batch(1, &[7; 400], -1, None)).unwrap();
    }
    manager.close().await.unwrap();
    for entry in std::fs::read_dir(world.file("orders-0")).unwrap() {
        let path = entry.unwrap().path();
        let file = std::fs::File::options().append(true).open(path).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + written).unwrap();
    }
    let (manager, _) = world.open().await;
    let log = manager.get(key.topic_id, key.partition).unwrap();
    log.set_config(small);
    let end = log.offsets().log_end;
    for (age, goes) in [(HOUR_MS, false), (HOUR_MS + 1, true)] {
        let now = i64::try_from(written.as_millis() as u64 + age).unwrap();
        let now = Timestamp::from_millis(now);
        let freed = log.apply_retention(now, end).await.unwrap();
        assert_eq!(freed > 0, goes, "{freed} bytes after {age} ms");
    }
}
