//! One partition on this node: its log, its replica state, and who waits for it.
//!
//! A struct behind a short lock, not a task (DESIGN D14). Appends, durable positions and waiters
//! meet under that lock, so nobody can miss what he waits for. Keeps I2 and I3 by asking
//! `chronik-replication` before and after every append.
//! Absent: which partitions exist (`replica_manager`), and the wire.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chronik_log::{Appended, PartitionLog};
use chronik_replication::{Acks, AppendRefused, EpochRefused, Leader};
use chronik_types::{LeaderEpoch, NodeId, Offset, PartitionId, TopicName};
use tokio::sync::{Notify, oneshot};

use crate::topic_settings::ProduceRules;

/// A partition's current leader, for clients that asked the wrong node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CurrentLeader {
    pub(crate) node: Option<NodeId>,
    pub(crate) epoch: LeaderEpoch,
}

/// A partition's name for people: `topic-0`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PartitionName<'a> {
    pub(crate) topic: &'a TopicName,
    pub(crate) partition: PartitionId,
}

impl fmt::Display for PartitionName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// Why a partition does not do what it was asked.
#[derive(Debug)]
pub(crate) enum PartitionError {
    /// There is no such topic or partition.
    Unknown,
    /// This node does not lead it.
    NotLeader(CurrentLeader),
    /// The request names another leader epoch.
    Epoch(EpochRefused, CurrentLeader),
    /// Its log is damaged or its disk failed.
    Offline,
}

/// Why an append did not happen.
#[derive(Debug)]
pub(crate) enum ProduceError {
    Partition(PartitionError),
    Refused(AppendRefused),
    Log(chronik_log::AppendError),
}

impl From<PartitionError> for ProduceError {
    fn from(error: PartitionError) -> Self {
        Self::Partition(error)
    }
}

/// Positions that a client may see. All ends are exclusive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Positions {
    pub(crate) log_start: Offset,
    pub(crate) high_watermark: Offset,
    pub(crate) leader_epoch: LeaderEpoch,
}

/// The partition will never commit what was waited for: it is led elsewhere or gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeadershipLost;

/// Resolves when an append is as durable as its acks ask.
pub(crate) type Committed = oneshot::Receiver<Result<(), LeadershipLost>>;

/// What an append gives back.
pub(crate) struct Append {
    pub(crate) appended: Appended,
    /// `None` if it already is as durable as asked, or nobody waits (acks=0).
    pub(crate) committed: Option<Committed>,
}

/// A parked fetch: woken when any of its partitions has something new.
#[derive(Debug, Default)]
pub(crate) struct FetchWaiter {
    notify: Notify,
}

impl FetchWaiter {
    /// Waits for the first wake-up since it was made.
    pub(crate) async fn woken(&self) {
        self.notify.notified().await;
    }

    fn wake(&self) {
        self.notify.notify_one();
    }
}

/// See the module's documentation.
pub(crate) struct Partition {
    pub(crate) topic: TopicName,
    pub(crate) partition: PartitionId,
    pub(crate) log: Arc<PartitionLog>,
    state: Mutex<State>,
}

struct State {
    role: Role,
    rules: Arc<ProduceRules>,
    next_waiter: u64,
    /// Appends that wait, by the offset (exclusive) that must be reached.
    for_durable: BTreeMap<(Offset, u64), Reply>,
    for_committed: BTreeMap<(Offset, u64), Reply>,
    fetches: BTreeMap<u64, Arc<FetchWaiter>>,
}

type Reply = oneshot::Sender<Result<(), LeadershipLost>>;

enum Role {
    Leader(Leader),
    Elsewhere(CurrentLeader),
    Gone,
}

impl Partition {
    pub(crate) fn new(
        topic: TopicName,
        partition: PartitionId,
        log: Arc<PartitionLog>,
        rules: Arc<ProduceRules>,
    ) -> Self {
        Self {
            topic,
            partition,
            log,
            state: Mutex::new(State {
                role: Role::Elsewhere(CurrentLeader {
                    node: None,
                    epoch: LeaderEpoch::new(-1),
                }),
                rules,
                next_waiter: 0,
                for_durable: BTreeMap::new(),
                for_committed: BTreeMap::new(),
                fetches: BTreeMap::new(),
            }),
        }
    }

    /// What it is called.
    pub(crate) fn name(&self) -> PartitionName<'_> {
        PartitionName {
            topic: &self.topic,
            partition: self.partition,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under this lock ends its task, and the state is changed in single steps.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_online(&self) -> Result<(), PartitionError> {
        if self.log.is_offline() {
            return Err(PartitionError::Offline);
        }
        Ok(())
    }

    /// The controller made this node the leader of `epoch`. A repeated call for the same epoch
    /// changes nothing.
    pub(crate) fn lead(&self, node: NodeId, epoch: LeaderEpoch, isr: &[NodeId]) {
        let mut state = self.lock();
        if let Role::Leader(leader) = &state.role
            && leader.epoch() == epoch
        {
            return;
        }
        state.fail_appends();
        let offsets = self.log.offsets();
        self.log.start_epoch(epoch);
        let known = offsets.log_start;
        state.role = Role::Leader(Leader::new(node, epoch, isr, known, offsets.durable_end));
        state.wake_fetches();
    }

    /// Another node leads, or nobody.
    pub(crate) fn follow(&self, leader: CurrentLeader) {
        let mut state = self.lock();
        state.role = Role::Elsewhere(leader);
        state.fail_appends();
        state.wake_fetches();
    }

    /// The topic was deleted.
    pub(crate) fn retire(&self) {
        let mut state = self.lock();
        state.role = Role::Gone;
        state.fail_appends();
        state.wake_fetches();
    }

    /// What the topic asks of batches.
    pub(crate) fn rules(&self) -> Arc<ProduceRules> {
        Arc::clone(&self.lock().rules)
    }

    /// The topic's configuration changed.
    pub(crate) fn set_rules(&self, rules: Arc<ProduceRules>) {
        self.lock().rules = rules;
    }

    /// Appends what `write` puts into the log, if this node leads and enough replicas are in
    /// sync. `write` runs under the partition's lock, so that the log's order is the order of
    /// replies.
    pub(crate) fn append(
        &self,
        acks: Acks,
        write: impl FnOnce(
            &Arc<PartitionLog>,
            LeaderEpoch,
        ) -> Result<Appended, chronik_log::AppendError>,
    ) -> Result<Append, ProduceError> {
        self.check_online()?;
        let mut state = self.lock();
        let min_isr = state.rules.min_isr;
        let leader = state.leader()?;
        leader
            .check_append(acks, min_isr)
            .map_err(ProduceError::Refused)?;
        let appended = write(&self.log, leader.epoch()).map_err(ProduceError::Log)?;
        // In `quorum-memory` an append is durable at once, and the journal tells nobody.
        state.advance(self.log.offsets().durable_end);
        let leader = state.leader()?;
        let target = appended.last_offset.next();
        let reached = match acks {
            Acks::None => {
                return Ok(Append {
                    appended,
                    committed: None,
                });
            }
            Acks::Leader => leader.local_durable(),
            Acks::All => leader.high_watermark(),
        };
        if target <= reached {
            return Ok(Append {
                appended,
                committed: None,
            });
        }
        let (reply, committed) = oneshot::channel();
        let id = state.next_waiter();
        let waiting = match acks {
            Acks::Leader => &mut state.for_durable,
            Acks::None | Acks::All => &mut state.for_committed,
        };
        waiting.insert((target, id), reply);
        Ok(Append {
            appended,
            committed: Some(committed),
        })
    }

    /// Everything below `end` is durable here.
    pub(crate) fn on_durable(&self, end: Offset) {
        self.lock().advance(end);
    }

    /// What clients may see, if this node leads under the epoch the client knows.
    pub(crate) fn positions(
        &self,
        current: Option<LeaderEpoch>,
    ) -> Result<Positions, PartitionError> {
        self.check_online()?;
        let mut state = self.lock();
        let leader = state.leader()?;
        let epoch = leader.epoch();
        leader
            .check_epoch(current)
            .map_err(|refused| PartitionError::Epoch(refused, leader_of(leader)))?;
        let high_watermark = leader.high_watermark();
        Ok(Positions {
            log_start: self.log.offsets().log_start,
            high_watermark,
            leader_epoch: epoch,
        })
    }

    /// Parks a fetch here; the ticket takes it off again.
    pub(crate) fn park(&self, waiter: &Arc<FetchWaiter>) -> u64 {
        let mut state = self.lock();
        let id = state.next_waiter();
        state.fetches.insert(id, Arc::clone(waiter));
        id
    }

    /// Takes a parked fetch off.
    pub(crate) fn unpark(&self, ticket: u64) {
        self.lock().fetches.remove(&ticket);
    }

    /// Wakes parked fetches after something other than an append changed what they may see.
    pub(crate) fn wake_fetches(&self) {
        self.lock().wake_fetches();
    }
}

fn leader_of(leader: &Leader) -> CurrentLeader {
    CurrentLeader {
        node: Some(leader.node()),
        epoch: leader.epoch(),
    }
}

impl State {
    fn leader(&mut self) -> Result<&mut Leader, PartitionError> {
        match &mut self.role {
            Role::Leader(leader) => Ok(leader),
            Role::Elsewhere(current) => Err(PartitionError::NotLeader(*current)),
            Role::Gone => Err(PartitionError::Unknown),
        }
    }

    /// Everything below `end` is durable here: releases who waited for it.
    fn advance(&mut self, end: Offset) {
        let Ok(leader) = self.leader() else { return };
        let moved = leader.on_local_durable(end);
        let durable = leader.local_durable();
        if let Some(high_watermark) = moved {
            // Consumers first: what they wait for has the longer way.
            self.wake_fetches();
            release(&mut self.for_committed, high_watermark);
        }
        release(&mut self.for_durable, durable);
    }

    fn next_waiter(&mut self) -> u64 {
        self.next_waiter += 1;
        self.next_waiter
    }

    fn fail_appends(&mut self) {
        let waiting = std::mem::take(&mut self.for_durable);
        let committed = std::mem::take(&mut self.for_committed);
        for reply in waiting.into_values().chain(committed.into_values()) {
            // A caller that gave up has its answer already.
            let _ = reply.send(Err(LeadershipLost));
        }
    }

    fn wake_fetches(&mut self) {
        for waiter in std::mem::take(&mut self.fetches).into_values() {
            waiter.wake();
        }
    }
}

fn release(waiting: &mut BTreeMap<(Offset, u64), Reply>, reached: Offset) {
    while let Some(first) = waiting.first_entry() {
        if first.key().0 > reached {
            break;
        }
        let _ = first.remove().send(Ok(()));
    }
}
