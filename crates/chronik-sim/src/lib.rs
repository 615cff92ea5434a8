//! Deterministic simulation of whole nodes.
//!
//! A run follows from its seed alone: hosts, network and time are turmoil's, disks are simulated,
//! and every random number comes from the seed. [`node_scenario`] is one node and its clients,
//! [`voters`] three voters of the metadata log. Absent: threads, sendfile, HTTP and TLS.

#[allow(unexpected_cfgs, reason = "tokio's, which Cargo has not heard of")]
mod guards {
    #[cfg(not(tokio_unstable))]
    compile_error!("a seed repeats only with RUSTFLAGS=\"--cfg tokio_unstable\"");
    #[cfg(not(debug_assertions))]
    compile_error!("a simulation without debug assertions checks too little");
}

// The controller's task is private to the server. Its source is compiled here again, so that the
// simulation of the voters runs the real one without a server around it.
#[path = "../../chronik-server/src/controller_client.rs"]
#[allow(dead_code, reason = "the simulation submits to the queue itself")]
mod controller_client;
#[path = "../../chronik-server/src/controller_runtime.rs"]
mod controller_runtime;
pub mod event_log;
mod lying_disk;
pub mod node_scenario;
mod panics;
mod recorder;
pub mod voters;
