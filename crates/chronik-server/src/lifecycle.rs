//! The broker's life: form the cluster if there is none, register, catch up, unfence.
//!
//! ```text
//! Joining ─(a leader answers CreateCluster)─► Registering ─(registered at index i)─► CatchingUp
//!   CatchingUp ─(own image ≥ i)─► unfence ─► Ready        any failure ─► again after a pause
//! ```
//!
//! Runs beside everything else: no stage of start-up waits for it. Each step is idempotent and
//! retried through leader changes. A line in the log claims a step only once it is applied.

use std::sync::Arc;
use std::time::Duration;

use chronik_controller::{
    AlterConfigOp, ApiError, ConfigAlteration, ConfigResource, ControllerRequest,
    ControllerResponse, CreateCluster, DirectoryState, IncrementalAlterConfigs, Listener,
    RegisterBroker, SupportedFeature, UpdateBrokerStatus, WantedStatus,
};
use chronik_types::{ErrorCode, Incarnation, LogIndex, Uuid};

use crate::controller_client::ControllerError;
use crate::features::SUPPORTED;
use crate::health::Stage;
use crate::shared::Shared;

const RETRY_MIN: Duration = Duration::from_millis(20);
const RETRY_MAX: Duration = Duration::from_secs(1);

/// PLAINTEXT, the only protocol of a listener so far.
const PLAINTEXT: i16 = 0;

/// Why a step must be tried again.
enum Failed {
    Controller(ControllerError),
    Answer(ApiError),
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Controller(error) => error.fmt(f),
            Self::Answer(error) => error.fmt(f),
        }
    }
}

/// Runs until the broker serves.
pub(crate) async fn run(node: Arc<Shared>) {
    let incarnation_id = node.env.rng.uuid();
    let mut pause = RETRY_MIN;
    loop {
        match attempt(&node, incarnation_id).await {
            Ok(()) => return,
            Err(Failed::Answer(error)) if error.code == ErrorCode::DuplicateBrokerRegistration => {
                tracing::error!(event = "duplicate_node", %error, "another process is this node");
            }
            Err(failed) => {
                tracing::debug!(event = "lifecycle_retry", stage = %node.health.stage(), "{failed}");
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(RETRY_MAX);
    }
}

async fn attempt(node: &Shared, incarnation_id: Uuid) -> Result<(), Failed> {
    node.health.enter(Stage::Joining);
    form(node).await?;
    node.health.enter(Stage::Registering);
    let (index, incarnation) = register(node, incarnation_id).await?;
    tracing::info!(event = "registered", node_id = %node.config.node_id, incarnation = %incarnation, index = %index, "broker registered");
    node.health.enter(Stage::CatchingUp);
    node.published(index).await;
    let status = ControllerRequest::UpdateBrokerStatus(UpdateBrokerStatus {
        node: node.config.node_id,
        incarnation,
        status: WantedStatus::Unfenced,
    });
    let (index, response) = submit(node, status).await?;
    match response {
        ControllerResponse::UpdateBrokerStatus(result) => result.map_err(Failed::Answer)?,
        _ => unreachable!("the controller answers what was asked"),
    }
    node.published(index).await;
    share_min_isr(node).await?;
    node.incarnation.send_replace(Some(incarnation));
    node.replicas.delete_strays(&node.image()).await;
    node.health.enter(Stage::Ready);
    Ok(())
}

async fn submit(
    node: &Shared,
    request: ControllerRequest,
) -> Result<(LogIndex, ControllerResponse), Failed> {
    node.controller
        .submit(request)
        .await
        .map_err(Failed::Controller)
}

/// The first decision of a new cluster; repeating it changes nothing.
async fn form(node: &Shared) -> Result<(), Failed> {
    if node.image().cluster_id() == Some(node.cluster_id) {
        return Ok(());
    }
    let request = ControllerRequest::CreateCluster(CreateCluster {
        cluster_id: node.cluster_id,
        default_durability: node.config.durability,
        features: SUPPORTED
            .iter()
            .map(|feature| (feature.name.to_owned(), feature.max))
            .collect(),
    });
    let (index, response) = submit(node, request).await?;
    match response {
        ControllerResponse::CreateCluster(result) => result.map_err(Failed::Answer)?,
        _ => unreachable!("the controller answers what was asked"),
    }
    node.published(index).await;
    Ok(())
}

/// The node's own `min.insync.replicas` becomes the cluster's where that has none: what leaders
/// acknowledge and whom the controller elects must rest on the same number. A refusal is final, and
/// a node without a share in this serves all the same.
async fn share_min_isr(node: &Shared) -> Result<(), Failed> {
    const NAME: &str = "min.insync.replicas";
    let own = node.config.given(NAME).filter(|text| !text.is_empty());
    let is_set = node
        .image()
        .config(&ConfigResource::ClusterDefault, NAME)
        .is_some();
    let Some(own) = own.filter(|_| !is_set) else {
        return Ok(());
    };
    let alteration = ConfigAlteration {
        resource: ConfigResource::ClusterDefault,
        ops: vec![(NAME.to_owned(), AlterConfigOp::Set(Some(own.to_owned())))],
        replace: false,
    };
    let request = ControllerRequest::IncrementalAlterConfigs(IncrementalAlterConfigs {
        resources: vec![alteration],
        validate_only: false,
    });
    let (index, response) = submit(node, request).await?;
    match response {
        ControllerResponse::IncrementalAlterConfigs(results) => {
            for (_, result) in results {
                if let Err(error) = result {
                    tracing::warn!(event = "min_isr_not_shared", value = own, %error, "min.insync.replicas of this node's settings counts for no topic");
                }
            }
        }
        _ => unreachable!("the controller answers what was asked"),
    }
    node.published(index).await;
    Ok(())
}

async fn register(node: &Shared, incarnation_id: Uuid) -> Result<(LogIndex, Incarnation), Failed> {
    let request = ControllerRequest::RegisterBroker(RegisterBroker {
        node: node.config.node_id,
        cluster_id: node.cluster_id,
        incarnation_id,
        directory_id: node.data_dir.directory_id,
        directory_state: DirectoryState::Intact,
        damaged: node.damaged.clone(),
        listeners: node
            .advertised
            .iter()
            .map(|endpoint| Listener {
                name: endpoint.name.clone(),
                host: endpoint.host.clone(),
                port: endpoint.port,
                security_protocol: PLAINTEXT,
            })
            .collect(),
        rack: node.config.rack.clone(),
        features: SUPPORTED
            .iter()
            .map(|feature| SupportedFeature {
                name: feature.name.to_owned(),
                min: feature.min,
                max: feature.max,
            })
            .collect(),
    });
    let (index, response) = submit(node, request).await?;
    match response {
        ControllerResponse::RegisterBroker(Ok(incarnation)) => Ok((index, incarnation)),
        ControllerResponse::RegisterBroker(Err(error)) => Err(Failed::Answer(error)),
        _ => unreachable!("the controller answers what was asked"),
    }
}
