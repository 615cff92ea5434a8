//! `chronik group list|describe|reset-offsets|delete`.
//!
//! Absent: being a member; `chronik consume` reads without a group.

mod describe;
mod reset;

use chronik_io::ExitCode;
use chronik_types::ErrorCode;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;

use super::output::{Output, table};
use super::{Failure, Outcome, cluster};
use cluster::explain;

pub(super) fn command() -> Command {
    Command::new("group")
        .about("List, describe, reset and delete consumer groups")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("list")
                .about("List the groups")
                .arg(json_flag())
                .arg(cluster::bootstrap()),
        )
        .subcommand(describe::command())
        .subcommand(reset::command())
        .subcommand(
            Command::new("delete")
                .about("Delete groups without members, with what they committed")
                .arg(Arg::new("NAME").num_args(1..).required(true))
                .arg(cluster::bootstrap()),
        )
}

fn json_flag() -> Arg {
    Arg::new("json")
        .long("json")
        .action(ArgAction::SetTrue)
        .help("Print one line of JSON instead of a table")
}

pub(super) fn run(args: &ArgMatches) -> Outcome {
    match args.subcommand() {
        Some(("list", args)) => cluster::run(list(args)),
        Some(("describe", args)) => cluster::run(describe::run(args)),
        Some(("reset-offsets", args)) => cluster::run(reset::run(args)),
        Some(("delete", args)) => cluster::run(delete(args)),
        _ => unreachable!("clap requires one of the subcommands"),
    }
}

fn name(args: &ArgMatches) -> String {
    let name: &String = args.get_one("NAME").expect("clap requires the name");
    name.clone()
}

async fn list(args: &ArgMatches) -> Outcome {
    let client = cluster::connect(args).await?;
    let groups = client.list_groups().await.map_err(explain)?;
    let mut out = Output::new();
    if args.get_flag("json") {
        let groups = groups.iter().map(|group| {
            json!({
                "group": group.group,
                "state": group.state,
                "protocol_type": group.protocol_type,
            })
        });
        out.json(&groups.collect::<Vec<_>>())?;
    } else if groups.is_empty() {
        out.line("no groups; a consumer with a group.id makes one")?;
    } else {
        let rows = groups.into_iter().map(|group| {
            let kind = if group.protocol_type.is_empty() {
                "-".to_owned()
            } else {
                group.protocol_type
            };
            vec![group.group, group.state, kind]
        });
        out.line(&table(&["GROUP", "STATE", "TYPE"], &[], rows))?;
    }
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
        match client.delete_group(name).await {
            Ok(()) => out.line(&format!("deleted group {name}"))?,
            Err(error) if error.code() == Some(ErrorCode::NonEmptyGroup) => failures.push(format!(
                "group {name} has members: stop them first (`chronik group describe {name}` shows them)"
            )),
            Err(error) if error.code() == Some(ErrorCode::GroupIdNotFound) => {
                failures.push(missing(name));
            }
            Err(error) => failures.push(cluster::words(&error)),
        }
    }
    out.flush()?;
    match failures.is_empty() {
        true => Ok(()),
        false => Err(Failure::new(ExitCode::Failure, failures.join("; "))),
    }
}

fn missing(group: &str) -> String {
    format!("group {group} does not exist: `chronik group list` shows those that do")
}
