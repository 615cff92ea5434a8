//! The group coordinator's state machine, without I/O: groups, their members, committed offsets.
//!
//! One [`GroupShard`] is the state of one partition of `__consumer_offsets`: every group whose id
//! hashes to it. A shell owns the shard and feeds it one thing at a time:
//!
//! ```text
//! request ──► handle(now, request, ticket) ─┐
//! time    ──► due(now) ─────────────────────┴─► Decision { records }
//!                                                   │ the shell appends the records as one batch
//!             Effects { answers } ◄── finish(now, decision, Ok | AppendFailed)
//! log     ──► replay(key, value) ..., loaded(now)      the same fold that finish uses
//! ```
//!
//! Between `handle` (or `due`) and `finish` nothing else is fed in. What the log says and what
//! the shard holds cannot differ: committed offsets and stored group metadata change only by
//! [`GroupShard::replay`] (I9); who waits, sessions and a rebalance under way are soft state, which
//! a new coordinator starts without. A group has one generation at a time, and only its current
//! members commit, sync and own partitions (I10).
//! Absent on purpose: no runtime, no files, no clock, no entropy; `now` and random ids are handed in.

mod deadlines;
mod decision;
mod encoding;
mod group;
mod member;
mod names;
mod offsets;
mod placement;
mod reply;
mod request;
mod room;
mod settings;
mod shard;
mod shared;

use chronik_types::{Instant, Timestamp};

pub use decision::{AppendFailed, Decision};
pub use encoding::{Record, ReplayError, Replayed};
pub use group::{GroupEvent, GroupState};
pub use offsets::Committed;
pub use placement::partition_of;
pub use reply::{After, Answer, Effects, Reply, Ticket};
pub use request::{
    Client, CommitPartition, CommitTopic, DeleteTopic, FetchTopic, Heartbeat, JoinGroup,
    LeaveGroup, Leaver, ListGroups, OffsetCommit, OffsetDelete, OffsetFetch, Protocol, Request,
    SyncGroup,
};
pub use room::Room;
pub use settings::Settings;
pub use shard::{Facts, GroupShard, GroupView, MemberView};

/// The moment of a call: sessions run on the monotonic clock, retention on the wall's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// The monotonic clock.
    pub instant: Instant,
    /// The wall clock.
    pub wall: Timestamp,
}
