//! Compaction of one log: of every key the last record stays, in closed segments that are synced,
//! below the recovery point and below the last stable offset.
//!
//! A pass reads the dirty part into a map of keys (`build`), then rewrites the log's closed
//! segments from its start up to where the map reaches, group by group (`rewrite`, `filter`), each
//! group taking its place at once and crash-safely (`swap`). The journal need not know: it holds
//! nothing below the recovery point. `cleaner-offset` in the partition's directory says where the
//! clean part ends; lost, cleaning starts over.
//!
//! Keeps I11. The offset is never ahead of what was cleaned: a truncation below takes it back.
//! Absent: when to run and how fast, which is the cleaner's (`manager/cleaner`).

mod build;
mod filter;
mod offset_map;
mod range;
mod rewrite;
mod source;
mod swap;
mod transactions;

use std::sync::Arc;

use chronik_io::fs::OpenMode;
use chronik_io::task::blocking;
use chronik_io::{ExitCode, fs::read_up_to};
use chronik_types::{Offset, Timestamp};

use build::{Build, FindAborted, Step};
pub(crate) use filter::LastBatches;
use filter::{Counted, Filter};
use offset_map::OffsetMap;
use range::{Decision, Dirtiness, Facts, Limits, decide, groups, measure};
use rewrite::Rewrite;
pub(crate) use source::CleanError;
use source::{Source, Walk};
pub(crate) use swap::finish_swaps;
use transactions::{Aborted, Observed};

use super::segment::{Segment, file_name};
use super::{Gate, PartitionLog, State};
use crate::error::FileError;
use crate::index::open_if_there;
use crate::manager::Pace;

/// The file in a partition's directory that says where its clean part ends.
const CLEANED_FILE: &str = "cleaner-offset";

/// How compacted a log is, and what its last compaction did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Compaction {
    /// Compaction has been below this offset.
    pub cleaned_offset: Offset,
    /// Bytes of closed segments below it.
    pub clean_bytes: u64,
    /// Bytes of closed segments above it.
    pub dirty_bytes: u64,
    /// The last run since the start.
    pub last_run: Option<CompactionRun>,
    /// Why it is not compacted any more, if a segment was found damaged.
    pub uncleanable: Option<String>,
}

impl Compaction {
    /// Dirty bytes of all bytes in closed segments, 0 to 100.
    #[must_use]
    pub fn dirty_percent(&self) -> u64 {
        let total = self.clean_bytes + self.dirty_bytes;
        (self.dirty_bytes * 100).checked_div(total).unwrap_or(0)
    }
}

/// What one run did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CompactionRun {
    /// When it ended, by the wall clock.
    pub ended: Timestamp,
    /// Where the dirty part began.
    pub from: Offset,
    /// Up to where the log is clean now (exclusive).
    pub upto: Offset,
    /// Bytes of the segments read.
    pub bytes_before: u64,
    /// Bytes of those that took their place.
    pub bytes_after: u64,
    /// Records met.
    pub records: u64,
    /// Records dropped.
    pub records_dropped: u64,
}

/// What the cleaner has to know of a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cleanability {
    /// It is this dirty, in millionths.
    Now(u32),
    /// Time, a sync or the high watermark holds something back.
    Later {
        /// Whether a checkpoint would help.
        wants_checkpoint: bool,
    },
    /// Nothing before another segment is closed.
    Not,
}

/// What compaction keeps in a log's state.
#[derive(Debug, Default)]
pub(super) struct Cleaning {
    pub(super) last_run: Option<CompactionRun>,
    pub(super) uncleanable: Option<String>,
}

/// A pass as planned under the lock.
struct Plan {
    segments: Vec<Facts>,
    /// When the segments were begun, in ms.
    begun: Vec<i64>,
    /// All segments, the active one included.
    sources: Vec<Source>,
    limits: Limits,
    dirty: Dirtiness,
    last_batches: LastBatches,
    delete_retention_ms: i64,
    index_interval: u64,
    generation: u64,
}

impl PartitionLog {
    /// How compacted it is.
    #[must_use]
    pub fn compaction(&self) -> Compaction {
        let state = self.lock();
        let limits = state.limits(Offset::new(i64::MAX), 0);
        let dirt = measure(&state.facts(), &limits, true);
        Compaction {
            cleaned_offset: state.cleaned,
            clean_bytes: dirt.clean_bytes,
            dirty_bytes: dirt.dirty_bytes,
            last_run: state.cleaning.last_run,
            uncleanable: state.cleaning.uncleanable.clone(),
        }
    }

    /// Whether compaction asks for keys and runs here.
    pub(crate) fn is_compacted(&self) -> bool {
        let state = self.lock();
        state.config.cleanup_compact && !matches!(state.gate, Gate::Deleted | Gate::Offline)
    }

    /// Whether it should be compacted; `stable` is the last stable offset (exclusive).
    pub(crate) fn cleanability(&self, stable: Offset) -> Cleanability {
        let state = self.lock();
        let gone = matches!(state.gate, Gate::Deleted | Gate::Offline);
        if gone || !state.config.cleanup_compact || state.cleaning.uncleanable.is_some() {
            return Cleanability::Not;
        }
        let limits = state.limits(stable, self.now_ms());
        let facts = state.facts();
        match decide(&facts, &limits) {
            Decision::Clean(dirty) => Cleanability::Now(dirty.millionths()),
            Decision::Later => Cleanability::Later {
                wants_checkpoint: facts.iter().any(|segment| !segment.settled),
            },
            Decision::Nothing => Cleanability::Not,
        }
    }

    /// Compacts what may be compacted. `None` if there was nothing. A damaged segment makes the
    /// log uncleanable; after any error what is not yet replaced is as it was.
    pub(crate) async fn clean(
        self: &Arc<Self>,
        stable: Offset,
        pace: &mut Pace,
    ) -> Result<Option<CompactionRun>, CleanError> {
        let Some(plan) = self.plan(stable) else {
            return Ok(None);
        };
        let generation = plan.generation;
        let result = self.run(plan, pace).await;
        self.judge(&result, generation);
        result.map(Some)
    }

    fn judge(&self, result: &Result<CompactionRun, CleanError>, generation: u64) {
        let mut state = self.lock();
        match result {
            Ok(run) => state.cleaning.last_run = Some(*run),
            Err(CleanError::Changed) => {}
            // Reading beside a truncation finds anything.
            Err(_) if state.generation != generation || state.gate == Gate::Deleted => {}
            Err(CleanError::File(error)) if error.is_full() => {}
            Err(error @ (CleanError::File(_) | CleanError::Corrupt(_))) => {
                tracing::error!(event = "uncleanable", log = self.dir_name, %error, "the partition is not compacted any more");
                state.cleaning.uncleanable = Some(error.to_string());
            }
        }
    }

    fn now_ms(&self) -> i64 {
        self.shared.env.clock.wall().as_millis()
    }

    fn plan(&self, stable: Offset) -> Option<Plan> {
        let now = self.now_ms();
        let mut state = self.lock();
        let may = state.config.cleanup_compact && state.cleaning.uncleanable.is_none();
        if state.gate != Gate::Open || !may {
            return None;
        }
        let limits = state.limits(stable, now);
        let segments = state.facts();
        let dirty = measure(&segments, &limits, false);
        if dirty.dirty_bytes == 0 {
            return None;
        }
        state.lowest_cut = None;
        let source = |segment: &Segment| Source {
            base: segment.base,
            path: segment.path.clone(),
            size: segment.size,
        };
        Some(Plan {
            begun: state.segments.iter().map(|s| s.begun).collect(),
            sources: state.segments.iter().map(source).collect(),
            last_batches: state.producers.last_batches(),
            delete_retention_ms: i64::try_from(state.config.delete_retention_ms)
                .unwrap_or(i64::MAX),
            index_interval: state.config.index_interval_bytes,
            generation: state.generation,
            segments,
            limits,
            dirty,
        })
    }

    async fn run(
        self: &Arc<Self>,
        mut plan: Plan,
        pace: &mut Pace,
    ) -> Result<CompactionRun, CleanError> {
        let built = self.build(&plan, pace).await?;
        let upto = built.upto;
        let mut filter = Filter {
            map: built.map,
            upto,
            aborted: built.aborted,
            last_batches: std::mem::take(&mut plan.last_batches),
            now: plan.limits.now,
            delete_retention_ms: plan.delete_retention_ms,
            observed: Observed::default(),
            counted: Counted::default(),
        };
        let (mut bytes_before, mut bytes_after) = (0, 0);
        for group in groups(&plan.segments, upto, &plan.limits) {
            bytes_before += group.iter().map(|segment| segment.bytes).sum::<u64>();
            filter.counted.changed = false;
            let rewritten = self.rewrite(&plan, &group, filter, pace).await?;
            filter = rewritten.0;
            bytes_after += rewritten.1;
        }
        self.note_cleaned(upto).await?;
        let run = CompactionRun {
            ended: self.shared.env.clock.wall(),
            from: plan.dirty.first,
            upto,
            bytes_before,
            bytes_after,
            records: filter.counted.records,
            records_dropped: filter.counted.dropped,
        };
        tracing::info!(event = "compacted", log = self.dir_name, from = %run.from, upto = %run.upto, bytes_before, bytes_after, records = run.records, dropped = run.records_dropped, "compacted");
        Ok(run)
    }

    /// The last offset of every key in the dirty part.
    async fn build(&self, plan: &Plan, pace: &mut Pace) -> Result<Build, CleanError> {
        let (disk, rng) = (&self.shared.env.disk, &self.shared.env.rng);
        let in_range = |facts: &Facts| facts.next > plan.dirty.first && facts.base < plan.dirty.end;
        let closed = plan.segments.iter().zip(&plan.sources);
        let sources: Vec<_> = closed
            .filter(|(facts, _)| in_range(facts))
            .map(|(_, source)| source.clone())
            .collect();
        let (mut aborted, mut knows_aborted) = (Aborted::default(), false);
        loop {
            let secret = [rng.next_u64(), rng.next_u64()];
            let mut build = Build {
                walk: Walk::new(disk, sources.clone()),
                map: OffsetMap::new(self.shared.options.cleaner_dedupe_bytes, secret),
                aborted,
                knows_aborted,
                first: plan.dirty.first,
                upto: plan.dirty.first,
                end: plan.dirty.end,
            };
            loop {
                let (back, step) = blocking(move || {
                    let step = build.step();
                    (build, step)
                })
                .await;
                build = back;
                match step? {
                    Step::More(bytes) => pace.spend(bytes, 0).await?,
                    Step::Done => return Ok(build),
                    Step::AskAborted => break,
                }
            }
            aborted = self.find_aborted(plan, pace).await?;
            knows_aborted = true;
        }
    }

    async fn find_aborted(&self, plan: &Plan, pace: &mut Pace) -> Result<Aborted, CleanError> {
        let mut find = FindAborted {
            walk: Walk::new(&self.shared.env.disk, plan.sources.clone()),
            aborted: Aborted::default(),
        };
        loop {
            let (back, step) = blocking(move || {
                let step = find.step();
                (find, step)
            })
            .await;
            find = back;
            match step? {
                Step::More(bytes) => pace.spend(bytes, 0).await?,
                Step::Done | Step::AskAborted => return Ok(find.aborted),
            }
        }
    }

    /// Rewrites a group and puts it in place; the filter, and the bytes there now.
    async fn rewrite(
        self: &Arc<Self>,
        plan: &Plan,
        group: &[Facts],
        mut filter: Filter,
        pace: &mut Pace,
    ) -> Result<(Filter, u64), CleanError> {
        let (Some(first), Some(last)) = (group.first(), group.last()) else {
            return Ok((filter, 0));
        };
        self.remove_cleaned(first.base)?;
        let of_group = |source: &&Source| first.base <= source.base && source.base < last.next;
        let sources = plan.sources.iter().filter(of_group).cloned().collect();
        let at = plan.segments.iter().position(|s| s.base == last.base);
        let begun = at.map_or(plan.limits.now, |at| plan.begun[at]);
        let mut rewrite = Rewrite {
            shared: Arc::clone(&self.shared),
            walk: Walk::new(&self.shared.env.disk, sources),
            cleaned: Segment::new_cleaned(&self.dir, first.base, begun),
            index_interval: plan.index_interval,
        };
        let before = filter.counted;
        let result = loop {
            let (back, filter_back, step) = blocking(move || {
                let step = rewrite.step(&mut filter);
                (rewrite, filter, step)
            })
            .await;
            (rewrite, filter) = (back, filter_back);
            match step {
                Ok(Some((read, written))) => {
                    if let Err(error) = pace.spend(read, written).await {
                        break Err(error);
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        let worth_it = group.len() > 1 || filter.counted.changed;
        let result = match result {
            Ok(()) if worth_it => self.sync_cleaned(&mut rewrite).await,
            done => done,
        };
        if result.is_err() || !worth_it {
            self.discard(rewrite.cleaned);
            result?;
            return Ok((filter, first.bytes));
        }
        let bytes = rewrite.cleaned.size;
        self.swap(group, rewrite.cleaned).await?;
        pace.dropped(filter.counted.dropped - before.dropped);
        Ok((filter, bytes))
    }

    async fn sync_cleaned(&self, rewrite: &mut Rewrite) -> Result<(), CleanError> {
        for (path, file) in rewrite.files()? {
            if let Err(e) = file.sync().await {
                self.fatal(FileError::new("sync", &path, e)).await?;
            }
        }
        if let Err(e) = self.shared.env.disk.sync_dir(&self.dir).await {
            self.fatal(FileError::new("sync", &self.dir, e)).await?;
        }
        rewrite.cleaned.dirty = false;
        rewrite.cleaned.offsets.set_clean();
        rewrite.cleaned.times.set_clean();
        Ok(())
    }

    /// A failed sync ends the process, unless the log and its directory are gone.
    async fn fatal(&self, error: FileError) -> Result<(), CleanError> {
        if self.is_deleted() {
            return Err(CleanError::Changed);
        }
        let exit = &self.shared.env.exit;
        exit.fatal(ExitCode::Storage, &error.to_string()).await
    }

    /// What stays behind is removed by the next pass or start.
    fn discard(&self, mut cleaned: Segment) {
        cleaned.dirty = false;
        cleaned.close_if_clean(&self.shared);
        let _ = self.remove_cleaned(cleaned.base);
    }

    fn remove_cleaned(&self, base: Offset) -> Result<(), FileError> {
        for suffix in [".log.cleaned", ".index.cleaned", ".timeindex.cleaned"] {
            self.remove_if_there(&file_name(base, suffix))?;
        }
        Ok(())
    }

    /// Everything below `upto` is clean now: says so durably.
    async fn note_cleaned(&self, upto: Offset) -> Result<(), CleanError> {
        let _alone = self.rewriting.lock().await;
        let temporary = format!("{CLEANED_FILE}.tmp");
        let text = format!("0\n{upto}\n").into_bytes();
        let (path, file, _) = self.write_whole(&temporary, text)?;
        if let Err(e) = file.sync().await {
            self.fatal(FileError::new("sync", &path, e)).await?;
        }
        {
            let mut state = self.lock();
            // A directory of this name may be another topic's, and what was truncated is not clean.
            if state.gate == Gate::Deleted || state.pending.is_some() || state.lowest_cut.is_some()
            {
                return Err(CleanError::Changed);
            }
            let to = self.dir.join(CLEANED_FILE);
            let renamed = self.shared.env.disk.rename(&path, &to);
            renamed.map_err(|e| FileError::new("rename", &to, e))?;
            state.cleaned = upto;
        }
        match self.shared.env.disk.sync_dir(&self.dir).await {
            Ok(()) => Ok(()),
            Err(e) => self.fatal(FileError::new("sync", &self.dir, e)).await,
        }
    }

    /// The log ends at `to` now, or begins anew there.
    pub(super) fn cut_cleaned(&self, state: &mut State, to: Offset) -> Result<(), FileError> {
        state.lowest_cut = Some(state.lowest_cut.map_or(to, |lowest| lowest.min(to)));
        if to < state.cleaned {
            self.remove_if_there(CLEANED_FILE)?;
            state.names_dirty = true;
            state.cleaned = to;
        }
        Ok(())
    }

    /// After a stop: where the clean part ends, at most `cut`. Beyond it, the file speaks of
    /// records that a truncation took away.
    pub(super) fn load_cleaned(&self, state: &mut State, cut: Offset) -> Result<(), FileError> {
        let path = self.dir.join(CLEANED_FILE);
        let disk = &*self.shared.env.disk;
        let Some(file) = open_if_there(disk, &path, OpenMode::Read)? else {
            return Ok(());
        };
        let bytes = read_up_to(&*file, 0, 64).map_err(|e| FileError::new("read", &path, e))?;
        match decode_cleaned(&bytes) {
            Some(cleaned) if cleaned <= cut => state.cleaned = cleaned,
            _ => {
                self.remove_if_there(CLEANED_FILE)?;
                state.names_dirty = true;
            }
        }
        Ok(())
    }
}

/// Reads a `cleaner-offset` file; `None` if it is not one.
pub(crate) fn decode_cleaned(bytes: &[u8]) -> Option<Offset> {
    let text = std::str::from_utf8(bytes).ok()?;
    let offset = text.strip_prefix("0\n")?.trim().parse().ok()?;
    Some(Offset::new(offset))
}

impl State {
    /// The closed segments.
    fn facts(&self) -> Vec<Facts> {
        let pairs = self.segments.iter().zip(self.segments.iter().skip(1));
        pairs
            .map(|(segment, next)| Facts {
                base: segment.base,
                next: next.base,
                bytes: segment.size,
                index_bytes: segment.offsets.bytes().max(segment.times.bytes()),
                newest: segment.max_timestamp.map(|max| max.0),
                oldest: segment
                    .first_timestamp
                    .filter(|first| *first >= 0)
                    .unwrap_or(segment.begun),
                settled: segment.is_synced() && self.is_below_recovery_point(next.base),
            })
            .collect()
    }

    fn limits(&self, stable: Offset, now: i64) -> Limits {
        let open = self.producers.first_open_transaction();
        Limits {
            cleaned: self.cleaned.max(self.log_start),
            stable: stable.min(self.durable_end).min(open.unwrap_or(stable)),
            now,
            dirty_millionths_min: self.config.min_cleanable_dirty_millionths,
            lag_ms_min: self.config.min_compaction_lag_ms,
            lag_ms_max: self.config.max_compaction_lag_ms,
            segment_bytes: self.config.segment_bytes,
            index_bytes_max: self.config.segment_index_bytes,
        }
    }
}
