//! Hands out producer ids from blocks that the controller granted.
//!
//! A block is allocated in the metadata log before its first id is given away, so no id is given
//! twice, also not after a restart, which simply loses the rest of a block. Keeps I7's premise.

use chronik_controller::{ControllerRequest, ControllerResponse};
use chronik_types::{ErrorCode, ProducerId};
use tokio::sync::Mutex;

use crate::shared::Shared;

/// Clients wait for their producer id at most this long, in ms.
const TIMEOUT_MS: i32 = 30_000;

/// The rest of the current block.
#[derive(Default)]
pub(crate) struct ProducerIds {
    // An async lock: the next block is fetched while others wait for it.
    block: Mutex<std::ops::Range<i64>>,
}

impl ProducerIds {
    /// An id that nobody had before.
    pub(crate) async fn next(&self, node: &Shared) -> Result<ProducerId, ErrorCode> {
        let mut block = self.block.lock().await;
        if block.is_empty() {
            let incarnation = node
                .incarnation()
                .ok_or(ErrorCode::CoordinatorLoadInProgress)?;
            let request = ControllerRequest::AllocateProducerIds {
                node: node.config.node_id,
                incarnation,
            };
            *block = match node.submit(request, TIMEOUT_MS).await {
                Ok(ControllerResponse::AllocateProducerIds(Ok(granted))) => {
                    let start = granted.start.get();
                    start..start + i64::from(granted.len)
                }
                Ok(ControllerResponse::AllocateProducerIds(Err(error))) => return Err(error.code),
                Ok(_) => unreachable!("the controller answers what was asked"),
                // The id is a coordinator's to give in the client's eyes.
                Err(_) => return Err(ErrorCode::CoordinatorLoadInProgress),
            };
        }
        let id = block.next().ok_or(ErrorCode::CoordinatorLoadInProgress)?;
        Ok(ProducerId::new(id))
    }
}
