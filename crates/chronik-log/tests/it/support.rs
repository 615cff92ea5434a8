//! Batches, worlds and small settings for the tests.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chronik_io::fs::{Disk, RealDisk, SimDisk};
use chronik_io::{Clock, Env, Exit, ExitCode, Rng};
use chronik_log::{
    AppendAsLeader, AppendError, Appended, LogManager, LogManagerOptions, PartitionKey,
    PartitionLog, RecoveryReport,
};
use chronik_types::{LeaderEpoch, Offset, PartitionId, Timestamp, TopicId, TopicName, Uuid};

/// Small enough to roll and recycle within a test.
pub(crate) fn options() -> LogManagerOptions {
    LogManagerOptions {
        journal_first_file_bytes: 128 << 10,
        journal_file_bytes: 256 << 10,
        journal_files_max: 3,
        journal_frame_bytes_max: 16 << 10,
        checkpoint_bytes: 1 << 40,
        idle_cover: Duration::from_millis(100),
        ..LogManagerOptions::default()
    }
}

pub(crate) fn env(disk: Arc<dyn Disk>) -> Env {
    Env {
        disk,
        clock: Clock::simulated(Timestamp::from_millis(1_700_000_000_000)),
        rng: Rng::seeded(7),
        exit: Exit::with(|code, reason| panic!("ended with {code:?}: {reason}")),
    }
}

pub(crate) struct RealWorld {
    dir: tempfile::TempDir,
}

impl RealWorld {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) async fn open(&self) -> (LogManager, RecoveryReport) {
        self.open_with(options()).await
    }

    pub(crate) async fn open_with(
        &self,
        options: LogManagerOptions,
    ) -> (LogManager, RecoveryReport) {
        let env = env(Arc::new(RealDisk::new()));
        LogManager::open(&env, self.path(), options).await.unwrap()
    }
}

pub(crate) fn key(topic: &str, partition: i32) -> PartitionKey {
    key_of(topic, 1, partition)
}

pub(crate) fn key_of(topic: &str, life: u8, partition: i32) -> PartitionKey {
    let mut id = [life; 16];
    for (to, from) in id.iter_mut().zip(topic.bytes()) {
        *to = from;
    }
    PartitionKey {
        topic: TopicName::new(topic).unwrap(),
        topic_id: TopicId::new(Uuid::from_bytes(id)),
        partition: PartitionId::new(partition),
    }
}

/// A producer's part of a batch: id, epoch, first sequence.
pub(crate) type Producer = (i64, i16, i32);

/// An uncompressed batch of `count` records with values of `fill`.
pub(crate) fn batch(
    count: i32,
    fill: &[u8],
    timestamp: i64,
    producer: Option<Producer>,
) -> BytesMut {
    let mut records = Vec::new();
    for n in 0..count {
        let mut record = vec![0];
        varint(&mut record, i64::from(n));
        varint(&mut record, i64::from(n));
        varint(&mut record, -1);
        varint(&mut record, fill.len() as i64);
        record.extend_from_slice(fill);
        varint(&mut record, 0);
        varint(&mut records, record.len() as i64);
        records.extend_from_slice(&record);
    }
    let (id, epoch, sequence) = producer.unwrap_or((-1, -1, -1));
    let mut body = Vec::new();
    body.extend_from_slice(&0_i16.to_be_bytes());
    body.extend_from_slice(&(count - 1).to_be_bytes());
    body.extend_from_slice(&timestamp.to_be_bytes());
    body.extend_from_slice(&(timestamp + i64::from(count) - 1).to_be_bytes());
    body.extend_from_slice(&id.to_be_bytes());
    body.extend_from_slice(&epoch.to_be_bytes());
    body.extend_from_slice(&sequence.to_be_bytes());
    body.extend_from_slice(&count.to_be_bytes());
    body.extend_from_slice(&records);
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, &body) as u32;
    let mut out = BytesMut::new();
    out.extend_from_slice(&0_i64.to_be_bytes());
    out.extend_from_slice(&(body.len() as i32 + 9).to_be_bytes());
    out.extend_from_slice(&0_i32.to_be_bytes());
    out.extend_from_slice(&[2]);
    out.extend_from_slice(&crc.to_be_bytes());
    out.extend_from_slice(&body);
    out
}

fn varint(out: &mut Vec<u8>, value: i64) {
    let mut value = (value << 1) ^ (value >> 63);
    loop {
        let byte = (value & 0x7f) as u8;
        value = ((value as u64) >> 7) as i64;
        if value == 0 {
            out.push(byte);
            return;
        }
        out.push(byte | 0x80);
    }
}

/// `batch` placed at an offset of a leader.
pub(crate) fn placed(mut batch: BytesMut, base: i64, epoch: i32) -> Bytes {
    batch[0..8].copy_from_slice(&base.to_be_bytes());
    batch[12..16].copy_from_slice(&epoch.to_be_bytes());
    batch.freeze()
}

pub(crate) fn append(log: &Arc<PartitionLog>, batch: BytesMut) -> Result<Appended, AppendError> {
    log.append(AppendAsLeader {
        now: Timestamp::from_millis(1_700_000_000_000),
        leader_epoch: log.latest_epoch().unwrap_or(LeaderEpoch::new(0)),
        batch: batch.freeze(),
    })
}

pub(crate) fn write(log: &Arc<PartitionLog>, count: i32, fill: &[u8]) -> Appended {
    append(log, batch(count, fill, 1_700_000_000_000, None)).unwrap()
}

/// Everything readable, as one buffer.
pub(crate) fn read_all(log: &PartitionLog) -> Bytes {
    read_from(log, log.offsets().log_start)
}

pub(crate) fn read_from(log: &PartitionLog, mut from: Offset) -> Bytes {
    let end = log.offsets().log_end;
    let mut out = BytesMut::new();
    while from < end {
        let read = log.read(from, 64 << 10, end, true).unwrap();
        assert!(read.next_offset > from, "no progress at {from}");
        out.extend_from_slice(&read.batches);
        from = read.next_offset;
    }
    out.freeze()
}

/// A node's directory on a simulated disk, and how the node ended.
pub(crate) struct SimWorld {
    pub(crate) disk: SimDisk,
    pub(crate) ended: Arc<Mutex<Vec<(ExitCode, String)>>>,
}

pub(crate) const DIR: &str = "/data";

impl SimWorld {
    pub(crate) fn new() -> Self {
        Self {
            disk: SimDisk::new(),
            ended: Arc::default(),
        }
    }

    pub(crate) fn env(&self) -> Env {
        let ended = Arc::clone(&self.ended);
        Env {
            exit: Exit::with(move |code, reason| {
                ended.lock().unwrap().push((code, reason.to_owned()));
            }),
            ..env(self.disk.incarnation())
        }
    }

    pub(crate) async fn open(&self) -> (LogManager, RecoveryReport) {
        self.open_with(options()).await
    }

    pub(crate) async fn open_with(
        &self,
        options: LogManagerOptions,
    ) -> (LogManager, RecoveryReport) {
        self.make_dir().await;
        LogManager::open(&self.env(), Path::new(DIR), options)
            .await
            .unwrap()
    }

    /// The data directory itself is its owner's: durable before the logs are opened.
    pub(crate) async fn make_dir(&self) {
        self.disk.create_dir_all(Path::new(DIR)).unwrap();
        self.disk.sync_dir(Path::new("/")).await.unwrap();
    }

    /// The journal files that are there, by name, with their contents.
    pub(crate) fn journal_files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let dir = Path::new(DIR).join("journal");
        let entries = self.disk.list(&dir).unwrap();
        entries
            .into_iter()
            .map(|entry| {
                let path = dir.join(entry.name);
                let bytes = read_file(&self.disk, &path);
                (path, bytes)
            })
            .collect()
    }

    /// A new disk with the same files, all durable.
    pub(crate) async fn copy(&self) -> Self {
        let copy = Self::new();
        copy.make_dir().await;
        copy_dir(&self.disk, &copy.disk, Path::new(DIR)).await;
        copy
    }
}

pub(crate) fn read_file(disk: &dyn Disk, path: &Path) -> Vec<u8> {
    let file = disk.open(path, chronik_io::fs::OpenMode::Read).unwrap();
    let len = usize::try_from(file.len().unwrap()).unwrap();
    chronik_io::fs::read_up_to(&*file, 0, len).unwrap().to_vec()
}

pub(crate) async fn write_file(disk: &dyn Disk, path: &Path, bytes: Vec<u8>) {
    let file = disk
        .open(path, chronik_io::fs::OpenMode::CreateOrOpen)
        .unwrap();
    file.set_len(0).unwrap();
    file.write_at(&[Bytes::from(bytes)], 0).unwrap();
    file.sync().await.unwrap();
}

async fn copy_dir(from: &SimDisk, to: &SimDisk, dir: &Path) {
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        to.create_dir_all(&dir).unwrap();
        for entry in from.list(&dir).unwrap() {
            let path = dir.join(&entry.name);
            if entry.is_dir {
                dirs.push(path);
            } else {
                write_file(to, &path, read_file(from, &path)).await;
            }
        }
        to.sync_dir(&dir).await.unwrap();
    }
}
