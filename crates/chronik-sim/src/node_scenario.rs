//! One real node on a simulated disk, clients that write and read, and trouble from the seed.
//!
//! ```text
//! start ─► topic ─► clients at work, trouble after trouble ─► all healed ─► groups stable
//!       ─► clients end
//!       ─► every partition takes a write ─► everything is read ─► the checker judges
//! ```
//! Checked: I1, I2, I7, I9, I10 by the checker of `chronik-verify`, contents byte by byte, log
//! ends that never go back, that the node ends itself only where a disk fails, that it always comes
//! back, that nothing panics, and that after the last trouble everything ends within bounded time.
//! Absent: other nodes, static members, transactions, retention and bit rot.

mod faults;
mod group_wire;
mod host;
mod members;
mod workload;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chronik_io::fs::sim::{Fault, FaultId};
use chronik_io::fs::{Disk as _, SimDisk};
use chronik_io::{ExitCode, Rng};
use chronik_verify::history::{Operation, Outcome};
use chronik_verify::{History, check};

use self::faults::{Trouble, millis};
use self::host::{DATA_DIR, Host, Life, NODE};
use self::members::Groups;
use self::workload::Clients;
use crate::event_log::EventLog;
use crate::panics;
use crate::recorder::Recorder;

/// Virtual time within which the node is ready and clients end once nothing is wrong any more.
const PATIENCE: Duration = Duration::from_secs(90);

/// What runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Variant {
    /// The node as it is.
    Honest,
    /// Syncs of the journal are claimed and not done: the checker must find what is lost.
    LyingJournal,
}

/// What came out of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// Everything that happened; the same seed gives the same log.
    pub log: EventLog,
    /// What clients did and learned.
    pub history: History,
    /// Promises that were broken, in words.
    pub violations: Vec<String>,
    /// Virtual time in all.
    pub elapsed: Duration,
    /// How often the node was started.
    pub starts: u64,
    /// Whether compaction rewrote a part of `__consumer_offsets`.
    pub offsets_compacted: bool,
}

impl Report {
    /// One line about the run, which the seed determines.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut sends = [0; 3];
        let mut reads = 0;
        let mut commits = 0;
        let mut generations = BTreeSet::new();
        for entry in &self.history.entries {
            match (&entry.operation, entry.outcome) {
                (Operation::Produce { .. }, Outcome::Ok) => sends[0] += 1,
                (Operation::Produce { .. }, Outcome::Fail) => sends[1] += 1,
                (Operation::Produce { .. }, Outcome::Unknown) => sends[2] += 1,
                (Operation::Poll { .. }, _) => reads += 1,
                (Operation::CommitOffset { .. }, Outcome::Ok) => commits += 1,
                (
                    Operation::Own {
                        group, generation, ..
                    },
                    _,
                ) => {
                    generations.insert((group, generation));
                }
                _ => {}
            }
        }
        let [ok, failed, unknown] = sends;
        format!(
            "log {:016x}, {} virtual ms, {} starts, sends {ok} ok {failed} failed {unknown} unknown, {reads} reads, {commits} commits in {} generations, {}{} violations",
            self.log.hash(),
            self.elapsed.as_millis(),
            self.starts,
            generations.len(),
            if self.offsets_compacted {
                "compacted, "
            } else {
                ""
            },
            self.violations.len()
        )
    }
}

/// Runs a seed to its end.
#[must_use]
pub fn run(seed: u64, variant: Variant) -> Report {
    panics::watch();
    let mut run = Run::new(seed, variant);
    // Hosts are poisoned by a panic, the recorder is not, and nothing else is used afterwards.
    let ended = catch_unwind(AssertUnwindSafe(|| run.all()));
    if let Ok(Err(Stuck(what))) = ended {
        run.recorder.violation(what);
    }
    for message in panics::seen() {
        run.recorder.violation(format_args!("a panic: {message}"));
    }
    let (log, history, mut violations) = run.recorder.take();
    violations.extend(check(&history).iter().map(ToString::to_string));
    Report {
        log,
        history,
        violations,
        elapsed: run.sim.elapsed(),
        starts: run.starts,
        offsets_compacted: run.offsets_compacted(),
    }
}

/// The run cannot go on.
struct Stuck(String);

struct Run<'a> {
    sim: turmoil::Sim<'a>,
    disk: SimDisk,
    host: Host,
    clients: Clients,
    recorder: Recorder,
    rng: Rng,
    /// Hosts of clients that were started so far.
    peers: Vec<&'static str>,
    starts: u64,
    /// The node is down and starts again then.
    restart_at: Option<Duration>,
    /// A disk fails, or did so when the node last wrote: the node may end itself or refuse.
    may_end: bool,
}

impl Run<'_> {
    fn new(seed: u64, variant: Variant) -> Self {
        let mut sim = turmoil::Builder::new()
            .simulation_duration(Duration::from_secs(3600))
            .tick_duration(Duration::from_millis(1))
            .min_message_latency(Duration::from_micros(200))
            .max_message_latency(Duration::from_millis(8))
            .tcp_capacity(1024)
            .rng_seed(seed)
            .build();
        let recorder = Recorder::default();
        let disk = SimDisk::seeded(seed);
        let slow = Fault::SlowSync {
            min: Duration::from_micros(100),
            max: Duration::from_millis(6),
        };
        disk.inject("*", slow);
        let host = Host::new(seed, variant, disk.clone());
        let node = host.clone();
        sim.host(NODE, move || node.clone().run());
        let clients = Clients {
            seed,
            recorder: recorder.clone(),
            stopping: Arc::new(AtomicBool::new(false)),
            groups: Groups::default(),
        };
        Self {
            sim,
            disk,
            host,
            clients,
            recorder,
            rng: Rng::seeded(seed ^ 0x5eed),
            peers: Vec::new(),
            starts: 1,
            restart_at: None,
            may_end: false,
        }
    }

    fn all(&mut self) -> Result<(), Stuck> {
        let clients = self.clients.clone();
        self.start("admin", clients.clone().create_topic());
        self.until_clients_end("the topic is not created")?;

        self.start("writers", clients.clone().write());
        self.start("readers", clients.clone().read());
        self.start("members-1", clients.clone().join_groups(0));
        self.start("members-2", clients.clone().join_groups(1));
        for _ in 0..3 + self.rng.below(4) {
            self.run_for(millis(&self.rng, 100, 1200))?;
            let trouble = Trouble::draw(&self.rng);
            self.note(&format!("trouble: {trouble:?}"));
            self.make(trouble)?;
        }
        self.note("no more trouble");
        self.until_ready()?;
        self.run_for(Duration::from_millis(500))?;
        self.until_groups_are_stable()?;

        self.clients.stopping.store(true, Ordering::Relaxed);
        self.until_clients_end("the clients do not end")?;
        self.start("judge", clients.judge());
        self.until_clients_end("the final read does not end")
    }

    /// Only compaction makes files of these names there: what it writes, and what that replaces.
    fn offsets_compacted(&self) -> bool {
        let written = |suffix| {
            let pattern = format!("{DATA_DIR}/__consumer_offsets-0/*.log.{suffix}");
            self.disk.counters(&pattern).bytes_written
        };
        written("cleaned") + written("deleted") > 0
    }

    fn start(
        &mut self,
        host: &'static str,
        client: impl Future<Output = turmoil::Result> + 'static,
    ) {
        self.sim.client(host, client);
        self.peers.push(host);
    }

    fn note(&self, event: &str) {
        let ops = self.disk.ops();
        self.recorder.note(format_args!("{event} (disk at {ops})"));
    }

    /// Makes trouble, and ends it.
    fn make(&mut self, trouble: Trouble) -> Result<(), Stuck> {
        match trouble {
            Trouble::PowerCut => self.cut_power(),
            Trouble::PowerCutAtOperation { first, again } => {
                self.cut_power_at(first)?;
                if let Some(again) = again {
                    self.cut_power_at(again)?;
                }
            }
            Trouble::Kill => {
                self.disk.kill();
                self.down("killed");
            }
            Trouble::Stop => self.stop_cleanly()?,
            Trouble::Slow { max, lasts } => {
                let min = Duration::from_millis(1);
                let fault = self.disk.inject("*", Fault::SlowSync { min, max });
                self.run_for(lasts)?;
                self.disk.heal(fault);
            }
            Trouble::Hung { lasts, power_cut } => {
                let fault = self.disk.inject("*", Fault::HungSync);
                self.run_for(lasts)?;
                if power_cut {
                    self.cut_power();
                }
                self.disk.heal(fault);
            }
            Trouble::Failing {
                fault,
                pattern,
                times,
                lasts,
            } => {
                let fault = self.disk.inject_times(&pattern, fault, times);
                self.fail_for(lasts, Some(fault))?;
            }
            Trouble::DiskFull {
                room,
                lasts,
                power_cut,
            } => {
                if let Ok(space) = self.disk.space(DATA_DIR.as_ref()) {
                    let used = space.total - space.available;
                    self.disk.set_capacity(Some(used + room));
                }
                self.fail_for(lasts, None)?;
                if power_cut {
                    self.cut_power();
                }
            }
            Trouble::Unreachable { host, lasts } => {
                self.sim.partition(NODE, host);
                self.run_for(lasts)?;
                self.sim.repair(NODE, host);
            }
        }
        Ok(())
    }

    /// A time in which the node may end itself, and the end of what makes it do so.
    fn fail_for(&mut self, lasts: Duration, fault: Option<FaultId>) -> Result<(), Stuck> {
        self.may_end = true;
        self.run_for(lasts)?;
        if let Some(fault) = fault {
            self.disk.heal(fault);
        }
        self.disk.set_capacity(None);
        // A node that is about to end itself has the time to do so.
        self.run_for(Duration::from_millis(20))?;
        self.may_end = false;
        Ok(())
    }

    fn cut_power(&mut self) {
        match self.rng.below(3) {
            0 => self.disk.crash_losing_unsynced(),
            _ => self.disk.crash(&self.rng),
        }
        self.down("power cut");
    }

    fn cut_power_at(&mut self, operation: u64) -> Result<(), Stuck> {
        self.until_started()?;
        self.may_end = true;
        self.disk.crash_after_ops(operation);
        let restarts = self.starts;
        let deadline = self.sim.elapsed() + Duration::from_secs(2);
        while self.restart_at.is_none() && self.starts == restarts {
            if self.sim.elapsed() > deadline {
                self.cut_power();
                break;
            }
            self.step()?;
        }
        self.may_end = false;
        Ok(())
    }

    fn stop_cleanly(&mut self) -> Result<(), Stuck> {
        self.until_started()?;
        self.host.ask_to_stop();
        let started = self.starts;
        self.until("a clean stop does not end", |run| {
            run.restart_at.is_some() || run.starts > started
        })
    }

    /// Nothing of the node is left, until it starts again after a while.
    fn down(&mut self, why: &str) {
        self.note(&format!("the node is down: {why}"));
        // tokio drops tasks in an order that follows from a counter of the whole process, and
        // with them sockets close in that order: nobody may hear it. A power cut says nothing
        // either; clients notice when an answer is late or the next incarnation refuses.
        for peer in &self.peers {
            self.sim.partition(NODE, *peer);
        }
        self.sim.crash(NODE);
        for peer in &self.peers {
            self.sim.repair(NODE, *peer);
        }
        if self.restart_at.is_none() {
            self.restart_at = Some(self.sim.elapsed() + millis(&self.rng, 5, 800));
        }
    }

    fn until_started(&mut self) -> Result<(), Stuck> {
        self.until("the node is not restarted", |run| run.restart_at.is_none())
    }

    fn until_ready(&mut self) -> Result<(), Stuck> {
        self.until("the node does not become ready", |run| {
            run.restart_at.is_none() && run.host.life() == Life::Ready
        })
    }

    /// Nothing is in the groups' way any more.
    fn until_groups_are_stable(&mut self) -> Result<(), Stuck> {
        self.clients.groups.calm();
        let since = self.recorder.stamp();
        let stable = self.until("the groups do not become stable", |run| {
            run.clients.groups.are_stable_since(since)
        });
        Groups::record_lives(&self.recorder, since);
        stable
    }

    fn run_for(&mut self, time: Duration) -> Result<(), Stuck> {
        let end = self.sim.elapsed() + time;
        while self.sim.elapsed() < end {
            self.step()?;
        }
        Ok(())
    }

    fn until(&mut self, otherwise: &str, done: impl Fn(&Self) -> bool) -> Result<(), Stuck> {
        let end = self.sim.elapsed() + PATIENCE;
        while !done(self) {
            if self.sim.elapsed() > end {
                return Err(Stuck(otherwise.to_owned()));
            }
            self.step()?;
        }
        Ok(())
    }

    fn until_clients_end(&mut self, otherwise: &str) -> Result<(), Stuck> {
        let end = self.sim.elapsed() + PATIENCE;
        while !self.step()? {
            if self.sim.elapsed() > end {
                return Err(Stuck(otherwise.to_owned()));
            }
        }
        Ok(())
    }

    /// One tick of virtual time; true when no client runs any more.
    fn step(&mut self) -> Result<bool, Stuck> {
        self.recorder.set_now(self.sim.elapsed());
        if self.restart_at.is_some_and(|at| at <= self.sim.elapsed()) {
            self.restart_at = None;
            self.starts += 1;
            self.note("the node starts");
            self.sim.bounce(NODE);
        }
        let ended = self.sim.step();
        let ended = ended.map_err(|error| Stuck(format!("the simulation ends: {error}")))?;
        self.recorder.set_now(self.sim.elapsed());
        if self.restart_at.is_none() {
            self.look_at_the_node()?;
        }
        Ok(ended)
    }

    fn look_at_the_node(&mut self) -> Result<(), Stuck> {
        match self.host.life() {
            _ if self.disk.is_stopped() => self.cut_power(),
            Life::Starting | Life::Ready => {}
            Life::Stopped => {
                self.disk.kill();
                self.down("stopped");
            }
            Life::Ended(code, reason) => {
                if !self.may_end || code == ExitCode::Internal {
                    self.recorder
                        .violation(format_args!("the node ends itself, {code:?}: {reason}"));
                }
                self.down(&format!("ended itself, {code:?}: {reason}"));
            }
            Life::Refused(reason) => {
                self.disk.kill();
                if !self.may_end {
                    return Err(Stuck(format!("the node does not start: {reason}")));
                }
                self.down(&format!("did not start: {reason}"));
            }
        }
        Ok(())
    }
}
