//! One node of the metadata quorum: the handle that everybody else holds.
//!
//! ```text
//! propose ─► persist (here) ─► replicate ─► commit (quorum) ─► apply (fold) ─► answer
//! ```
//! Each step is a trace event of target `chronik::metadata` with the entry's index; one that does
//! not finish is an error with the step's name. If openraft's core ends, the process ends: its
//! metrics would go on saying "Leader".
//! All of openraft runs inside `DeterministicRng::scope`, seeded from the node's own randomness:
//! spawned tasks derive their seeds from it, so one type serves the real world and simulation.

#[cfg(test)]
mod tests;
mod watcher;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use chronik_controller::{MetadataEntry, MetadataImage};
use chronik_io::Env;
use chronik_types::{ClusterId, LogIndex};
use openraft::async_runtime::WatchReceiver as _;
use openraft::errors::{ClientWriteError, InitializeError, LinearizableReadError, RaftError};
use openraft::impls::ProgressResponder;
use openraft::raft::ClientWriteResult;
use openraft::{ReadPolicy, Snapshot, SnapshotPolicy};
use tokio::sync::watch;

use crate::error::{ProposeError, RaftStartError, ReadBarrierError, RpcError};
use crate::feed::{MetadataFeed, Subscribers};
use crate::leadership::Leadership;
use crate::log::{LogStore, Progress};
use crate::network::Network;
use crate::options::{RaftOptions, RaftTiming};
use crate::rpc::{self, Envelope, RpcKind};
use crate::snapshots::SnapshotStore;
use crate::state_machine::StateMachine;
use crate::types::{Address, Member, Runtime, TypeConfig};
use crate::wire;

type Raft = openraft::Raft<TypeConfig, StateMachine>;

/// A proposal that was applied.
#[derive(Clone, Debug)]
pub struct Applied {
    /// Where it is in the log.
    pub index: LogIndex,
    /// The image right after it.
    pub image: Arc<MetadataImage>,
}

/// How far one member is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberProgress {
    /// The member.
    pub member: Member,
    /// Its address when it joined.
    pub address: Address,
    /// Whether it votes.
    pub voter: bool,
    /// The last entry it is known to have; only the leader knows.
    pub matched: Option<LogIndex>,
}

/// The quorum as this node sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QuorumState {
    /// Who leads.
    pub leadership: Leadership,
    /// The last entry in this node's log.
    pub last_log: Option<LogIndex>,
    /// The last entry known to be committed.
    pub committed: Option<LogIndex>,
    /// The last entry folded into the image.
    pub applied: Option<LogIndex>,
    /// The last entry in the newest snapshot.
    pub snapshot: Option<LogIndex>,
    /// Voters and learners.
    pub members: Vec<MemberProgress>,
}

/// A node. Cheap to clone.
#[derive(Clone)]
pub struct RaftNode {
    inner: Arc<Inner>,
}

struct Inner {
    env: Env,
    member: Member,
    cluster_id: Mutex<Option<ClusterId>>,
    timing: RaftTiming,
    raft: Raft,
    log: LogStore,
    progress: Arc<Progress>,
    image: watch::Receiver<Arc<MetadataImage>>,
    subscribers: Arc<Subscribers>,
    leadership: watch::Receiver<Leadership>,
    stopping: Arc<AtomicBool>,
}

impl std::fmt::Debug for RaftNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RaftNode({})", self.inner.member)
    }
}

impl RaftNode {
    /// Opens the log and starts. Waits for no other node: a leader is found later, if at all.
    pub async fn start(options: RaftOptions) -> Result<Self, RaftStartError> {
        let seed = options.env.rng.next_u64();
        Runtime::scope(seed, Self::start_seeded(options)).await
    }

    async fn start_seeded(options: RaftOptions) -> Result<Self, RaftStartError> {
        let env = options.env.clone();
        let log = LogStore::open(&env, options.dir.clone(), options.segment_bytes).await?;
        let (snapshots, newest) = SnapshotStore::open(env.clone(), options.dir.clone()).await?;
        let machine = StateMachine::new(snapshots, newest)
            .map_err(|error| RaftStartError::Refused(error.to_string()))?;
        let image = machine.publisher().image();
        let subscribers = machine.publisher().subscribers();
        let network = Network {
            me: options.member,
            cluster_id: options.cluster_id,
            timing: options.timing,
            transport: options.transport.clone(),
            acknowledged: Arc::default(),
        };
        let config = config(&options)
            .validate()
            .map_err(|error| RaftStartError::Refused(error.to_string()))?;
        let raft = Raft::new(
            options.member,
            Arc::new(config),
            network,
            log.clone(),
            machine,
        )
        .await
        .map_err(|error| RaftStartError::Refused(error.to_string()))?;
        let stopping = Arc::new(AtomicBool::new(false));
        let leadership = watcher::spawn(&options, &raft, log.progress(), stopping.clone());
        let node = Self {
            inner: Arc::new(Inner {
                env,
                member: options.member,
                cluster_id: Mutex::new(options.cluster_id),
                timing: options.timing,
                progress: log.progress(),
                raft,
                log,
                image,
                subscribers,
                leadership,
                stopping,
            }),
        };
        node.elect_if_alone().await;
        Ok(node)
    }

    /// Who this node is.
    #[must_use]
    pub fn member(&self) -> Member {
        self.inner.member
    }

    /// Forms a quorum of `members`, this node among them. Only on an empty log: a log that holds
    /// anything is left as it is, and `false` is returned.
    pub async fn initialize(
        &self,
        members: BTreeMap<Member, Address>,
    ) -> Result<bool, RaftStartError> {
        let result = self.seeded(self.inner.raft.initialize(members)).await;
        match result {
            Ok(()) => {
                self.elect_if_alone().await;
                Ok(true)
            }
            Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Ok(false),
            Err(error) => Err(RaftStartError::Refused(error.to_string())),
        }
    }

    /// Whether the log holds anything.
    pub async fn is_initialized(&self) -> bool {
        self.seeded(self.inner.raft.is_initialized())
            .await
            .unwrap_or(false)
    }

    /// A sole voter need not wait for an election timeout.
    async fn elect_if_alone(&self) {
        let me = self.inner.member;
        let alone = self
            .seeded(self.inner.raft.with_raft_state(move |state| {
                let effective = state.membership_state.effective();
                effective.voter_ids().eq([me])
            }))
            .await
            .unwrap_or(false);
        if alone {
            // A stopped core is the watcher's to notice.
            let _ = self.seeded(self.inner.raft.trigger().elect(false)).await;
        }
        // Nobody to send heartbeats to and no election to time out: a lone node at rest costs
        // nothing. Whoever adds a voter switches the ticks on again.
        self.inner.raft.runtime_config().tick(!alone);
    }

    /// The newest image; the receiver sees every later one, or the newest of several.
    #[must_use]
    pub fn image(&self) -> watch::Receiver<Arc<MetadataImage>> {
        self.inner.image.clone()
    }

    /// Every change from the empty image on, in order, merged where the subscriber is slow.
    #[must_use]
    pub fn subscribe(&self) -> MetadataFeed {
        self.inner.subscribers.subscribe(&self.inner.image)
    }

    /// Waits until this node's image has reached `index`. Fails when the node stops.
    pub async fn wait_applied(&self, index: LogIndex) -> Result<Arc<MetadataImage>, ProposeError> {
        let mut image = self.inner.image.clone();
        image
            .wait_for(|image| image.applied() >= Some(index))
            .await
            .map(|image| image.clone())
            .map_err(|_| ProposeError::Stopped)
    }

    /// Who leads.
    #[must_use]
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.inner.leadership.clone()
    }

    /// Proposes an entry as the leader of `term` and waits until it is applied.
    pub async fn propose(&self, term: u64, entry: MetadataEntry) -> Result<Applied, ProposeError> {
        entry.encode().map_err(ProposeError::TooLarge)?;
        let mut step = "persist";
        let timeout = self.inner.timing.propose_timeout;
        let proposal = self.seeded(self.propose_steps(term, entry, &mut step));
        match tokio::time::timeout(timeout, proposal).await {
            Ok(result) => result,
            Err(_elapsed) => {
                if step == "commit" && !self.is_persisted() {
                    step = "persist";
                }
                tracing::error!("a metadata entry is stalled: the step {step} does not finish");
                Err(ProposeError::Stalled { step })
            }
        }
    }

    async fn propose_steps(
        &self,
        term: u64,
        entry: MetadataEntry,
        step: &mut &'static str,
    ) -> Result<Applied, ProposeError> {
        tracing::trace!(target: "chronik::metadata", term, records = entry.records.len(), step = "propose");
        let (responder, committed, complete) = ProgressResponder::new();
        let leader = *wire::log_id(term, 0).committed_leader_id();
        self.inner
            .raft
            .write(Arc::new(entry))
            .with_leader(leader)
            .responder(responder)
            .await
            .map_err(|_| ProposeError::Stopped)?;
        *step = "commit";
        if let Ok(id) = committed.await {
            tracing::trace!(target: "chronik::metadata", index = id.index, step = "commit");
            *step = "apply";
        }
        let result: ClientWriteResult<TypeConfig> =
            complete.await.map_err(|_| ProposeError::Stopped)?;
        let response = result.map_err(|error| match error {
            ClientWriteError::ForwardToLeader(to) | ClientWriteError::LogEntryDiscarded(to) => {
                ProposeError::NotLeader {
                    leader: to.leader_id,
                }
            }
            ClientWriteError::ChangeMembershipError(_)
            | ClientWriteError::PreconditionFailed(_) => ProposeError::NotLeader { leader: None },
        })?;
        let index = LogIndex::new(response.log_id.index);
        tracing::trace!(target: "chronik::metadata", index = index.get(), step = "answer");
        if response.data.conflict {
            return Err(ProposeError::Conflict);
        }
        Ok(Applied {
            index,
            image: response.data.image,
        })
    }

    fn is_persisted(&self) -> bool {
        let last = self.inner.raft.metrics().borrow_watched().last_log_index;
        self.inner.progress.persisted.load(Ordering::Acquire) > last.unwrap_or(0)
    }

    /// Makes sure that this node still leads, and that its image holds everything committed so far.
    pub async fn read_barrier(&self) -> Result<(), ReadBarrierError> {
        let barrier = self.inner.raft.ensure_linearizable(ReadPolicy::ReadIndex);
        match self.seeded(barrier).await {
            Ok(_) => Ok(()),
            Err(RaftError::APIError(
                LinearizableReadError::ForwardToLeader(_)
                | LinearizableReadError::QuorumNotEnough(_),
            )) => Err(ReadBarrierError::NotLeader),
            Err(_) => Err(ReadBarrierError::Stopped),
        }
    }

    /// From now on messages of another cluster are refused.
    pub fn set_cluster_id(&self, cluster_id: ClusterId) {
        *self
            .inner
            .cluster_id
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(cluster_id);
    }

    /// Answers a message of another member. Appends of one connection must be polled in the order
    /// in which they came.
    pub async fn handle_rpc(&self, kind: RpcKind, message: Bytes) -> Result<Bytes, RpcError> {
        let cluster_id = *self
            .inner
            .cluster_id
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let (from, body) = Envelope::open(&message, &self.inner.member, cluster_id)?;
        tracing::trace!(target: "chronik::raft", %from, ?kind, bytes = body.len());
        self.seeded(self.answer(kind, body)).await
    }

    async fn answer(&self, kind: RpcKind, body: &[u8]) -> Result<Bytes, RpcError> {
        let raft = &self.inner.raft;
        let malformed = RpcError::Malformed;
        match kind {
            RpcKind::Append => {
                let request = rpc::decode_append(body).map_err(malformed)?;
                let response = raft.append_entries(request).await.map_err(stopped)?;
                Ok(rpc::encode_append_response(&response))
            }
            RpcKind::Vote => {
                let request = rpc::decode_vote(body).map_err(malformed)?;
                let response = raft.vote(request).await.map_err(stopped)?;
                Ok(rpc::encode_vote_response(&response))
            }
            RpcKind::PreVote => {
                let request = rpc::decode_vote(body).map_err(malformed)?;
                let response = raft.pre_vote(request).await.map_err(stopped)?;
                Ok(rpc::encode_vote_response(&response))
            }
            RpcKind::Snapshot => {
                let (vote, meta, image) = rpc::decode_snapshot(body).map_err(malformed)?;
                let snapshot = Snapshot {
                    meta,
                    snapshot: image,
                };
                let response = raft
                    .install_full_snapshot(vote, snapshot)
                    .await
                    .map_err(|_| RpcError::Stopped)?;
                Ok(rpc::encode_snapshot_response(&response))
            }
            RpcKind::TransferLeader => {
                let request = rpc::decode_transfer(body).map_err(malformed)?;
                let response = raft
                    .handle_transfer_leader(request)
                    .await
                    .map_err(|_| RpcError::Stopped)?;
                Ok(rpc::encode_transfer_response(&response))
            }
        }
    }

    /// The quorum as this node sees it, for DescribeQuorum and metrics.
    #[must_use]
    pub fn metrics(&self) -> QuorumState {
        let metrics = self.inner.raft.metrics();
        let metrics = metrics.borrow_watched();
        let membership = metrics.membership_config.membership();
        let index = |id: &crate::types::LogId| LogIndex::new(id.index);
        let matched = |member: &Member| {
            let progress = metrics.replication.as_ref()?.get(member)?;
            progress.as_ref().map(index)
        };
        QuorumState {
            leadership: *self.inner.leadership.borrow(),
            last_log: metrics.last_log_index.map(LogIndex::new),
            committed: metrics.local_committed.as_ref().map(index),
            applied: metrics.last_applied.as_ref().map(index),
            snapshot: metrics.snapshot.as_ref().map(index),
            members: membership
                .nodes()
                .map(|(member, address)| MemberProgress {
                    member: *member,
                    address: address.clone(),
                    voter: membership.voter_ids().any(|voter| voter == *member),
                    matched: matched(member),
                })
                .collect(),
        }
    }

    /// Makes a snapshot now; the log is trimmed when it is durable.
    pub async fn snapshot(&self) {
        // A stopped core is the watcher's to notice.
        let _ = self.seeded(self.inner.raft.trigger().snapshot()).await;
    }

    /// Asks another member to take over.
    pub async fn transfer_leadership(&self, to: Member) {
        let _ = self
            .seeded(self.inner.raft.trigger().transfer_leader(to))
            .await;
    }

    /// Stops, with everything durable.
    pub async fn shutdown(&self) {
        self.inner.stopping.store(true, Ordering::Release);
        let _ = self.seeded(self.inner.raft.shutdown()).await;
        let _ = self.inner.log.flush().await;
    }

    /// Runs a call into openraft with a seed of its own: openraft may spawn a task in it.
    async fn seeded<F: Future>(&self, call: F) -> F::Output {
        Runtime::scope(self.inner.env.rng.next_u64(), call).await
    }
}

fn stopped<E>(_error: E) -> RpcError {
    RpcError::Stopped
}

fn config(options: &RaftOptions) -> openraft::Config {
    let millis = |d: std::time::Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
    let timing = &options.timing;
    openraft::Config {
        cluster_name: "metadata".to_owned(),
        heartbeat_interval: millis(timing.heartbeat),
        election_timeout_min: millis(timing.election_min),
        election_timeout_max: millis(timing.election_max),
        install_snapshot_timeout: millis(timing.snapshot_timeout),
        // Small messages: entries are bounded by bytes where they are read.
        max_payload_entries: 300,
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: options.keep_entries,
        enable_pre_vote: Some(true),
        enable_leader_restore: Some(false),
        allow_log_reversion: Some(false),
        ..openraft::Config::default()
    }
}
