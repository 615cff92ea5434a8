//! Full disks, failing syncs, and what recovery costs.

use chronik_io::ExitCode;
use chronik_io::fs::sim::Fault;
use chronik_log::{AppendError, LogConfig, LogManagerOptions};
use chronik_types::{Durability, LeaderEpoch, Offset};

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn an_append_without_space_leaves_nothing_behind_and_the_next_one_fits() {
    let world = SimWorld::new();
    let (manager, _) = world.open().await;
    let log = manager
        .create(key("t", 0), Durability::QuorumFsync, LogConfig::default())
        .unwrap();
    write(&log, 3, b"first");
    manager.flush().await;
    let windows = manager.stats().windows;
    for fault in ["short", "full"] {
        if fault == "short" {
            world.disk.inject_times("*.log", Fault::ShortWrite, 1);
        } else {
            world.disk.set_capacity(Some(10));
        }
        let refused = append(&log, batch(3, &[1; 500], 5, None));
        assert!(
            matches!(refused, Err(AppendError::Storage(_))),
            "{fault}: {refused:?}"
        );
        assert_eq!(log.offsets().log_end, Offset::new(3));
        world.disk.set_capacity(None);
    }
    manager.flush().await;
    assert_eq!(
        manager.stats().windows,
        windows,
        "nothing went into the journal"
    );
    write(&log, 2, b"second");
    manager.flush().await;
    assert_eq!(*world.ended.lock().unwrap(), []);
    let before = read_all(&log);
    drop((manager, log));
    world.disk.kill();
    let (manager, _) = world.open().await;
    let key = key("t", 0);
    assert_eq!(
        read_all(&manager.get(key.topic_id, key.partition).unwrap()),
        before
    );
}

/// What is dirty keeps its file open: the node answers that there is no room, syncs and goes on.
#[tokio::test(start_paused = true)]
async fn more_logs_than_files_may_be_open_are_written_in_turns() {
    let world = SimWorld::new();
    let few = LogManagerOptions {
        open_files_max: 8,
        ..options()
    };
    let (manager, _) = world.open_with(few).await;
    let logs: Vec<_> = (0..20)
        .map(|number| {
            let key = key("t", number);
            let class = Durability::QuorumFsync;
            manager.create(key, class, LogConfig::default()).unwrap()
        })
        .collect();
    let refused = |logs: &[std::sync::Arc<chronik_log::PartitionLog>]| {
        let tried = logs
            .iter()
            .filter(|log| log.offsets().log_end == Offset::ZERO);
        let tried = tried.filter(|log| {
            let outcome = append(log, batch(1, b"x", 5, None));
            assert!(matches!(outcome, Ok(_) | Err(AppendError::Storage(_))));
            outcome.is_err()
        });
        tried.count()
    };
    let mut left = refused(&logs);
    assert_eq!(left, 12);
    while left > 0 {
        manager.checkpoint().await.unwrap();
        let now = refused(&logs);
        assert!(
            now < left,
            "{now} of {left} logs find no room after a checkpoint"
        );
        left = now;
    }
    manager.flush().await;
    assert_eq!(*world.ended.lock().unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_failed_sync_of_the_journal_ends_the_node_and_acknowledges_nothing() {
    let world = SimWorld::new();
    let (manager, _) = world.open().await;
    let log = manager
        .create(key("t", 0), Durability::QuorumFsync, LogConfig::default())
        .unwrap();
    manager.flush().await;
    world.disk.inject("*/journal/*", Fault::SyncError);
    write(&log, 3, b"lost");
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(log.offsets().durable_end, Offset::ZERO);
    let ended = world.ended.lock().unwrap().clone();
    assert!(!ended.is_empty());
    assert_eq!(ended[0].0, ExitCode::Storage);
}

#[tokio::test(start_paused = true)]
async fn a_failed_sync_of_a_segment_ends_the_node() {
    let world = SimWorld::new();
    let (manager, _) = world.open().await;
    let log = manager
        .create(key("t", 0), Durability::QuorumFsync, LogConfig::default())
        .unwrap();
    write(&log, 3, b"kept in the journal");
    manager.flush().await;
    let before = read_all(&log);
    world.disk.inject("*.log", Fault::SyncError);
    tokio::select! {
        _ = manager.checkpoint() => panic!("a checkpoint cannot succeed"),
        () = tokio::time::sleep(std::time::Duration::from_secs(1)) => {}
    }
    assert_eq!(world.ended.lock().unwrap()[0].0, ExitCode::Storage);
    drop((manager, log));
    world.disk.heal_all();
    world.disk.crash_losing_unsynced();
    let (manager, _) = world.open().await;
    let key = key("t", 0);
    assert_eq!(
        read_all(&manager.get(key.topic_id, key.partition).unwrap()),
        before
    );
}

#[tokio::test(start_paused = true)]
async fn recovery_reads_what_was_not_checkpointed_and_not_the_log() {
    let world = SimWorld::new();
    let options = LogManagerOptions {
        journal_first_file_bytes: 4 << 20,
        journal_file_bytes: 8 << 20,
        checkpoint_bytes: 4 << 20,
        index_sync_bytes: 1 << 20,
        ..options()
    };
    let (manager, _) = world.open_with(options.clone()).await;
    let log = manager
        .create(key("t", 0), Durability::QuorumFsync, LogConfig::default())
        .unwrap();
    let fill = vec![5; 16 << 10];
    for _ in 0..2048 {
        manager.room().await;
        append(
            &log,
            batch(
                2,
                &fill,
                1_700_000_000_000,
                Some((1, 0, (log.offsets().log_end.get()) as i32)),
            ),
        )
        .unwrap();
        tokio::task::yield_now().await;
    }
    manager.flush().await;
    manager.checkpoint().await.unwrap();
    for _ in 0..32 {
        write(&log, 2, &fill);
    }
    manager.flush().await;
    let size = log.size_bytes();
    assert!(size > 64 << 20);
    assert!(
        manager.stats().files_recycled > 0,
        "the journal is smaller than the log"
    );
    drop((manager, log));
    world.disk.crash_losing_unsynced();
    let before = world.disk.counters("*").bytes_read;
    let (manager, report) = world.open_with(options).await;
    let read = world.disk.counters("*").bytes_read - before;
    assert!(report.appends_redone >= 32);
    // At most the journal file in use, once, and what is not covered in it twice more.
    assert!(read < 20 << 20, "read {read} of {size} bytes");
    let key = key("t", 0);
    let log = manager.get(key.topic_id, key.partition).unwrap();
    assert_eq!(log.size_bytes(), size);
    assert_eq!(log.producers().len(), 1);
}

/// The checkpoint has taken its work and waits for the disk when the topic goes.
#[tokio::test(start_paused = true)]
async fn a_partition_deleted_while_a_checkpoint_syncs_it_ends_nothing() {
    let world = SimWorld::new();
    let (manager, _) = world.open().await;
    let manager = std::sync::Arc::new(manager);
    let create = |n| manager.create(key("t", n), Durability::QuorumFsync, LogConfig::default());
    let logs: Vec<_> = (0..3).map(|n| create(n).unwrap()).collect();
    for log in &logs {
        write(log, 3, b"value");
    }
    manager.flush().await;
    let second = std::time::Duration::from_secs(1);
    let slow = Fault::SlowSync {
        min: second,
        max: second,
    };
    world.disk.inject("*/t-*", slow);
    let checkpoint = {
        let manager = std::sync::Arc::clone(&manager);
        tokio::spawn(async move { manager.checkpoint().await })
    };
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let gone = key("t", 2);
    manager.delete(gone.topic_id, gone.partition).await.unwrap();
    let minute = std::time::Duration::from_secs(60);
    let done = tokio::time::timeout(minute, checkpoint).await;
    done.expect("the checkpoint ends").unwrap().unwrap();
    assert_eq!(*world.ended.lock().unwrap(), []);
    let before: Vec<_> = logs[..2].iter().map(|log| read_all(log)).collect();
    drop((manager, logs));
    world.disk.crash_losing_unsynced();
    let (manager, report) = world.open().await;
    assert!(report.offline.is_empty(), "{report:?}");
    let after: Vec<_> = manager.all().iter().map(|log| read_all(log)).collect();
    assert!(after == before, "the logs differ");
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_that_a_full_disk_put_off_is_tried_again_by_itself() {
    let world = SimWorld::new();
    let (manager, _) = world.open().await;
    let log = manager
        .create(key("t", 0), Durability::QuorumFsync, LogConfig::default())
        .unwrap();
    log.start_epoch(LeaderEpoch::new(3));
    write(&log, 3, b"value");
    manager.flush().await;
    let full = world.disk.inject("*checkpoint.tmp", Fault::ShortWrite);
    manager.checkpoint().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    let stats = manager.stats();
    assert_eq!(stats.dirty_logs, 1);
    assert!((2..20).contains(&stats.checkpoints), "{stats:?}");
    world.disk.heal(full);
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    let stats = manager.stats();
    assert_eq!(stats.dirty_logs, 0);
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert_eq!(manager.stats().checkpoints, stats.checkpoints);
    assert_eq!(*world.ended.lock().unwrap(), []);
}
