//! A small Kafka client for the command line, tests, checks and simulation.
//!
//! [`Connection`] speaks to one node, [`Client`] to a cluster; [`Producer`] and [`Fetcher`] write
//! and read on top of it. Sockets come from the seam and time from tokio, so the same code runs
//! under simulation, and nothing here depends on hash order or on a random number.
//! Keeps I14 towards the server: frames, arrays and uncompressed batches are bounded.
//! Absent: consumer groups, transactions, TLS and SASL.

mod backoff;
mod client;
mod connection;
mod error;
#[cfg(test)]
mod fake;
mod fetcher;
mod metadata;
mod pool;
mod producer;

pub use client::{
    Client, ClientOptions, ConfigChange, ConfigEntry, ConfigSource, ConfigTarget, CreatedTopic,
    DescribedGroup, GroupMember, GroupOffsets, IfMissing, ListedGroup, ListedOffset, NewTopic,
    OffsetSpec, ProducerIdentity,
};
pub use connection::{Connection, ConnectionOptions};
pub use error::ClientError;
pub use fetcher::{FetchedRecord, Fetcher, FetcherOptions, PartitionRange, Start, Stop};
pub use metadata::{Broker, Cluster, Partition, Topic};
pub use producer::{
    Acks, Delivered, Delivery, Producer, ProducerOptions, ProducerRecord, SendError,
    partition_for_key,
};
