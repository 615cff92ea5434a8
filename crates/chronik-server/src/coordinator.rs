//! The group coordinator: which shards of `__consumer_offsets` this node serves, and the way to
//! them.
//!
//! A shard is one partition of that topic with the state that its log says. Leading the partition
//! makes this node the coordinator of the groups in it: a task loads the log, then owns the state
//! (`shard`). Keeps I9: who does not lead answers NOT_COORDINATOR, who is still loading says so.
//! Absent: what groups are (`chronik-coordinator`), and the wire (`api/groups`).

mod load;
mod report;
mod shard;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chronik_controller::{MetadataDelta, MetadataImage};
use chronik_coordinator::{Facts, GroupView, Reply, Request, Room, Settings, partition_of};
use chronik_io::{Env, task};
use chronik_protocol::Str;
use chronik_types::{ErrorCode, LeaderEpoch, NodeId, PartitionId, TopicId};
use tokio::sync::{mpsc, oneshot, watch};

use crate::internal_topics::CONSUMER_OFFSETS;
use crate::net::budget::Reservation;
use crate::replica_manager::ReplicaManager;
use crate::settings::NodeConfig;

use shard::{Command, LiveOffset, ShardTask, ViewRoom};

/// Requests that wait for one shard's task; more wait in their connections.
const QUEUE_MAX: usize = 1024;

/// How long a request waits for a shard to load: a start takes less, and its clients need not
/// come again. After this they are told that it loads.
const LOAD_WAIT_MAX: Duration = Duration::from_millis(500);

/// See the module's documentation.
pub(crate) struct GroupCoordinator {
    node: NodeId,
    env: Env,
    settings: Settings,
    replicas: Arc<ReplicaManager>,
    shards: RwLock<BTreeMap<PartitionId, Shard>>,
    /// One page for people at a time: each is a copy of what it shows.
    page: tokio::sync::Mutex<()>,
}

/// A shard's task, seen from outside. The task ends when this is dropped.
#[derive(Clone)]
struct Shard {
    topic: TopicId,
    epoch: LeaderEpoch,
    commands: mpsc::Sender<Command>,
    /// None while it loads.
    loaded: watch::Receiver<Option<LoadFacts>>,
}

/// How the loading of a shard went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct LoadFacts {
    /// Records that could not be read.
    unreadable: u64,
    took: Duration,
}

impl GroupCoordinator {
    /// `bytes` is what all groups together may hold.
    pub(crate) fn new(
        env: &Env,
        config: &NodeConfig,
        replicas: Arc<ReplicaManager>,
        bytes: usize,
    ) -> Self {
        let groups = &config.groups;
        Self {
            node: config.node_id,
            env: env.clone(),
            settings: Settings {
                session_timeout_min: groups.session_timeout_min,
                session_timeout_max: groups.session_timeout_max,
                initial_rebalance_delay: groups.initial_rebalance_delay,
                group_size_max: groups.size_max,
                offset_metadata_max: groups.offset_metadata_bytes_max,
                offsets_retention: groups.offsets_retention,
                offsets_retention_check_interval: groups.offsets_retention_check,
                room: Arc::new(Room::new(bytes)),
                hash_seed: env.rng.next_u64(),
                ..Settings::default()
            },
            replicas,
            shards: RwLock::default(),
            page: tokio::sync::Mutex::default(),
        }
    }

    /// Asks the shard that keeps `group`. The code is for the whole request: this node is not,
    /// or not yet, the coordinator.
    pub(crate) async fn ask(
        &self,
        image: &MetadataImage,
        group: &str,
        request: Request,
        room: Option<Reservation>,
    ) -> Result<Reply, ErrorCode> {
        let shard = self.place(image, group)?;
        self.ask_in(shard, request, room).await
    }

    /// The partition that keeps `group`.
    pub(crate) fn place(
        &self,
        image: &MetadataImage,
        group: &str,
    ) -> Result<PartitionId, ErrorCode> {
        let topic = image.topic(CONSUMER_OFFSETS);
        let topic = topic.ok_or(ErrorCode::NotCoordinator)?;
        let partitions = i32::try_from(topic.partitions().count()).unwrap_or(i32::MAX);
        Ok(partition_of(group, partitions))
    }

    /// Asks one shard.
    pub(crate) async fn ask_shard(
        &self,
        partition: PartitionId,
        request: Request,
    ) -> Result<Reply, ErrorCode> {
        self.ask_in(partition, request, None).await
    }

    async fn ask_in(
        &self,
        partition: PartitionId,
        request: Request,
        room: Option<Reservation>,
    ) -> Result<Reply, ErrorCode> {
        let (reply, answer) = oneshot::channel();
        let asked = Command::Ask(Box::new(request), reply, room);
        self.send(partition, asked).await?;
        answer.await.unwrap_or(Err(ErrorCode::NotCoordinator))
    }

    /// The shards that this node serves.
    pub(crate) fn shards(&self) -> Vec<PartitionId> {
        self.lock_read().keys().copied().collect()
    }

    /// Groups of a shard as plain data: one of them, or as many as there is room for.
    async fn view(
        &self,
        partition: PartitionId,
        group: Option<Str>,
        room: ViewRoom,
    ) -> Result<(Vec<GroupView>, ViewRoom), ErrorCode> {
        let (reply, answer) = oneshot::channel();
        let command = Command::View(group, room, reply);
        self.send_now(partition, command).await?;
        answer.await.map_err(|_| ErrorCode::NotCoordinator)
    }

    /// Numbers of a shard.
    async fn facts(&self, partition: PartitionId) -> Result<Facts, ErrorCode> {
        let (reply, answer) = oneshot::channel();
        self.send_now(partition, Command::Facts(reply)).await?;
        answer.await.map_err(|_| ErrorCode::NotCoordinator)
    }

    async fn live_offsets(
        &self,
        partition: PartitionId,
        max: usize,
    ) -> Result<Vec<LiveOffset>, ErrorCode> {
        let (reply, answer) = oneshot::channel();
        self.send_now(partition, Command::LiveOffsets(max, reply))
            .await?;
        answer.await.map_err(|_| ErrorCode::NotCoordinator)
    }

    /// How the loading of the shards went that have been loaded.
    fn load_facts(&self) -> Vec<LoadFacts> {
        let shards = self.lock_read();
        shards
            .values()
            .filter_map(|shard| *shard.loaded.borrow())
            .collect()
    }

    async fn send(&self, partition: PartitionId, command: Command) -> Result<(), ErrorCode> {
        let shard = self.lock_read().get(&partition).cloned();
        let shard = shard.ok_or(ErrorCode::NotCoordinator)?;
        let mut loaded = shard.loaded;
        let loaded = loaded.wait_for(Option::is_some);
        match tokio::time::timeout(LOAD_WAIT_MAX, loaded).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) => return Err(ErrorCode::NotCoordinator),
            Err(_) => return Err(ErrorCode::CoordinatorLoadInProgress),
        }
        let sent = shard.commands.send(command).await;
        sent.map_err(|_| ErrorCode::NotCoordinator)
    }

    /// As [`Self::send`], without waiting for a shard that loads.
    async fn send_now(&self, partition: PartitionId, command: Command) -> Result<(), ErrorCode> {
        let shard = self.lock_read().get(&partition).cloned();
        let shard = shard.ok_or(ErrorCode::NotCoordinator)?;
        if shard.loaded.borrow().is_none() {
            return Err(ErrorCode::CoordinatorLoadInProgress);
        }
        let sent = shard.commands.send(command).await;
        sent.map_err(|_| ErrorCode::NotCoordinator)
    }

    fn lock_read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<PartitionId, Shard>> {
        self.shards.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries out what changed, after the partitions themselves have. Called in the order of the
    /// metadata log.
    pub(crate) fn apply(&self, image: &MetadataImage, delta: &MetadataDelta) {
        let mut deleted: Vec<(Str, TopicId)> = Vec::new();
        for (id, change) in &delta.topics {
            if change.name.as_str() != CONSUMER_OFFSETS {
                if change.deleted {
                    deleted.push((change.name.as_str().into(), *id));
                }
                continue;
            }
            if change.deleted {
                self.shards
                    .write()
                    .unwrap_or_else(PoisonError::into_inner)
                    .retain(|_, shard| shard.topic != *id);
            }
            for partition in &change.partitions {
                self.apply_partition(image, *id, *partition);
            }
        }
        if !deleted.is_empty() {
            self.forget_topics(&deleted);
        }
    }

    fn apply_partition(&self, image: &MetadataImage, topic: TopicId, partition: PartitionId) {
        let registration = image
            .topic_by_id(topic)
            .and_then(|topic| topic.partition(partition));
        let epoch = registration
            .filter(|registration| registration.leader == Some(self.node))
            .map(|registration| registration.leader_epoch);
        let mut shards = self.shards.write().unwrap_or_else(PoisonError::into_inner);
        let served = shards
            .get(&partition)
            .map(|shard| (shard.topic, shard.epoch));
        if served == epoch.map(|epoch| (topic, epoch)) {
            return;
        }
        // What was served under another epoch ends here: its task sees that nobody can ask it.
        shards.remove(&partition);
        let Some(epoch) = epoch else { return };
        let Ok(held) = self.replicas.get(topic, partition) else {
            // Its log could not be opened, which is reported where it was tried.
            return;
        };
        let (commands, queue) = mpsc::channel(QUEUE_MAX);
        let (loading, loaded) = watch::channel(None);
        let task = ShardTask::new(self.env.clone(), held, epoch, self.settings.clone());
        let run = task.run(queue, loading);
        task::spawn_owner(&self.env.exit, "group coordinator", run);
        shards.insert(
            partition,
            Shard {
                topic,
                epoch,
                commands,
                loaded,
            },
        );
    }

    /// Offsets of deleted topics go. Each shard is told when it gets to it; a shard that is
    /// loading is told once it has loaded, because the queue is there from the start.
    fn forget_topics(&self, topics: &[(Str, TopicId)]) {
        for shard in self.lock_read().values() {
            let command = Command::TopicsDeleted(topics.to_vec());
            if let Err(mpsc::error::TrySendError::Full(command)) = shard.commands.try_send(command)
            {
                let commands = shard.commands.clone();
                task::spawn_owner(&self.env.exit, "offsets of deleted topics", async move {
                    // A shard that is gone has nothing to forget.
                    let _ = commands.send(command).await;
                });
            }
        }
    }
}
