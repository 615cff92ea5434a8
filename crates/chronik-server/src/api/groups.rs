//! The APIs of consumer groups: one file each, and what they share.
//!
//! A handler finds the shard that keeps the group, asks it, and says the answer as the version
//! wants it. What the answer is, `chronik-coordinator` knows.

pub(super) mod delete_groups;
pub(super) mod describe_groups;
pub(super) mod heartbeat;
pub(super) mod join_group;
pub(super) mod leave_group;
pub(super) mod list_groups;
pub(super) mod offset_commit;
pub(super) mod offset_delete;
pub(super) mod offset_fetch;
pub(super) mod sync_group;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use chronik_controller::{MetadataImage, TopicImage};
use chronik_coordinator::{Client, Reply, Request};
use chronik_protocol::Str;
use chronik_types::{ErrorCode, PartitionId, TopicId, Uuid};

use super::Context;

/// Asks the shard of `group`.
async fn ask(context: &Context, group: &str, request: Request) -> Result<Reply, ErrorCode> {
    let image = context.node.image();
    context.node.groups.ask(&image, group, request, None).await
}

/// As [`ask`], for what may be parked for minutes: the shard gives back the request's room once it
/// has taken over what it needs, and nothing here keeps the frame.
async fn ask_and_park(context: Context, group: &str, request: Request) -> Result<Reply, ErrorCode> {
    let image = context.node.image();
    let groups = Arc::clone(&context.node.groups);
    let room = context.room.take();
    drop(context);
    groups.ask(&image, group, request, room).await
}

/// Groups of one request by where they are kept.
#[derive(Default)]
struct Placed {
    by_shard: BTreeMap<PartitionId, Vec<Str>>,
    /// Those that nobody here keeps, and what their clients are told.
    lost: Vec<(Str, ErrorCode)>,
}

fn placed(context: &Context, groups: &[Str]) -> Placed {
    let image = context.node.image();
    let mut placed = Placed::default();
    // One that is named again is answered once.
    let groups: BTreeSet<&str> = groups.iter().map(Str::as_str).collect();
    for group in groups {
        let group = Str::from(group);
        match context.node.groups.place(&image, &group) {
            Ok(shard) => placed.by_shard.entry(shard).or_default().push(group),
            Err(code) => placed.lost.push((group, code)),
        }
    }
    placed
}

/// The reply of the kind that was asked for. A shard answers no other.
macro_rules! expect_reply {
    ($reply:expr, $kind:ident) => {
        match $reply {
            chronik_coordinator::Reply::$kind(reply) => reply,
            other => unreachable!("a shard answered {other:?}"),
        }
    };
}
use expect_reply;

/// A topic by its name, or by its id from the version on that has ids.
fn topic<'a>(
    image: &'a MetadataImage,
    by_id: bool,
    name: &str,
    id: Uuid,
) -> Result<&'a TopicImage, ErrorCode> {
    if by_id {
        let found = image.topic_by_id(TopicId::new(id));
        found.ok_or(ErrorCode::UnknownTopicId)
    } else {
        let found = image.topic(name);
        found.ok_or(ErrorCode::UnknownTopicOrPartition)
    }
}

/// A copy that does not keep the request's frame in memory.
fn detached(text: &Str) -> Str {
    Str::from(text.as_str())
}

/// Who asks, as groups show their members.
fn client(context: &Context) -> Client {
    Client {
        id: context.client_id.as_ref().map(detached).unwrap_or_default(),
        host: host(context.connection.peer.ip()).into(),
    }
}

/// An address as Java prints one: a slash, and no short form of IPv6.
fn host(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => format!("/{address}"),
        IpAddr::V6(address) => {
            let groups = address.segments().map(|group| format!("{group:x}"));
            format!("/{}", groups.join(":"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_printed_as_java_prints_it() {
        assert_eq!(host("127.0.0.1".parse().unwrap()), "/127.0.0.1");
        assert_eq!(host("::1".parse().unwrap()), "/0:0:0:0:0:0:0:1");
        assert_eq!(host("::ffff:10.0.0.7".parse().unwrap()), "/10.0.0.7");
    }
}
