//! The one way to change metadata: `submit(request).await`.
//!
//! Answered when the entry is applied where the controller is; the index in the answer lets the
//! caller wait until its own image has it. Absent: forwarding to another node's controller, which
//! comes with the cluster; until then a node that does not lead answers with a retriable error.

use std::fmt;

use chronik_controller::{ControllerRequest, ControllerResponse};
use chronik_types::{ErrorCode, LogIndex, NodeId};
use tokio::sync::oneshot;

use crate::controller_runtime::{ControllerQueue, Submission};

/// Why a change was not decided, or its outcome is unknown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ControllerError {
    /// This node is not the active controller, or stopped being it meanwhile. Retriable; the
    /// outcome is unknown.
    NotController { leader: Option<NodeId> },
    /// The request would make more records than an entry holds.
    TooLarge,
    /// The node is stopping.
    Stopping,
}

impl ControllerError {
    /// Kafka's code of it.
    pub(crate) fn code(self) -> ErrorCode {
        match self {
            Self::NotController { .. } | Self::Stopping => ErrorCode::NotController,
            Self::TooLarge => ErrorCode::PolicyViolation,
        }
    }
}

impl fmt::Display for ControllerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotController {
                leader: Some(leader),
            } => {
                write!(f, "node {leader} is the controller")
            }
            Self::NotController { leader: None } => f.write_str("there is no controller here"),
            Self::TooLarge => f.write_str("the request makes more records than an entry holds"),
            Self::Stopping => f.write_str("the node is stopping"),
        }
    }
}

impl std::error::Error for ControllerError {}

/// Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct ControllerClient {
    queue: ControllerQueue,
}

impl ControllerClient {
    pub(crate) const fn new(queue: ControllerQueue) -> Self {
        Self { queue }
    }

    /// Submits a change and waits for the answer of the controller, with the index of the entry
    /// that carries it.
    pub(crate) async fn submit(
        &self,
        request: ControllerRequest,
    ) -> Result<(LogIndex, ControllerResponse), ControllerError> {
        let (reply, answer) = oneshot::channel();
        self.queue
            .send(Submission { request, reply })
            .await
            .map_err(|_| ControllerError::Stopping)?;
        answer.await.map_err(|_| ControllerError::Stopping)?
    }
}
