//! The node: listeners, the APIs, partitions on this node, the controller, start-up and shutdown.
//!
//! Thin shells around the pure crates. `node.rs` constructs everything in the order of
//! dependencies; no stage waits for consensus. Absent: flags and the environment (the binary).

mod api;
mod append;
mod broker_settings;
mod controller_client;
mod controller_runtime;
mod coordinator;
mod data_dir;
mod disk_space;
mod error_code;
mod features;
mod health;
mod http;
mod internal_topics;
mod lifecycle;
mod log_levels;
mod metrics;
mod net;
mod node;
mod partition;
mod producer_ids;
mod publisher;
mod replica_manager;
pub mod settings;
mod shared;
mod topic_settings;

pub use data_dir::{DISK_FORMAT, DataDirError};
pub use health::{Health, Stage};
pub use log_levels::{LOGGERS, LogLevel, LogLevels, ROOT_LOGGER};
pub use net::listener::BindError;
pub use node::{Node, StartError};
