//! Did the log keep its promises? A history of what clients did, and a checker that judges it.
//!
//! [`history`] is the record of a run: every produce, poll and log-end query with the times between
//! which it took effect and what the client learned. [`checker`] is a pure function from a history
//! to the anomalies in it. Both know Kafka's rules and nothing of Chronik, so the same judge serves
//! simulated nodes, real processes and brokers of others.
//!
//! Absent: no network and no files; whoever runs a workload records it and calls the checker.

pub mod checker;
pub mod history;

pub use checker::{Anomaly, check};
pub use history::{Entry, History, Operation, Outcome};
