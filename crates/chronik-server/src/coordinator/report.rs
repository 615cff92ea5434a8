//! What people and Prometheus are told of groups: numbers, and how far each group is behind.

use std::fmt::Write as _;
use std::time::Duration;

use chronik_controller::MetadataImage;
use chronik_coordinator::{Facts, GroupView};
use chronik_protocol::Str;
use chronik_types::{Offset, PartitionId};
use serde_json::{Value, json};

use super::GroupCoordinator;
use super::shard::ViewRoom;

/// Series of lag at most: an operator's Prometheus pays for each.
const LAGS_MAX: usize = 10_000;
/// Longest name of a group in a label, in bytes.
const LABEL_MAX: usize = 255;
/// What a page of all groups holds at most.
const PAGE: ViewRoom = ViewRoom {
    groups: 1_000,
    offsets: 10_000,
    left_out: 0,
};

impl GroupCoordinator {
    /// This node's groups in Prometheus' form.
    pub(crate) async fn metrics(&self, image: &MetadataImage) -> String {
        let (mut facts, mut lags) = (Facts::default(), String::new());
        let (mut left, mut left_out) = (LAGS_MAX, 0);
        for shard in self.shards() {
            // A shard that is loading or leaving has no numbers now.
            if let Ok(of_shard) = self.facts(shard).await {
                add(&mut facts, &of_shard);
            }
            // One more than there is room for, to know of it.
            for live in self.live_offsets(shard, left + 1).await.unwrap_or_default() {
                let Some(end) = self.end(image, &live.topic, live.partition) else {
                    continue;
                };
                if left == 0 || live.group.len() > LABEL_MAX {
                    left_out += 1;
                    continue;
                }
                left -= 1;
                let lag = behind(live.offset, end);
                let labels = labels(&live.group, &live.topic, live.partition);
                let _ = writeln!(lags, "chronik_group_lag{{{labels}}} {lag}");
            }
        }
        let loads = self.load_facts();
        let load_seconds: Duration = loads.iter().map(|load| load.took).sum();
        let unreadable: u64 = loads.iter().map(|load| load.unreadable).sum();
        let mut text = String::from(
            "# HELP chronik_groups Groups that this node coordinates, by state\n\
             # TYPE chronik_groups gauge\n",
        );
        for (state, count) in [
            ("Empty", facts.empty),
            ("PreparingRebalance", facts.preparing_rebalance),
            ("CompletingRebalance", facts.completing_rebalance),
            ("Stable", facts.stable),
        ] {
            let _ = writeln!(text, "chronik_groups{{state=\"{state}\"}} {count}");
        }
        let number = |n: usize| n.to_string();
        for (name, help, value) in [
            (
                "group_members",
                "Members of these groups",
                number(facts.members),
            ),
            (
                "group_offsets",
                "Committed offsets of these groups",
                number(facts.offsets),
            ),
            (
                "group_held_bytes",
                "Bytes held for members: metadata and assignments",
                number(facts.held_bytes),
            ),
            (
                "group_shards_loaded",
                "Partitions of __consumer_offsets that are served",
                number(loads.len()),
            ),
            (
                "group_shards_load_seconds",
                "Time that loading them took, added up",
                load_seconds.as_secs_f64().to_string(),
            ),
            (
                "group_lag_left_out",
                "Whether there are more partitions to be behind on than are told, or longer names",
                number(left_out),
            ),
            (
                "group_records_unreadable",
                "Records of __consumer_offsets passed over while loading",
                unreadable.to_string(),
            ),
        ] {
            let _ = write!(
                text,
                "# HELP chronik_{name} {help}\n# TYPE chronik_{name} gauge\nchronik_{name} {value}\n"
            );
        }
        text += "# HELP chronik_group_lag Records between what a group with members has committed and the high watermark\n\
                 # TYPE chronik_group_lag gauge\n";
        text + &lags
    }

    /// The page of `/groups`: every group, or one with its events.
    pub(crate) async fn page(&self, image: &MetadataImage, group: Option<&str>) -> Value {
        let shards = match group {
            Some(group) => self.place(image, group).into_iter().collect(),
            None => self.shards(),
        };
        let _alone = self.page.lock().await;
        let mut groups = Vec::new();
        let mut unavailable = Vec::new();
        let mut room = PAGE;
        for shard in shards {
            match self.view(shard, group.map(Str::from), room).await {
                Ok((views, left)) => {
                    groups.extend(views);
                    room = left;
                }
                Err(code) => {
                    unavailable.push(json!({"shard": shard.get(), "error": code.name()}));
                }
            }
        }
        groups.sort_by(|a, b| a.id.as_str().cmp(b.id.as_str()));
        let is_one = group.is_some();
        let groups = groups.iter().map(|view| self.of_group(image, view, is_one));
        json!({
            "groups": groups.collect::<Vec<_>>(),
            "groups_left_out": room.left_out,
            "unavailable": unavailable,
        })
    }

    fn of_group(&self, image: &MetadataImage, view: &GroupView, with_events: bool) -> Value {
        let members = view.members.iter().map(|member| {
            json!({
                "id": member.id.as_str(),
                "instance": member.instance.as_deref(),
                "client_id": member.client.id.as_str(),
                "host": member.client.host.as_str(),
            })
        });
        let offsets = view.offsets.iter().map(|(topic, partition, committed)| {
            let end = self.end(image, topic, *partition);
            json!({
                "topic": topic,
                "partition": partition.get(),
                "offset": committed.offset.get(),
                "end": end.map(Offset::get),
                "lag": end.map(|end| behind(committed.offset, end)),
            })
        });
        let mut page = json!({
            "group": view.id.as_str(),
            "state": view.state.as_str(),
            "generation": view.generation,
            "protocol_type": view.protocol_type.as_deref(),
            "protocol": view.protocol.as_deref(),
            "leader": view.leader.as_deref(),
            "members": members.collect::<Vec<_>>(),
            "pending_members": view.pending_members,
            "offsets": offsets.collect::<Vec<_>>(),
        });
        if with_events {
            let events = view.events.iter().map(|event| {
                json!({
                    "at_ms": event.at.as_millis(),
                    "generation": event.generation,
                    "what": event.what,
                })
            });
            page["events"] = events.collect::<Vec<_>>().into();
        }
        page
    }

    /// The high watermark of a partition that this node leads.
    fn end(&self, image: &MetadataImage, topic: &str, partition: PartitionId) -> Option<Offset> {
        let topic = image.topic(topic)?;
        let held = self.replicas.get(topic.id, partition).ok()?;
        Some(held.positions(None).ok()?.high_watermark)
    }
}

fn behind(committed: Offset, end: Offset) -> i64 {
    end.get().saturating_sub(committed.get()).max(0)
}

fn add(sum: &mut Facts, of_shard: &Facts) {
    sum.empty += of_shard.empty;
    sum.preparing_rebalance += of_shard.preparing_rebalance;
    sum.completing_rebalance += of_shard.completing_rebalance;
    sum.stable += of_shard.stable;
    sum.members += of_shard.members;
    sum.offsets += of_shard.offsets;
    sum.held_bytes += of_shard.held_bytes;
}

fn labels(group: &str, topic: &str, partition: PartitionId) -> String {
    format!(
        "group=\"{}\",topic=\"{}\",partition=\"{partition}\"",
        escaped(group),
        escaped(topic)
    )
}

/// A label's value: any client may choose a group's name.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_cannot_be_left_from_within() {
        let labels = labels("a\"} 1\nb\\", "t", PartitionId::new(3));
        assert_eq!(labels, r#"group="a\"} 1\nb\\",topic="t",partition="3""#);
    }

    #[test]
    fn a_group_that_is_ahead_is_not_behind() {
        assert_eq!(behind(Offset::new(7), Offset::new(10)), 3);
        assert_eq!(behind(Offset::new(12), Offset::new(10)), 0);
    }
}
