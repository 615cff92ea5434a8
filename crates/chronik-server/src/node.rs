//! Constructs a node in the order of dependencies, and stops it.
//!
//! ```text
//! HTTP ─► data directory ─► recovery of logs ─► metadata log ─► listeners ─► lifecycle (beside)
//! ```
//!
//! [`Node::start`] returns when the listeners are bound: no stage waits for consensus; that is
//! the lifecycle's state. A single node takes the same path with a quorum of one.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chronik_controller::{Controller, ControllerSettings, MetadataImage};
use chronik_io::net::TcpListener;
use chronik_io::{Env, task};
use chronik_log::{LogManager, LogManagerOptions};
use chronik_raft::{Address, Member, NoTransport, RaftNode, RaftOptions, RaftStartError};
use tokio::sync::watch;

use crate::api::FetchSessions;
use crate::append::OpenRoom;
use crate::controller_client::ControllerClient;
use crate::controller_runtime;
use crate::coordinator::GroupCoordinator;
use crate::data_dir::{DataDir, DataDirError};
use crate::disk_space::DiskSpace;
use crate::health::{Health, Stage};
use crate::http::{self, Pages};
use crate::lifecycle;
use crate::log_levels::{LogLevels, NoLogLevels};
use crate::metrics::Metrics;
use crate::net::budget::Budget;
use crate::net::listener::{BindError, accept, bind};
use crate::producer_ids::ProducerIds;
use crate::publisher;
use crate::replica_manager::ReplicaManager;
use crate::settings::{Endpoint, NodeConfig};
use crate::shared::Shared;

/// Held for clients at most, where the settings do not say: this, or a quarter of memory.
const BUDGET_BYTES_MAX: u64 = 256 << 20;
/// A clean stop gives up after this long; nothing acknowledged depends on it.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a node did not start.
#[derive(Debug)]
pub enum StartError {
    /// The data directory cannot be used.
    DataDir(DataDirError),
    /// The logs cannot be recovered.
    Log(chronik_log::OpenError),
    /// The metadata log cannot be used.
    Metadata(RaftStartError),
    /// An address cannot be listened on.
    Bind(BindError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DataDir(error) => error.fmt(f),
            Self::Log(error) => error.fmt(f),
            Self::Metadata(error) => error.fmt(f),
            Self::Bind(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StartError {}

/// A running node.
pub struct Node {
    shared: Arc<Shared>,
    raft: RaftNode,
    kafka: Vec<SocketAddr>,
    http: Option<SocketAddr>,
    tasks: tokio::task::JoinSet<()>,
}

impl Node {
    /// Starts a node whose log levels cannot be changed.
    pub async fn start(env: Env, config: NodeConfig) -> Result<Self, StartError> {
        Self::start_with_log(env, config, Arc::new(NoLogLevels)).await
    }

    /// Starts a node; it serves once [`Node::until_ready`] returns.
    pub async fn start_with_log(
        env: Env,
        config: NodeConfig,
        log_levels: Arc<dyn LogLevels>,
    ) -> Result<Self, StartError> {
        let config = Arc::new(config);
        let health = Health::new();
        let mut tasks = tokio::task::JoinSet::new();
        let pages = Pages {
            health: health.clone(),
            recovery: Arc::default(),
            node: Arc::new(OnceLock::new()),
        };
        let http = match &config.http {
            Some(endpoint) => Some(http::serve(endpoint, pages.clone(), &mut tasks).await?),
            None => None,
        };
        let data_dir = DataDir::open(&env, &config.data_dir, config.node_id)
            .await
            .map_err(StartError::DataDir)?;
        warn_of_weak_storage(&env, &data_dir);

        health.enter(Stage::Recovering);
        let (options, progress) = (log_options(&config), Arc::clone(&pages.recovery));
        let (logs, report) =
            LogManager::open_with_progress(&env, &data_dir.path, options, progress)
                .await
                .map_err(StartError::Log)?;
        let replicas = ReplicaManager::new(config.node_id, logs, Arc::clone(&config));

        health.enter(Stage::Joining);
        let member = Member {
            node_id: config.node_id,
            directory_id: data_dir.directory_id,
        };
        let raft = start_raft(&env, &data_dir, member).await?;
        let controller = controller_runtime::start(&env, &raft, controller_of(&config));
        let (image, image_watch) = watch::channel(Arc::new(MetadataImage::default()));

        let mut listeners = Vec::new();
        for endpoint in &config.listeners {
            let (listener, address) = bind(endpoint).await.map_err(StartError::Bind)?;
            listeners.push((endpoint.name.clone(), listener, address));
        }
        let kafka: Vec<SocketAddr> = listeners.iter().map(|(_, _, address)| *address).collect();
        let budgets = budgets(&config);
        let groups = GroupCoordinator::new(&env, &config, Arc::clone(&replicas), budgets.groups);
        let groups = Arc::new(groups);
        let disk_space = DiskSpace::new(data_dir.path.clone(), config.disk_reserve_bytes);
        disk_space.refresh(&env);
        let shared = Arc::new(Shared {
            cluster_id: data_dir.cluster_id,
            health,
            log_levels,
            metrics: Metrics::new(),
            request_budget: budgets.requests,
            reply_budget: budgets.replies,
            connection_budget: budgets.connections,
            open_room: budgets.open_room,
            disk_space,
            controller: ControllerClient::new(controller),
            producer_ids: ProducerIds::default(),
            fetch_sessions: FetchSessions::new(config.fetch_sessions_max),
            image: image_watch,
            incarnation: watch::Sender::new(None),
            damaged: report
                .offline
                .iter()
                .map(|d| (d.0.topic_id, d.0.partition))
                .collect(),
            advertised: advertised(&config, &kafka),
            replicas: Arc::clone(&replicas),
            groups: Arc::clone(&groups),
            data_dir,
            config,
            env,
        });
        let _ = pages.node.set(Arc::clone(&shared));
        banner(&shared, &kafka, http);

        let feed = raft.subscribe();
        task::spawn_owner(
            &shared.env.exit,
            "publisher",
            publisher::publish(feed, replicas, groups, image),
        );
        run_beside(&shared, &mut tasks);
        for (name, listener, _) in listeners {
            spawn_accept(&shared, &mut tasks, name, listener);
        }
        Ok(Self {
            shared,
            raft,
            kafka,
            http,
            tasks,
        })
    }

    /// Returns once the broker is registered and serves.
    pub async fn until_ready(&self) {
        self.shared.health.reached(Stage::Ready).await;
        let listening: Vec<String> = self.kafka.iter().map(ToString::to_string).collect();
        // The class is the cluster's, from its metadata; the setting only forms a new one.
        let durability = self.shared.image().default_durability();
        let asked = self.shared.config.durability;
        if self.shared.config.given("chronik.durability").is_some() && asked != durability {
            tracing::warn!(event = "durability_kept", %asked, %durability, "the cluster was formed with another durability class, which stays");
        }
        tracing::info!(event = "ready", kafka = listening.join(","), %durability, "ready");
    }

    /// The Kafka addresses listened on, in the order of the settings.
    #[must_use]
    pub fn kafka_addresses(&self) -> &[SocketAddr] {
        &self.kafka
    }

    /// The address of the health pages, if there are any.
    #[must_use]
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.http
    }

    /// Stops: no new requests, everything checkpointed, marked clean.
    pub async fn shutdown(mut self) {
        self.shared.health.enter(Stage::Stopping);
        self.tasks.shutdown().await;
        let stop = async {
            self.raft.shutdown().await;
            self.shared.replicas.logs().close().await
        };
        match tokio::time::timeout(SHUTDOWN_TIMEOUT, stop).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(event = "unclean_stop", %error, "the next start recovers from the journal")
            }
            Err(_) => tracing::error!(
                event = "unclean_stop",
                "stopping took too long; the next start recovers from the journal"
            ),
        }
    }
}

async fn start_raft(env: &Env, data_dir: &DataDir, member: Member) -> Result<RaftNode, StartError> {
    let mut options = RaftOptions::new(
        env.clone(),
        data_dir.path.join("metadata"),
        member,
        Arc::new(NoTransport),
    );
    options.cluster_id = Some(data_dir.cluster_id);
    let raft = RaftNode::start(options)
        .await
        .map_err(StartError::Metadata)?;
    if !raft.is_initialized().await {
        // The only voter; its address matters once there are others.
        let members = [(member, Address(String::new()))].into();
        raft.initialize(members)
            .await
            .map_err(StartError::Metadata)?;
    }
    Ok(raft)
}

fn controller_of(config: &NodeConfig) -> Controller {
    Controller::new(ControllerSettings {
        default_partitions: config.num_partitions,
        default_replication_factor: config.default_replication_factor,
        voters: vec![config.node_id],
    })
}

fn log_options(config: &NodeConfig) -> LogManagerOptions {
    LogManagerOptions {
        journal_file_bytes: config.journal_file_bytes,
        journal_files_max: config.journal_files_max,
        checkpoint_bytes: config.checkpoint_bytes_max / 2,
        cleaner_backoff: config.cleaner_backoff,
        cleaner_dedupe_bytes: config.cleaner_dedupe_bytes,
        cleaner_bytes_per_second: config.cleaner_bytes_per_second,
        producer_expiration_ms: config.producer_expiration_ms,
        // Half of what the process may open: connections need the rest.
        open_files_max: chronik_io::open_files_max() / 2,
        ..LogManagerOptions::default()
    }
}

/// What may be held for clients, by what for.
struct Budgets {
    requests: Budget,
    replies: Budget,
    /// Large enough, by default, for 5,000 connections and what they leave unread.
    connections: Budget,
    /// For opening batches.
    open_room: OpenRoom,
    /// As much again as all of these: what groups have committed stays.
    groups: usize,
}

/// Of sixteen parts requests have six, the opening of batches two, replies five, connections three.
fn budgets(config: &NodeConfig) -> Budgets {
    let total = config.memory_budget_bytes.unwrap_or_else(|| {
        let quarter = chronik_io::memory_bytes().map_or(BUDGET_BYTES_MAX, |bytes| bytes / 4);
        usize::try_from(quarter.min(BUDGET_BYTES_MAX)).unwrap_or(usize::MAX)
    });
    let part = total / 16;
    Budgets {
        requests: Budget::new(part * 6),
        replies: Budget::new(part * 5),
        connections: Budget::new((part * 3).max(1 << 20)),
        open_room: OpenRoom::new(part * 2),
        groups: total,
    }
}

/// What clients are told: the advertised address of the same name, or the one listened on. A
/// wildcard is no address, so the host's name stands in for it.
fn advertised(config: &NodeConfig, bound: &[SocketAddr]) -> Vec<Endpoint> {
    let listeners = config.listeners.iter().zip(bound);
    listeners
        .map(|(listener, bound)| {
            let given = config.advertised.iter().find(|a| a.name == listener.name);
            let mut endpoint = given.unwrap_or(listener).clone();
            if endpoint.port == 0 {
                endpoint.port = bound.port();
            }
            if endpoint.is_wildcard() {
                endpoint.host = chronik_io::host_name();
                tracing::warn!(event = "advertised_guess", listener = %listener.name, advertised = %endpoint, "no advertised address for a wildcard listener: clients are told the host name");
            }
            endpoint
        })
        .collect()
}

fn warn_of_weak_storage(env: &Env, data_dir: &DataDir) {
    if let Some(kind @ ("tmpfs" | "ramfs" | "nfs" | "overlay" | "fuse" | "cifs" | "9p")) =
        env.disk.kind(&data_dir.path)
    {
        tracing::warn!(
            event = "weak_storage",
            kind,
            "the data directory is on a filesystem whose sync promises little"
        );
    }
}

fn banner(shared: &Shared, kafka: &[SocketAddr], http: Option<SocketAddr>) {
    tracing::info!(
        event = "starting",
        cluster_id = %shared.cluster_id,
        node_id = %shared.config.node_id,
        directory_id = %shared.data_dir.directory_id,
        data_dir = %shared.data_dir.path.display(),
        "chronik {}",
        env!("CARGO_PKG_VERSION")
    );
    for (listener, address) in shared.config.listeners.iter().zip(kafka) {
        tracing::info!(event = "listening", kafka = %address, listener = %listener.name, "listening for Kafka clients");
    }
    if let Some(address) = http {
        tracing::info!(event = "listening", http = %address, "listening for health checks");
    }
}

/// Tasks that only this node's own state depends on.
fn run_beside(shared: &Arc<Shared>, tasks: &mut tokio::task::JoinSet<()>) {
    let node = Arc::clone(shared);
    tasks.spawn(async move { lifecycle::run(node).await });
    let node = Arc::clone(shared);
    tasks.spawn(async move { node.disk_space.watch(&node.env).await });
    let node = Arc::clone(shared);
    tasks.spawn(async move { retain(&node).await });
}

/// Deletes what the topics' retention does not keep, now and then.
async fn retain(node: &Shared) {
    let mut ticks = tokio::time::interval(node.config.retention_check_interval);
    loop {
        ticks.tick().await;
        for partition in node.replicas.all() {
            let now = node.env.clock.wall();
            let Ok(positions) = partition.positions(None) else {
                continue;
            };
            let upto = positions.high_watermark;
            match partition.log.apply_retention(now, upto).await {
                Ok(0) => {}
                Ok(freed) => {
                    tracing::info!(event = "retention", topic = %partition.topic, partition = %partition.partition, freed, "deleted old segments")
                }
                Err(error) => {
                    tracing::warn!(event = "retention_failed", topic = %partition.topic, partition = %partition.partition, %error, "cannot delete old segments")
                }
            }
        }
    }
}

fn spawn_accept(
    shared: &Arc<Shared>,
    tasks: &mut tokio::task::JoinSet<()>,
    name: String,
    listener: TcpListener,
) {
    let node = Arc::clone(shared);
    tasks.spawn(accept(node, listener, name.into()));
}
