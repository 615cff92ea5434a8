//! A disk that is full and a disk that cannot be written, on a small filesystem of the test's own.
//!
//! Mounting needs root. Without it, and outside of CI, these tests say so by name and pass.

use std::path::{Path, PathBuf};
use std::process::Command;

use chronik_client::Connection;
use chronik_protocol::Codec;
use chronik_types::ErrorCode;

use crate::node::{Node, data_dir};
use crate::wire::{batch, create_topic, produce, read_all};

const MIB: u64 = 1 << 20;
const STORAGE_ERROR: i16 = ErrorCode::KafkaStorageError.code();

/// A filesystem in a file: ext4, of 64 MiB, unmounted when dropped.
struct Filesystem {
    /// Where the image and the mount point are.
    dir: tempfile::TempDir,
}

impl Filesystem {
    /// None where this user may not mount, which is said by name.
    fn new(test: &str) -> Option<Self> {
        let may_mount = rustix::process::getuid().is_root();
        if !may_mount {
            assert!(std::env::var_os("CI").is_none(), "CI runs tests as root");
            eprintln!("skipped {test}: only root can mount a filesystem");
            return None;
        }
        let filesystem = Self { dir: data_dir() };
        let image = filesystem.dir.path().join("image");
        let file = std::fs::File::create(&image).unwrap();
        file.set_len(64 * MIB).unwrap();
        std::fs::create_dir(filesystem.path()).unwrap();
        run(Command::new("mkfs.ext4")
            .args(["-q", "-m", "0"])
            .arg(&image));
        run(Command::new("mount")
            .args(["-o", "loop"])
            .args([&image, &filesystem.path()]));
        Some(filesystem)
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("mounted")
    }

    fn remount(&self, option: &str) {
        let option = format!("remount,{option}");
        run(Command::new("mount").args(["-o", &option]).arg(self.path()));
    }

    /// A node with its data on it, and small files so that the disk is full early.
    fn start(&self, settings: &str) -> Node {
        let file = self.dir.path().join("chronik.toml");
        let text = format!(
            "\"chronik.journal.file.bytes\" = {}\n\"chronik.journal.files.max\" = 4\n{settings}\n",
            2 * MIB
        );
        std::fs::write(&file, text).unwrap();
        Node::start_with(&self.data(), &["--config", file.to_str().unwrap()])
    }

    fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    /// Fills it until `left` bytes are free.
    fn fill_but(&self, left: u64) {
        let file = std::fs::File::create(self.ballast()).unwrap();
        let space = rustix::fs::statvfs(self.path()).unwrap();
        let free = space.f_bavail * space.f_frsize;
        let flags = rustix::fs::FallocateFlags::empty();
        rustix::fs::fallocate(&file, flags, 0, free.checked_sub(left).unwrap()).unwrap();
    }

    fn free(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Filesystem {
    fn drop(&mut self) {
        // Lazily: a node that a failing test leaves behind may still hold it.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
}

fn value(number: usize) -> Vec<u8> {
    let mut value = format!("value {number} ").into_bytes();
    value.resize(32 << 10, b'.');
    value
}

/// Produces until it fails; what was acknowledged, and how it ended.
async fn produce_until_failure(
    connection: &Connection,
    acknowledged: &mut Vec<(i64, Vec<u8>)>,
    at_most: usize,
) -> Option<i16> {
    for _ in 0..at_most {
        let value = value(acknowledged.len());
        match produce(connection, "full", batch(Codec::None, &value)).await {
            Some((0, offset)) => acknowledged.push((offset, value)),
            Some((code, _)) => return Some(code),
            None => return None,
        }
    }
    panic!("{at_most} batches were taken");
}

#[tokio::test]
async fn below_its_reserve_produce_is_refused_reads_go_on_and_freed_space_heals() {
    let Some(disk) = Filesystem::new("a disk below its reserve") else {
        return;
    };
    let node = disk.start(&format!("\"chronik.disk.reserve.bytes\" = {}", 16 * MIB));
    let connection = Connection::connect(&node.kafka).await.unwrap();
    create_topic(&connection, "full", &[]).await;
    let mut acknowledged = Vec::new();
    for number in 0..10 {
        let value = value(number);
        let answer = produce(&connection, "full", batch(Codec::None, &value)).await;
        assert_eq!(answer, Some((0, number as i64)));
        acknowledged.push((number as i64, value));
    }
    disk.fill_but(12 * MIB);
    let line = node.wait_for_line("event=\"disk_full\"");
    assert!(
        line.contains("ERROR") && line.contains("available="),
        "{line}"
    );
    let end = produce_until_failure(&connection, &mut acknowledged, 1).await;
    assert_eq!(end, Some(STORAGE_ERROR));
    assert_eq!(read_all(&connection, "full").await, acknowledged);
    // Metadata is what the reserve is kept for.
    create_topic(&connection, "made-while-full", &[]).await;
    disk.free();
    node.wait_for_line("event=\"disk_freed\"");
    let value = value(10);
    let answer = produce(&connection, "full", batch(Codec::None, &value)).await;
    assert_eq!(answer, Some((0, 10)));
    acknowledged.push((10, value));
    assert_eq!(read_all(&connection, "full").await, acknowledged);
    assert_eq!(node.terminate(), Some(0));
}

/// Without a reserve the disk is full in the middle of a write. The write is refused, or the node
/// ends because its journal cannot go on; either way nothing acknowledged is lost.
#[tokio::test]
async fn a_disk_filled_to_its_last_byte_loses_nothing_that_was_acknowledged() {
    let Some(disk) = Filesystem::new("a disk without a free byte") else {
        return;
    };
    let node = disk.start("\"chronik.disk.reserve.bytes\" = 1");
    let connection = Connection::connect(&node.kafka).await.unwrap();
    create_topic(&connection, "full", &[]).await;
    disk.fill_but(3 * MIB);
    let mut acknowledged = Vec::new();
    let end = produce_until_failure(&connection, &mut acknowledged, 4_000).await;
    assert!(matches!(end, Some(STORAGE_ERROR) | None), "{end:?}");
    println!("{} acknowledged, then {end:?}", acknowledged.len());
    disk.free();
    drop(node);
    let node = disk.start("");
    let connection = Connection::connect(&node.kafka).await.unwrap();
    let stored = read_all(&connection, "full").await;
    assert_eq!(stored[..acknowledged.len()], acknowledged);
    let answer = produce(&connection, "full", batch(Codec::None, b"again")).await;
    assert_eq!(answer.map(|(code, _)| code), Some(0));
}

fn failed_start(data: &Path) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_chronik"))
        .args(["start", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"])
        .arg("--data-dir")
        .arg(data)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), text)
}

#[test]
fn a_read_only_data_directory_is_refused_in_one_line_that_says_what_to_do() {
    let Some(disk) = Filesystem::new("a read-only directory") else {
        return;
    };
    let used = disk.data();
    drop(disk.start(""));
    disk.remount("ro");
    for dir in [used, disk.path().join("new")] {
        let (code, text) = failed_start(&dir);
        assert_eq!(code, Some(3), "{text}");
        let line = text.lines().last().unwrap();
        let path = dir.display().to_string();
        for part in [&path, "Read-only file system", "another --data-dir"] {
            assert!(line.contains(part), "{line}");
        }
    }
}
