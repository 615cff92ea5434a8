//! What a crash of the simulated disk keeps, may keep, and must lose.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chronik_io::Rng;
use chronik_io::fs::sim::Fault;
use chronik_io::fs::{Disk, File, OpenMode, SimDisk, read_up_to};

fn create(disk: &SimDisk, path: &str) -> Arc<dyn File> {
    disk.open(Path::new(path), OpenMode::CreateOrOpen).unwrap()
}

fn write(file: &Arc<dyn File>, content: &[u8], offset: u64) {
    file.write_at(&[Bytes::copy_from_slice(content)], offset)
        .unwrap();
}

/// The content, or nothing where the name is gone.
fn content(disk: &SimDisk, path: &str) -> Option<Bytes> {
    let file = disk.open(Path::new(path), OpenMode::Read).ok()?;
    Some(read_up_to(&*file, 0, 1 << 20).unwrap())
}

/// A file that is there, with its name and content durable.
async fn durable(disk: &SimDisk, path: &str, content: &[u8]) -> Arc<dyn File> {
    let file = create(disk, path);
    write(&file, content, 0);
    file.sync().await.unwrap();
    disk.sync_dir(Path::new(path).parent().unwrap())
        .await
        .unwrap();
    file
}

async fn never<T>(wait: impl Future<Output = T>) {
    let hour = Duration::from_secs(3600);
    assert!(tokio::time::timeout(hour, wait).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_was_synced_survives_every_crash() {
    for seed in 0..100 {
        let disk = SimDisk::new();
        let file = durable(&disk, "/f", b"synced").await;
        write(&file, b"more", 6);
        disk.crash(&Rng::seeded(seed));
        let found = content(&disk, "/f").unwrap();
        assert!(found == "synced" || found == "syncedmore", "{found:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_not_synced_is_sometimes_kept_and_sometimes_lost() {
    let mut seen = BTreeSet::new();
    for seed in 0..200 {
        let disk = SimDisk::new();
        let file = durable(&disk, "/f", b"").await;
        write(&file, &[1; 512], 0);
        write(&file, &[2; 512], 512);
        disk.crash(&Rng::seeded(seed));
        let found = content(&disk, "/f").unwrap();
        seen.insert((found.len(), found.first().copied()));
    }
    // Nothing, the first alone, the second alone (over a hole), both.
    let expected = [(0, None), (512, Some(1)), (1024, Some(0)), (1024, Some(1))];
    assert_eq!(seen, BTreeSet::from(expected));
}

#[tokio::test(start_paused = true)]
async fn a_write_is_torn_between_sectors_and_never_inside_one() {
    let mut torn = 0;
    for seed in 0..200 {
        let disk = SimDisk::new();
        let file = durable(&disk, "/f", &[1; 4096]).await;
        write(&file, &[2; 3000], 100);
        disk.crash(&Rng::seeded(seed));
        let found = content(&disk, "/f").unwrap();
        let mut new = 0;
        for (sector, bytes) in found.chunks(512).enumerate() {
            let from = (100usize.saturating_sub(sector * 512)).min(512);
            let to = 3100usize.saturating_sub(sector * 512).clamp(from, 512);
            assert!(bytes[..from].iter().chain(&bytes[to..]).all(|b| *b == 1));
            let kept = bytes[from..to].iter().filter(|b| **b == 2).count();
            assert!(kept == 0 || kept == to - from);
            new += usize::from(kept > 0);
        }
        assert_eq!(found.len(), 4096);
        torn += usize::from(new > 0 && new < 7);
    }
    assert!(torn > 50, "{torn} of 200 were torn");
}

#[tokio::test(start_paused = true)]
async fn a_younger_write_in_a_sector_brings_the_older_one_along() {
    let mut seen = BTreeSet::new();
    for seed in 0..200 {
        let disk = SimDisk::new();
        let file = durable(&disk, "/f", b"....").await;
        write(&file, b"a", 0);
        write(&file, b"b", 1);
        write(&file, b"c", 2);
        disk.crash(&Rng::seeded(seed));
        seen.insert(content(&disk, "/f").unwrap());
    }
    let seen: Vec<_> = seen.iter().map(|found| &found[..]).collect();
    assert_eq!(seen, [&b"...."[..], b"a...", b"ab..", b"abc."]);
}

#[tokio::test(start_paused = true)]
async fn a_sync_covers_what_was_written_before_it_was_called() {
    let disk = SimDisk::new();
    let slow = Duration::from_millis(10);
    disk.inject(
        "*",
        Fault::SlowSync {
            min: slow,
            max: slow,
        },
    );
    let file = create(&disk, "/f");
    disk.sync_dir(Path::new("/")).await.unwrap();
    write(&file, b"before", 0);
    let sync = file.sync();
    write(&file, b"after.", 6);
    let begun = tokio::time::Instant::now();
    sync.await.unwrap();
    assert_eq!(begun.elapsed(), slow);
    assert_eq!(content(&disk, "/f").unwrap(), "beforeafter.");
    disk.crash_losing_unsynced();
    assert_eq!(content(&disk, "/f").unwrap(), "before");
}

#[tokio::test(start_paused = true)]
async fn a_sync_that_has_not_ended_promises_nothing() {
    let disk = SimDisk::new();
    let file = durable(&disk, "/f", b"old").await;
    let slow = Duration::from_millis(10);
    disk.inject(
        "/f",
        Fault::SlowSync {
            min: slow,
            max: slow,
        },
    );
    let mut commit = file.commit(vec![Bytes::from_static(b"new")], 0);
    assert!(tokio::time::timeout(slow / 2, &mut commit).await.is_err());
    disk.crash_losing_unsynced();
    never(commit).await;
    assert_eq!(content(&disk, "/f").unwrap(), "old");
}

#[tokio::test(start_paused = true)]
async fn a_name_is_durable_only_after_its_directory_was_synced() {
    let disk = SimDisk::new();
    disk.create_dir_all(Path::new("/d")).unwrap();
    disk.sync_dir(Path::new("/")).await.unwrap();
    create(&disk, "/d/f").sync().await.unwrap();
    disk.crash_losing_unsynced();
    assert_eq!(content(&disk, "/d/f"), None);

    durable(&disk, "/d/f", b"x").await;
    disk.rename(Path::new("/d/f"), Path::new("/d/g")).unwrap();
    disk.crash_losing_unsynced();
    assert_eq!(content(&disk, "/d/f").unwrap(), "x");

    disk.remove_file(Path::new("/d/f")).unwrap();
    disk.crash_losing_unsynced();
    assert_eq!(content(&disk, "/d/f").unwrap(), "x");

    disk.remove_file(Path::new("/d/f")).unwrap();
    disk.sync_dir(Path::new("/d")).await.unwrap();
    disk.crash_losing_unsynced();
    assert_eq!(content(&disk, "/d/f"), None);
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_was_not_synced_into_its_parent_takes_everything_along() {
    let disk = SimDisk::new();
    disk.create_dir_all(Path::new("/d")).unwrap();
    durable(&disk, "/d/f", b"x").await;
    disk.crash_losing_unsynced();
    assert!(!disk.exists(Path::new("/d")).unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_directory_sync_covers_the_names_from_before_it_was_called() {
    let disk = SimDisk::new();
    create(&disk, "/a");
    let sync = disk.sync_dir(Path::new("/"));
    create(&disk, "/b");
    sync.await.unwrap();
    disk.crash_losing_unsynced();
    assert!(content(&disk, "/a").is_some());
    assert_eq!(content(&disk, "/b"), None);
}

#[tokio::test(start_paused = true)]
async fn names_survive_as_a_prefix_of_their_directory() {
    let mut seen = BTreeSet::new();
    for seed in 0..200 {
        let disk = SimDisk::new();
        for name in ["/a", "/b", "/c"] {
            create(&disk, name);
        }
        disk.remove_file(Path::new("/a")).unwrap();
        disk.crash(&Rng::seeded(seed));
        let names: Vec<_> = disk.list(Path::new("/")).unwrap();
        seen.insert(names.into_iter().map(|e| e.name).collect::<String>());
    }
    let expected = ["", "a", "ab", "abc", "bc"].map(str::to_owned);
    assert_eq!(seen, BTreeSet::from(expected));
}

#[tokio::test(start_paused = true)]
async fn a_replacing_rename_leaves_the_old_file_or_the_new_one() {
    let mut seen = BTreeSet::new();
    for seed in 0..100 {
        let disk = SimDisk::new();
        durable(&disk, "/f", b"old").await;
        let new = create(&disk, "/f.tmp");
        write(&new, b"new", 0);
        new.sync().await.unwrap();
        disk.rename(Path::new("/f.tmp"), Path::new("/f")).unwrap();
        disk.crash(&Rng::seeded(seed));
        seen.insert(content(&disk, "/f").unwrap());
    }
    assert_eq!(
        seen,
        BTreeSet::from([Bytes::from("new"), Bytes::from("old")])
    );
}

#[tokio::test(start_paused = true)]
async fn a_rename_between_directories_happens_in_both_or_in_neither() {
    let mut seen = BTreeSet::new();
    for seed in 0..300 {
        let disk = SimDisk::new();
        for dir in ["/a", "/b"] {
            disk.create_dir_all(Path::new(dir)).unwrap();
        }
        disk.sync_dir(Path::new("/")).await.unwrap();
        durable(&disk, "/a/f", b"x").await;
        create(&disk, "/b/older");
        disk.rename(Path::new("/a/f"), Path::new("/b/f")).unwrap();
        create(&disk, "/a/younger");
        if seed % 3 == 0 {
            // Either directory's sync settles the rename, and what came before it in the other.
            disk.sync_dir(Path::new(if seed % 2 == 0 { "/a" } else { "/b" }))
                .await
                .unwrap();
        }
        disk.crash(&Rng::seeded(seed));
        let here =
            ["/a/f", "/b/f", "/b/older", "/a/younger"].map(|path| content(&disk, path).is_some());
        assert_ne!(here[0], here[1], "seed {seed}");
        if seed % 3 == 0 {
            assert!(here[1] && here[2], "seed {seed}");
        }
        assert!(
            !here[3] || here[1],
            "a younger change survived without the rename"
        );
        seen.insert(here);
    }
    assert!(seen.len() >= 4, "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn a_lost_truncation_loses_what_was_written_past_it() {
    for seed in 0..200 {
        let disk = SimDisk::new();
        let file = durable(&disk, "/f", &[1; 2048]).await;
        file.set_len(512).unwrap();
        write(&file, &[2; 512], 512);
        disk.crash(&Rng::seeded(seed));
        let found = content(&disk, "/f").unwrap();
        let old = found == [1; 2048][..];
        let cut = found == [1; 512][..];
        let both = found == [[1; 512], [2; 512]].concat();
        assert!(old || cut || both, "seed {seed}: {} bytes", found.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_kill_keeps_what_is_in_the_page_cache_until_the_power_goes() {
    let disk = SimDisk::new();
    let file = durable(&disk, "/f", b"old").await;
    write(&file, b"new", 0);
    create(&disk, "/g");
    disk.kill();
    assert_eq!(content(&disk, "/f").unwrap(), "new");
    assert!(content(&disk, "/g").is_some());
    disk.crash_losing_unsynced();
    assert_eq!(content(&disk, "/f").unwrap(), "old");
    assert_eq!(content(&disk, "/g"), None);
}

#[tokio::test(start_paused = true)]
async fn handles_and_incarnations_from_before_a_crash_are_dead() {
    for kill in [false, true] {
        let disk = SimDisk::new();
        let old = disk.incarnation();
        let path = Path::new("/f");
        let file = old.open(path, OpenMode::CreateNew).unwrap();
        let lock = old.lock_dir(Path::new("/")).unwrap();
        let waiting = file.sync();
        if kill {
            disk.kill();
        } else {
            disk.crash(&Rng::seeded(1));
        }
        let new = disk.incarnation();
        let locked = new.lock_dir(Path::new("/")).unwrap();
        let fresh = new.open(path, OpenMode::CreateOrOpen).unwrap();
        write(&fresh, b"fresh", 0);

        let is_dead = |error: std::io::Error| error.raw_os_error() == Some(5);
        assert!(is_dead(file.write_at(&[], 0).unwrap_err()));
        assert!(is_dead(file.read_at(&mut [0], 0).unwrap_err()));
        assert!(is_dead(file.set_len(0).unwrap_err()));
        assert!(is_dead(file.len().unwrap_err()));
        assert!(is_dead(old.remove_file(path).unwrap_err()));
        assert!(is_dead(old.list(Path::new("/")).unwrap_err()));
        never(waiting).await;
        never(file.sync()).await;
        never(file.commit(vec![], 0)).await;
        never(old.sync_dir(Path::new("/"))).await;
        // Destructors of the dead touch nothing of the living.
        drop((file, lock, old));
        let second = new.lock_dir(Path::new("/")).unwrap_err();
        assert_eq!(second.kind(), ErrorKind::WouldBlock);
        assert_eq!(content(&disk, "/f").unwrap(), "fresh");
        drop(locked);
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_leaves_the_same_disk() {
    let run = |seed| async move {
        let disk = SimDisk::seeded(seed);
        let rng = Rng::seeded(seed);
        let (min, max) = (Duration::ZERO, Duration::from_millis(5));
        disk.inject("*", Fault::SlowSync { min, max });
        for i in 0..50 {
            let file = create(&disk, &format!("/{}", rng.below(8)));
            write(&file, &[1; 700], rng.below(4000));
            if i % 10 == 9 {
                file.sync().await.unwrap();
                disk.sync_dir(Path::new("/")).await.unwrap();
            }
        }
        disk.crash(&rng);
        let names = disk.list(Path::new("/")).unwrap();
        let contents: Vec<_> = names
            .iter()
            .map(|entry| content(&disk, &format!("/{}", entry.name)))
            .collect();
        (names, contents)
    };
    assert_eq!(run(1).await, run(1).await);
    assert_ne!(run(1).await, run(2).await);
}

#[tokio::test(start_paused = true)]
async fn a_disk_stops_at_any_operation_and_keeps_what_was_promised() {
    /// Writes records one after the other; says how many were promised.
    async fn workload(disk: &SimDisk, promised: &std::cell::Cell<u8>) -> std::io::Result<()> {
        let path = Path::new("/log");
        let file = disk.open(path, OpenMode::CreateOrOpen)?;
        disk.sync_dir(Path::new("/")).await?;
        for record in 1..=5 {
            let at = u64::from(record - 1);
            file.commit(vec![Bytes::copy_from_slice(&[record])], at)
                .await?;
            promised.set(record);
        }
        disk.rename(path, Path::new("/done"))
    }

    let mut outcomes = BTreeSet::new();
    for ops in 1.. {
        for seed in 0..20 {
            let disk = SimDisk::new();
            disk.crash_after_ops(ops);
            let promised = std::cell::Cell::new(0);
            let finished = tokio::select! {
                biased;
                () = disk.stopped() => false,
                result = workload(&disk, &promised) => result.is_ok(),
            };
            if finished {
                // Open, sync of the directory, five commits of two operations each, rename.
                assert_eq!((disk.ops(), ops), (13, 14));
                assert!(outcomes.len() > 10, "{outcomes:?}");
                return;
            }
            assert!(disk.is_stopped());
            disk.crash(&Rng::seeded(seed));
            assert!(!disk.is_stopped());
            let found = content(&disk, "/log").or_else(|| content(&disk, "/done"));
            let found = found.unwrap_or_default();
            let kept = u8::try_from(found.len()).unwrap();
            assert!(kept >= promised.get(), "{kept} of {}", promised.get());
            assert!(kept <= promised.get() + 1);
            outcomes.insert((promised.get(), kept));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn thousands_of_small_unsynced_appends_cost_little() {
    let begun = std::time::Instant::now();
    let disk = SimDisk::new();
    let file = create(&disk, "/f");
    for i in 0..4000u64 {
        write(&file, &[7; 100], i * 100);
    }
    let appended = begun.elapsed();
    disk.crash(&Rng::seeded(1));
    // Ten and a hundred times what it takes on a slow machine; quadratic work takes far longer.
    assert!(appended < Duration::from_millis(500), "{appended:?}");
    assert!(begun.elapsed() < Duration::from_secs(2));
}
