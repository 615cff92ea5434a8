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
use crate::partition::{Committed, LeadershipLost, Partition, PartitionError, ProduceError};

/// How long an answer waits for its records to be committed, as Kafka's coordinator does.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(5);

type Respond = oneshot::Sender<Result<Reply, ErrorCode>>;

/// What the task is asked.
pub(super) enum Command {
    /// A client's request.
    Ask(Box<Request>, Respond),
    /// Topics that are no more.
    TopicsDeleted(Vec<(Str, TopicId)>),
    /// One group, or all of them.
    View(Option<Str>, oneshot::Sender<Vec<GroupView>>),
    /// Numbers.
    Facts(oneshot::Sender<Facts>),
    /// So many committed offsets of groups with members at most.
    LiveOffsets(usize, oneshot::Sender<Vec<LiveOffset>>),
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
        let Some(loaded) = load(&self.partition, settings).await else {
            tracing::info!(event = "group_shard_abandoned", partition = %self.partition.partition, "another node coordinates these groups now");
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
    until: Instant,
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
                    // A shard that is never idle still has deadlines.
                    self.obey_time();
                    self.obey(command);
                }
                Event::Committed(Ok(())) => self.release(Ok(())),
                Event::Committed(Err(LeadershipLost)) => {
                    self.release(Err(ErrorCode::NotCoordinator));
                }
                Event::CommitTimeout => {
                    self.release(Err(AppendFailed::TimedOut.group_error()));
                }
                Event::Deadline => self.obey_time(),
            }
        }
    }

    async fn next_event(&mut self, commands: &mut mpsc::Receiver<Command>) -> Event {
        let clock = &self.env.clock;
        let deadline = self.shard.next_deadline();
        let oldest = self.uncommitted.front_mut();
        let until = oldest.as_ref().map(|oldest| oldest.until);
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
            Command::Ask(request, respond) => {
                let ticket = Ticket(self.next_ticket);
                self.next_ticket += 1;
                self.asked.insert(ticket, respond);
                let decision = self.shard.handle(now, *request, ticket);
                self.carry_out(now, decision);
            }
            Command::TopicsDeleted(topics) => {
                self.shard.topics_deleted(now, &topics);
                self.obey_time();
            }
            // Whoever asked for a view may have gone.
            Command::View(None, respond) => {
                let ids = self.shard.group_ids();
                let views = ids.filter_map(|id| self.shard.group(id)).collect();
                let _ = respond.send(views);
            }
            Command::View(Some(id), respond) => {
                let _ = respond.send(self.shard.group(&id).into_iter().collect());
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

    fn obey_time(&mut self) {
        let now = self.now();
        while let Some(decision) = self.shard.due(now) {
            self.carry_out(now, decision);
        }
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
                until: now.instant + COMMIT_TIMEOUT,
                answers: Vec::new(),
            });
        }
        self.answer(effects);
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

    fn answer(&mut self, effects: Effects) {
        for answer in effects.answers {
            let Some(respond) = self.asked.remove(&answer.ticket) else {
                continue;
            };
            match (answer.after, self.uncommitted.back_mut()) {
                (After::AfterAppended, Some(newest)) => {
                    newest.answers.push((respond, answer.reply));
                }
                (After::Now, _) | (After::AfterAppended, None) => {
                    // Whoever asked may have gone.
                    let _ = respond.send(Ok(answer.reply));
                }
            }
        }
    }

    /// The oldest append is committed, or will not be in time.
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
