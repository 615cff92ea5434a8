//! One member of a group: what it can do, what it was given, and what it waits for.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use chronik_protocol::Str;
use chronik_protocol::generated::group_metadata_value::MemberMetadata;
use chronik_types::{Instant, Uuid};

use crate::reply::Ticket;
use crate::request::{Client, JoinGroup, Protocol, millis};

/// What a member costs beside its texts, in bytes.
const OVERHEAD: usize = 256;
/// What it costs in the maps of its group and among the deadlines, in bytes.
pub(crate) const MEMBER_EXTRA: usize = 768;
/// The most of a client id that becomes part of a member id, in bytes: ids are stored as strings
/// of at most 32,767.
const CLIENT_ID_IN_MEMBER_ID_MAX: usize = 1024;

/// A request that waits. Without a ticket its client has gone; the member still counts as waiting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Parked {
    pub(crate) ticket: Option<Ticket>,
}

#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: Str,
    pub(crate) instance: Option<Str>,
    pub(crate) client: Client,
    pub(crate) session_timeout: Duration,
    pub(crate) rebalance_timeout: Duration,
    pub(crate) protocols: Vec<Protocol>,
    pub(crate) assignment: Bytes,
    /// Its JoinGroup that waits for the generation.
    pub(crate) join: Option<Parked>,
    /// Its SyncGroup that waits for the leader's.
    pub(crate) sync: Option<Parked>,
    /// Whether it waits in its first JoinGroup: without an id it could send no heartbeat.
    pub(crate) is_new: bool,
    /// When it is gone unless it is heard of.
    pub(crate) session_ends: Instant,
    /// What it holds, as charged.
    pub(crate) charged: usize,
}

impl Member {
    /// A member that joins, with memory of its own.
    pub(crate) fn from_join(id: Str, join: &JoinGroup) -> Self {
        Self {
            id,
            instance: join.instance.as_ref().map(Str::detached),
            client: Client {
                id: join.client.id.detached(),
                host: join.client.host.detached(),
            },
            session_timeout: join.session_timeout,
            rebalance_timeout: join.rebalance_timeout,
            protocols: detached(&join.protocols),
            assignment: Bytes::new(),
            join: None,
            sync: None,
            is_new: false,
            session_ends: Instant::default(),
            charged: 0,
        }
    }

    /// A member that the log tells of. It is known to support the chosen protocol only.
    pub(crate) fn from_record(record: &MemberMetadata, protocol: Option<&Str>) -> Self {
        let (session_timeout, rebalance_timeout) = timeouts(record);
        let protocols = protocol.map(|name| Protocol {
            name: name.clone(),
            metadata: Bytes::copy_from_slice(&record.subscription),
        });
        Self {
            id: record.member_id.detached(),
            instance: record.group_instance_id.as_ref().map(Str::detached),
            client: Client {
                id: record.client_id.detached(),
                host: record.client_host.detached(),
            },
            session_timeout,
            rebalance_timeout,
            protocols: protocols.into_iter().collect(),
            assignment: Bytes::copy_from_slice(&record.assignment),
            join: None,
            sync: None,
            is_new: false,
            session_ends: Instant::default(),
            charged: 0,
        }
    }

    pub(crate) fn to_record(&self, protocol: Option<&Str>, assignment: &Bytes) -> MemberMetadata {
        MemberMetadata {
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            client_id: self.client.id.clone(),
            client_host: self.client.host.clone(),
            rebalance_timeout: as_millis(self.rebalance_timeout),
            session_timeout: as_millis(self.session_timeout),
            subscription: protocol.map_or_else(Bytes::new, |name| self.metadata(name)),
            assignment: assignment.clone(),
        }
    }

    /// Its metadata for a protocol; empty if it does not support it.
    pub(crate) fn metadata(&self, protocol: &str) -> Bytes {
        let found = self.protocols.iter().find(|p| p.name == *protocol);
        found.map_or_else(Bytes::new, |p| p.metadata.clone())
    }

    /// Whether it waits for the leader or the generation.
    pub(crate) fn is_parked(&self) -> bool {
        self.join.is_some() || self.sync.is_some()
    }

    /// What it holds, in bytes.
    pub(crate) fn weight(&self) -> usize {
        let instance = self.instance.as_ref().map_or(0, Str::len);
        OVERHEAD
            + self.id.len()
            + instance
            + self.client.id.len()
            + self.client.host.len()
            + protocols_weight(&self.protocols)
            + self.assignment.len()
    }
}

/// The session and the rebalance timeout of a stored member; old records have only the first.
pub(crate) fn timeouts(record: &MemberMetadata) -> (Duration, Duration) {
    let session = millis(record.session_timeout);
    let rebalance = match record.rebalance_timeout {
        ..0 => session,
        timeout => millis(timeout),
    };
    (session, rebalance)
}

/// What a member that joins will hold, in bytes.
pub(crate) fn join_weight(join: &JoinGroup) -> usize {
    let instance = join.instance.as_ref().map_or(0, Str::len);
    OVERHEAD
        + instance
        + join.member.as_ref().map_or(64, Str::len)
        + join.client.id.len() * 2
        + join.client.host.len()
        + protocols_weight(&join.protocols)
}

/// What an id that was given out holds until its member joins, in bytes.
pub(crate) fn pending_weight(id: &Str) -> usize {
    OVERHEAD + id.len()
}

fn protocols_weight(protocols: &[Protocol]) -> usize {
    let each = protocols.iter();
    each.map(|p| size_of::<Protocol>() + p.name.len() + p.metadata.len())
        .sum()
}

/// A copy with memory of its own, so that the request's frame can be freed. A name counts once.
pub(crate) fn detached(protocols: &[Protocol]) -> Vec<Protocol> {
    let mut names = BTreeSet::new();
    let each = protocols.iter().filter(|p| names.insert(p.name.clone()));
    each.map(|p| Protocol {
        name: p.name.detached(),
        metadata: Bytes::copy_from_slice(&p.metadata),
    })
    .collect()
}

/// `INSTANCE-UUID` of a static member, `CLIENT-UUID` of a dynamic one.
pub(crate) fn new_id(join: &JoinGroup) -> Str {
    let prefix = join.instance.as_ref().unwrap_or(&join.client.id).as_str();
    let prefix = truncated(prefix, CLIENT_ID_IN_MEMBER_ID_MAX);
    format!("{prefix}-{}", hyphenated(join.new_member)).into()
}

/// The start of a text, at most `max` bytes.
pub(crate) fn truncated(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// As Java writes a UUID.
fn hyphenated(uuid: Uuid) -> String {
    let hex: String = uuid
        .as_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}

fn as_millis(timeout: Duration) -> i32 {
    i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX)
}
