//! The log store on a simulated disk: openraft's suite, restarts, power cuts.

use std::sync::Arc;

use chronik_controller::codec::Writer;
use chronik_controller::{MetadataEntry, MetadataRecord};
use chronik_io::fs::SimDisk;
use chronik_io::{Exit, Rng};
use chronik_types::{LogIndex, ProducerId};
use openraft::storage::{IOFlushed, RaftLogStorage as _, RaftLogStorageExt as _};
use openraft::testing::log::{StoreBuilder, Suite};
use openraft::vote::{RaftLeaderId as _, RaftVote as _};
use openraft::{EntryPayload, RaftLogReader as _, StorageError};
use proptest::prelude::*;
use tokio::sync::mpsc::UnboundedReceiver;

use super::LogStore;
use super::frame::Item;
use crate::error::RaftStartError;
use crate::snapshots::SnapshotStore;
use crate::state_machine::StateMachine;
use crate::testing::{dir, disk, env, no_exit};
use crate::types::{Entry, LogId, Member, Runtime, TypeConfig, Vote};
use crate::wire::log_id;

struct Builder;

impl StoreBuilder<TypeConfig, LogStore, StateMachine, SimDisk> for Builder {
    async fn build(&self) -> Result<(SimDisk, LogStore, StateMachine), StorageError<TypeConfig>> {
        let disk = disk();
        let env = env(&disk, no_exit());
        // Small segments, so that the suite rolls them.
        let log = LogStore::open(&env, dir(), 300).await.expect("opens");
        let (snapshots, newest) = SnapshotStore::open(env, dir()).await.expect("opens");
        let machine = StateMachine::new(snapshots, newest).expect("starts");
        Ok((disk, log, machine))
    }
}

#[tokio::test]
async fn the_log_and_the_state_machine_pass_openrafts_store_suite() {
    Runtime::scope(1, Suite::test_all(Builder))
        .await
        .expect("the suite passes");
}

fn entry(term: u64, index: u64) -> Entry {
    let records = vec![MetadataRecord::ProducerIdsAllocated {
        next: ProducerId::new(i64::try_from(index).expect("small")),
    }];
    let metadata = MetadataEntry::decided(LogIndex::new(index), records);
    Entry {
        log_id: log_id(term, index),
        payload: EntryPayload::Normal(Arc::new(metadata)),
    }
}

fn vote(term: u64) -> Vote {
    let member = Member::from(1);
    Vote::from_leader_id(
        openraft::impls::leader_id_std::LeaderId::new(term, member),
        true,
    )
}

async fn open(disk: &SimDisk, segment_bytes: u64) -> Result<LogStore, RaftStartError> {
    LogStore::open(&env(disk, no_exit()), dir(), segment_bytes).await
}

/// A log whose node tells its exit code instead of ending the process.
async fn open_listening_for_the_end(
    disk: &SimDisk,
) -> (LogStore, UnboundedReceiver<chronik_io::ExitCode>) {
    let (ended, code) = tokio::sync::mpsc::unbounded_channel();
    let exit = Exit::with(move |code, _| ended.send(code).expect("the test listens"));
    let log = LogStore::open(&env(disk, exit), dir(), 1 << 20)
        .await
        .expect("opens");
    (log, code)
}

async fn all(log: &LogStore) -> Vec<Entry> {
    log.clone().try_get_log_entries(..).await.expect("readable")
}

async fn last(log: &LogStore) -> Option<LogId> {
    log.clone()
        .get_log_state()
        .await
        .expect("readable")
        .last_log_id
}

#[tokio::test(start_paused = true)]
async fn what_was_flushed_survives_a_power_cut() {
    let disk = disk();
    let mut log = open(&disk, 1000).await.expect("opens");
    log.save_vote(&vote(2)).await.expect("saved");
    log.blocking_append((0..20).map(|i| entry(2, i)))
        .await
        .expect("appended");
    log.save_committed(Some(log_id(2, 9))).await.expect("saved");
    log.flush().await.expect("durable");
    // Nobody waits for this one.
    log.append([entry(2, 20)], IOFlushed::noop())
        .await
        .expect("queued");
    disk.crash_losing_unsynced();

    let mut log = open(&disk, 1000).await.expect("opens");
    assert_eq!(log.read_vote().await.expect("readable"), Some(vote(2)));
    assert_eq!(
        log.read_committed().await.expect("readable"),
        Some(log_id(2, 9))
    );
    assert_eq!(
        all(&log).await,
        (0..20).map(|i| entry(2, i)).collect::<Vec<_>>()
    );
}

#[tokio::test(start_paused = true)]
async fn a_conflicting_suffix_stays_truncated_after_a_restart() {
    let disk = disk();
    let mut log = open(&disk, 400).await.expect("opens");
    log.blocking_append((0..10).map(|i| entry(1, i)))
        .await
        .expect("appended");
    log.truncate_after(Some(log_id(1, 5)))
        .await
        .expect("truncated");
    log.blocking_append([entry(2, 6)]).await.expect("appended");
    disk.kill();
    let log = open(&disk, 400).await.expect("opens");
    let mut expected: Vec<_> = (0..6).map(|i| entry(1, i)).collect();
    expected.push(entry(2, 6));
    assert_eq!(all(&log).await, expected);
}

#[tokio::test(start_paused = true)]
async fn purged_segments_are_removed_and_the_rest_reads_back() {
    let disk = disk();
    let mut log = open(&disk, 300).await.expect("opens");
    for index in 0..30 {
        log.blocking_append([entry(1, index)])
            .await
            .expect("appended");
    }
    let files = |disk: &SimDisk| disk.incarnation().list(&dir()).expect("listed").len();
    let before = files(&disk);
    log.purge(log_id(1, 24)).await.expect("purged");
    log.flush().await.expect("durable");
    assert!(
        files(&disk) < before,
        "{} of {before} are left",
        files(&disk)
    );
    disk.crash_losing_unsynced();
    let log = open(&disk, 300).await.expect("opens");
    assert_eq!(
        all(&log).await,
        (25..30).map(|i| entry(1, i)).collect::<Vec<_>>()
    );
}

#[tokio::test(start_paused = true)]
async fn damage_before_a_later_batch_is_reported_and_not_taken_for_a_torn_tail() {
    let disk = disk();
    let mut log = open(&disk, 1 << 20).await.expect("opens");
    for index in 0..3 {
        log.blocking_append([entry(1, index)])
            .await
            .expect("appended");
    }
    disk.kill();
    let path = super::recovery::segment_path(&dir(), 0);
    // In the body of the first batch with an entry.
    assert!(disk.flip_bit(&path, 90, 3));
    disk.evict("*");
    let error = open(&disk, 1 << 20).await.expect_err("damaged");
    assert!(matches!(error, RaftStartError::Damaged { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_failed_sync_ends_the_process_with_the_storage_code() {
    let disk = disk();
    let (mut log, mut code) = open_listening_for_the_end(&disk).await;
    disk.inject("*", chronik_io::fs::sim::Fault::SyncError);
    log.append([entry(1, 0)], IOFlushed::noop())
        .await
        .expect("queued");
    assert_eq!(code.recv().await, Some(chronik_io::ExitCode::Storage));
}

#[tokio::test(start_paused = true)]
async fn what_a_failed_sync_left_in_the_page_cache_is_written_again_before_anything_follows() {
    let disk = disk();
    let (mut log, mut code) = open_listening_for_the_end(&disk).await;
    log.blocking_append([entry(1, 0)]).await.expect("durable");
    disk.inject_times("*", chronik_io::fs::sim::Fault::SyncError, 1);
    log.append([entry(1, 1)], IOFlushed::noop())
        .await
        .expect("queued");
    assert_eq!(code.recv().await, Some(chronik_io::ExitCode::Storage));
    drop(log);
    disk.kill();
    let mut log = open(&disk, 1 << 20).await.expect("opens");
    let kept = all(&log).await.len() as u64;
    log.blocking_append([entry(1, kept)])
        .await
        .expect("durable");
    drop(log);
    disk.crash_losing_unsynced();
    let log = open(&disk, 1 << 20).await.expect("nothing is damaged");
    assert_eq!(all(&log).await.len() as u64, kept + 1);
}

#[test]
fn items_read_back() {
    let items = [
        Item::Vote(vote(3)),
        Item::Committed(None),
        Item::Committed(Some(log_id(3, 4))),
        Item::Entry(entry(3, 5)),
        Item::Truncate(None),
        Item::Purge(log_id(1, 1)),
    ];
    let mut w = Writer::default();
    for item in &items {
        item.write(&mut w);
    }
    assert_eq!(super::frame::read_items(&w.bytes), Ok(items.to_vec()));
}

/// A step of the model below.
#[derive(Clone, Debug)]
enum Step {
    Append(u64),
    Truncate(u64),
    Purge(u64),
    Vote,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1_u64..4).prop_map(Step::Append),
        1 => (0_u64..3).prop_map(Step::Truncate),
        1 => (0_u64..4).prop_map(Step::Purge),
        1 => Just(Step::Vote),
    ];
    proptest::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever is done, a power cut at any operation leaves the log as it was after some prefix
    /// of the steps that holds every step that was waited for.
    #[test]
    fn a_power_cut_at_any_point_leaves_a_prefix_of_what_was_done(
        steps in steps(),
        cut in 1_u64..200,
        seed: u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let disk = disk();
            // A node whose disk is gone ends itself, and does nothing more.
            let dead = Exit::with(|_, _| {});
            let mut log = LogStore::open(&env(&disk, dead), dir(), 300)
                .await
                .expect("opens");
            disk.crash_after_ops(cut);
            let mut states = vec![(None, None, Vec::new())];
            let mut durable = 0;
            let mut term = 1;
            let mut purged: Option<LogId> = None;
            for step in steps {
                let end = last(&log).await;
                match step {
                    Step::Append(count) => {
                        let from = end.map_or(0, |id| id.index + 1);
                        let entries: Vec<_> = (from..from + count).map(|i| entry(term, i)).collect();
                        log.append(entries, IOFlushed::noop()).await.expect("queued");
                    }
                    Step::Truncate(back) => {
                        let Some(end) = end else { continue };
                        let to = end.index.saturating_sub(back);
                        let floor = purged.map_or(0, |id| id.index);
                        let to = all(&log).await.iter().map(|e| e.log_id)
                            .find(|id| id.index == to.max(floor)).or(purged);
                        log.truncate_after(to).await.expect("queued");
                        term += 1;
                    }
                    Step::Purge(ahead) => {
                        let entries = all(&log).await;
                        let Some(upto) = entries.get(usize::try_from(ahead).expect("small")) else { continue };
                        purged = Some(upto.log_id);
                        log.purge(upto.log_id).await.expect("queued");
                    }
                    Step::Vote => {
                        term += 1;
                        let saving = vote(term);
                        tokio::select! {
                            biased;
                            saved = log.save_vote(&saving) => saved.expect("saved"),
                            () = disk.stopped() => {}
                        }
                    }
                }
                let vote = log.read_vote().await.expect("readable");
                states.push((vote, purged, all(&log).await));
                tokio::select! {
                    biased;
                    flushed = log.flush() => {
                        flushed.expect("durable");
                        durable = states.len() - 1;
                    }
                    () = disk.stopped() => {}
                }
                if disk.is_stopped() {
                    break;
                }
            }
            disk.crash(&Rng::seeded(seed));
            let mut log = open(&disk, 300).await.expect("opens");
            let found = (
                log.read_vote().await.expect("readable"),
                log.get_log_state().await.expect("readable").last_purged_log_id,
                all(&log).await,
            );
            assert!(
                states[durable..].contains(&found),
                "found {found:?}, which is none of the last {} states",
                states.len() - durable
            );
        });
    }
}
