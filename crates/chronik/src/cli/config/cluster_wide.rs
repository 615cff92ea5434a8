//! `chronik config describe|set|unset`: settings that a cluster keeps, of a topic, one broker, all
//! brokers or a group.

use chronik_client::{ConfigChange, ConfigEntry, ConfigSource, ConfigTarget};
use chronik_types::NodeId;
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, value_parser};
use serde_json::json;

use super::super::output::{Output, table};
use super::super::topic::parse_config;
use super::super::{Outcome, cluster};
use cluster::explain;

pub(super) fn describe_command() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .action(ArgAction::SetTrue)
            .help(help)
    };
    with_target(Command::new("describe").about("Show settings and where their values come from"))
        .arg(flag("all", "Also those that nobody has set"))
        .arg(flag("json", "Print one line of JSON instead of a table"))
        .arg(cluster::bootstrap())
}

pub(super) fn set_command() -> Command {
    with_target(Command::new("set").about("Give settings values, all or none of them"))
        .after_help("Example: chronik config set --topic orders retention.ms=86400000")
        .arg(
            Arg::new("change")
                .value_name("NAME=VALUE")
                .num_args(1..)
                .required(true)
                .value_parser(parse_config),
        )
        .arg(cluster::bootstrap())
}

pub(super) fn unset_command() -> Command {
    with_target(Command::new("unset").about("Take values away, so that the defaults count"))
        .arg(
            Arg::new("change")
                .value_name("NAME")
                .num_args(1..)
                .required(true),
        )
        .arg(cluster::bootstrap())
}

fn with_target(command: Command) -> Command {
    let option = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    command
        .arg(option("topic", "TOPIC", "A topic"))
        .arg(option("broker", "ID", "One broker").value_parser(value_parser!(i32).range(0..)))
        .arg(
            Arg::new("cluster")
                .long("cluster")
                .action(ArgAction::SetTrue)
                .help("All brokers, where they do not say otherwise"),
        )
        .arg(option("group", "GROUP", "A group"))
        .group(
            ArgGroup::new("target")
                .args(["topic", "broker", "cluster", "group"])
                .required(true),
        )
}

fn target(args: &ArgMatches) -> ConfigTarget {
    let text = |name: &str| args.get_one::<String>(name).cloned();
    match (text("topic"), args.get_one::<i32>("broker"), text("group")) {
        (Some(topic), ..) => ConfigTarget::Topic(topic),
        (None, Some(node), _) => ConfigTarget::Broker(NodeId::new(*node)),
        (None, None, Some(group)) => ConfigTarget::Group(group),
        (None, None, None) => ConfigTarget::Cluster,
    }
}

pub(super) async fn describe(args: &ArgMatches) -> Outcome {
    let target = target(args);
    let client = cluster::connect(args).await?;
    let mut entries = client.describe_configs(&target).await.map_err(explain)?;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    if !args.get_flag("all") {
        entries.retain(|entry| entry.source != ConfigSource::Default);
    }
    let mut out = Output::new();
    if args.get_flag("json") {
        let entries: Vec<_> = entries.iter().map(to_json).collect();
        out.json(&entries)?;
    } else if entries.is_empty() {
        out.line(&format!(
            "nothing is set for {target}; --all shows the defaults"
        ))?;
    } else {
        let rows = entries.into_iter().map(row);
        out.line(&table(&["NAME", "VALUE", "SOURCE", "CHANGES"], &[], rows))?;
    }
    out.flush()
}

fn to_json(entry: &ConfigEntry) -> serde_json::Value {
    json!({
        "name": entry.name,
        "value": entry.value,
        "source": entry.source.name(),
        "read_only": entry.read_only,
        "sensitive": entry.sensitive,
    })
}

fn row(entry: ConfigEntry) -> Vec<String> {
    let value = match entry.value {
        _ if entry.sensitive => "(hidden)".to_owned(),
        Some(value) => value,
        None => String::new(),
    };
    let changes = if entry.read_only {
        "at start"
    } else {
        "at once"
    };
    vec![
        entry.name,
        value,
        entry.source.name().to_owned(),
        changes.to_owned(),
    ]
}

pub(super) async fn set(args: &ArgMatches) -> Outcome {
    let given = args.get_many::<(String, String)>("change");
    let changes = given.into_iter().flatten().cloned();
    let changes = changes.map(|(name, value)| ConfigChange::Set(name, value));
    alter(args, changes.collect()).await
}

pub(super) async fn unset(args: &ArgMatches) -> Outcome {
    let given = args.get_many::<String>("change").into_iter().flatten();
    alter(args, given.cloned().map(ConfigChange::Delete).collect()).await
}

async fn alter(args: &ArgMatches, changes: Vec<ConfigChange>) -> Outcome {
    let target = target(args);
    let client = cluster::connect(args).await?;
    client
        .alter_configs(&target, &changes)
        .await
        .map_err(explain)?;
    let mut out = Output::new();
    out.line(&format!("changed {target}"))?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_target_is_named() {
        let parse = |args: &[&str]| describe_command().try_get_matches_from(args);
        assert!(parse(&["describe"]).is_err());
        assert!(parse(&["describe", "--topic", "t", "--cluster"]).is_err());
        let broker = parse(&["describe", "--broker", "2"]).unwrap();
        assert_eq!(target(&broker), ConfigTarget::Broker(NodeId::new(2)));
        let all = parse(&["describe", "--cluster"]).unwrap();
        assert_eq!(target(&all), ConfigTarget::Cluster);
        assert!(
            set_command()
                .try_get_matches_from(["set", "--cluster", "a"])
                .is_err()
        );
    }
}
