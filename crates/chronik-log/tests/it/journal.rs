//! The journal as a whole: one sync per window, recycling, holes.

use std::sync::{Arc, Mutex};

use chronik_log::{DurableListener, LogConfig, Loss, PartitionLog};
use chronik_types::{Durability, Offset};

use crate::support::*;

#[derive(Debug, Default)]
struct Listener(Mutex<Vec<usize>>);

impl DurableListener for Listener {
    fn on_durable(&self, advanced: &[(Arc<PartitionLog>, Offset)]) {
        for (log, end) in advanced {
            assert!(log.offsets().durable_end >= *end);
        }
        self.0.lock().unwrap().push(advanced.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_window_of_many_partitions_costs_one_sync_and_tells_the_listener_once() {
    let world = SimWorld::new();
    let (manager, _) = world.open().await;
    let listener = Arc::new(Listener::default());
    manager.set_listener(Arc::clone(&listener) as Arc<dyn DurableListener>);
    let logs: Vec<_> = (0..100)
        .map(|n| {
            manager
                .create(key("t", n), Durability::QuorumFsync, LogConfig::default())
                .unwrap()
        })
        .collect();
    manager.flush().await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let before = world.disk.counters("*").syncs;
    for log in &logs {
        write(log, 1, b"value");
        write(log, 1, b"value");
    }
    manager.flush().await;
    assert_eq!(world.disk.counters("*").syncs - before, 1);
    assert_eq!(*listener.0.lock().unwrap(), [100]);
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert_eq!(
        world.disk.counters("*").syncs - before,
        2,
        "one frame covers the window, then rest"
    );
}

#[tokio::test(start_paused = true)]
async fn a_journal_smaller_than_what_passes_through_it_is_recycled() {
    let world = SimWorld::new();
    let (manager, _) = world.open().await;
    let logs: Vec<_> = (0..3)
        .map(|n| {
            manager
                .create(key("t", n), Durability::QuorumFsync, LogConfig::default())
                .unwrap()
        })
        .collect();
    for n in 0..600 {
        manager.room().await;
        write(&logs[n % 3], 4, &[n as u8; 2000]);
        if n % 5 == 0 {
            tokio::task::yield_now().await;
        }
    }
    manager.flush().await;
    let stats = manager.stats();
    assert!(stats.journal_bytes > 4 << 20);
    assert!(stats.journal_files_bytes <= 3 * (256 << 10), "{stats:?}");
    assert!(stats.files_recycled > 5, "{stats:?}");
    let before: Vec<_> = logs.iter().map(|log| read_all(log)).collect();
    drop((manager, logs));
    world.disk.crash_losing_unsynced();
    let (manager, _) = world.open().await;
    let after: Vec<_> = manager.all().iter().map(|log| read_all(log)).collect();
    assert!(after == before, "the logs differ");
}

#[tokio::test(start_paused = true)]
async fn a_hole_below_durable_up_to_takes_the_logs_concerned_offline_and_no_others() {
    let world = SimWorld::new();
    let (manager, _) = world.open().await;
    let logs: Vec<_> = (0..3)
        .map(|n| {
            manager
                .create(key("t", n), Durability::QuorumFsync, LogConfig::default())
                .unwrap()
        })
        .collect();
    // Windows: all, then 0 (damaged below), then 0 and 1; 2 is not heard of again.
    for window in [vec![0, 1, 2], vec![0], vec![0, 1]] {
        for n in window {
            write(&logs[n], 1, b"value");
        }
        manager.flush().await;
    }
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    drop((manager, logs));
    let (path, bytes) = world
        .journal_files()
        .into_iter()
        .find(|(_, bytes)| bytes[4096..4100] == *b"CHJF")
        .unwrap();
    let frames: Vec<_> = (1..bytes.len() / 4096)
        .filter(|n| bytes[n * 4096..n * 4096 + 4] == *b"CHJF")
        .collect();
    // The last is the empty one that covers; before it the three windows.
    let damaged = frames[frames.len() - 3];
    assert!(world.disk.flip_bit(&path, damaged as u64 * 4096 + 60, 3));
    world.disk.evict("*");
    world.disk.crash_losing_unsynced();
    let (manager, report) = world.open().await;
    let hole = report.hole.unwrap();
    assert_eq!(hole.position, damaged as u64 * 4096);
    let offline: Vec<_> = report
        .offline
        .iter()
        .map(|(key, loss)| (key.partition.get(), loss.clone()))
        .collect();
    assert_eq!(offline, [(0, Loss::Operation(2)), (2, Loss::Unproven)]);
    let log = manager
        .get(key("t", 1).topic_id, key("t", 1).partition)
        .unwrap();
    assert_eq!(log.offsets().log_end, Offset::new(2));
    drop((manager, log));
    let (_, report) = world.open().await;
    assert_eq!(report.offline.len(), 2, "they stay offline");
}

#[tokio::test(start_paused = true)]
async fn damage_in_the_last_window_is_a_torn_tail() {
    let world = SimWorld::new();
    let (manager, _) = world.open().await;
    let log = manager
        .create(key("t", 0), Durability::QuorumFsync, LogConfig::default())
        .unwrap();
    write(&log, 1, b"kept");
    manager.flush().await;
    write(&log, 1, b"torn");
    manager.flush().await;
    drop((manager, log));
    let (path, bytes) = world
        .journal_files()
        .into_iter()
        .find(|(_, bytes)| bytes[4096..4100] == *b"CHJF")
        .unwrap();
    let last = (1..bytes.len() / 4096)
        .filter(|n| bytes[n * 4096..n * 4096 + 4] == *b"CHJF")
        .max()
        .unwrap();
    assert!(world.disk.flip_bit(&path, last as u64 * 4096 + 60, 3));
    world.disk.evict("*");
    world.disk.crash_losing_unsynced();
    let (manager, report) = world.open().await;
    assert_eq!((report.hole, report.offline), (None, Vec::new()));
    let log = manager
        .get(key("t", 0).topic_id, key("t", 0).partition)
        .unwrap();
    assert_eq!(log.offsets().log_end, Offset::new(1));
}
