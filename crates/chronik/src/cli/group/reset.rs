//! `chronik group reset-offsets`: moves where a group without members goes on.
//!
//! Shows what it would do; `--execute` does it. A position outside of a partition is moved to its
//! nearest end, as Kafka's tool does.

use std::collections::BTreeMap;

use chronik_client::{Client, GroupOffsets, IfMissing, OffsetSpec};
use chronik_io::{Clock, ExitCode};
use chronik_types::{ErrorCode, Offset, PartitionId, Timestamp};
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, value_parser};
use serde_json::json;

use super::super::output::{Output, table};
use super::super::time::parse_time;
use super::super::{Failure, Outcome, cluster};
use super::{json_flag, name};
use cluster::explain;

pub(super) fn command() -> Command {
    Command::new("reset-offsets")
        .about("Move where a group goes on; shows what it would do without --execute")
        .after_help(
            "Example: chronik group reset-offsets billing --topic orders --to earliest --execute",
        )
        .arg(Arg::new("NAME").required(true))
        .arg(
            Arg::new("topic")
                .long("topic")
                .value_name("TOPIC[:PARTITION,...]")
                .action(ArgAction::Append)
                .help("Which partitions; repeatable"),
        )
        .arg(
            Arg::new("all-topics")
                .long("all-topics")
                .action(ArgAction::SetTrue)
                .help("Every partition that the group has committed"),
        )
        .group(
            ArgGroup::new("which")
                .args(["topic", "all-topics"])
                .required(true),
        )
        .arg(
            Arg::new("to")
                .long("to")
                .value_name("WHERE")
                .allow_hyphen_values(true)
                .help("earliest, latest, an offset, or a time: 2026-11-21T16:00:00Z, -15m"),
        )
        .arg(
            Arg::new("shift-by")
                .long("shift-by")
                .value_name("N")
                .allow_hyphen_values(true)
                .value_parser(value_parser!(i64))
                .help("So many records on, or back if it is negative"),
        )
        .group(
            ArgGroup::new("where")
                .args(["to", "shift-by"])
                .required(true),
        )
        .arg(
            Arg::new("execute")
                .long("execute")
                .action(ArgAction::SetTrue)
                .help("Do it"),
        )
        .arg(json_flag())
        .arg(cluster::bootstrap())
}

/// Where a group is to go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Target {
    Earliest,
    Latest,
    At(Offset),
    Since(Timestamp),
    By(i64),
}

impl Target {
    fn of(args: &ArgMatches, now: i64) -> Result<Self, String> {
        if let Some(by) = args.get_one::<i64>("shift-by") {
            return Ok(Self::By(*by));
        }
        let to: &String = args.get_one("to").expect("clap requires one of the two");
        Self::parse(to, now)
    }

    fn parse(text: &str, now: i64) -> Result<Self, String> {
        match text {
            "earliest" => return Ok(Self::Earliest),
            "latest" => return Ok(Self::Latest),
            _ => {}
        }
        if let Ok(offset) = text.parse::<i64>()
            && offset >= 0
        {
            return Ok(Self::At(Offset::new(offset)));
        }
        let millis = parse_time(text, now)
            .map_err(|error| format!("--to: earliest, latest, an offset or a time; {error}"))?;
        Ok(Self::Since(Timestamp::from_millis(millis)))
    }
}

type Wanted = BTreeMap<String, Vec<PartitionId>>;

pub(super) async fn run(args: &ArgMatches) -> Outcome {
    let usage = |text: String| Failure::new(ExitCode::Usage, text);
    let group = name(args);
    let now = Clock::real().wall().as_millis();
    let target = Target::of(args, now).map_err(usage)?;
    let client = cluster::connect(args).await?;
    let before = client.group_offsets(&group).await.map_err(explain)?;
    let wanted = if args.get_flag("all-topics") {
        let mut wanted = Wanted::new();
        for (topic, partition) in before.keys() {
            wanted.entry(topic.clone()).or_default().push(*partition);
        }
        wanted
    } else {
        named(&client, args).await?
    };
    let mut after = GroupOffsets::new();
    for (topic, partitions) in &wanted {
        resolve(&client, topic, partitions, target, &before, &mut after).await?;
    }
    if args.get_flag("execute") && !after.is_empty() {
        client
            .set_group_offsets(&group, &after)
            .await
            .map_err(|error| match error.code() {
                Some(ErrorCode::UnknownMemberId | ErrorCode::NonEmptyGroup) => Failure::new(
                    ExitCode::Failure,
                    format!("group {group} has members: stop them first, they would go on where they are"),
                ),
                _ => explain(error),
            })?;
    }
    show(args, &before, &after)
}

/// The partitions that `--topic` names; all of a topic where it names none.
async fn named(client: &Client, args: &ArgMatches) -> Result<Wanted, Failure> {
    let mut wanted = Wanted::new();
    for text in args.get_many::<String>("topic").into_iter().flatten() {
        let (topic, numbers) = match text.rsplit_once(':') {
            Some((topic, numbers)) => (topic, Some(numbers)),
            None => (text.as_str(), None),
        };
        let partitions = match numbers {
            Some(numbers) => parse_numbers(numbers).ok_or_else(|| {
                let text = format!("--topic {text}: write TOPIC or TOPIC:0,2");
                Failure::new(ExitCode::Usage, text)
            })?,
            None => {
                let found = client.topic(topic, IfMissing::Fail).await;
                let found = found.map_err(explain)?;
                found.partitions.keys().copied().collect()
            }
        };
        let of_topic = wanted.entry(topic.to_owned()).or_default();
        of_topic.extend(partitions);
        of_topic.sort_unstable();
        of_topic.dedup();
    }
    Ok(wanted)
}

fn parse_numbers(text: &str) -> Option<Vec<PartitionId>> {
    let numbers = text.split(',').map(|number| number.parse::<u16>().ok());
    numbers
        .map(|number| number.map(|number| PartitionId::new(i32::from(number))))
        .collect()
}

async fn resolve(
    client: &Client,
    topic: &str,
    partitions: &[PartitionId],
    target: Target,
    before: &GroupOffsets,
    after: &mut GroupOffsets,
) -> Result<(), Failure> {
    let list = |spec| async move {
        let asked: Vec<_> = partitions.iter().map(|id| (*id, spec)).collect();
        client.list_offsets(topic, &asked).await.map_err(explain)
    };
    let (first, last) = (
        list(OffsetSpec::Earliest).await?,
        list(OffsetSpec::Latest).await?,
    );
    let since = match target {
        Target::Since(time) => list(OffsetSpec::At(time)).await?,
        _ => BTreeMap::new(),
    };
    for partition in partitions {
        let at = |found: &BTreeMap<PartitionId, Option<chronik_client::ListedOffset>>| {
            found
                .get(partition)
                .copied()
                .flatten()
                .map(|found| found.offset)
        };
        let (Some(low), Some(high)) = (at(&first), at(&last)) else {
            continue;
        };
        let key = (topic.to_owned(), *partition);
        let wanted = match target {
            Target::Earliest => low,
            Target::Latest => high,
            Target::At(offset) => offset,
            // No record is that new: go on with what comes.
            Target::Since(_) => at(&since).unwrap_or(high),
            Target::By(by) => match before.get(&key) {
                Some(committed) => Offset::new(committed.get().saturating_add(by).max(0)),
                None => continue,
            },
        };
        after.insert(key, wanted.clamp(low, high));
    }
    Ok(())
}

fn show(args: &ArgMatches, before: &GroupOffsets, after: &GroupOffsets) -> Outcome {
    let executed = args.get_flag("execute");
    let mut out = Output::new();
    if args.get_flag("json") {
        let rows = after.iter().map(|((topic, partition), offset)| {
            let old = before.get(&(topic.clone(), *partition));
            json!({
                "topic": topic,
                "partition": partition.get(),
                "before": old.map(|offset| offset.get()),
                "after": offset.get(),
            })
        });
        out.json(&json!({"executed": executed, "offsets": rows.collect::<Vec<_>>()}))?;
        return out.flush();
    }
    if after.is_empty() {
        out.line("nothing to reset: the group has committed none of these partitions")?;
        return out.flush();
    }
    let rows = after.iter().map(|((topic, partition), offset)| {
        let old = before.get(&(topic.clone(), *partition));
        vec![
            topic.clone(),
            partition.to_string(),
            old.map_or_else(|| "-".to_owned(), ToString::to_string),
            offset.to_string(),
        ]
    });
    let header = ["TOPIC", "PARTITION", "BEFORE", "AFTER"];
    out.line(&table(&header, &[1, 2, 3], rows))?;
    if !executed {
        out.line("nothing was changed; add --execute to do it")?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_an_end_an_offset_or_a_time() {
        assert_eq!(Target::parse("earliest", 0), Ok(Target::Earliest));
        assert_eq!(Target::parse("17", 0), Ok(Target::At(Offset::new(17))));
        let minute_ago = Target::Since(Timestamp::from_millis(40_000));
        assert_eq!(Target::parse("-1m", 100_000), Ok(minute_ago));
        assert!(Target::parse("yesterday", 0).is_err());
    }

    #[test]
    fn which_partitions_and_where_to_must_be_said() {
        let parse = |args: &[&str]| command().try_get_matches_from(args);
        assert!(parse(&["reset-offsets", "g", "--to", "latest"]).is_err());
        assert!(parse(&["reset-offsets", "g", "--topic", "t"]).is_err());
        assert!(parse(&["reset-offsets", "g", "--topic", "t", "--shift-by", "-5"]).is_ok());
        assert!(parse(&["reset-offsets", "g", "--all-topics", "--to", "-15m"]).is_ok());
        assert_eq!(parse_numbers("0,2").map(|n| n.len()), Some(2));
        assert_eq!(parse_numbers("0,x"), None);
    }
}
