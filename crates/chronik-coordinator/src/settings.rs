//! What the operator set that the coordinator's decisions depend on.

use std::sync::Arc;
use std::time::Duration;

use crate::room::Room;

/// Kafka's broker settings, and our own bounds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// `group.min.session.timeout.ms`.
    pub session_timeout_min: Duration,
    /// `group.max.session.timeout.ms`.
    pub session_timeout_max: Duration,
    /// `group.initial.rebalance.delay.ms`: how long the first rebalance of an empty group waits.
    pub initial_rebalance_delay: Duration,
    /// `group.max.size`, in members.
    pub group_size_max: usize,
    /// `offset.metadata.max.bytes`; Kafka counts UTF-16 code units.
    pub offset_metadata_max: usize,
    /// `offsets.retention.minutes`.
    pub offsets_retention: Duration,
    /// `offsets.retention.check.interval.ms`: how late retention may be.
    pub offsets_retention_check_interval: Duration,
    /// Bytes that members of all groups of the shard may hold: metadata, assignments, pending ids.
    pub held_bytes_max: usize,
    /// What the groups of all shards of the node may hold together: members, ids, offsets with
    /// their metadata, events. The shards share it.
    pub room: Arc<Room>,
    /// Members of one group that have an id but have not joined with it yet.
    pub pending_members_max: usize,
    /// Groups of the shard.
    pub groups_max: usize,
    /// Committed offsets of the shard.
    pub offsets_max: usize,
    /// Bytes of the records of one decision, keys and values. A request that needs more is refused
    /// before they are made; not more than the partition's `max.message.bytes` makes sense.
    pub batch_bytes_max: usize,
    /// Bytes of one OffsetFetch answer of one group, as it is held before it is encoded.
    pub answer_bytes_max: usize,
    /// Keys the hash of group ids, so that nobody outside can choose ids that collide. Random in
    /// a node, the seed's in a simulation.
    pub hash_seed: u64,
}

impl Default for Settings {
    /// Kafka's defaults.
    fn default() -> Self {
        Self {
            session_timeout_min: Duration::from_secs(6),
            session_timeout_max: Duration::from_secs(30 * 60),
            initial_rebalance_delay: Duration::from_secs(3),
            group_size_max: usize::MAX,
            offset_metadata_max: 4096,
            offsets_retention: Duration::from_secs(10_080 * 60),
            offsets_retention_check_interval: Duration::from_secs(600),
            held_bytes_max: 64 << 20,
            room: Arc::new(Room::new(usize::MAX)),
            pending_members_max: 10_000,
            groups_max: 200_000,
            offsets_max: 4_000_000,
            batch_bytes_max: 1_048_588,
            answer_bytes_max: 64 << 20,
            hash_seed: 0,
        }
    }
}
