//! From a stopped data directory to logs and a fresh journal file.
//!
//! Everything that is kept is written again: segment tails from the journal through the page
//! cache, the journal's own tail into a new file. Only when that file is synced is its header
//! written, the one durable marker that supersedes the old files. A crash before it starts over
//! from the old ones. Keeps I1 and I13.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use chronik_types::TopicName;

use super::{Progress, RecoveryReport};
use crate::error::{FileError, OpenError};
use crate::journal::file::{FRAMES_AT, FileHeader, JournalFile};
use crate::journal::frame::{FRAME_ALIGN, frame_bytes};
use crate::journal::record::{LogId, Record, State};
use crate::journal::scan::{Scanned, Traced};
use crate::journal::writer::{Frames, Position};
use crate::log::{
    Failed, Found, Loss, PartitionKey, PartitionLog, dir_name_of, finish_swaps, is_partition_dir,
};
use crate::manager::checkpoint_files::CLEAN_SHUTDOWN;
use crate::shared::{Deletion, Shared};

/// What the manager starts with.
pub(super) struct Recovered {
    pub(super) logs: Vec<Arc<PartitionLog>>,
    pub(super) position: Position,
    pub(super) deleting: BTreeMap<String, (LogId, TopicName)>,
    pub(super) report: RecoveryReport,
}

/// Recovers everything and makes it durable.
pub(super) async fn recover(
    shared: &Arc<Shared>,
    progress: Arc<Progress>,
) -> Result<Recovered, OpenError> {
    let journal = shared.layout.journal();
    let disk = Arc::clone(&shared.env.disk);
    disk.create_dir_all(&journal)
        .map_err(|e| FileError::new("create", &journal, e))?;
    finish_swaps(shared).await?;
    let replayed = {
        let shared = Arc::clone(shared);
        chronik_io::task::blocking(move || replay(&shared, &progress)).await?
    };
    let Replayed {
        mut recovered,
        header,
        old,
    } = replayed;
    let sync = |path: &std::path::Path, e| FileError::new("sync", path, e);
    let path = recovered.position.file.path.clone();
    let file = Arc::clone(&recovered.position.file.file);
    file.sync().await.map_err(|e| sync(&path, e))?;
    disk.sync_dir(&journal)
        .await
        .map_err(|e| sync(&journal, e))?;
    file.commit(vec![header.encode()], 0)
        .await
        .map_err(|e| sync(&path, e))?;
    // From here on the new file is the journal.
    let free = retire(shared, old)?;
    disk.sync_dir(&journal)
        .await
        .map_err(|e| sync(&journal, e))?;
    remove_clean_mark(shared)?;
    disk.sync_dir(&shared.layout.root)
        .await
        .map_err(|e| sync(&shared.layout.root, e))?;
    shared
        .files
        .start((header.sequence, recovered.position.file.clone()), free);
    for log in &recovered.logs {
        log.recovered_into(header.sequence);
    }
    recovered.report.logs = recovered.logs.len() - recovered.report.offline.len();
    for (key, loss) in &recovered.report.offline {
        tracing::error!(partition = %key.topic_partition(), "log is offline: {loss}");
    }
    Ok(recovered)
}

struct Replayed {
    recovered: Recovered,
    header: FileHeader,
    old: Old,
}

/// The journal's files before this start.
struct Old {
    live: Vec<JournalFile>,
    dead: Vec<JournalFile>,
    damaged: bool,
}

/// The part that may block: reads the old journal, rewrites segments, fills the new file.
fn replay(shared: &Arc<Shared>, progress: &Progress) -> Result<Replayed, OpenError> {
    let disk = &*shared.env.disk;
    let dir = shared.layout.journal();
    let files = JournalFile::open_all(disk, &dir)?;
    let slot = files
        .iter()
        .map(|file| file.slot)
        .max()
        .map_or(1, |slot| slot + 1);
    let scanned = Scanned::read(files, &progress.journal_bytes)?;
    progress
        .journal_bytes
        .store(scanned.bytes, Ordering::Relaxed);
    let total = scanned.partitions.len() as u64;
    progress.logs_total.store(total, Ordering::Relaxed);

    let found: Vec<_> = scanned
        .partitions
        .iter()
        .map(|(id, traced)| {
            (
                *id,
                Found::new(traced),
                loss_of(traced, scanned.hole.is_some()),
            )
        })
        .collect();
    let bytes = new_file_bytes(shared, &found, scanned.deleted.len());
    let file = JournalFile::prepare(disk, &dir, slot, bytes)?;
    let sequence = scanned.last_sequence() + 1;
    let mut fresh = Fresh::new(shared, file, sequence, scanned.next_frame);

    let mut recovered_logs = Vec::new();
    let mut offline = Vec::new();
    let mut appends_redone = 0;
    for (id, found, loss) in &found {
        let key = PartitionKey {
            topic: found.state.name.clone(),
            topic_id: id.topic_id,
            partition: id.partition,
        };
        let outcome = match loss {
            Some(loss) => Err(Failed::Lost(loss.clone())),
            None => recover_log(shared, &key, found, &scanned, &mut fresh, *id),
        };
        let log = match outcome {
            Ok(log) => {
                appends_redone += found.appends.len() as u64;
                log
            }
            Err(Failed::File(error)) => return Err(error.into()),
            Err(Failed::Lost(loss)) => {
                let state = State {
                    offline: true,
                    ..found.state.clone()
                };
                offline.push((key.clone(), loss));
                PartitionLog::offline(Arc::clone(shared), key, &state)
            }
        };
        let log = Arc::new(log);
        fresh.add(*id, 0, &log.state_record())?;
        progress.logs_done.fetch_add(1, Ordering::Relaxed);
        recovered_logs.push(log);
    }
    let deleting = delete_directories(shared, &scanned, &recovered_logs)?;
    for (id, name) in deleting.values() {
        fresh.add(*id, 0, &Record::Delete { name: name.clone() })?;
    }
    let strays = strays(shared, &recovered_logs)?;
    let clean = appends_redone == 0 && scanned.hole.is_none() && has_clean_mark(shared)?;
    // What was damaged before has been kept aside then.
    let damaged = scanned.hole.is_some() || offline.iter().any(|(_, loss)| *loss != Loss::Before);
    let report = RecoveryReport {
        logs: 0,
        offline,
        clean,
        journal_frames: scanned.frames,
        journal_bytes: scanned.bytes,
        appends_redone,
        hole: scanned.hole.clone(),
        strays,
    };
    let old = Old {
        live: scanned.live.into_iter().map(|live| live.1).collect(),
        dead: scanned.dead,
        damaged,
    };
    let first_frame = scanned.next_frame;
    let header = FileHeader {
        sequence,
        first_live: sequence,
        first_frame,
    };
    let position = fresh.finish()?;
    let recovered = Recovered {
        logs: recovered_logs,
        position,
        deleting,
        report,
    };
    Ok(Replayed {
        recovered,
        header,
        old,
    })
}

fn recover_log(
    shared: &Arc<Shared>,
    key: &PartitionKey,
    found: &Found,
    scanned: &Scanned,
    fresh: &mut Fresh<'_>,
    id: LogId,
) -> Result<PartitionLog, Failed> {
    PartitionLog::recover(
        Arc::clone(shared),
        key.clone(),
        found,
        &|place| scanned.fetch(place),
        &mut |operation, record| fresh.add(id, operation, &record),
    )
}

/// Why a log cannot be trusted, as far as the journal alone shows.
fn loss_of(traced: &Traced, hole: bool) -> Option<Loss> {
    if traced.state.as_ref().is_some_and(|state| state.offline) {
        return Some(Loss::Before);
    }
    if let Some(missing) = traced.first_missing() {
        return Some(Loss::Operation(missing));
    }
    (hole && !traced.seen_after_hole).then_some(Loss::Unproven)
}

/// Room for everything that is kept, and at least a first file.
fn new_file_bytes(shared: &Shared, found: &[(LogId, Found, Option<Loss>)], deleted: usize) -> u64 {
    let frame_max = shared.options.journal_frame_bytes_max as u64;
    let mut total = 0;
    for (_, found, _) in found {
        let (bytes, records) = found.size();
        total += bytes + records * 512;
    }
    total += deleted as u64 * 512;
    let largest = found
        .iter()
        .flat_map(|(_, found, _)| &found.appends)
        .map(|append| append.batches.bytes)
        .max()
        .unwrap_or(0);
    let frames = total / frame_max.max(1) * 2 + 8;
    (FRAMES_AT + total + frames * 2 * FRAME_ALIGN + frame_bytes(largest) + (64 << 10))
        .max(shared.options.journal_first_file_bytes)
}

/// The new journal file while it is being filled.
struct Fresh<'a> {
    shared: &'a Shared,
    position: Position,
    frames: Option<Frames>,
    first_frame: u64,
}

impl<'a> Fresh<'a> {
    fn new(shared: &'a Shared, file: JournalFile, sequence: u64, frame_sequence: u64) -> Self {
        let position = Position {
            file,
            file_sequence: sequence,
            at: FRAMES_AT,
            frame_sequence,
        };
        Self {
            shared,
            position,
            frames: None,
            first_frame: frame_sequence,
        }
    }

    fn add(&mut self, id: LogId, operation: u64, record: &Record) -> Result<(), FileError> {
        let frame_max = self.shared.options.journal_frame_bytes_max;
        let frames = self
            .frames
            .get_or_insert_with(|| Frames::new(&self.position, self.first_frame, frame_max));
        frames.add(id, operation, record);
        if frames.bytes > 0 {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), FileError> {
        let Some(mut frames) = self.frames.take() else {
            return Ok(());
        };
        frames.close_frame(false);
        let file = &self.position.file;
        let out: Vec<Bytes> = std::mem::take(&mut frames.out);
        file.file
            .write_at(&out, self.position.at)
            .map_err(|e| FileError::new("write", &file.path, e))?;
        self.position.at += frames.bytes;
        self.position.frame_sequence = frames.next_sequence();
        assert!(
            self.position.at <= file.bytes,
            "the new file was measured too small"
        );
        Ok(())
    }

    fn finish(mut self) -> Result<Position, FileError> {
        self.write()?;
        Ok(self.position)
    }
}

/// Old files become free ones; more than may be kept are removed. A damaged journal is kept aside.
fn retire(shared: &Shared, old: Old) -> Result<Vec<JournalFile>, FileError> {
    let disk = &*shared.env.disk;
    let mut free = Vec::new();
    let live = old.live.into_iter().map(|file| (file, old.damaged));
    for (file, keep_aside) in live.chain(old.dead.into_iter().map(|file| (file, false))) {
        let failed = |action| {
            let path = file.path.clone();
            move |e| FileError::new(action, &path, e)
        };
        if keep_aside {
            let mut to = file.path.clone().into_os_string();
            to.push(".damaged");
            disk.rename(&file.path, to.as_ref())
                .map_err(failed("rename"))?;
        } else if free.len() + 1 < shared.options.journal_files_max
            && file.bytes == shared.options.journal_file_bytes
        {
            free.push(file);
        } else {
            disk.remove_file(&file.path).map_err(failed("remove"))?;
        }
    }
    Ok(free)
}

/// Renames the directories of deleted partitions that are still there and schedules the removal
/// of everything renamed.
fn delete_directories(
    shared: &Shared,
    scanned: &Scanned,
    logs: &[Arc<PartitionLog>],
) -> Result<BTreeMap<String, (LogId, TopicName)>, FileError> {
    let disk = &*shared.env.disk;
    let root = &shared.layout.root;
    let mut deleting = BTreeMap::new();
    for (id, name) in &scanned.deleted {
        let dir_name = dir_name_of(name, id.partition);
        let taken = logs.iter().any(|log| log.dir_name() == dir_name);
        let dir = shared.layout.partition(&dir_name);
        if !taken
            && disk
                .exists(&dir)
                .map_err(|e| FileError::new("look for", &dir, e))?
        {
            deleting.insert(dir_name.clone(), (*id, name.clone()));
            shared.rename_for_deletion(&dir_name)?;
        }
    }
    for entry in disk
        .list(root)
        .map_err(|e| FileError::new("list", root, e))?
    {
        if entry.is_dir && entry.name.ends_with("-delete") {
            shared.add_deletion(Deletion::Directory {
                renamed: entry.name,
                was: None,
            });
        }
    }
    Ok(deleting)
}

/// Partition directories nobody knows.
fn strays(shared: &Shared, logs: &[Arc<PartitionLog>]) -> Result<Vec<String>, FileError> {
    let root = &shared.layout.root;
    let entries = shared
        .env
        .disk
        .list(root)
        .map_err(|e| FileError::new("list", root, e))?;
    let known: std::collections::BTreeSet<&str> = logs.iter().map(|log| log.dir_name()).collect();
    Ok(entries
        .into_iter()
        .filter(|entry| {
            entry.is_dir && is_partition_dir(&entry.name) && !known.contains(&*entry.name)
        })
        .map(|entry| entry.name)
        .collect())
}

fn has_clean_mark(shared: &Shared) -> Result<bool, FileError> {
    let path = shared.layout.root.join(CLEAN_SHUTDOWN);
    shared
        .env
        .disk
        .exists(&path)
        .map_err(|e| FileError::new("look for", &path, e))
}

fn remove_clean_mark(shared: &Shared) -> Result<(), FileError> {
    let path = shared.layout.root.join(CLEAN_SHUTDOWN);
    match shared.env.disk.remove_file(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(FileError::new("remove", &path, e))
        }
        _ => Ok(()),
    }
}
