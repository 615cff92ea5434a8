//! `chronik group describe`: state, members, offsets and lag of a group, and why it rebalanced.
//!
//! Events are kept by the coordinator in memory and told on its health address: `--events` asks
//! there.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use chronik_client::{Client, ClientError, DescribedGroup, GroupOffsets, OffsetSpec};
use chronik_io::ExitCode;
use chronik_types::{ErrorCode, Offset, PartitionId};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};

use super::super::output::{Output, table};
use super::super::{Failure, Outcome, cluster};
use super::{json_flag, missing, name};
use crate::logging::rfc3339;
use cluster::explain;

/// How long the health address may take to answer.
const HTTP_MAX: Duration = Duration::from_secs(10);

pub(super) fn command() -> Command {
    Command::new("describe")
        .about("Show members, committed offsets, lag, and what happened to a group")
        .arg(Arg::new("NAME").required(true))
        .arg(
            Arg::new("events")
                .long("events")
                .action(ArgAction::SetTrue)
                .help("Also the last events: who joined, left or timed out, and why the group rebalanced"),
        )
        .arg(
            Arg::new("http")
                .long("http")
                .value_name("HOST:PORT")
                .default_value("127.0.0.1:9080")
                .help("Health address of the group's coordinator, for --events"),
        )
        .arg(json_flag())
        .arg(cluster::bootstrap())
}

/// A partition that a group reads.
struct Row {
    topic: String,
    partition: PartitionId,
    committed: Option<Offset>,
    end: Option<Offset>,
    member: Option<String>,
}

impl Row {
    fn lag(&self) -> Option<i64> {
        let behind = self.end?.get().saturating_sub(self.committed?.get());
        Some(behind.max(0))
    }
}

pub(super) async fn run(args: &ArgMatches) -> Outcome {
    let group = name(args);
    let client = cluster::connect(args).await?;
    let described = client.describe_group(&group).await.map_err(explain)?;
    let offsets = client.group_offsets(&group).await.map_err(explain)?;
    if described.state == "Dead" && offsets.is_empty() {
        return Err(Failure::new(ExitCode::Failure, missing(&group)));
    }
    let rows = rows(&client, &described, offsets).await?;
    let events = if args.get_flag("events") {
        let address: &String = args.get_one("http").expect("clap has a default");
        Some(events(address, &group)?)
    } else {
        None
    };
    let mut out = Output::new();
    if args.get_flag("json") {
        out.json(&as_json(&described, &rows, events.as_ref()))?;
    } else {
        print(&mut out, &described, &rows, events.as_ref())?;
    }
    out.flush()
}

async fn rows(
    client: &Client,
    described: &DescribedGroup,
    offsets: GroupOffsets,
) -> Result<Vec<Row>, Failure> {
    let mut found: BTreeMap<(String, PartitionId), Row> = BTreeMap::new();
    let row = |topic: &str, partition| Row {
        topic: topic.to_owned(),
        partition,
        committed: None,
        end: None,
        member: None,
    };
    for ((topic, partition), offset) in offsets {
        let mut row = row(&topic, partition);
        row.committed = Some(offset);
        found.insert((topic, partition), row);
    }
    for member in &described.members {
        for (topic, partitions) in &member.assigned {
            for partition in partitions {
                let key = (topic.clone(), *partition);
                let row = found.entry(key).or_insert_with(|| row(topic, *partition));
                row.member = Some(member.id.clone());
            }
        }
    }
    let mut asked: BTreeMap<String, Vec<(PartitionId, OffsetSpec)>> = BTreeMap::new();
    for row in found.values() {
        let of_topic = asked.entry(row.topic.clone()).or_default();
        of_topic.push((row.partition, OffsetSpec::Latest));
    }
    for (topic, partitions) in asked {
        let ends = match client.list_offsets(&topic, &partitions).await {
            Ok(ends) => ends,
            // Offsets outlive their topic for a while: it has no end then.
            Err(error) if is_gone(&error) => continue,
            Err(error) => return Err(explain(error)),
        };
        for (partition, end) in ends {
            if let Some(row) = found.get_mut(&(topic.clone(), partition)) {
                row.end = end.map(|end| end.offset);
            }
        }
    }
    Ok(found.into_values().collect())
}

fn is_gone(error: &ClientError) -> bool {
    error.code() == Some(ErrorCode::UnknownTopicOrPartition)
        || matches!(error.root(), ClientError::UnknownTopic(_))
}

fn as_json(described: &DescribedGroup, rows: &[Row], events: Option<&Value>) -> Value {
    let members = described.members.iter().map(|member| {
        json!({
            "id": member.id,
            "instance": member.instance,
            "client_id": member.client_id,
            "host": member.host,
        })
    });
    let rows = rows.iter().map(|row| {
        json!({
            "topic": row.topic,
            "partition": row.partition.get(),
            "offset": row.committed.map(Offset::get),
            "end": row.end.map(Offset::get),
            "lag": row.lag(),
            "member": row.member,
        })
    });
    let mut page = json!({
        "group": described.group,
        "state": described.state,
        "protocol_type": described.protocol_type,
        "protocol": described.protocol,
        "coordinator": described.coordinator,
        "members": members.collect::<Vec<_>>(),
        "partitions": rows.collect::<Vec<_>>(),
    });
    if let Some(events) = events {
        page["events"] = events.clone();
    }
    page
}

fn print(
    out: &mut Output,
    described: &DescribedGroup,
    rows: &[Row],
    events: Option<&Value>,
) -> Result<(), Failure> {
    // A group that only has offsets is nothing to its coordinator but a name.
    let state = match described.state.as_str() {
        "Dead" => "Empty",
        state => state,
    };
    let protocol = match described.protocol.as_str() {
        "" => String::new(),
        protocol => format!(", protocol {protocol}"),
    };
    out.line(&format!(
        "group {}: {state}{protocol}, coordinator {}",
        described.group, described.coordinator
    ))?;
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    if described.members.is_empty() {
        out.line("no members")?;
    } else {
        let members = described.members.iter().map(|member| {
            let partitions: usize = member.assigned.values().map(Vec::len).sum();
            vec![
                member.id.clone(),
                or_dash(member.instance.clone()),
                member.client_id.clone(),
                member.host.clone(),
                partitions.to_string(),
            ]
        });
        let header = ["MEMBER", "INSTANCE", "CLIENT", "HOST", "PARTITIONS"];
        out.line("")?;
        out.line(&table(&header, &[4], members))?;
    }
    if !rows.is_empty() {
        let rows = rows.iter().map(|row| {
            let number = |offset: Option<Offset>| offset.map(|offset| offset.to_string());
            vec![
                row.topic.clone(),
                row.partition.to_string(),
                or_dash(number(row.committed)),
                or_dash(number(row.end)),
                or_dash(row.lag().map(|lag| lag.to_string())),
                or_dash(row.member.clone()),
            ]
        });
        let header = ["TOPIC", "PARTITION", "OFFSET", "END", "LAG", "MEMBER"];
        out.line("")?;
        out.line(&table(&header, &[1, 2, 3, 4], rows))?;
    }
    if let Some(events) = events {
        let events = events.as_array().into_iter().flatten().map(|event| {
            let at = event["at_ms"].as_i64().unwrap_or_default();
            vec![
                rfc3339(at),
                event["generation"].to_string(),
                event["what"].as_str().unwrap_or_default().to_owned(),
            ]
        });
        out.line("")?;
        out.line(&table(&["TIME", "GENERATION", "EVENT"], &[1], events))?;
    }
    Ok(())
}

/// The events that the coordinator remembers of a group.
fn events(address: &str, group: &str) -> Result<Value, Failure> {
    let failed = |what: String| {
        let text = format!(
            "cannot ask {address} for events: {what}; pass --http HOST:PORT of the coordinator's health address"
        );
        Failure::new(ExitCode::Failure, text)
    };
    let page = get(address, &format!("/groups/{}", escaped(group)))
        .map_err(|error| failed(error.to_string()))?;
    let page: Value = serde_json::from_str(&page).map_err(|_| failed("no JSON".to_owned()))?;
    match page["groups"].get(0) {
        Some(group) => Ok(group["events"].clone()),
        None => Err(failed("it does not coordinate this group".to_owned())),
    }
}

/// The body of a page, by the simplest HTTP there is.
fn get(address: &str, path: &str) -> std::io::Result<String> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(HTTP_MAX))?;
    write!(
        socket,
        "GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut text = String::new();
    socket.read_to_string(&mut text)?;
    Ok(text
        .split_once("\r\n\r\n")
        .map_or_else(String::new, |(_, body)| body.to_owned()))
}

/// A group's name in a path: everything but letters and digits by its bytes.
fn escaped(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_of_any_name_stays_one_part_of_a_path() {
        assert_eq!(escaped("a b/c-1_\u{e9}"), "a%20b%2Fc-1_%C3%A9");
    }

    #[test]
    fn a_partition_without_commit_or_end_has_no_lag() {
        let mut row = Row {
            topic: "t".to_owned(),
            partition: PartitionId::new(0),
            committed: None,
            end: Some(Offset::new(10)),
            member: None,
        };
        assert_eq!(row.lag(), None);
        row.committed = Some(Offset::new(4));
        assert_eq!(row.lag(), Some(6));
    }
}
