//! Connections by address: made when needed, negotiated once, replaced when they have ended.
//!
//! Callers that want the same node wait for one attempt together; other nodes are not held up.
//! A pool belongs to one kind of traffic, so that nothing waits behind a long poll.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::{ClientError, Connection, ConnectionOptions};

type Slot = Arc<tokio::sync::Mutex<Option<Connection>>>;

#[derive(Debug)]
pub(crate) struct Pool {
    options: ConnectionOptions,
    slots: Mutex<BTreeMap<String, Slot>>,
}

impl Pool {
    pub(crate) fn new(options: ConnectionOptions) -> Self {
        Self {
            options,
            slots: Mutex::new(BTreeMap::new()),
        }
    }

    /// A connection that was open a moment ago.
    pub(crate) async fn get(&self, addr: &str) -> Result<Connection, ClientError> {
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry(addr.to_owned()).or_default())
        };
        let mut slot = slot.lock().await;
        if let Some(connection) = slot.as_ref().filter(|connection| !connection.is_closed()) {
            return Ok(connection.clone());
        }
        let connection = Connection::connect_with(addr, self.options.clone()).await?;
        connection.negotiate().await?;
        *slot = Some(connection.clone());
        Ok(connection)
    }
}
