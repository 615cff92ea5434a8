//! One suite that every disk passes. What a disk may do at a crash is tested elsewhere.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use chronik_io::fs::{Disk, File, OpenMode, RealDisk, SimDisk, read_up_to};

/// A disk and a directory of its own on it.
struct On {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
}

impl On {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn create(&self, name: &str) -> Arc<dyn File> {
        let path = self.path(name);
        self.disk.open(&path, OpenMode::CreateNew).unwrap()
    }

    fn put(&self, name: &str, content: &'static [u8]) -> Arc<dyn File> {
        let file = self.create(name);
        file.write_at(&[Bytes::from_static(content)], 0).unwrap();
        file
    }

    fn content(&self, name: &str) -> Bytes {
        let file = self.disk.open(&self.path(name), OpenMode::Read).unwrap();
        content(&*file)
    }

    fn names(&self) -> Vec<String> {
        let entries = self.disk.list(&self.dir).unwrap();
        entries.into_iter().map(|entry| entry.name).collect()
    }
}

fn content(file: &dyn File) -> Bytes {
    read_up_to(file, 0, usize::try_from(file.len().unwrap()).unwrap() + 10).unwrap()
}

fn kind<T>(result: std::io::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

macro_rules! suite {
    ($($name:ident),* $(,)?) => {
        mod real {
            use super::*;
            $(
                #[tokio::test]
                async fn $name() {
                    // On the disk that builds are on: /tmp is often in memory.
                    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
                    let on = On { disk: Arc::new(RealDisk::new()), dir: dir.path().to_owned() };
                    super::$name(on).await;
                }
            )*
        }
        mod sim {
            use super::*;
            $(
                #[tokio::test(start_paused = true)]
                async fn $name() {
                    let on = On { disk: SimDisk::new().incarnation(), dir: "/data".into() };
                    on.disk.create_dir_all(&on.dir).unwrap();
                    super::$name(on).await;
                }
            )*
        }
    };
}

suite![
    what_was_written_is_read_back,
    many_buffers_land_one_after_the_other,
    empty_buffers_write_nothing,
    holes_read_as_zeros,
    a_length_cuts_and_extends_with_zeros,
    allocating_never_shortens,
    reading_stops_at_the_end_of_the_file,
    a_resident_read_tells_the_same_as_a_read,
    a_commit_is_a_write_and_a_sync,
    a_dropped_commit_still_writes,
    two_handles_see_one_file,
    a_handle_that_only_reads_cannot_write,
    create_new_fails_when_the_file_is_there,
    create_or_open_keeps_the_content,
    opening_a_directory_fails,
    a_missing_file_or_directory_is_not_found,
    a_file_is_not_a_directory,
    a_rename_replaces,
    a_rename_follows_rules_about_directories,
    a_rename_to_another_directory_moves,
    a_renamed_directory_keeps_its_files,
    a_handle_survives_unlink_and_rename,
    a_name_can_be_made_again_while_the_old_file_is_open,
    a_list_is_sorted_and_says_what_is_what,
    directories_are_made_with_their_parents_and_removed_when_empty,
    a_lock_excludes_until_it_is_dropped,
    space_is_within_the_total,
    many_syncs_at_once_all_end,
];

async fn what_was_written_is_read_back(on: On) {
    let file = on.put("f", b"hello world");
    file.write_at(&[Bytes::from_static(b"W")], 6).unwrap();
    assert_eq!(content(&*file), "hello World");
    assert_eq!(file.len().unwrap(), 11);
    assert_eq!(on.content("f"), "hello World");
    let mut part = [0; 5];
    assert_eq!(file.read_at(&mut part, 6).unwrap(), 5);
    assert_eq!(&part, b"World");
}

async fn many_buffers_land_one_after_the_other(on: On) {
    let file = on.create("f");
    // More than the platform takes in one call.
    let bufs: Vec<_> = (0..2500u32)
        .map(|i| Bytes::copy_from_slice(&i.to_le_bytes()))
        .collect();
    file.write_at(&bufs, 3).unwrap();
    let expected: Vec<u8> = [0; 3].into_iter().chain(bufs.concat()).collect();
    assert_eq!(content(&*file), expected);
}

async fn empty_buffers_write_nothing(on: On) {
    let file = on.create("f");
    file.write_at(&[], 10).unwrap();
    file.write_at(&[Bytes::new(), Bytes::new()], 10).unwrap();
    assert!(file.is_empty().unwrap());
    let bufs = [Bytes::new(), Bytes::from_static(b"a"), Bytes::new()];
    file.write_at(&bufs, 0).unwrap();
    assert_eq!(content(&*file), "a");
    file.commit(vec![], 5).await.unwrap();
    assert_eq!(file.len().unwrap(), 1);
}

async fn holes_read_as_zeros(on: On) {
    let file = on.create("f");
    file.write_at(&[Bytes::from_static(b"end")], 10_000)
        .unwrap();
    let read = content(&*file);
    assert_eq!(read.len(), 10_003);
    assert!(read[..10_000].iter().all(|byte| *byte == 0));
    assert_eq!(&read[10_000..], b"end");
}

async fn a_length_cuts_and_extends_with_zeros(on: On) {
    let file = on.put("f", b"0123456789");
    file.set_len(4).unwrap();
    assert_eq!(content(&*file), "0123");
    file.set_len(6).unwrap();
    assert_eq!(content(&*file), "0123\0\0");
    file.set_len(0).unwrap();
    assert!(file.is_empty().unwrap());
}

async fn allocating_never_shortens(on: On) {
    let file = on.put("f", b"01234");
    file.allocate(8192).unwrap();
    assert_eq!(file.len().unwrap(), 8192);
    assert_eq!(&content(&*file)[..6], b"01234\0");
    file.allocate(100).unwrap();
    file.allocate(0).unwrap();
    assert_eq!(file.len().unwrap(), 8192);
}

async fn reading_stops_at_the_end_of_the_file(on: On) {
    let file = on.put("f", b"01234");
    let mut buf = [9; 10];
    assert_eq!(file.read_at(&mut buf, 3).unwrap(), 2);
    assert_eq!(&buf[..3], &[b'3', b'4', 9]);
    assert_eq!(file.read_at(&mut buf, 5).unwrap(), 0);
    assert_eq!(file.read_at(&mut buf, 1 << 30).unwrap(), 0);
    assert_eq!(file.read_at(&mut [], 0).unwrap(), 0);
    assert_eq!(read_up_to(&*file, 1, 3).unwrap(), "123");
    assert_eq!(read_up_to(&*file, 4, 3).unwrap(), "4");
}

async fn a_resident_read_tells_the_same_as_a_read(on: On) {
    let file = on.put("f", b"0123456789");
    let mut buf = [0; 20];
    // Just written, so it is in memory wherever that can be told.
    if let Some(read) = file.read_resident(&mut buf, 2).unwrap() {
        assert_eq!(&buf[..read], b"23456789");
    } else {
        assert!(on.disk.kind(&on.dir) != Some("ext4") && on.disk.kind(&on.dir) != Some("sim"));
    }
}

async fn a_commit_is_a_write_and_a_sync(on: On) {
    let file = on.create("f");
    let bufs = vec![Bytes::from_static(b"ab"), Bytes::from_static(b"cd")];
    file.commit(bufs, 1).await.unwrap();
    assert_eq!(content(&*file), "\0abcd");
    file.start_writeback(0, 5);
    file.sync().await.unwrap();
    on.disk.sync_dir(&on.dir).await.unwrap();
}

async fn a_dropped_commit_still_writes(on: On) {
    let file = on.create("f");
    drop(file.commit(vec![Bytes::from_static(b"kept")], 0));
    // A later sync waits for nothing of the sort: ask until it is there.
    while file.len().unwrap() < 4 {
        file.sync().await.unwrap();
    }
    assert_eq!(content(&*file), "kept");
}

async fn two_handles_see_one_file(on: On) {
    let one = on.create("f");
    let two = on.disk.open(&on.path("f"), OpenMode::ReadWrite).unwrap();
    one.write_at(&[Bytes::from_static(b"one")], 0).unwrap();
    two.write_at(&[Bytes::from_static(b"two")], 3).unwrap();
    assert_eq!(content(&*one), "onetwo");
    assert_eq!(content(&*two), "onetwo");
}

async fn a_handle_that_only_reads_cannot_write(on: On) {
    on.put("f", b"x");
    let file = on.disk.open(&on.path("f"), OpenMode::Read).unwrap();
    assert!(file.write_at(&[Bytes::from_static(b"y")], 0).is_err());
    assert!(
        file.commit(vec![Bytes::from_static(b"y")], 0)
            .await
            .is_err()
    );
    assert_eq!(kind(file.set_len(0)), Some(ErrorKind::InvalidInput));
    assert!(file.allocate(10).is_err());
    assert_eq!(content(&*file), "x");
    file.sync().await.unwrap();
}

async fn create_new_fails_when_the_file_is_there(on: On) {
    on.put("f", b"x");
    let again = on.disk.open(&on.path("f"), OpenMode::CreateNew);
    assert_eq!(kind(again), Some(ErrorKind::AlreadyExists));
    let directory = on.disk.open(&on.dir, OpenMode::CreateNew);
    assert_eq!(kind(directory), Some(ErrorKind::AlreadyExists));
}

async fn create_or_open_keeps_the_content(on: On) {
    on.put("f", b"x");
    for (name, expected) in [("f", "x"), ("g", "")] {
        let file = on
            .disk
            .open(&on.path(name), OpenMode::CreateOrOpen)
            .unwrap();
        assert_eq!(content(&*file), expected);
    }
    assert_eq!(on.names(), ["f", "g"]);
}

async fn opening_a_directory_fails(on: On) {
    for mode in [OpenMode::Read, OpenMode::ReadWrite, OpenMode::CreateOrOpen] {
        let opened = on.disk.open(&on.dir, mode);
        assert_eq!(kind(opened), Some(ErrorKind::IsADirectory), "{mode:?}");
    }
}

async fn a_missing_file_or_directory_is_not_found(on: On) {
    let missing = Some(ErrorKind::NotFound);
    for path in [on.path("no"), on.path("no/no")] {
        assert_eq!(kind(on.disk.open(&path, OpenMode::Read)), missing);
        assert_eq!(kind(on.disk.open(&path, OpenMode::ReadWrite)), missing);
        assert_eq!(kind(on.disk.remove_file(&path)), missing);
        assert_eq!(kind(on.disk.remove_dir(&path)), missing);
        assert_eq!(kind(on.disk.rename(&path, &on.path("to"))), missing);
        assert_eq!(kind(on.disk.list(&path)), missing);
        assert_eq!(kind(on.disk.lock_dir(&path)), missing);
        assert_eq!(kind(on.disk.space(&path)), missing);
        assert_eq!(kind(on.disk.sync_dir(&path).await), missing);
        assert_eq!(on.disk.kind(&path), None);
        assert!(!on.disk.exists(&path).unwrap());
    }
    let below = on.path("no/f");
    assert_eq!(kind(on.disk.open(&below, OpenMode::CreateNew)), missing);
    on.put("f", b"");
    assert_eq!(kind(on.disk.rename(&on.path("f"), &below)), missing);
    assert_eq!(on.names(), ["f"]);
}

async fn a_file_is_not_a_directory(on: On) {
    on.put("f", b"x");
    let (file, below) = (on.path("f"), on.path("f/g"));
    let wrong = Some(ErrorKind::NotADirectory);
    assert_eq!(kind(on.disk.open(&below, OpenMode::Read)), wrong);
    assert_eq!(kind(on.disk.open(&below, OpenMode::CreateNew)), wrong);
    assert_eq!(kind(on.disk.list(&file)), wrong);
    assert_eq!(kind(on.disk.lock_dir(&file)), wrong);
    assert_eq!(kind(on.disk.remove_dir(&file)), wrong);
    assert_eq!(kind(on.disk.sync_dir(&file).await), wrong);
    assert_eq!(kind(on.disk.create_dir_all(&below)), wrong);
    let there = Some(ErrorKind::AlreadyExists);
    assert_eq!(kind(on.disk.create_dir_all(&file)), there);
    assert!(!on.disk.exists(&below).unwrap());
}

async fn a_rename_replaces(on: On) {
    on.put("from", b"new");
    let old = on.put("to", b"old");
    on.disk.rename(&on.path("from"), &on.path("to")).unwrap();
    assert_eq!(on.names(), ["to"]);
    assert_eq!(on.content("to"), "new");
    assert_eq!(content(&*old), "old");
    on.disk.rename(&on.path("to"), &on.path("to")).unwrap();
    assert_eq!(on.content("to"), "new");
}

async fn a_rename_follows_rules_about_directories(on: On) {
    on.put("f", b"x");
    for dir in ["empty", "full/below"] {
        on.disk.create_dir_all(&on.path(dir)).unwrap();
    }
    let rename = |from: &str, to: &str| kind(on.disk.rename(&on.path(from), &on.path(to)));
    assert_eq!(rename("f", "empty"), Some(ErrorKind::IsADirectory));
    assert_eq!(rename("empty", "f"), Some(ErrorKind::NotADirectory));
    assert_eq!(rename("empty", "full"), Some(ErrorKind::DirectoryNotEmpty));
    assert_eq!(
        rename("full", "full/below/x"),
        Some(ErrorKind::InvalidInput)
    );
    assert_eq!(rename("full", "empty"), None);
    assert_eq!(on.names(), ["empty", "f"]);
    assert!(on.disk.exists(&on.path("empty/below")).unwrap());
}

async fn a_rename_to_another_directory_moves(on: On) {
    on.disk.create_dir_all(&on.path("a")).unwrap();
    on.disk.create_dir_all(&on.path("b")).unwrap();
    let file = on.put("a/f", b"x");
    on.disk.rename(&on.path("a/f"), &on.path("b/g")).unwrap();
    file.write_at(&[Bytes::from_static(b"y")], 1).unwrap();
    assert_eq!(on.content("b/g"), "xy");
    assert!(!on.disk.exists(&on.path("a/f")).unwrap());
    on.disk.sync_dir(&on.path("a")).await.unwrap();
    assert_eq!(on.content("b/g"), "xy");
}

async fn a_renamed_directory_keeps_its_files(on: On) {
    on.disk.create_dir_all(&on.path("t-0/sub")).unwrap();
    let file = on.put("t-0/sub/f", b"x");
    on.disk
        .rename(&on.path("t-0"), &on.path("t-0.deleted"))
        .unwrap();
    assert_eq!(on.content("t-0.deleted/sub/f"), "x");
    assert_eq!(content(&*file), "x");
    assert!(!on.disk.exists(&on.path("t-0")).unwrap());
}

async fn a_handle_survives_unlink_and_rename(on: On) {
    let renamed = on.put("a", b"a");
    let unlinked = on.put("b", b"b");
    on.disk.rename(&on.path("a"), &on.path("c")).unwrap();
    on.disk.remove_file(&on.path("b")).unwrap();
    on.disk.sync_dir(&on.dir).await.unwrap();
    for file in [&renamed, &unlinked] {
        file.write_at(&[Bytes::from_static(b"+")], 1).unwrap();
        file.sync().await.unwrap();
    }
    assert_eq!(content(&*unlinked), "b+");
    assert_eq!(on.content("c"), "a+");
    assert_eq!(on.names(), ["c"]);
}

async fn a_name_can_be_made_again_while_the_old_file_is_open(on: On) {
    let old = on.put("f", b"old");
    on.disk.remove_file(&on.path("f")).unwrap();
    let new = on.put("f", b"new file");
    assert_eq!(content(&*old), "old");
    assert_eq!(content(&*new), "new file");
    drop(old);
    assert_eq!(on.content("f"), "new file");
}

async fn a_list_is_sorted_and_says_what_is_what(on: On) {
    for name in ["b", "a", "C", "10", "9"] {
        on.put(name, b"xyz");
    }
    on.disk.create_dir_all(&on.path("aa/below")).unwrap();
    let entries = on.disk.list(&on.dir).unwrap();
    let seen: Vec<_> = entries
        .iter()
        .map(|entry| (entry.name.as_str(), entry.is_dir, entry.len))
        .collect();
    let file = |name| (name, false, 3);
    assert_eq!(
        seen,
        [
            file("10"),
            file("9"),
            file("C"),
            file("a"),
            ("aa", true, 0),
            file("b")
        ]
    );
}

async fn directories_are_made_with_their_parents_and_removed_when_empty(on: On) {
    let deep = on.path("a/b/c");
    on.disk.create_dir_all(&deep).unwrap();
    on.disk.create_dir_all(&deep).unwrap();
    let full = on.disk.remove_dir(&on.path("a"));
    assert_eq!(kind(full), Some(ErrorKind::DirectoryNotEmpty));
    let directory = on.disk.remove_file(&deep);
    assert_eq!(kind(directory), Some(ErrorKind::IsADirectory));
    for dir in ["a/b/c", "a/b", "a"] {
        on.disk.remove_dir(&on.path(dir)).unwrap();
    }
    assert!(on.names().is_empty());
}

async fn a_lock_excludes_until_it_is_dropped(on: On) {
    let lock = on.disk.lock_dir(&on.dir).unwrap();
    let second = on.disk.lock_dir(&on.dir);
    assert_eq!(kind(second), Some(ErrorKind::WouldBlock));
    on.disk.create_dir_all(&on.path("other")).unwrap();
    let other = on.disk.lock_dir(&on.path("other")).unwrap();
    drop(lock);
    let again = on.disk.lock_dir(&on.dir).unwrap();
    assert_eq!(on.names(), [".lock", "other"]);
    drop((other, again));
}

async fn space_is_within_the_total(on: On) {
    let space = on.disk.space(&on.dir).unwrap();
    assert!(
        space.available > 0 && space.available <= space.total,
        "{space:?}"
    );
}

async fn many_syncs_at_once_all_end(on: On) {
    let files: Vec<_> = (0..20).map(|i| on.create(&format!("f{i}"))).collect();
    let mut waits = Vec::new();
    for round in 0..5 {
        for file in &files {
            waits.push(file.commit(vec![Bytes::from_static(b"x")], round));
            waits.push(file.sync());
            file.start_writeback(0, 1);
        }
        waits.push(on.disk.sync_dir(&on.dir));
    }
    for wait in waits {
        wait.await.unwrap();
    }
    for file in &files {
        assert_eq!(content(&**file), "xxxxx");
    }
}

/// What only the real disk can show.
mod real_only {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn files_and_directories_are_closed_to_others() {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let disk = RealDisk::new();
        let deep = dir.path().join("a/b");
        disk.create_dir_all(&deep).unwrap();
        disk.open(&deep.join("f"), OpenMode::CreateOrOpen).unwrap();
        disk.open(&deep.join("g"), OpenMode::CreateNew).unwrap();
        let _lock = disk.lock_dir(&deep).unwrap();
        // The usual umask takes nothing away that these modes have.
        for name in ["f", "g", ".lock"] {
            assert_eq!(mode(&deep.join(name)) & !0o640, 0, "{name}");
        }
        assert_eq!(mode(&deep) & !0o750, 0);
        assert_eq!(mode(&dir.path().join("a")) & !0o750, 0);
    }

    #[test]
    fn waits_need_no_runtime_and_work_outlives_the_disk() {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let disk = RealDisk::new();
        let file = disk
            .open(&dir.path().join("f"), OpenMode::CreateNew)
            .unwrap();
        let wait = file.commit(vec![Bytes::from_static(b"x")], 0);
        drop((file, disk));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(wait).unwrap();
        assert_eq!(std::fs::read(dir.path().join("f")).unwrap(), b"x");
    }
}
