//! `chronik topic create|list|describe|alter|delete`.
//!
//! Absent: reassigning replicas, and settings of anything but topics.

mod describe;

use chronik_client::{Client, ConfigChange, IfMissing, NewTopic};
use chronik_io::ExitCode;
use chronik_types::ErrorCode;
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, value_parser};
use serde_json::json;

use super::output::{Output, table};
use super::{Failure, Outcome, cluster};
use cluster::explain;

pub(super) fn command() -> Command {
    Command::new("topic")
        .about("Create, list, describe, change and delete topics")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(create_command())
        .subcommand(
            Command::new("list")
                .about("List the topics")
                .arg(flag(
                    "internal",
                    "Also those that the server keeps for itself",
                ))
                .arg(json_flag())
                .arg(cluster::bootstrap()),
        )
        .subcommand(
            Command::new("describe")
                .about("Show partitions, leaders, in-sync replicas, offsets, sizes and settings")
                .arg(
                    Arg::new("NAME")
                        .num_args(0..)
                        .help("Topics; all if none is named"),
                )
                .arg(json_flag())
                .arg(cluster::bootstrap()),
        )
        .subcommand(alter_command())
        .subcommand(
            Command::new("delete")
                .about("Delete topics and everything in them")
                .arg(Arg::new("NAME").num_args(1..).required(true))
                .arg(flag(
                    "if-exists",
                    "A topic that does not exist is no failure",
                ))
                .arg(cluster::bootstrap()),
        )
}

fn create_command() -> Command {
    Command::new("create")
        .about("Create a topic")
        .after_help(
            "Example: chronik topic create orders --partitions 6 --config retention.ms=86400000",
        )
        .arg(Arg::new("NAME").required(true))
        .arg(partitions_arg(
            "How many partitions [default: the server's num.partitions]",
        ))
        .arg(
            Arg::new("replication-factor")
                .long("replication-factor")
                .value_name("N")
                .value_parser(value_parser!(i16).range(1..))
                .help("How many copies [default: the server's choice, up to 3]"),
        )
        .arg(config_arg())
        .arg(flag(
            "if-not-exists",
            "A topic that exists already is no failure",
        ))
        .arg(cluster::bootstrap())
}

fn alter_command() -> Command {
    Command::new("alter")
        .about("Give a topic more partitions, change its settings")
        .arg(Arg::new("NAME").required(true))
        .arg(partitions_arg(
            "How many partitions in total; never fewer than now",
        ))
        .arg(config_arg())
        .arg(
            Arg::new("delete-config")
                .long("delete-config")
                .value_name("NAME")
                .action(ArgAction::Append)
                .help("Take a setting away, so that the default counts; repeatable"),
        )
        .group(
            ArgGroup::new("change")
                .args(["partitions", "config", "delete-config"])
                .multiple(true)
                .required(true),
        )
        .arg(cluster::bootstrap())
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .action(ArgAction::SetTrue)
        .help(help)
}

fn json_flag() -> Arg {
    flag("json", "Print one line of JSON instead of a table")
}

fn partitions_arg(help: &'static str) -> Arg {
    Arg::new("partitions")
        .long("partitions")
        .value_name("N")
        .value_parser(value_parser!(i32).range(1..))
        .help(help)
}

fn config_arg() -> Arg {
    Arg::new("config")
        .long("config")
        .value_name("NAME=VALUE")
        .action(ArgAction::Append)
        .value_parser(parse_config)
        .help("A setting of the topic, such as cleanup.policy=compact; repeatable")
}

pub(super) fn parse_config(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

pub(super) fn run(args: &ArgMatches) -> Outcome {
    match args.subcommand() {
        Some(("create", args)) => cluster::run(create(args)),
        Some(("list", args)) => cluster::run(list(args)),
        Some(("describe", args)) => cluster::run(describe::run(args)),
        Some(("alter", args)) => cluster::run(alter(args)),
        Some(("delete", args)) => cluster::run(delete(args)),
        _ => unreachable!("clap requires one of the subcommands"),
    }
}

fn name(args: &ArgMatches) -> String {
    let name: &String = args.get_one("NAME").expect("clap requires the name");
    name.clone()
}

fn configs(args: &ArgMatches) -> Vec<(String, String)> {
    let given = args.get_many::<(String, String)>("config");
    given.into_iter().flatten().cloned().collect()
}

async fn create(args: &ArgMatches) -> Outcome {
    let topic = NewTopic {
        name: name(args),
        partitions: args.get_one("partitions").copied(),
        replication_factor: args.get_one("replication-factor").copied(),
        configs: configs(args),
    };
    let client = cluster::connect(args).await?;
    let mut out = Output::new();
    match client.create_topic(&topic).await {
        Ok(created) => {
            let known = created.partitions.zip(created.replication_factor);
            let details = known.map_or_else(String::new, |(partitions, replicas)| {
                format!(": partitions {partitions}, replication factor {replicas}")
            });
            out.line(&format!("created topic {}{details}", topic.name))?;
        }
        Err(error)
            if error.code() == Some(ErrorCode::TopicAlreadyExists)
                && args.get_flag("if-not-exists") =>
        {
            out.line(&format!("topic {} exists already", topic.name))?;
        }
        Err(error) => return Err(explain(error)),
    }
    out.flush()
}

async fn list(args: &ArgMatches) -> Outcome {
    let client = cluster::connect(args).await?;
    let topics = client.all_topics().await.map_err(explain)?;
    let shown = topics
        .into_iter()
        .filter(|(_, topic)| args.get_flag("internal") || !topic.internal)
        .map(|(name, topic)| {
            let first = topic.partitions.values().next();
            let replicas = first.map_or(0, |partition| partition.replicas.len());
            (name, topic, replicas)
        });
    let mut out = Output::new();
    if args.get_flag("json") {
        let topics: Vec<_> = shown
            .map(|(name, topic, replicas)| {
                json!({
                    "name": name,
                    "id": topic.id.map(|id| id.to_string()),
                    "partitions": topic.partitions.len(),
                    "replication_factor": replicas,
                    "internal": topic.internal,
                })
            })
            .collect();
        out.json(&topics)?;
    } else {
        let rows: Vec<_> = shown
            .map(|(name, topic, replicas)| {
                vec![
                    name,
                    topic.partitions.len().to_string(),
                    replicas.to_string(),
                ]
            })
            .collect();
        if rows.is_empty() {
            out.line("no topics; create one with `chronik topic create NAME`")?;
        } else {
            out.line(&table(&["TOPIC", "PARTITIONS", "REPLICAS"], &[1, 2], rows))?;
        }
    }
    out.flush()
}

async fn alter(args: &ArgMatches) -> Outcome {
    let topic = name(args);
    let set = configs(args).into_iter();
    let mut changes: Vec<_> = set
        .map(|(name, value)| ConfigChange::Set(name, value))
        .collect();
    let deleted = args
        .get_many::<String>("delete-config")
        .into_iter()
        .flatten();
    changes.extend(deleted.cloned().map(ConfigChange::Delete));
    let client = cluster::connect(args).await?;
    client
        .topic(&topic, IfMissing::Fail)
        .await
        .map_err(explain)?;
    // Settings first: they are refused as a whole, and more partitions cannot be taken back.
    if !changes.is_empty() {
        client
            .alter_topic_configs(&topic, &changes)
            .await
            .map_err(explain)?;
    }
    if let Some(count) = args.get_one::<i32>("partitions") {
        client
            .create_partitions(&topic, *count)
            .await
            .map_err(explain)?;
    }
    let mut out = Output::new();
    out.line(&format!("changed topic {topic}"))?;
    out.flush()
}

async fn delete(args: &ArgMatches) -> Outcome {
    let names = args
        .get_many::<String>("NAME")
        .expect("clap requires a name");
    let client = cluster::connect(args).await?;
    let mut out = Output::new();
    let mut failures = Vec::new();
    for name in names {
        match delete_one(&client, name, args.get_flag("if-exists")).await {
            Ok(what) => out.line(&what)?,
            Err(failure) => failures.push(failure),
        }
    }
    out.flush()?;
    match failures.is_empty() {
        true => Ok(()),
        false => Err(Failure::new(ExitCode::Failure, failures.join("; "))),
    }
}

async fn delete_one(client: &Client, name: &str, if_exists: bool) -> Result<String, String> {
    match client.delete_topic(name).await {
        Ok(()) => Ok(format!("deleted topic {name}")),
        Err(error) if error.code() == Some(ErrorCode::UnknownTopicOrPartition) => match if_exists {
            true => Ok(format!("topic {name} does not exist")),
            false => Err(format!(
                "topic {name} does not exist; with --if-exists that is fine"
            )),
        },
        Err(error) => Err(cluster::words(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_may_contain_equals_signs() {
        let parsed = parse_config("a = b=c").unwrap();
        assert_eq!(parsed, ("a".to_owned(), "b=c".to_owned()));
        assert!(parse_config("a").is_err());
        assert!(parse_config("=b").is_err());
    }

    #[test]
    fn altering_nothing_is_refused() {
        let parse = |args: &[&str]| command().try_get_matches_from(args);
        assert!(parse(&["topic", "alter", "t"]).is_err());
        assert!(parse(&["topic", "alter", "t", "--delete-config", "retention.ms"]).is_ok());
        assert!(parse(&["topic", "alter", "t", "--partitions", "0"]).is_err());
    }

    #[test]
    fn the_kafka_name_of_the_bootstrap_option_works_and_takes_several() {
        let args = ["topic", "list", "--bootstrap-server", "a:1,b:2"];
        let matches = command().try_get_matches_from(args).unwrap();
        let (_, list) = matches.subcommand().unwrap();
        let given: Vec<_> = list.get_many::<String>("bootstrap").unwrap().collect();
        assert_eq!(given, ["a:1", "b:2"]);
    }
}
