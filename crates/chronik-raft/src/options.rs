//! What a [`crate::RaftNode`] is started with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chronik_io::Env;
use chronik_types::ClusterId;

use crate::transport::Transport;
use crate::types::Member;

/// Everything a node's Raft needs.
#[derive(Clone, Debug)]
pub struct RaftOptions {
    /// Its world.
    pub env: Env,
    /// Where log and snapshots are; made if it is not there.
    pub dir: PathBuf,
    /// Who it is.
    pub member: Member,
    /// The cluster it belongs to, if that is known: messages of another are refused.
    pub cluster_id: Option<ClusterId>,
    /// Its timeouts.
    pub timing: RaftTiming,
    /// How it reaches others.
    pub transport: Arc<dyn Transport>,
    /// How many bytes of log make a snapshot.
    pub snapshot_bytes: u64,
    /// How long after the last one a snapshot is made anyway, if there is anything new.
    pub snapshot_interval: Duration,
    /// How many entries stay behind a snapshot, for followers that are a little late.
    pub keep_entries: u64,
    /// The size of a log segment.
    pub segment_bytes: u64,
}

impl RaftOptions {
    /// The usual limits.
    #[must_use]
    pub fn new(env: Env, dir: PathBuf, member: Member, transport: Arc<dyn Transport>) -> Self {
        Self {
            env,
            dir,
            member,
            cluster_id: None,
            timing: RaftTiming::default(),
            transport,
            snapshot_bytes: 20 * 1024 * 1024,
            snapshot_interval: Duration::from_secs(3600),
            keep_entries: 1000,
            segment_bytes: 4 * 1024 * 1024,
        }
    }
}

/// Timeouts. Failover costs a lease and a random part of the election timeout.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RaftTiming {
    /// How often a leader says that it is there.
    pub heartbeat: Duration,
    /// The shortest silence after which a follower asks for votes.
    pub election_min: Duration,
    /// The longest.
    pub election_max: Duration,
    /// How long one append with entries may take: it waits for a sync on the other side.
    pub append_timeout: Duration,
    /// How long a snapshot may take to arrive.
    pub snapshot_timeout: Duration,
    /// How long a proposal may take before it is called stalled.
    pub propose_timeout: Duration,
}

impl Default for RaftTiming {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(100),
            election_min: Duration::from_millis(300),
            election_max: Duration::from_millis(600),
            append_timeout: Duration::from_secs(10),
            snapshot_timeout: Duration::from_secs(60),
            propose_timeout: Duration::from_secs(30),
        }
    }
}
