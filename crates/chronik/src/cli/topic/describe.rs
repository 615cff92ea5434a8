//! `chronik topic describe`: everything about topics that their nodes can tell.
//!
//! Absent where a node cannot be asked: offsets of a partition without a leader, and sizes.

use std::collections::BTreeMap;

use chronik_client::{Client, ConfigEntry, ConfigSource, IfMissing, OffsetSpec, Topic};
use chronik_types::{NodeId, Offset, PartitionId};
use clap::ArgMatches;
use serde_json::json;

use super::super::output::{Output, size, table};
use super::super::{Failure, Outcome, cluster};
use cluster::explain;

/// The setting that says what an acknowledgement promises: shown even if nobody set it.
const DURABILITY: &str = "chronik.durability";

/// A topic with all there is to say.
struct Described {
    name: String,
    topic: Topic,
    earliest: BTreeMap<PartitionId, Offset>,
    latest: BTreeMap<PartitionId, Offset>,
    sizes: BTreeMap<PartitionId, u64>,
    configs: Vec<ConfigEntry>,
}

pub(super) async fn run(args: &ArgMatches) -> Outcome {
    let client = cluster::connect(args).await?;
    let mut names: Vec<String> = args
        .get_many("NAME")
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    if names.is_empty() {
        let all = client.all_topics().await.map_err(explain)?;
        let ours = all.into_iter().filter(|(_, topic)| !topic.internal);
        names = ours.map(|(name, _)| name).collect();
    }
    let mut described = Vec::new();
    for name in names {
        described.push(describe(&client, name).await?);
    }
    let mut out = Output::new();
    if args.get_flag("json") {
        let topics: Vec<_> = described.iter().map(Described::json).collect();
        out.json(&topics)?;
    } else {
        for (place, topic) in described.iter().enumerate() {
            if place > 0 {
                out.line("")?;
            }
            out.line(&topic.text())?;
        }
    }
    out.flush()
}

async fn describe(client: &Client, name: String) -> Result<Described, Failure> {
    let topic = client
        .topic(&name, IfMissing::Fail)
        .await
        .map_err(explain)?;
    let led: Vec<_> = topic
        .partitions
        .iter()
        .filter(|(_, partition)| partition.leader.is_some())
        .map(|(id, _)| *id)
        .collect();
    Ok(Described {
        earliest: offsets(client, &name, &led, OffsetSpec::Earliest).await?,
        latest: offsets(client, &name, &led, OffsetSpec::Latest).await?,
        sizes: client.partition_sizes(&name).await,
        configs: client
            .describe_topic_configs(&name)
            .await
            .map_err(explain)?
            .into_iter()
            .filter(is_shown)
            .collect(),
        name,
        topic,
    })
}

async fn offsets(
    client: &Client,
    topic: &str,
    partitions: &[PartitionId],
    spec: OffsetSpec,
) -> Result<BTreeMap<PartitionId, Offset>, Failure> {
    let asked: Vec<_> = partitions.iter().map(|id| (*id, spec)).collect();
    let found = client.list_offsets(topic, &asked).await.map_err(explain)?;
    let known = found
        .into_iter()
        .filter_map(|(id, listed)| Some((id, listed?.offset)));
    Ok(known.collect())
}

/// What somebody set, and what an acknowledgement promises.
fn is_shown(config: &ConfigEntry) -> bool {
    let set = matches!(
        config.source,
        ConfigSource::Topic | ConfigSource::Broker | ConfigSource::Cluster | ConfigSource::Group
    );
    set || config.name == DURABILITY
}

fn nodes(nodes: &[NodeId]) -> String {
    let numbers: Vec<_> = nodes.iter().map(ToString::to_string).collect();
    numbers.join(",")
}

fn numbers(nodes: &[NodeId]) -> Vec<i32> {
    nodes.iter().map(|node| node.get()).collect()
}

impl Described {
    fn text(&self) -> String {
        let id = self
            .topic
            .id
            .map_or_else(String::new, |id| format!(" ({id})"));
        let mut text = format!("topic {}{id}\n", self.name);
        for config in &self.configs {
            let value = config.value.as_deref().unwrap_or("(hidden)");
            text += &format!("  {}={value} ({})\n", config.name, config.source.name());
        }
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let rows = self.topic.partitions.iter().map(|(id, partition)| {
            let (first, end) = (self.earliest.get(id), self.latest.get(id));
            vec![
                id.to_string(),
                or_dash(partition.leader.map(|leader| leader.to_string())),
                nodes(&partition.replicas),
                nodes(&partition.isr),
                or_dash(first.map(ToString::to_string)),
                or_dash(end.map(ToString::to_string)),
                or_dash(self.sizes.get(id).copied().map(size)),
            ]
        });
        let header = [
            "PARTITION",
            "LEADER",
            "REPLICAS",
            "IN SYNC",
            "START",
            "END",
            "SIZE",
        ];
        text + &table(&header, &[0, 1, 4, 5, 6], rows)
    }

    fn json(&self) -> serde_json::Value {
        let partitions: Vec<_> = self
            .topic
            .partitions
            .iter()
            .map(|(id, partition)| {
                json!({
                    "partition": id.get(),
                    "leader": partition.leader.map(NodeId::get),
                    "leader_epoch": partition.leader_epoch.map(|epoch| epoch.get()),
                    "replicas": numbers(&partition.replicas),
                    "isr": numbers(&partition.isr),
                    "offline": numbers(&partition.offline),
                    "start_offset": self.earliest.get(id).map(|offset| offset.get()),
                    "end_offset": self.latest.get(id).map(|offset| offset.get()),
                    "size_bytes": self.sizes.get(id),
                })
            })
            .collect();
        let configs: Vec<_> = self
            .configs
            .iter()
            .map(|config| {
                json!({
                    "name": config.name,
                    "value": config.value,
                    "source": config.source.name(),
                })
            })
            .collect();
        json!({
            "name": self.name,
            "id": self.topic.id.map(|id| id.to_string()),
            "internal": self.topic.internal,
            "partitions": partitions,
            "configs": configs,
        })
    }
}

#[cfg(test)]
mod tests {
    use chronik_client::Partition;
    use expect_test::expect;

    use super::*;

    fn described() -> Described {
        let partition = |leader| Partition {
            leader,
            leader_epoch: None,
            replicas: vec![NodeId::new(1), NodeId::new(2)],
            isr: vec![NodeId::new(1)],
            offline: Vec::new(),
        };
        let partitions = [
            (PartitionId::new(0), partition(Some(NodeId::new(1)))),
            (PartitionId::new(1), partition(None)),
        ];
        Described {
            name: "orders".into(),
            topic: Topic {
                id: None,
                internal: false,
                partitions: partitions.into(),
            },
            earliest: [(PartitionId::new(0), Offset::new(5))].into(),
            latest: [(PartitionId::new(0), Offset::new(1205))].into(),
            sizes: [(PartitionId::new(0), 123_456)].into(),
            configs: vec![ConfigEntry {
                name: DURABILITY.into(),
                value: Some("quorum-fsync".into()),
                source: ConfigSource::Default,
                read_only: false,
                sensitive: false,
            }],
        }
    }

    #[test]
    fn a_partition_without_a_leader_has_dashes() {
        expect![[r#"
            topic orders
              chronik.durability=quorum-fsync (default)
            PARTITION  LEADER  REPLICAS  IN SYNC  START   END       SIZE
                    0       1  1,2       1            5  1205  120.5 KiB
                    1       -  1,2       1            -     -          -"#]]
        .assert_eq(&described().text());
    }

    #[test]
    fn scripts_get_null_for_what_is_not_known() {
        let json = described().json();
        assert_eq!(json["partitions"][1]["leader"], serde_json::Value::Null);
        assert_eq!(json["partitions"][0]["end_offset"], 1205);
        assert_eq!(json["configs"][0]["name"], DURABILITY);
    }
}
