//! Random operations, a power cut at a random moment, recovery (which may be cut off too), and
//! again. After each recovery every log must be exactly what it was after one of its operations,
//! and not before the last one that was acknowledged. One log is compacted: it must be a compaction
//! of what it was after one of its operations (I11).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use chronik_io::Rng;
use chronik_io::fs::SimDisk;
use chronik_log::{LogConfig, LogManager, LogManagerOptions, PartitionLog};
use chronik_protocol::Codec;
use chronik_types::{Durability, Offset};
use proptest::prelude::*;

use crate::compact::{is_compaction_of, keyed, records_of};
use crate::support::*;

const PARTITIONS: usize = 5;
/// The one that is compacted; its records have keys.
const COMPACTED: usize = 4;

#[derive(Clone, Debug)]
enum Op {
    Append {
        partition: usize,
        batches: u8,
        records: u8,
        bytes: u16,
    },
    Truncate {
        partition: usize,
        back: u8,
    },
    Reset {
        partition: usize,
    },
    LogStart {
        partition: usize,
        part: u8,
    },
    Delete {
        partition: usize,
    },
    Compact,
    Checkpoint,
    Flush,
}

fn op() -> impl Strategy<Value = Op> {
    let partition = 0..PARTITIONS;
    prop_oneof![
        12 => (partition.clone(), 1..4_u8, 1..5_u8, 1..1500_u16).prop_map(
            |(partition, batches, records, bytes)| Op::Append { partition, batches, records, bytes }
        ),
        2 => (partition.clone(), 0..12_u8).prop_map(|(partition, back)| Op::Truncate { partition, back }),
        1 => partition.clone().prop_map(|partition| Op::Reset { partition }),
        2 => (partition.clone(), 0..=10_u8).prop_map(|(partition, part)| Op::LogStart { partition, part }),
        1 => partition.prop_map(|partition| Op::Delete { partition }),
        // Enough for segments of it to be closed.
        6 => (1..4_u8, 1..5_u8, 1..1500_u16).prop_map(
            |(batches, records, bytes)| Op::Append { partition: COMPACTED, batches, records, bytes }
        ),
        2 => Just(Op::Compact),
        2 => Just(Op::Checkpoint),
        3 => Just(Op::Flush),
    ]
}

/// A log at one moment: its start and its batches; `None` before it was created or once deleted.
type Moment = Option<(i64, Vec<(i64, i64, Bytes)>)>;

#[derive(Default)]
struct Model {
    /// What each partition was after each operation; the first is the last acknowledged.
    logs: BTreeMap<usize, Vec<Moment>>,
}

impl Model {
    fn now(&self, partition: usize) -> Moment {
        self.logs
            .get(&partition)
            .and_then(|moments| moments.last().cloned())
            .flatten()
    }

    fn push(&mut self, partition: usize, moment: Moment) {
        self.logs
            .entry(partition)
            .or_insert_with(|| vec![None])
            .push(moment);
    }

    /// Everything up to now is durable.
    fn acknowledge(&mut self, partition: usize) {
        if let Some(moments) = self.logs.get_mut(&partition) {
            let last = moments.pop();
            moments.clear();
            moments.extend(last);
        }
    }

    fn acknowledge_all(&mut self) {
        for partition in 0..PARTITIONS {
            self.acknowledge(partition);
        }
    }
}

fn end_of(moment: &Moment) -> i64 {
    moment.as_ref().map_or(0, |(start, batches)| {
        batches.last().map_or(*start, |batch| batch.1)
    })
}

fn recovered(log: &PartitionLog) -> Moment {
    let offsets = log.offsets();
    assert_eq!(
        offsets.durable_end, offsets.log_end,
        "recovery counts only what it synced"
    );
    observed(log)
}

fn observed(log: &PartitionLog) -> Moment {
    let offsets = log.offsets();
    let mut batches = Vec::new();
    let bytes = read_all(log);
    let mut at = 0;
    while at < bytes.len() {
        let base = i64::from_be_bytes(bytes[at..at + 8].try_into().unwrap());
        let size = i32::from_be_bytes(bytes[at + 8..at + 12].try_into().unwrap()) as usize + 12;
        let delta = i32::from_be_bytes(bytes[at + 23..at + 27].try_into().unwrap());
        batches.push((
            base,
            base + i64::from(delta) + 1,
            bytes.slice(at..at + size),
        ));
        at += size;
    }
    assert_eq!(
        batches
            .last()
            .map_or_else(|| offsets.log_start.get(), |b| b.1),
        offsets.log_end.get()
    );
    Some((offsets.log_start.get(), batches))
}

/// Drops batches wholly below the start: those may or may not be readable no more.
fn visible(moment: &Moment) -> Moment {
    moment.as_ref().map(|(start, batches)| {
        (
            *start,
            batches
                .iter()
                .filter(|batch| batch.1 > *start)
                .cloned()
                .collect(),
        )
    })
}

/// Whether `found` may be what `moment` became; the compacted log has lost records.
fn agree(partition: usize, moment: &Moment, found: &Moment) -> bool {
    let (moment, found) = (visible(moment), visible(found));
    let (Some(was), Some(is)) = (&moment, &found) else {
        return moment == found;
    };
    if partition != COMPACTED {
        return was == is;
    }
    let records = |(start, batches): &(i64, Vec<(i64, i64, Bytes)>)| {
        let bytes: Vec<u8> = batches.iter().flat_map(|batch| batch.2.to_vec()).collect();
        records_of(&Bytes::from(bytes)).split_off(start)
    };
    was.0 == is.0
        && end_of(&moment) == end_of(&found)
        && is_compaction_of(&records(is), &records(was))
}

fn tiny() -> LogManagerOptions {
    LogManagerOptions {
        cleaner_enable: false,
        cleaner_bytes_per_second: None,
        journal_first_file_bytes: 64 << 10,
        journal_file_bytes: 96 << 10,
        journal_files_max: 3,
        journal_frame_bytes_max: 6 << 10,
        checkpoint_bytes: 60 << 10,
        index_sync_bytes: 4 << 10,
        ..options()
    }
}

fn config(partition: usize) -> LogConfig {
    LogConfig {
        cleanup_compact: partition == COMPACTED,
        delete_retention_ms: 0,
        segment_bytes: 6000,
        index_interval_bytes: 700,
        ..LogConfig::default()
    }
}

struct Node {
    manager: LogManager,
    /// How often each partition's topic was created; part of its identity.
    lives: BTreeMap<usize, u8>,
    disk: SimDisk,
}

impl Node {
    fn log(&mut self, model: &mut Model, partition: usize) -> Option<Arc<PartitionLog>> {
        let life = *self.lives.entry(partition).or_insert(1);
        let key = key_of("t", life, partition as i32);
        if let Some(log) = self.manager.get(key.topic_id, key.partition) {
            return Some(log);
        }
        let log = self
            .manager
            .create(key, Durability::QuorumFsync, config(partition))
            .ok()?;
        model.push(partition, Some((0, Vec::new())));
        Some(log)
    }

    async fn run(&mut self, model: &mut Model, op: &Op) {
        match *op {
            Op::Append {
                partition,
                batches,
                records,
                bytes,
            } => {
                let Some(log) = self.log(model, partition) else {
                    return;
                };
                for n in 0..batches {
                    self.manager.room().await;
                    let fill = vec![n ^ bytes as u8; usize::from(bytes)];
                    let batch = if partition == COMPACTED {
                        keyed_batch(n, records, bytes)
                    } else {
                        batch(i32::from(records), &fill, i64::from(n), None)
                    };
                    let Ok(appended) = append(&log, batch.clone()) else {
                        return;
                    };
                    let base = appended.base_offset.get();
                    let mut now = model.now(partition).unwrap();
                    assert_eq!(base, end_of(&Some(now.clone())));
                    now.1
                        .push((base, appended.last_offset.get() + 1, placed(batch, base, 0)));
                    model.push(partition, Some(now));
                }
            }
            Op::Truncate { partition, back } => {
                let Some(log) = self.log(model, partition) else {
                    return;
                };
                let Some((start, mut batches)) = model.now(partition) else {
                    return;
                };
                let mut to = (end_of(&Some((start, batches.clone()))) - i64::from(back)).max(start);
                if partition == COMPACTED {
                    // In a gap that compaction left, the log would end where no batch does.
                    let active = log.segments().last().map_or(0, |s| s.base_offset.get());
                    to = to.max(active + 1);
                }
                // A batch goes whole, and the log's start goes down with it.
                let mut start = start;
                while batches.last().is_some_and(|batch| batch.1 > to) {
                    start = batches.pop().map_or(start, |batch| start.min(batch.0));
                }
                if end_of(&Some((start, batches.clone()))) == end_of(&model.now(partition)) {
                    return;
                }
                model.push(partition, Some((start, batches)));
                if log.truncate(Offset::new(to)).await.is_ok() {
                    model.acknowledge(partition);
                }
            }
            Op::Reset { partition } => {
                let Some(log) = self.log(model, partition) else {
                    return;
                };
                let start = end_of(&model.now(partition)) + 100;
                model.push(partition, Some((start, Vec::new())));
                if log.reset(Offset::new(start)).await.is_ok() {
                    model.acknowledge(partition);
                }
            }
            Op::LogStart { partition, part } => {
                let Some(log) = self.log(model, partition) else {
                    return;
                };
                let Some((start, batches)) = model.now(partition) else {
                    return;
                };
                let end = end_of(&Some((start, batches.clone())));
                let start = start + (end - start) * i64::from(part) / 10;
                model.push(partition, Some((start, batches)));
                if log.set_log_start(Offset::new(start)).await.is_ok() {
                    model.acknowledge(partition);
                }
            }
            Op::Delete { partition } => {
                let Some(log) = self.log(model, partition) else {
                    return;
                };
                model.push(partition, None);
                let key = log.key().clone();
                if self
                    .manager
                    .delete(key.topic_id, key.partition)
                    .await
                    .is_ok()
                {
                    model.acknowledge(partition);
                    *self.lives.entry(partition).or_insert(1) += 1;
                }
            }
            Op::Compact => self.compact(model).await,
            Op::Checkpoint => {
                if self.manager.checkpoint().await.is_ok() {
                    model.acknowledge_all();
                }
            }
            Op::Flush => {
                self.manager.flush().await;
                model.acknowledge_all();
            }
        }
    }

    async fn compact(&mut self, model: &mut Model) {
        let Some(log) = self.log(model, COMPACTED) else {
            return;
        };
        let key = log.key().clone();
        let run = self.manager.clean(key.topic_id, key.partition).await;
        // Another task may have met the cut.
        if matches!(run, Ok(Some(_))) && !self.disk.is_stopped() {
            let (before, after) = (model.now(COMPACTED), observed(&log));
            assert!(
                agree(COMPACTED, &before, &after),
                "{} became {}",
                describe(&before),
                describe(&after)
            );
            model.push(COMPACTED, after);
        }
    }

    /// Compares every log with the model and starts the model over from what was found.
    fn compare(&mut self, model: &mut Model) {
        for partition in 0..PARTITIONS {
            let life = *self.lives.entry(partition).or_insert(1);
            let key = key_of("t", life, partition as i32);
            let found = self
                .manager
                .get(key.topic_id, key.partition)
                .and_then(|log| {
                    log.set_config(config(partition));
                    recovered(&log)
                });
            let Some(moments) = model.logs.get_mut(&partition) else {
                assert!(found.is_none());
                continue;
            };
            assert!(
                moments
                    .iter()
                    .any(|moment| agree(partition, moment, &found)),
                "partition {partition}: found {}, possible {:?}",
                describe(&found),
                moments.iter().map(describe).collect::<Vec<_>>()
            );
            let deleted = found.is_none() && moments.len() > 1;
            *moments = vec![visible(&found)];
            if deleted && moments.len() == 1 {
                *self.lives.entry(partition).or_insert(1) += 1;
            }
        }
    }
}

/// Records over a few keys, some of them tombstones.
fn keyed_batch(n: u8, records: u8, bytes: u16) -> BytesMut {
    let records: Vec<_> = (0..u16::from(records))
        .map(|i| {
            let at = u16::from(n) + i * 3 + bytes;
            let value = "v".repeat(usize::from(bytes));
            (
                format!("key {}", at % 7),
                (!at.is_multiple_of(5)).then_some(value),
            )
        })
        .collect();
    keyed(Codec::None, None, &records)
}

/// A log in one line: each batch's offsets, size and checksum.
fn describe(moment: &Moment) -> String {
    let Some((start, batches)) = moment else {
        return "none".to_owned();
    };
    let mut line = format!("from {start}:");
    for (base, end, bytes) in batches.iter().filter(|batch| batch.1 > *start) {
        let crc = u32::from_be_bytes(bytes[17..21].try_into().unwrap());
        line.push_str(&format!(" {base}..{end}/{}/{crc:08x}", bytes.len()));
    }
    line
}

async fn rounds(rounds: Vec<(Vec<Op>, u64, u64)>, seed: u64) {
    let world = SimWorld::new();
    let rng = Rng::seeded(seed);
    let mut model = Model::default();
    let mut lives = BTreeMap::new();
    for (ops, crash_at, crash_recovery_at) in rounds {
        let (manager, report) = world.open_with(tiny()).await;
        assert_eq!(report.offline, []);
        assert_eq!(report.hole, None);
        let disk = world.disk.clone();
        let mut node = Node {
            manager,
            lives,
            disk,
        };
        node.compare(&mut model);
        world.disk.crash_after_ops(crash_at);
        for op in &ops {
            tokio::select! {
                () = node.run(&mut model, op) => {}
                () = tokio::time::sleep(std::time::Duration::from_secs(3600)) => {
                    panic!("{op:?} hangs: {:?}", node.manager.stats());
                }
                () = world.disk.stopped() => break,
            }
            if world.disk.is_stopped() {
                break;
            }
        }
        lives = std::mem::take(&mut node.lives);
        drop(node);
        world.disk.crash(&rng);
        // Recovery is cut off too, at some point or not at all.
        world.disk.crash_after_ops(crash_recovery_at);
        let env = world.env();
        tokio::select! {
            opened = LogManager::open(&env, Path::new(DIR), tiny()) => {
                if let Ok((_, report)) = opened {
                    assert_eq!(report.offline, []);
                }
            }
            () = world.disk.stopped() => {}
        }
        world.disk.crash(&rng);
    }
    let (manager, report) = world.open_with(tiny()).await;
    assert_eq!(report.offline, []);
    let disk = world.disk.clone();
    let mut node = Node {
        manager,
        lives,
        disk,
    };
    node.compare(&mut model);
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("CHRONIK_LOG_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(150),
        max_shrink_iters: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]
    #[test]
    fn a_power_cut_at_any_moment_loses_nothing_that_was_acknowledged(
        cuts in proptest::collection::vec(
            (proptest::collection::vec(op(), 1..60), 1..300_u64, 1..60_u64), 1..4),
        seed in any::<u64>(),
    ) {
        runtime().block_on(rounds(cuts, seed));
    }
}

#[tokio::test(start_paused = true)]
async fn a_journal_cut_at_every_byte_of_its_tail_gives_the_state_after_some_operation() {
    let world = SimWorld::new();
    let (manager, _) = world.open().await;
    let mut moments: Vec<Vec<Moment>> = vec![vec![None, None]];
    let mut node = Node {
        manager,
        lives: BTreeMap::new(),
        disk: world.disk.clone(),
    };
    let mut model = Model::default();
    let append = |partition| Op::Append {
        partition,
        batches: 1,
        records: 2,
        bytes: 30,
    };
    let ops = [
        append(0),
        append(1),
        append(0),
        Op::Truncate {
            partition: 0,
            back: 2,
        },
        append(0),
        Op::Reset { partition: 1 },
        append(1),
        Op::LogStart {
            partition: 0,
            part: 5,
        },
        append(0),
        Op::Delete { partition: 1 },
    ];
    for op in &ops {
        node.run(&mut model, op).await;
        node.manager.flush().await;
        moments.push(vec![model.now(0), model.now(1)]);
    }
    let journal = world.journal_files();
    let (path, bytes) = journal
        .iter()
        .find(|(_, bytes)| bytes[4096..4100] == *b"CHJF")
        .expect("the journal in use");
    let frames = (1..bytes.len() / 4096)
        .filter(|n| bytes[n * 4096..n * 4096 + 4] == *b"CHJF")
        .count();
    assert!(frames >= ops.len(), "{frames} frames");
    let mut last = 0;
    let cuts = (1..=frames).flat_map(|n| {
        let payload = u32::from_be_bytes(bytes[n * 4096 + 4..n * 4096 + 8].try_into().unwrap());
        (0..=40 + payload as usize).map(move |at| n * 4096 + at)
    });
    for cut in cuts {
        let copy = world.copy().await;
        let mut torn = bytes.clone();
        torn[cut..].fill(0);
        write_file(&copy.disk, path, torn).await;
        let (manager, report) = copy.open().await;
        assert_eq!(
            (report.hole, report.offline),
            (None, Vec::new()),
            "cut at {cut}"
        );
        let found: Vec<Moment> = (0..2)
            .map(|partition| {
                let key = key_of("t", 1, partition);
                manager
                    .get(key.topic_id, key.partition)
                    .and_then(|log| recovered(&log))
            })
            .collect();
        let visible: Vec<Moment> = found.iter().map(visible).collect();
        let matches = |moment: &Vec<Moment>| {
            moment.iter().zip(&visible).all(|(moment, found)| {
                crate::crash::visible(moment) == *found
                    // A creation is a record of its own.
                    || (moment.is_none() && *found == Some((0, Vec::new())))
            })
        };
        let which = moments
            .iter()
            .enumerate()
            .skip(last)
            .find(|(_, moment)| matches(moment));
        last = which.map_or_else(
            || {
                panic!(
                    "cut at {cut}: {:?}",
                    found.iter().map(describe).collect::<Vec<_>>()
                )
            },
            |(which, _)| which,
        );
    }
    assert_eq!(last, ops.len(), "the whole journal gives the last state");
}
