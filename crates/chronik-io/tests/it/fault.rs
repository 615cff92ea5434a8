//! Faults of the simulated disk: how each looks to the caller, and what it leaves behind.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chronik_io::fs::sim::{Counters, Fault};
use chronik_io::fs::{Disk, File, OpenMode, SimDisk, read_up_to};

const EIO: Option<i32> = Some(5);

fn open(disk: &SimDisk, path: &str) -> Arc<dyn File> {
    disk.open(Path::new(path), OpenMode::CreateOrOpen).unwrap()
}

fn write(file: &Arc<dyn File>, content: &'static [u8], offset: u64) -> std::io::Result<()> {
    file.write_at(&[Bytes::from_static(content)], offset)
}

fn content(file: &Arc<dyn File>) -> Bytes {
    read_up_to(&**file, 0, 1 << 20).unwrap()
}

fn errno<T>(result: std::io::Result<T>) -> Option<i32> {
    result.err().and_then(|error| error.raw_os_error())
}

#[tokio::test(start_paused = true)]
async fn a_failed_sync_drops_what_it_covered_though_it_stays_readable() {
    let disk = SimDisk::new();
    let file = open(&disk, "/f");
    write(&file, b"old", 0).unwrap();
    file.sync().await.unwrap();
    disk.sync_dir(Path::new("/")).await.unwrap();

    disk.inject_times("/f", Fault::SyncError, 1);
    write(&file, b"new", 0).unwrap();
    assert_eq!(errno(file.sync().await), EIO);
    assert_eq!(content(&file), "new");
    // As on Linux the pages are clean now: the next sync has nothing to do, and says so.
    file.sync().await.unwrap();
    assert_eq!(content(&file), "new");
    disk.evict("*");
    assert_eq!(content(&file), "old");
    disk.crash_losing_unsynced();
    assert_eq!(content(&open(&disk, "/f")), "old");
}

#[tokio::test(start_paused = true)]
async fn what_was_written_after_a_failed_sync_was_called_is_still_dirty() {
    let disk = SimDisk::new();
    let file = open(&disk, "/f");
    disk.sync_dir(Path::new("/")).await.unwrap();
    disk.inject_times("/f", Fault::SyncError, 1);
    write(&file, b"lost", 0).unwrap();
    let sync = file.sync();
    write(&file, b"kept", 4).unwrap();
    assert_eq!(errno(sync.await), EIO);
    file.sync().await.unwrap();
    disk.crash_losing_unsynced();
    assert_eq!(content(&open(&disk, "/f")), "\0\0\0\0kept");
}

#[tokio::test(start_paused = true)]
async fn every_handle_that_was_open_hears_of_a_failed_sync_once() {
    let disk = SimDisk::new();
    let (one, two) = (open(&disk, "/f"), open(&disk, "/f"));
    disk.inject_times("/f", Fault::SyncError, 1);
    write(&one, b"x", 0).unwrap();
    assert_eq!(errno(one.sync().await), EIO);
    let late = open(&disk, "/f");
    assert_eq!(errno(two.sync().await), EIO);
    for file in [&one, &two, &late] {
        file.sync().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_sync_of_a_directory_leaves_its_names_undurable() {
    let disk = SimDisk::new();
    open(&disk, "/f");
    disk.inject_times("/", Fault::SyncError, 1);
    assert_eq!(errno(disk.sync_dir(Path::new("/")).await), EIO);
    disk.crash_losing_unsynced();
    assert!(!disk.exists(Path::new("/f")).unwrap());
}

#[tokio::test(start_paused = true)]
async fn reads_and_writes_fail_where_the_pattern_says_until_healed() {
    let disk = SimDisk::new();
    let (log, index) = (open(&disk, "/0.log"), open(&disk, "/0.index"));
    write(&log, b"x", 0).unwrap();
    let reads = disk.inject("*.log", Fault::ReadError);
    let writes = disk.inject("*.log", Fault::WriteError);
    assert_eq!(errno(log.read_at(&mut [0], 0)), EIO);
    assert_eq!(errno(write(&log, b"y", 0)), EIO);
    write(&index, b"y", 0).unwrap();
    disk.heal(reads);
    assert_eq!(content(&log), "x");
    assert_eq!(
        errno(log.commit(vec![Bytes::from_static(b"y")], 0).await),
        EIO
    );
    disk.heal(writes);
    write(&log, b"y", 0).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_fault_follows_a_file_to_its_new_name() {
    let disk = SimDisk::new();
    let file = open(&disk, "/f.tmp");
    disk.inject("/f", Fault::WriteError);
    write(&file, b"x", 0).unwrap();
    disk.rename(Path::new("/f.tmp"), Path::new("/f")).unwrap();
    assert_eq!(errno(write(&file, b"y", 0)), EIO);
}

#[test]
fn a_short_write_leaves_a_part_behind() {
    let disk = SimDisk::new();
    let file = open(&disk, "/f");
    disk.inject_times("/f", Fault::ShortWrite, 1);
    let short = write(&file, b"0123456789", 0).unwrap_err();
    assert_eq!(short.kind(), ErrorKind::WriteZero);
    assert_eq!(content(&file), "01234");
    write(&file, b"0123456789", 0).unwrap();
    assert_eq!(content(&file), "0123456789");
}

#[test]
fn a_full_disk_takes_what_fits_and_recovers_when_there_is_room() {
    let disk = SimDisk::new();
    disk.set_capacity(Some(100));
    let (one, two) = (open(&disk, "/1"), open(&disk, "/2"));
    write(&one, &[1; 60], 0).unwrap();
    let full = write(&two, &[2; 60], 0).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::StorageFull);
    assert_eq!(two.len().unwrap(), 40);
    let space = disk.space(Path::new("/")).unwrap();
    assert_eq!((space.available, space.total), (0, 100));
    // What is there can be overwritten, and a cut gives room back.
    write(&one, &[3; 60], 0).unwrap();
    two.set_len(10).unwrap();
    write(&one, &[4; 30], 60).unwrap();
    assert!(write(&one, &[4; 1], 90).is_err());
    // An unlinked file takes room until it is closed.
    disk.remove_file(Path::new("/2")).unwrap();
    assert!(write(&one, &[4; 1], 90).is_err());
    drop(two);
    write(&one, &[4; 10], 90).unwrap();
    disk.set_capacity(None);
    write(&one, &[5; 1000], 0).unwrap();
}

#[test]
fn within_what_was_allocated_a_full_disk_does_not_matter() {
    let disk = SimDisk::new();
    disk.set_capacity(Some(100));
    let (journal, other) = (open(&disk, "/journal"), open(&disk, "/other"));
    let too_much = journal.allocate(101).unwrap_err();
    assert_eq!(too_much.kind(), ErrorKind::StorageFull);
    assert_eq!(journal.len().unwrap(), 0);
    journal.allocate(80).unwrap();
    assert!(write(&other, &[1; 30], 0).is_err());
    write(&journal, &[2; 80], 0).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_hung_sync_ends_when_healed_and_others_do_not_wait_for_it() {
    let disk = SimDisk::new();
    let (hung, other) = (open(&disk, "/hung"), open(&disk, "/other"));
    let fault = disk.inject("/hung", Fault::HungSync);
    let mut sync = hung.sync();
    let hour = Duration::from_secs(3600);
    assert!(tokio::time::timeout(hour, &mut sync).await.is_err());
    other.sync().await.unwrap();
    let healer = disk.clone();
    tokio::spawn(async move {
        tokio::time::sleep(hour).await;
        healer.heal(fault);
    });
    sync.await.unwrap();
    hung.sync().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn slow_syncs_of_one_disk_overlap_and_vary_within_their_bounds() {
    let disk = SimDisk::seeded(3);
    let (min, max) = (Duration::from_millis(2), Duration::from_millis(40));
    disk.inject("*", Fault::SlowSync { min, max });
    let begun = tokio::time::Instant::now();
    let syncs: Vec<_> = (0..10)
        .map(|i| tokio::spawn(open(&disk, &format!("/{i}")).sync()))
        .collect();
    let mut took = std::collections::BTreeSet::new();
    for sync in syncs {
        sync.await.unwrap().unwrap();
        took.insert(begun.elapsed());
    }
    assert!(took.len() > 1);
    // The timer rounds up to a millisecond.
    assert!(begun.elapsed() >= min && begun.elapsed() <= max + Duration::from_millis(1));
}

#[tokio::test(start_paused = true)]
async fn bit_rot_stays_until_the_place_is_written_again() {
    let disk = SimDisk::new();
    let file = open(&disk, "/f");
    write(&file, b"aaaa", 0).unwrap();
    assert!(
        !disk.flip_bit(Path::new("/f"), 0, 1),
        "nothing is durable yet"
    );
    file.sync().await.unwrap();
    disk.sync_dir(Path::new("/")).await.unwrap();
    assert!(disk.flip_bit(Path::new("/f"), 1, 1));
    assert_eq!(content(&file), "acaa");
    file.sync().await.unwrap();
    disk.heal_all();
    disk.crash_losing_unsynced();
    let file = open(&disk, "/f");
    assert_eq!(content(&file), "acaa");
    write(&file, b"b", 1).unwrap();
    file.sync().await.unwrap();
    assert_eq!(content(&file), "abaa");
    assert!(!disk.flip_bit(Path::new("/f"), 9, 1));
    assert!(!disk.flip_bit(Path::new("/no"), 0, 1));
}

#[test]
fn an_evicted_file_is_resident_again_after_a_read() {
    let disk = SimDisk::new();
    let file = open(&disk, "/f");
    write(&file, b"x", 0).unwrap();
    let mut buf = [0; 4];
    assert_eq!(file.read_resident(&mut buf, 0).unwrap(), Some(1));
    disk.evict("*");
    assert_eq!(file.read_resident(&mut buf, 0).unwrap(), None);
    assert_eq!(content(&file), "x");
    assert_eq!(file.read_resident(&mut buf, 0).unwrap(), Some(1));
}

#[tokio::test(start_paused = true)]
async fn counters_tell_what_was_asked_of_each_file_even_when_it_is_gone() {
    let disk = SimDisk::new();
    let journal = open(&disk, "/journal");
    let window = vec![Bytes::from_static(b"abc"), Bytes::from_static(b"de")];
    journal.commit(window, 0).await.unwrap();
    let log = open(&disk, "/0.log");
    write(&log, b"x", 0).unwrap();
    content(&journal);
    disk.sync_dir(Path::new("/")).await.unwrap();
    let seen = disk.counters("/journal");
    let expected = Counters {
        // The second one met the end of the file.
        reads: 2,
        bytes_read: 5,
        writes: 1,
        bytes_written: 5,
        syncs: 1,
    };
    assert_eq!(seen, expected);
    assert_eq!(disk.counters("/0.log").syncs, 0);
    assert_eq!(disk.counters("/").syncs, 1);
    drop(journal);
    disk.remove_file(Path::new("/journal")).unwrap();
    disk.sync_dir(Path::new("/")).await.unwrap();
    assert_eq!(disk.counters("/journal"), seen);
    assert_eq!(disk.counters("*").syncs, 3);
    assert_eq!(disk.counters("*").writes, 2);
}
