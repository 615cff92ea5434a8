//! The task that owns one shard: decide, append, answer once it is committed.
//!
//! ```text
//! load ─► request or deadline ─► decide ─► append (one batch) ─► finish ─► answers
//!              ▲                                                   │ now, or in order after the
//!              └───────────────────────────────────────────────────┘ high watermark has passed
//! ```
//!
//! The append says at once whether it happened, so a decision is taken back or carried out before
//! the next one is made, and the state never holds what the log does not. Answers that tell of
//! what was appended wait for its commit (I9). Ends when nobody can ask any more or another leader
//! epoch began; whoever waits is told NOT_COORDINATOR.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chronik_coordinator::{
    After, AppendFailed, Decision, Effects, Facts, GroupShard, GroupView, Now, Reply, Request,
    Settings, Ticket,
};
use chronik_io::Env;
use chronik_log::{AppendAsLeader, AppendError};
use chronik_protocol::{BatchBuilder, Codec, Str};
use chronik_replication::{Acks, AppendRefused};
use chronik_types::{ErrorCode, Instant, LeaderEpoch, Offset, PartitionId, TopicId};
use tokio::sync::{mpsc, oneshot, watch};

use super::LoadFacts;
use super::load::load;
use crate::net::budget::Reservation;
use crate::partition::{Committed, LeadershipLost, Partition, PartitionError, ProduceError};

/// How long an answer waits for its records to be committed, as Kafka's coordinator does.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Commands between two looks at the time.
const COMMANDS_IN_A_ROW: usize = 256;
/// Decisions that time brings about before others are served again.
const DUE_IN_A_ROW: usize = 64;

type Respond = oneshot::Sender<Result<Reply, ErrorCode>>;

/// What the task is asked.
pub(super) enum Command {
    /// A client's request, with what it takes of the budget until the shard has taken it over.
    Ask(Box<Request>, Respond, Option<Reservation>),
    /// Topics that are no more.
    TopicsDeleted(Vec<(Str, TopicId)>),
    /// One group, or as many as there is room for; and the room that is left.
    View(
        Option<Str>,
        ViewRoom,
        oneshot::Sender<(Vec<GroupView>, ViewRoom)>,
    ),
    /// Numbers.
    Facts(oneshot::Sender<Facts>),
    /// So many committed offsets of groups with members at most.
    LiveOffsets(usize, oneshot::Sender<Vec<LiveOffset>>),
}

/// How much a page about groups may still hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ViewRoom {
    pub(super) groups: usize,
    pub(super) offsets: usize,
    /// Groups that found no room.
    pub(super) left_out: usize,
}

/// What a group with members has committed.
#[derive(Debug)]
pub(crate) struct LiveOffset {
    pub(crate) group: Str,
    pub(crate) topic: String,
    pub(crate) partition: PartitionId,
    pub(crate) offset: Offset,
}

/// See the module's documentation.
pub(super) struct ShardTask {
    env: Env,
    partition: Arc<Partition>,
    epoch: LeaderEpoch,
    settings: Settings,
}

impl ShardTask {
    pub(super) fn new(
        env: Env,
        partition: Arc<Partition>,
        epoch: LeaderEpoch,
        settings: Settings,
    ) -> Self {
        Self {
            env,
            partition,
            epoch,
            settings,
        }
    }

    /// Loads, serves, and turns away who still waits.
    pub(super) async fn run(
        self,
        commands: mpsc::Receiver<Command>,
        loading: watch::Sender<Option<LoadFacts>>,
    ) {
        let started = self.env.clock.now();
        let settings = self.settings.clone();
        let Some(loaded) = load(&self.env.clock, &self.partition, settings).await else {
            tracing::info!(event = "group_shard_abandoned", partition = %self.partition.partition, "these groups are not coordinated here");
            return;
        };
        let took = self.env.clock.now().since(started);
        let partition = self.partition.partition;
        if loaded.records > 0 {
            let facts = loaded.shard.facts();
            tracing::info!(event = "group_shard_loaded", %partition, records = loaded.records, unreadable = loaded.unreadable, offsets = facts.offsets, ms = took.as_millis(), "consumer groups loaded");
        }
        let mut serving = Serving {
            shard: loaded.shard,
            partition: self.partition,
            epoch: self.epoch,
            env: self.env,
            asked: BTreeMap::new(),
            next_ticket: 0,
            uncommitted: VecDeque::new(),
            in_a_row: 0,
        };
        serving.shard.loaded(serving.now());
        loading.send_replace(Some(LoadFacts {
            unreadable: loaded.unreadable,
            took,
        }));
        serving.serve(commands).await;
        serving.turn_away();
    }
}

/// Answers that wait for an append to be committed, and for all before it.
struct Uncommitted {
    committed: Committed,
    /// When those who wait are told that it takes too long; none once they were. The append is
    /// still there then, and what is said of it later still waits for it.
    until: Option<Instant>,
    answers: Vec<(Respond, Reply)>,
}

struct Serving {
    shard: GroupShard,
    partition: Arc<Partition>,
    epoch: LeaderEpoch,
    env: Env,
    /// Who waits for which answer.
    asked: BTreeMap<Ticket, Respond>,
    next_ticket: u64,
    /// In the order of the log.
    uncommitted: VecDeque<Uncommitted>,
    /// Commands since time was last looked at.
    in_a_row: usize,
}

/// Why serving goes on or ends.
enum Event {
    Command(Option<Command>),
    Committed(Result<(), LeadershipLost>),
    CommitTimeout,
    Deadline,
}

impl Serving {
    fn now(&self) -> Now {
        Now {
            instant: self.env.clock.now(),
            wall: self.env.clock.wall(),
        }
    }

    async fn serve(&mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            match self.next_event(&mut commands).await {
                Event::Command(None) => return,
                Event::Command(Some(command)) => {
                    self.obey(command);
                    // A shard that is never idle still has deadlines. What was queued before it
                    // looks is served first: a heartbeat that waits here has come in time.
                    self.in_a_row += 1;
                    if self.in_a_row >= COMMANDS_IN_A_ROW {
                        self.obey_time();
                        self.give_up_waiting();
                    }
                }
                Event::Committed(Ok(())) => self.release(Ok(())),
                Event::Committed(Err(LeadershipLost)) => {
                    self.release(Err(ErrorCode::NotCoordinator));
                }
                Event::CommitTimeout => self.give_up_waiting(),
                Event::Deadline => self.obey_time(),
            }
            // Much may be due at once; others on this thread come first for a moment.
            tokio::task::yield_now().await;
        }
    }

    async fn next_event(&mut self, commands: &mut mpsc::Receiver<Command>) -> Event {
        let clock = &self.env.clock;
        let deadline = self.shard.next_deadline();
        let until = self.uncommitted.iter().find_map(|append| append.until);
        let oldest = self.uncommitted.front_mut();
        tokio::select! {
            biased;
            outcome = committed(oldest) => Event::Committed(outcome),
            command = commands.recv() => Event::Command(command),
            () = until_then(clock, until) => Event::CommitTimeout,
            () = until_then(clock, deadline) => Event::Deadline,
        }
    }

    fn obey(&mut self, command: Command) {
        let now = self.now();
        match command {
            Command::Ask(request, respond, room) => {
                let ticket = Ticket(self.next_ticket);
                self.next_ticket += 1;
                self.asked.insert(ticket, respond);
                let decision = self.shard.handle(now, *request, ticket);
                drop(room);
                self.carry_out(now, decision);
            }
            Command::TopicsDeleted(topics) => {
                self.shard.topics_deleted(now, &topics);
                self.obey_time();
            }
            // Whoever asked for a view may have gone.
            Command::View(None, room, respond) => {
                let _ = respond.send(self.view(room));
            }
            Command::View(Some(id), room, respond) => {
                let view = self.shard.group(&id).into_iter().collect();
                let _ = respond.send((view, room));
            }
            Command::Facts(respond) => {
                let _ = respond.send(self.shard.facts());
            }
            Command::LiveOffsets(max, respond) => {
                let offsets = self.shard.live_offsets().take(max);
                let offsets = offsets.map(|(group, topic, partition, committed)| LiveOffset {
                    group: group.clone(),
                    topic: topic.to_owned(),
                    partition,
                    offset: committed.offset,
                });
                let _ = respond.send(offsets.collect());
            }
        }
    }

    /// Does some of what is due; the rest is still due then.
    fn obey_time(&mut self) {
        self.in_a_row = 0;
        let now = self.now();
        for _ in 0..DUE_IN_A_ROW {
            match self.shard.due(now) {
                Some(decision) => self.carry_out(now, decision),
                None => return,
            }
        }
    }

    /// Groups as far as there is room.
    fn view(&self, mut room: ViewRoom) -> (Vec<GroupView>, ViewRoom) {
        let mut views = Vec::new();
        for id in self.shard.group_ids() {
            if room.groups == 0 || room.offsets == 0 {
                room.left_out += 1;
                continue;
            }
            if let Some(mut view) = self.shard.group(id) {
                view.offsets.truncate(room.offsets);
                view.events.clear();
                room.groups -= 1;
                room.offsets -= view.offsets.len();
                views.push(view);
            }
        }
        (views, room)
    }

    /// Appends what was decided, and lets it happen.
    fn carry_out(&mut self, now: Now, decision: Decision) {
        let appended = self.append(now, &decision);
        let (outcome, committed) = match appended {
            Ok(committed) => (Ok(()), committed),
            Err(failed) => {
                tracing::warn!(event = "group_append_failed", partition = %self.partition.partition, reason = ?failed, "what groups decided could not be stored and is taken back");
                (Err(failed), None)
            }
        };
        let mut effects = Effects::default();
        self.shard.finish(now, decision, outcome, &mut effects);
        if let Some(committed) = committed {
            self.uncommitted.push_back(Uncommitted {
                committed,
                until: Some(now.instant + COMMIT_TIMEOUT),
                answers: Vec::new(),
            });
        }
        self.answer(now, effects);
    }

    /// `Ok(None)`: there was nothing to append, or it is committed already.
    fn append(&self, now: Now, decision: &Decision) -> Result<Option<Committed>, AppendFailed> {
        if decision.records.is_empty() {
            return Ok(None);
        }
        let mut builder = BatchBuilder::new(Codec::None);
        for record in &decision.records {
            builder
                .push(
                    now.wall.as_millis(),
                    Some(&record.key),
                    record.value.as_deref(),
                    &[],
                )
                .map_err(|_| AppendFailed::TooLarge)?;
        }
        let batch = builder.build().map_err(|_| AppendFailed::TooLarge)?;
        if batch.len() > self.partition.rules().max_message_bytes {
            return Err(AppendFailed::TooLarge);
        }
        let epoch = self.epoch;
        self.partition
            .append(Acks::All, |log, leader_epoch| {
                if leader_epoch != epoch {
                    return Err(AppendError::Closed);
                }
                log.append(AppendAsLeader {
                    now: now.wall,
                    leader_epoch,
                    batch,
                })
            })
            .map(|append| append.committed)
            .map_err(|error| failed(&error))
    }

    fn answer(&mut self, now: Now, effects: Effects) {
        for answer in effects.answers {
            let Some(respond) = self.asked.remove(&answer.ticket) else {
                continue;
            };
            match (answer.after, self.uncommitted.back_mut()) {
                (After::AfterAppended, Some(newest)) => {
                    let until = now.instant + COMMIT_TIMEOUT;
                    newest.until.get_or_insert(until);
                    newest.answers.push((respond, answer.reply));
                }
                (After::Now, _) | (After::AfterAppended, None) => {
                    // Whoever asked may have gone.
                    let _ = respond.send(Ok(answer.reply));
                }
            }
        }
    }

    /// Tells those who have waited too long for a commit.
    fn give_up_waiting(&mut self) {
        let now = self.env.clock.now();
        for append in &mut self.uncommitted {
            if append.until.is_some_and(|until| until <= now) {
                append.until = None;
                for (respond, _) in append.answers.drain(..) {
                    let _ = respond.send(Err(AppendFailed::TimedOut.group_error()));
                }
            }
        }
    }

    /// The oldest append is committed, or never will be.
    fn release(&mut self, outcome: Result<(), ErrorCode>) {
        let Some(oldest) = self.uncommitted.pop_front() else {
            return;
        };
        for (respond, reply) in oldest.answers {
            let _ = respond.send(outcome.map(|()| reply));
        }
    }

    fn turn_away(mut self) {
        while !self.uncommitted.is_empty() {
            self.release(Err(ErrorCode::NotCoordinator));
        }
        let effects = self.shard.unload();
        for answer in effects.answers {
            if let Some(respond) = self.asked.remove(&answer.ticket) {
                let _ = respond.send(Ok(answer.reply));
            }
        }
    }
}

async fn committed(oldest: Option<&mut Uncommitted>) -> Result<(), LeadershipLost> {
    match oldest {
        Some(oldest) => (&mut oldest.committed).await.unwrap_or(Err(LeadershipLost)),
        None => std::future::pending().await,
    }
}

async fn until_then(clock: &chronik_io::Clock, then: Option<Instant>) {
    match then {
        Some(then) => clock.sleep_until(then).await,
        None => std::future::pending().await,
    }
}

/// What a failed append means for those who asked.
fn failed(error: &ProduceError) -> AppendFailed {
    match error {
        ProduceError::Partition(PartitionError::Unknown) => AppendFailed::UnknownTopicOrPartition,
        ProduceError::Partition(PartitionError::NotLeader(_) | PartitionError::Epoch(..)) => {
            AppendFailed::NotLeader
        }
        ProduceError::Partition(PartitionError::Offline) => AppendFailed::Storage,
        ProduceError::Refused(AppendRefused::NotEnoughReplicas { .. }) => {
            AppendFailed::NotEnoughReplicas
        }
        ProduceError::Log(error) => match error {
            AppendError::Storage(_) | AppendError::Fatal => AppendFailed::Storage,
            AppendError::Closed | AppendError::Busy | AppendError::StaleLeaderEpoch { .. } => {
                AppendFailed::NotLeader
            }
            AppendError::LargerThanSegment { .. } => AppendFailed::TooLarge,
            AppendError::Malformed
            | AppendError::NotContiguous { .. }
            | AppendError::OutOfOrderSequence { .. }
            | AppendError::InvalidProducerEpoch { .. } => AppendFailed::Other,
        },
    }
}
