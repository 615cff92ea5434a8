//! The offline tools.

use std::path::Path;

use chronik_io::fs::RealDisk;
use chronik_log::LogConfig;
use chronik_log::inspect::inspect;
use chronik_types::Durability;

use crate::support::*;

fn dump(path: &Path) -> (Vec<String>, Vec<(String, u64)>) {
    let mut lines = Vec::new();
    let found = inspect(&RealDisk::new(), path, &mut |line| {
        lines.push(line.to_owned())
    })
    .unwrap();
    let damage = found
        .damage
        .iter()
        .map(|d| {
            (
                d.path.file_name().unwrap().to_string_lossy().into_owned(),
                d.position,
            )
        })
        .collect();
    (lines, damage)
}

#[tokio::test]
async fn a_dump_shows_batches_and_frames_and_names_the_first_bad_byte() {
    let world = RealWorld::new();
    let (manager, _) = world.open().await;
    let config = LogConfig {
        index_interval_bytes: 100,
        ..LogConfig::default()
    };
    let log = manager
        .create(key("orders", 0), Durability::QuorumFsync, config)
        .unwrap();
    for n in 0..9 {
        append(
            &log,
            batch(
                3,
                b"value",
                1_700_000_000_000 + n,
                Some((5, 0, n as i32 * 3)),
            ),
        )
        .unwrap();
    }
    manager.close().await.unwrap();
    let (lines, damage) = dump(world.path());
    assert_eq!(damage, []);
    let has = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!(
        has("offsets 24..=26 leader epoch 0 records 3"),
        "{lines:#?}"
    );
    assert!(has("append at 24"));
    assert!(has("producer 5 epoch 0 last sequence 26"), "{lines:#?}");
    assert!(has("leader epoch 0 starts at 0"));
    let path = world.file("orders-0/00000000000000000000.log");
    let mut bytes = std::fs::read(&path).unwrap();
    let second = 12 + i32::from_be_bytes(bytes[8..12].try_into().unwrap()) as usize;
    bytes[second + 70] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let (_, damage) = dump(world.path());
    assert_eq!(
        damage,
        [("00000000000000000000.log".to_owned(), second as u64)]
    );
}
