//! `chronik produce TOPIC`: lines, files or JSON from standard input become records.
//!
//! Keeps: exit 0 only after every record was acknowledged; otherwise the first line that was not
//! is named, and how many others were. Reading stops at the first failure. A thread of its own
//! reads standard input, since it blocks. Absent: transactions, and schemas.

mod input;

use std::io::{BufRead, BufReader, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chronik_client::{Acks, Delivery, IfMissing, Producer, ProducerOptions, ProducerRecord};
use chronik_io::{Clock, ExitCode};
use chronik_protocol::{Codec, RecordHeader};
use chronik_types::{PartitionId, Timestamp};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use tokio::sync::mpsc;

use super::format::unescape;
use super::record_json::Given;
use super::time::parse_duration;
use super::{Failure, Outcome, cluster};
use input::{Input, LineFormat, Piece, Place};

pub(super) fn command() -> Command {
    Command::new("produce")
        .about("Write lines of standard input, files or JSON as records")
        .after_help(
            "Each line is a record. Examples:\n  \
             echo hello | chronik produce greetings\n  \
             echo 'user-1:login' | chronik produce events --key-separator :\n  \
             chronik consume a --from-beginning --json | chronik produce b --json\n\
             A line of JSON: {\"key\":\"k\",\"value\":\"v\",\"headers\":{\"h\":\"x\"},\"timestamp\":\"-1h\",\"partition\":0}; \
             all are optional, and key_base64 and value_base64 are for bytes that are no text.\n\
             Exit codes: 0 everything was acknowledged; 1 something was not, and the message says from which line on.",
        )
        .arg(Arg::new("TOPIC").required(true))
        .arg(
            Arg::new("key-separator")
                .long("key-separator")
                .value_name("TEXT")
                .value_parser(|text: &str| unescape(text))
                .conflicts_with_all(["json", "file"])
                .help("What ends the key in each line; a line without it is an error"),
        )
        .arg(
            Arg::new("key")
                .long("key")
                .value_name("TEXT")
                .conflicts_with_all(["json", "key-separator"])
                .help("The key of every record"),
        )
        .arg(
            Arg::new("partition")
                .long("partition")
                .value_name("N")
                .value_parser(value_parser!(i32).range(0..))
                .help("The partition [default: the key decides as in Kafka; without one they take turns]"),
        )
        .arg(
            Arg::new("compression")
                .long("compression")
                .value_name("CODEC")
                .default_value("none")
                .value_parser(["none", "gzip", "snappy", "lz4", "zstd"])
                .help("How batches are compressed"),
        )
        .arg(
            Arg::new("acks")
                .long("acks")
                .value_name("0|1|all")
                .default_value("all")
                .value_parser(["0", "1", "all"])
                .help("Who must have a record: nobody, the leader, all in-sync replicas"),
        )
        .arg(
            Arg::new("file")
                .long("file")
                .value_name("PATH")
                .action(ArgAction::Append)
                .conflicts_with("json")
                .help("Write this whole file as one record, instead of lines; repeatable"),
        )
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("Lines are JSON, as `chronik consume --json` prints them"),
        )
        .arg(
            Arg::new("null-value")
                .long("null-value")
                .value_name("TEXT")
                .conflicts_with_all(["json", "file"])
                .help("A value that is this text is null, which deletes its key where the topic is compacted"),
        )
        .arg(
            Arg::new("header")
                .long("header")
                .value_name("NAME=VALUE")
                .action(ArgAction::Append)
                .value_parser(parse_header)
                .help("A header of every record; repeatable"),
        )
        .arg(
            Arg::new("timeout")
                .long("timeout")
                .value_name("DURATION")
                .default_value("30s")
                .value_parser(parse_duration)
                .help("How long a record is tried before it has failed"),
        )
        .arg(cluster::bootstrap())
}

fn parse_header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(super) fn run(args: &ArgMatches) -> Outcome {
    cluster::run(produce(args))
}

fn options(args: &ArgMatches) -> ProducerOptions {
    let text = |name| args.get_one::<String>(name).map_or("", String::as_str);
    let acks = match text("acks") {
        "0" => Acks::None,
        "1" => Acks::Leader,
        _ => Acks::All,
    };
    let named = |codec: &&Codec| codec.name() == text("compression");
    let timeout: Option<&Duration> = args.get_one("timeout");
    ProducerOptions {
        acks,
        idempotent: acks == Acks::All,
        codec: Codec::ALL.iter().find(named).copied().unwrap_or_default(),
        batch_bytes: 128 << 10,
        linger: Duration::from_millis(5),
        delivery_timeout: timeout.copied().expect("clap has a default"),
        missing: IfMissing::Create,
        ..ProducerOptions::default()
    }
}

fn input(args: &ArgMatches) -> Input {
    let text = |name| args.get_one::<String>(name).cloned();
    if let Some(paths) = args.get_many::<String>("file") {
        return Input::Files(paths.cloned().collect());
    }
    Input::Lines(match args.get_flag("json") {
        true => LineFormat::Json,
        false => LineFormat::Text {
            separator: text("key-separator"),
            null: text("null-value"),
        },
    })
}

/// What every record gets.
struct Common {
    key: Option<String>,
    partition: Option<i32>,
    headers: Vec<RecordHeader>,
}

impl Common {
    fn new(args: &ArgMatches) -> Self {
        let header = |(name, value): &(String, String)| RecordHeader {
            key: name.clone().into(),
            value: Some(value.clone().into()),
        };
        let headers = args.get_many::<(String, String)>("header");
        Self {
            key: args.get_one("key").cloned(),
            partition: args.get_one("partition").copied(),
            headers: headers.into_iter().flatten().map(header).collect(),
        }
    }

    fn apply(&self, given: Given, now: i64) -> (Option<PartitionId>, ProducerRecord) {
        let mut headers = given.headers;
        headers.extend(self.headers.iter().cloned());
        let key = self.key.clone().map(Into::into);
        let record = ProducerRecord {
            timestamp: Timestamp::from_millis(given.timestamp.unwrap_or(now)),
            key: given.key.or(key),
            value: given.value,
            headers,
        };
        let partition = given.partition.or(self.partition);
        (partition.map(PartitionId::new), record)
    }
}

/// How it went.
#[derive(Default)]
struct Summary {
    acknowledged: u64,
    failed: u64,
    /// The first failure.
    first: Option<(Place, String)>,
}

impl Summary {
    fn fail(&mut self, place: Place, reason: String) {
        self.failed += 1;
        self.first.get_or_insert((place, reason));
    }
}

async fn produce(args: &ArgMatches) -> Outcome {
    let topic: &String = args.get_one("TOPIC").expect("clap requires the topic");
    let common = Common::new(args);
    let input = input(args);
    let client = cluster::connect(args).await?;
    let producer = Producer::new(client, options(args))
        .await
        .map_err(cluster::explain)?;
    let failed = Arc::new(AtomicBool::new(false));
    let (collected, deliveries) = mpsc::unbounded_channel();
    let collector = tokio::spawn(collect(deliveries, Arc::clone(&failed)));
    let mut pieces = read(&input);
    let clock = Clock::real();
    let mut stopped = None;
    'reading: while let Some(batch) = pieces.recv().await {
        for (place, piece) in batch {
            // What is behind a failure is not written: the order would not be the input's.
            if failed.load(Ordering::Relaxed) {
                break 'reading;
            }
            let now = clock.wall().as_millis();
            let sent = match piece.and_then(|piece| input.record(&piece, now)) {
                Ok(None) => continue,
                Ok(Some(given)) => {
                    let (partition, record) = common.apply(given, now);
                    let sent = producer.send(topic, partition, record).await;
                    sent.map_err(|error| cluster::words(&error))
                }
                Err(reason) => Err(reason),
            };
            match sent {
                // The collector lives until this end is dropped.
                Ok(delivery) => drop(collected.send((place, delivery))),
                Err(reason) => {
                    stopped = Some((place, reason));
                    break 'reading;
                }
            }
        }
    }
    drop(collected);
    let mut summary = collector.await.map_err(|error| {
        Failure::new(ExitCode::Internal, format!("collecting results: {error}"))
    })?;
    if let Some((place, reason)) = stopped {
        summary.fail(place, reason);
    }
    report(summary)
}

/// Waits for each record's result, in order.
async fn collect(
    mut deliveries: mpsc::UnboundedReceiver<(Place, Delivery)>,
    failed: Arc<AtomicBool>,
) -> Summary {
    let mut summary = Summary::default();
    while let Some((place, delivery)) = deliveries.recv().await {
        match delivery.await {
            Ok(_) => summary.acknowledged += 1,
            Err(error) => {
                failed.store(true, Ordering::Relaxed);
                let unsure = if error.maybe_written {
                    "; it may have been written all the same"
                } else {
                    ""
                };
                summary.fail(place, format!("{}{unsure}", cluster::words(&error.cause)));
            }
        }
    }
    summary
}

fn report(summary: Summary) -> Outcome {
    let Summary {
        acknowledged,
        failed,
        first,
    } = summary;
    match first {
        None => {
            if std::io::stderr().is_terminal() {
                eprintln!("{acknowledged} records written");
            }
            Ok(())
        }
        Some((place, reason)) => Err(Failure::new(
            ExitCode::Failure,
            format!("{place}: {reason} ({acknowledged} records acknowledged, {failed} not)"),
        )),
    }
}

/// Pieces of input as they come: as many as are there without waiting.
type Pieces = mpsc::Receiver<Vec<(Place, Result<Piece, String>)>>;

/// Starts a thread that reads; it ends with its input, or when nobody wants more.
fn read(input: &Input) -> Pieces {
    let (sender, pieces) = mpsc::channel(4);
    match input {
        Input::Lines(_) => {
            std::thread::spawn(move || read_lines(&sender));
        }
        Input::Files(paths) => {
            let paths = paths.clone();
            std::thread::spawn(move || {
                for path in paths {
                    let piece =
                        std::fs::read(&path).map_err(|error| format!("cannot read: {error}"));
                    if sender
                        .blocking_send(vec![(Place::File(path), piece)])
                        .is_err()
                    {
                        return;
                    }
                }
            });
        }
    }
    pieces
}

fn read_lines(sender: &mpsc::Sender<Vec<(Place, Result<Piece, String>)>>) {
    const AT_ONCE: usize = 1000;
    let mut stdin = BufReader::with_capacity(1 << 18, std::io::stdin());
    let mut pieces = Vec::new();
    for number in 1.. {
        let mut line = Vec::new();
        let piece = match stdin.read_until(b'\n', &mut line) {
            Ok(0) => break,
            Ok(_) => Ok(input::without_line_end(line)),
            Err(error) => Err(format!("cannot read standard input: {error}")),
        };
        let ends = piece.is_err();
        pieces.push((Place::Line(number), piece));
        // The next read might wait for somebody to type.
        let waits = !stdin.buffer().contains(&b'\n');
        if waits || ends || pieces.len() >= AT_ONCE {
            let full = std::mem::take(&mut pieces);
            if sender.blocking_send(full).is_err() || ends {
                return;
            }
        }
    }
    let _ = sender.blocking_send(pieces);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<ArgMatches, clap::Error> {
        let args = ["produce", "t"].iter().chain(args);
        command().try_get_matches_from(args)
    }

    #[test]
    fn only_acks_all_is_idempotent() {
        assert!(options(&parse(&[]).unwrap()).idempotent);
        let args = parse(&["--acks", "1", "--compression", "zstd"]).unwrap();
        let options = options(&args);
        assert_eq!((options.acks, options.idempotent), (Acks::Leader, false));
        assert_eq!(options.codec, Codec::Zstd);
    }

    #[test]
    fn options_that_exclude_each_other_are_refused() {
        assert!(parse(&["--json", "--key-separator", ":"]).is_err());
        assert!(parse(&["--json", "--file", "x"]).is_err());
        assert!(parse(&["--partition", "-1"]).is_err());
        assert!(parse(&["--header", "novalue"]).is_err());
        assert!(parse(&["--timeout", "5"]).is_err());
    }

    #[test]
    fn what_a_line_says_goes_before_what_every_record_gets() {
        let args = parse(&["--key", "k", "--partition", "1", "--header", "a=b=c"]).unwrap();
        let common = Common::new(&args);
        let (partition, record) = common.apply(Given::default(), 7);
        assert_eq!(partition, Some(PartitionId::new(1)));
        assert_eq!(record.key.as_deref(), Some(&b"k"[..]));
        assert_eq!(record.timestamp.as_millis(), 7);
        assert_eq!(record.headers[0].value.as_deref(), Some(&b"b=c"[..]));
        let given = Given {
            partition: Some(2),
            timestamp: Some(1),
            key: Some("own".into()),
            ..Given::default()
        };
        let (partition, record) = common.apply(given, 7);
        assert_eq!(partition, Some(PartitionId::new(2)));
        assert_eq!(record.key.as_deref(), Some(&b"own"[..]));
        assert_eq!(record.timestamp.as_millis(), 1);
    }

    #[test]
    fn the_first_failure_is_named_with_how_many_there_were() {
        let mut summary = Summary {
            acknowledged: 5,
            ..Summary::default()
        };
        summary.fail(Place::Line(6), "too large".into());
        summary.fail(Place::Line(7), "other".into());
        let failure = report(summary).unwrap_err();
        assert_eq!(
            failure.message,
            "line 6: too large (5 records acknowledged, 2 not)"
        );
    }
}
