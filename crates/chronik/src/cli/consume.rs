//! `chronik consume TOPIC`: prints records, from where to where one wants.
//!
//! Without a start it reads what comes from now on, as Kafka's own tool does; with one it stops at
//! the end unless told to follow. Keeps: exit 0 only if what was asked for was printed: `--count`
//! records, or everything up to the end. Absent: consumer groups, and order between partitions.

use std::future::ready;
use std::time::Duration;

use chronik_client::{
    Client, FetchedRecord, Fetcher, FetcherOptions, IfMissing, PartitionRange, Start, Stop,
};
use chronik_io::{Clock, ExitCode};
use chronik_types::{Offset, PartitionId, Timestamp};
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, value_parser};

use super::format::{Field, Format};
use super::output::Output;
use super::record_json::Printed;
use super::time::{parse_duration, parse_time};
use super::{Failure, Outcome, cluster};
use cluster::explain;

pub(super) fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .action(ArgAction::SetTrue)
            .help(help)
    };
    Command::new("consume")
        .about("Print the records of a topic")
        .after_help(
            "Without a start it prints what comes from now on; with one it stops at the end. Examples:\n  \
             chronik consume orders                                 what comes from now on\n  \
             chronik consume orders --from-beginning                everything there is, then stop\n  \
             chronik consume orders --from -15m --to -5m --json     ten minutes as JSON\n  \
             chronik consume orders --from-beginning --count 3 --timeout 5s   for scripts\n\
             --format: %t topic, %p partition, %o offset, %T timestamp in ms, %D the same as RFC 3339, \
             %k key, %v value, %h headers, %% a percent sign; \\n, \\t, \\0, \\\\.\n\
             Exit codes: 0 all that was asked for was printed; 1 it was not, or not in time.",
        )
        .arg(Arg::new("TOPIC").required(true))
        .arg(
            Arg::new("partition")
                .long("partition")
                .value_name("N")
                .action(ArgAction::Append)
                .value_parser(value_parser!(i32).range(0..))
                .help("Only this partition; repeatable"),
        )
        .arg(flag("from-beginning", "Start at the first record there is"))
        .arg(
            Arg::new("offset")
                .long("offset")
                .value_name("N|earliest|latest")
                .value_parser(parse_offset)
                .help("Start at this offset, in every partition that is read"),
        )
        .arg(
            Arg::new("from")
                .long("from")
                .value_name("TIME")
                .allow_hyphen_values(true)
                .help("Start at the first record that is not older: 2026-11-21T16:00:00Z, -15m, now"),
        )
        .group(ArgGroup::new("start").args(["from-beginning", "offset", "from"]))
        .arg(
            Arg::new("to")
                .long("to")
                .value_name("TIME")
                .allow_hyphen_values(true)
                .conflicts_with("follow")
                .requires("start")
                .help("Stop before the first record that is not older, or at the end"),
        )
        .arg(
            Arg::new("count")
                .long("count")
                .value_name("N")
                .value_parser(value_parser!(u64).range(1..))
                .help("Stop after this many records; fewer are a failure"),
        )
        .arg(
            Arg::new("timeout")
                .long("timeout")
                .value_name("DURATION")
                .value_parser(parse_duration)
                .help("Stop after this time, such as 5s; with --count also wait that long for records to come"),
        )
        .arg(flag("follow", "Do not stop at the end: wait for more"))
        .arg(
            flag("json", "Print a line of JSON for each record")
                .conflicts_with_all(["format", "fields"]),
        )
        .arg(
            Arg::new("format")
                .long("format")
                .value_name("TEXT")
                .value_parser(Format::parse)
                .conflicts_with("fields")
                .help("Print each record like this; see below"),
        )
        .arg(flag("show-timestamp", "Print the time before the value"))
        .arg(flag("show-partition", "Print the partition before the value"))
        .arg(flag("show-offset", "Print the offset before the value"))
        .arg(flag("show-key", "Print the key before the value"))
        .arg(flag("show-headers", "Print the headers before the value"))
        .group(
            ArgGroup::new("fields")
                .args([
                    "show-timestamp",
                    "show-partition",
                    "show-offset",
                    "show-key",
                    "show-headers",
                ])
                .multiple(true),
        )
        .arg(
            Arg::new("null-value")
                .long("null-value")
                .value_name("TEXT")
                .default_value("null")
                .help("What stands for a key or value that is null"),
        )
        .arg(cluster::bootstrap())
}

fn parse_offset(text: &str) -> Result<Start, String> {
    match text {
        "earliest" => Ok(Start::Earliest),
        "latest" => Ok(Start::Latest),
        number => match number
            .parse::<u64>()
            .ok()
            .and_then(|n| i64::try_from(n).ok())
        {
            Some(offset) => Ok(Start::Offset(Offset::new(offset))),
            None => Err("write a number from 0, earliest or latest".to_owned()),
        },
    }
}

pub(super) fn run(args: &ArgMatches) -> Outcome {
    let now = Clock::real().wall().as_millis();
    let plan = Plan::new(args, now).map_err(|text| Failure::new(ExitCode::Usage, text))?;
    cluster::run(consume(args, plan))
}

/// What is to be read.
#[derive(Debug, PartialEq)]
struct Plan {
    start: Start,
    stop: Stop,
    count: Option<u64>,
    timeout: Option<Duration>,
}

impl Plan {
    fn new(args: &ArgMatches, now: i64) -> Result<Self, String> {
        let time = |name| -> Result<Option<Timestamp>, String> {
            let Some(text) = args.get_one::<String>(name) else {
                return Ok(None);
            };
            let millis = parse_time(text, now).map_err(|error| format!("--{name}: {error}"))?;
            Ok(Some(Timestamp::from_millis(millis)))
        };
        let start = match (time("from")?, args.get_one::<Start>("offset")) {
            (Some(time), _) => Start::Time(time),
            (None, Some(start)) => *start,
            (None, None) if args.get_flag("from-beginning") => Start::Earliest,
            (None, None) => Start::Latest,
        };
        let count = args.get_one("count").copied();
        let timeout = args.get_one("timeout").copied();
        // Where there is nothing to read yet, stopping at the end would never read anything.
        let follows = args.get_flag("follow")
            || start == Start::Latest
            || (count.is_some() && timeout.is_some());
        let stop = match time("to")? {
            Some(time) => Stop::Time(time),
            None if follows => Stop::Never,
            None => Stop::HighWatermark,
        };
        Ok(Self {
            start,
            stop,
            count,
            timeout,
        })
    }
}

/// How records are printed.
enum Style {
    Json,
    Text { format: Format, null: String },
}

impl Style {
    fn new(args: &ArgMatches) -> Self {
        if args.get_flag("json") {
            return Self::Json;
        }
        let shown = [
            ("show-timestamp", Field::Date),
            ("show-partition", Field::Partition),
            ("show-offset", Field::Offset),
            ("show-key", Field::Key),
            ("show-headers", Field::Headers),
        ];
        let fields = shown.iter().filter(|(name, _)| args.get_flag(name));
        let mut fields: Vec<_> = fields.map(|(_, field)| *field).collect();
        fields.push(Field::Value);
        let null: &String = args.get_one("null-value").expect("clap has a default");
        Self::Text {
            format: match args.get_one::<Format>("format") {
                Some(format) => format.clone(),
                None => Format::tabbed(&fields),
            },
            null: null.clone(),
        }
    }

    fn print(&self, record: &FetchedRecord, out: &mut Output) -> Outcome {
        match self {
            Self::Json => out.json(&Printed(record)),
            Self::Text { format, null } => {
                let mut line = Vec::new();
                format.print(record, null, &mut line);
                out.bytes(&line)
            }
        }
    }
}

async fn consume(args: &ArgMatches, plan: Plan) -> Outcome {
    let style = Style::new(args);
    let mut printed = 0;
    let reading = read(args, &plan, &style, &mut printed);
    let in_time = match plan.timeout {
        None => Some(reading.await),
        Some(timeout) => tokio::time::timeout(timeout, reading).await.ok(),
    };
    match in_time {
        Some(Err(failure)) => Err(failure),
        Some(Ok(())) => enough(&plan, printed, "before the end"),
        // Whoever follows for a while gets what they asked for.
        None if plan.count.is_none() && plan.stop == Stop::Never => Ok(()),
        None => {
            let timeout = plan.timeout.unwrap_or_default();
            let limit = format!("within {timeout:?}");
            enough(&plan, printed, &limit)?;
            let text = format!("the end was not reached {limit}; {printed} records were printed");
            Err(Failure::new(ExitCode::Failure, text))
        }
    }
}

fn enough(plan: &Plan, printed: u64, limit: &str) -> Outcome {
    match plan.count {
        Some(count) if printed < count => Err(Failure::new(
            ExitCode::Failure,
            format!("only {printed} of {count} records {limit}"),
        )),
        _ => Ok(()),
    }
}

async fn read(args: &ArgMatches, plan: &Plan, style: &Style, printed: &mut u64) -> Outcome {
    let topic: &String = args.get_one("TOPIC").expect("clap requires the topic");
    let client = cluster::connect(args).await?;
    let chosen: Vec<i32> = args
        .get_many("partition")
        .into_iter()
        .flatten()
        .copied()
        .collect();
    let ranges = ranges(&client, topic, &chosen, plan).await?;
    let mut fetcher = Fetcher::open(client, &ranges, FetcherOptions::default())
        .await
        .map_err(explain)?;
    let mut out = Output::new();
    while plan.count.is_none_or(|count| *printed < count) {
        let next = tokio::select! {
            biased;
            next = fetcher.next() => next,
            // Nothing is there at once, so what was printed is shown before waiting.
            () = ready(()) => {
                out.flush()?;
                fetcher.next().await
            }
        };
        let Some(record) = next.map_err(explain)? else {
            break;
        };
        style.print(&record, &mut out)?;
        *printed += 1;
    }
    out.flush()
}

async fn ranges(
    client: &Client,
    topic: &str,
    chosen: &[i32],
    plan: &Plan,
) -> Result<Vec<PartitionRange>, Failure> {
    let known = client
        .topic(topic, IfMissing::Fail)
        .await
        .map_err(explain)?;
    let all = known.partitions.keys().copied();
    let partitions: Vec<PartitionId> = match chosen.is_empty() {
        true => all.collect(),
        false => chosen.iter().copied().map(PartitionId::new).collect(),
    };
    let missing = |id: &&PartitionId| !known.partitions.contains_key(*id);
    if let Some(missing) = partitions.iter().find(missing) {
        let count = known.partitions.len();
        return Err(Failure::new(
            ExitCode::Failure,
            format!(
                "topic {topic} has no partition {missing}; its {count} partitions count from 0"
            ),
        ));
    }
    let range = |partition| PartitionRange {
        topic: topic.to_owned(),
        partition,
        start: plan.start,
        stop: plan.stop,
    };
    Ok(partitions.into_iter().map(range).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 10_000_000;

    fn parse(args: &[&str]) -> Result<ArgMatches, clap::Error> {
        let args = ["consume", "t"].iter().chain(args);
        command().try_get_matches_from(args)
    }

    fn plan(args: &[&str]) -> (Start, Stop) {
        let plan = Plan::new(&parse(args).unwrap(), NOW).unwrap();
        (plan.start, plan.stop)
    }

    #[test]
    fn without_a_start_it_follows_and_with_one_it_stops_at_the_end() {
        let at = |millis| Timestamp::from_millis(millis);
        assert_eq!(plan(&[]), (Start::Latest, Stop::Never));
        assert_eq!(plan(&["--offset", "latest"]), (Start::Latest, Stop::Never));
        assert_eq!(
            plan(&["--from-beginning"]),
            (Start::Earliest, Stop::HighWatermark)
        );
        assert_eq!(
            plan(&["--from-beginning", "--follow"]),
            (Start::Earliest, Stop::Never)
        );
        let five = Start::Offset(Offset::new(5));
        assert_eq!(plan(&["--offset", "5"]), (five, Stop::HighWatermark));
        assert_eq!(
            plan(&["--from", "-15m", "--to", "-5m"]),
            (
                Start::Time(at(NOW - 900_000)),
                Stop::Time(at(NOW - 300_000))
            )
        );
    }

    #[test]
    fn a_count_with_a_timeout_waits_for_records_and_without_one_stops_at_the_end() {
        let with = ["--from-beginning", "--count", "3", "--timeout", "5s"];
        assert_eq!(plan(&with), (Start::Earliest, Stop::Never));
        assert_eq!(plan(&with[..3]), (Start::Earliest, Stop::HighWatermark));
    }

    #[test]
    fn options_that_exclude_each_other_are_refused() {
        for args in [
            &["--from-beginning", "--offset", "5"][..],
            &["--from", "now", "--from-beginning"],
            &["--follow", "--from-beginning", "--to", "now"],
            &["--to", "now"],
            &["--json", "--show-key"],
            &["--json", "--format", "%v"],
            &["--format", "%z"],
            &["--offset", "-1"],
            &["--count", "0"],
            &["--timeout", "5"],
        ] {
            assert!(parse(args).is_err(), "{args:?}");
        }
        assert!(Plan::new(&parse(&["--from", "noon"]).unwrap(), NOW).is_err());
    }

    #[test]
    fn too_few_records_are_told_with_their_number() {
        let args = parse(&["--from-beginning", "--count", "3"]).unwrap();
        let plan = Plan::new(&args, NOW).unwrap();
        let failure = enough(&plan, 2, "before the end").unwrap_err();
        assert_eq!(failure.message, "only 2 of 3 records before the end");
        assert!(enough(&plan, 3, "before the end").is_ok());
    }
}
