//! Chronik's vocabulary: ids, positions, epochs, time and Kafka's error codes.
//!
//! Depends on nothing of ours, so every crate can speak it. The sentinels of the wire
//! (`-1`, the empty string, the zero uuid) do not exist here: inside they are `Option`.
//! Absent on purpose: no I/O, no clock, no `From<i64>` that would let one id become another.

mod error_code;
mod id;
mod time;
mod topic_name;

pub use error_code::ErrorCode;
pub use id::{
    ClusterId, DirectoryId, Durability, Incarnation, LeaderEpoch, LogIndex, NodeId, Offset,
    PartitionEpoch, PartitionId, ProducerEpoch, ProducerId, Sequence, TopicId, TopicPartition,
    Uuid,
};
pub use time::{Instant, Timestamp};
pub use topic_name::{InvalidTopicName, TopicName};
