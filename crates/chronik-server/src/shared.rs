//! What every request may use of its node.
//!
//! Constructed once, in `node.rs`; nothing in it is filled in later.

use std::sync::Arc;
use std::time::Duration;

use chronik_controller::{
    ApiError, ControllerRequest, ControllerResponse, CreateTopics, MetadataImage,
};
use chronik_io::Env;
use chronik_types::{ClusterId, ErrorCode, Incarnation, LogIndex, NodeId};
use tokio::sync::watch;

use crate::api::FetchSessions;
use crate::append::OpenRoom;
use crate::controller_client::ControllerClient;
use crate::coordinator::GroupCoordinator;
use crate::data_dir::DataDir;
use crate::disk_space::DiskSpace;
use crate::health::{Health, Stage};
use crate::internal_topics::creatable;
use crate::log_levels::LogLevels;
use crate::metrics::Metrics;
use crate::net::budget::Budget;
use crate::producer_ids::ProducerIds;
use crate::replica_manager::ReplicaManager;
use crate::settings::{Endpoint, NodeConfig};

/// See the module's documentation.
pub(crate) struct Shared {
    pub(crate) env: Env,
    pub(crate) config: Arc<NodeConfig>,
    pub(crate) cluster_id: ClusterId,
    pub(crate) data_dir: DataDir,
    pub(crate) health: Health,
    pub(crate) log_levels: Arc<dyn LogLevels>,
    pub(crate) metrics: Metrics,
    pub(crate) request_budget: Budget,
    pub(crate) reply_budget: Budget,
    pub(crate) connection_budget: Budget,
    /// For batches that must be opened; part of the budget.
    pub(crate) open_room: OpenRoom,
    pub(crate) disk_space: DiskSpace,
    pub(crate) replicas: Arc<ReplicaManager>,
    pub(crate) groups: Arc<GroupCoordinator>,
    pub(crate) controller: ControllerClient,
    pub(crate) producer_ids: ProducerIds,
    pub(crate) fetch_sessions: FetchSessions,
    /// The image whose effects on this node are in place.
    pub(crate) image: watch::Receiver<Arc<MetadataImage>>,
    /// This life of the broker, once it registered.
    pub(crate) incarnation: watch::Sender<Option<Incarnation>>,
    /// Partitions whose logs recovery found damaged.
    pub(crate) damaged: Vec<(chronik_types::TopicId, chronik_types::PartitionId)>,
    /// What clients are told for each listener.
    pub(crate) advertised: Vec<Endpoint>,
}

/// A broker as a client sees it through one listener.
#[derive(Clone, Debug)]
pub(crate) struct BrokerView {
    pub(crate) node: NodeId,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) rack: Option<String>,
    pub(crate) is_fenced: bool,
}

impl Shared {
    /// The newest image whose effects are in place here.
    pub(crate) fn image(&self) -> Arc<MetadataImage> {
        self.image.borrow().clone()
    }

    /// This life of the broker, once it registered.
    pub(crate) fn incarnation(&self) -> Option<Incarnation> {
        *self.incarnation.borrow()
    }

    /// Returns once this node's image has reached `index` and its effects are in place.
    pub(crate) async fn published(&self, index: LogIndex) {
        let mut image = self.image.clone();
        let reached = image
            .wait_for(|image| image.applied() >= Some(index))
            .await
            .is_ok();
        if !reached {
            // The publisher is gone: the node is ending.
            std::future::pending::<()>().await;
        }
    }

    /// Submits a change of metadata and waits until it is in place here, so that the client
    /// reads its own write.
    pub(crate) async fn submit(
        &self,
        request: ControllerRequest,
        timeout_ms: i32,
    ) -> Result<ControllerResponse, ApiError> {
        let timeout = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
        let done = async {
            // A client that is early waits for the start rather than for its own next attempt.
            self.health.reached(Stage::Ready).await;
            let (index, response) = self.controller.submit(request).await?;
            self.published(index).await;
            Ok(response)
        };
        match tokio::time::timeout(timeout, done).await {
            Ok(result) => result.map_err(|error: crate::controller_client::ControllerError| {
                ApiError::bare(error.code())
            }),
            Err(_) => Err(ApiError::bare(ErrorCode::RequestTimedOut)),
        }
    }

    /// Creates topics that a client named and that are not there. Failures show as the topic
    /// still not being there.
    pub(crate) async fn auto_create(&self, names: &[&str]) {
        const TIMEOUT_MS: i32 = 5_000;
        let image = self.image();
        let topics = names
            .iter()
            .map(|name| creatable(name, &self.config, &image));
        let request = ControllerRequest::CreateTopics(CreateTopics {
            topics: topics.collect(),
            validate_only: false,
        });
        if let Err(error) = self.submit(request, TIMEOUT_MS).await {
            tracing::warn!(event = "auto_create_failed", %error, "topics were not created");
        }
    }

    /// The brokers with their addresses of a listener, by id. This node is always among them:
    /// whoever asks has reached it.
    pub(crate) fn brokers(&self, image: &MetadataImage, listener: &str) -> Vec<BrokerView> {
        let mut brokers: Vec<BrokerView> = image
            .brokers()
            .filter(|broker| broker.node != self.config.node_id)
            .filter_map(|broker| self.broker(image, broker.node, listener))
            .collect();
        brokers.extend(self.broker(image, self.config.node_id, listener));
        brokers.sort_by_key(|broker| broker.node);
        brokers
    }

    /// One broker's address of a listener.
    pub(crate) fn broker(
        &self,
        image: &MetadataImage,
        node: NodeId,
        listener: &str,
    ) -> Option<BrokerView> {
        if node == self.config.node_id {
            let own = self.advertised.iter().find(|own| own.name == listener)?;
            return Some(BrokerView {
                node,
                host: own.host.clone(),
                port: own.port,
                rack: self.config.rack.clone(),
                is_fenced: false,
            });
        }
        let broker = image.broker(node)?;
        let address = broker.listener(listener)?;
        Some(BrokerView {
            node,
            host: address.host.clone(),
            port: address.port,
            rack: broker.rack.clone(),
            is_fenced: !broker.is_active(),
        })
    }

    /// The broker that clients are told to send changes to: any live one forwards, as in KRaft.
    pub(crate) fn controller_hint(&self, image: &MetadataImage) -> Option<NodeId> {
        let own = self.config.node_id;
        if image.is_active(own) {
            return Some(own);
        }
        image.brokers().find(|b| b.is_active()).map(|b| b.node)
    }

    /// The data directory for people.
    pub(crate) fn data_dir_text(&self) -> String {
        self.data_dir.path.display().to_string()
    }

    /// The index this node's image has reached.
    pub(crate) fn applied_text(&self) -> String {
        self.image()
            .applied()
            .map_or_else(|| "none".to_owned(), |index| index.to_string())
    }

    /// The page of `/metrics`.
    pub(crate) async fn render_metrics(&self) -> String {
        let groups = self.groups.metrics(&self.image()).await;
        let logs = self.replicas.logs().stats();
        let partitions = self.replicas.all();
        let log_bytes: u64 = partitions.iter().map(|p| p.log.size_bytes()).sum();
        let number = |n: usize| n as u64;
        let available = self.disk_space.latest().map_or(0, |space| space.available);
        self.metrics.render(
            &[
                (
                    "partitions",
                    "Partitions on this node",
                    number(partitions.len()),
                ),
                ("log_size_bytes", "Bytes of all partition logs", log_bytes),
                (
                    "disk_available_bytes",
                    "Bytes free on the data directory's filesystem",
                    available,
                ),
                (
                    "memory_budget_bytes",
                    "Bytes that may be held for requests",
                    number(self.request_budget.total()),
                ),
                (
                    "memory_budget_used_bytes",
                    "Bytes held for requests",
                    number(self.request_budget.used()),
                ),
                (
                    "fetch_sessions",
                    "Open fetch sessions",
                    number(self.fetch_sessions.count()),
                ),
                (
                    "reply_budget_used_bytes",
                    "Bytes held for replies",
                    number(self.reply_budget.used()),
                ),
                (
                    "journal_windows",
                    "Commits of the journal since the start, each with one sync",
                    logs.windows,
                ),
                (
                    "journal_records",
                    "Operations in the journal since the start",
                    logs.records,
                ),
                (
                    "journal_written_bytes",
                    "Bytes written to the journal since the start",
                    logs.journal_bytes,
                ),
                (
                    "journal_waits",
                    "Times the journal waited for a checkpoint",
                    logs.journal_waits,
                ),
                (
                    "checkpoints",
                    "Checkpoints since the start",
                    logs.checkpoints,
                ),
                (
                    "checkpoint_lag_bytes",
                    "Journaled bytes since the last checkpoint began",
                    logs.checkpoint_lag_bytes,
                ),
                (
                    "journal_files_bytes",
                    "Bytes of all journal files",
                    logs.journal_files_bytes,
                ),
                (
                    "cleaner_runs",
                    "Compactions of a partition since the start",
                    logs.cleaner_runs,
                ),
                (
                    "cleaner_read_bytes",
                    "Bytes that compaction read since the start",
                    logs.cleaner_read_bytes,
                ),
                (
                    "cleaner_written_bytes",
                    "Bytes that compaction wrote since the start",
                    logs.cleaner_written_bytes,
                ),
                (
                    "cleaner_records_dropped",
                    "Records that compaction dropped since the start",
                    logs.cleaner_records_dropped,
                ),
                (
                    "cleaner_last_run_milliseconds",
                    "Time that the last compaction of a partition took",
                    logs.cleaner_last_ms,
                ),
                (
                    "cleaner_dirty_percent_max",
                    "Dirty part of the dirtiest compacted partition",
                    logs.cleaner_dirty_percent_max,
                ),
                (
                    "cleaner_uncleanable_partitions",
                    "Partitions that are not compacted because a segment is damaged",
                    number(logs.cleaner_uncleanable),
                ),
            ],
            &logs,
            &groups,
        )
    }
}
