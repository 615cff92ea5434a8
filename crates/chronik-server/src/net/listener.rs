//! Listening sockets: bind with a clear message, accept within the budget.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chronik_io::net::TcpListener;
use chronik_io::task;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::budget::CONNECTION_BYTES;
use super::connection::{self, ConnectionInfo};
use crate::settings::Endpoint;
use crate::shared::Shared;

/// An address that could not be listened on.
#[derive(Debug)]
pub struct BindError {
    endpoint: Endpoint,
    error: io::Error,
    /// Whether the holder of the address speaks Kafka's protocol.
    held_by_kafka: bool,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            endpoint, error, ..
        } = self;
        match error.kind() {
            io::ErrorKind::AddrInUse if self.held_by_kafka => write!(
                f,
                "{endpoint} is in use by another Kafka-compatible broker; stop it, or choose another --listen address"
            ),
            io::ErrorKind::AddrInUse => write!(
                f,
                "{endpoint} is in use by another program; stop it, or choose another address"
            ),
            _ => write!(f, "cannot listen on {endpoint}: {error}"),
        }
    }
}

impl std::error::Error for BindError {}

/// Binds an address; the host may be a name.
pub(crate) async fn bind(endpoint: &Endpoint) -> Result<(TcpListener, SocketAddr), BindError> {
    let bound = chronik_io::net::bind(&endpoint.address()).await;
    match bound.and_then(|listener| listener.local_addr().map(|address| (listener, address))) {
        Ok(bound) => Ok(bound),
        Err(error) => {
            let held_by_kafka =
                error.kind() == io::ErrorKind::AddrInUse && speaks_kafka(endpoint).await;
            Err(BindError {
                endpoint: endpoint.clone(),
                error,
                held_by_kafka,
            })
        }
    }
}

/// The same for the health pages, which are never simulated.
pub(crate) async fn bind_http(
    endpoint: &Endpoint,
) -> Result<(chronik_io::net::real::TcpListener, SocketAddr), BindError> {
    let bound = chronik_io::net::real::TcpListener::bind(endpoint.address()).await;
    bound
        .and_then(|listener| listener.local_addr().map(|address| (listener, address)))
        .map_err(|error| BindError {
            endpoint: endpoint.clone(),
            error,
            held_by_kafka: false,
        })
}

/// Asks whoever holds the address for its api versions (v0) and looks for the correlation id.
async fn speaks_kafka(endpoint: &Endpoint) -> bool {
    const REQUEST: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0x43, 0x68, 0x72, 0x6f, 0xff, 0xff];
    let ask = async {
        let mut socket = chronik_io::net::connect(&endpoint.address()).await.ok()?;
        socket.write_all(&REQUEST).await.ok()?;
        let mut head = [0; 8];
        socket.read_exact(&mut head).await.ok()?;
        (head[4..] == REQUEST[8..12]).then_some(())
    };
    matches!(
        tokio::time::timeout(Duration::from_millis(500), ask).await,
        Ok(Some(()))
    )
}

/// Accepts connections for ever. A connection costs its share of the budget; without room for it
/// the client waits in the kernel's queue.
pub(crate) async fn accept(node: Arc<Shared>, listener: TcpListener, name: Arc<str>) {
    loop {
        let charge = node
            .connection_budget
            .reserve(CONNECTION_BYTES)
            .await
            .expect("the budget holds at least one connection");
        let (socket, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors or a client that gave up: neither ends the listener.
                tracing::warn!(event = "accept_failed", listener = %name, %error, "cannot accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        node.metrics.connection_opened();
        let info = ConnectionInfo {
            listener: Arc::clone(&name),
            peer,
            software: OnceLock::new(),
        };
        let panicked = Arc::clone(&node);
        task::spawn_isolated(
            connection::serve(Arc::clone(&node), socket, info, charge),
            move || {
                panicked.metrics.connection_panicked();
                tracing::error!(event = "connection_panicked", %peer, "a request made its connection panic");
            },
        );
    }
}
