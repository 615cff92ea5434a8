//! `chronik config reference|check|describe|set|unset|import`, and how flags, environment and file
//! become settings.

mod cluster_wide;
mod import;

use std::collections::BTreeMap;
use std::path::Path;

use chronik_io::ExitCode;
use chronik_server::settings::{NodeConfig, SETTINGS, Source};
use clap::{Arg, ArgMatches, Command};

use super::{Failure, Outcome, cluster};

pub(super) fn command() -> Command {
    Command::new("config")
        .about("Show, check, change and import settings")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("reference")
                .about("List every setting: name, flag, variable, default and meaning"),
        )
        .subcommand(
            Command::new("check")
                .about("Check a TOML file")
                .arg(Arg::new("FILE").required(true)),
        )
        .subcommand(cluster_wide::describe_command())
        .subcommand(cluster_wide::set_command())
        .subcommand(cluster_wide::unset_command())
        .subcommand(import::command())
}

pub(super) fn run(args: &ArgMatches) -> Outcome {
    match args.subcommand() {
        Some(("reference", _)) => {
            print!("{}", reference());
            Ok(())
        }
        Some(("check", args)) => {
            let path: &String = args.get_one("FILE").expect("clap requires the file");
            let values = from_file(Path::new(path))?;
            let count = values.len();
            resolve(values)?;
            println!("{path}: {count} settings, all good");
            Ok(())
        }
        Some(("describe", args)) => cluster::run(cluster_wide::describe(args)),
        Some(("set", args)) => cluster::run(cluster_wide::set(args)),
        Some(("unset", args)) => cluster::run(cluster_wide::unset(args)),
        Some(("import", args)) => import::run(args),
        _ => unreachable!("clap requires one of the subcommands"),
    }
}

fn reference() -> String {
    let mut text = String::new();
    for setting in SETTINGS {
        let flag = setting.flag.map_or_else(
            || "none".to_owned(),
            |flag| format!("--{flag} {}", setting.value_name),
        );
        let default = match setting.default {
            "" => "chosen at start",
            default => default,
        };
        text += &format!(
            "{}\n  flag:     {flag}\n  variable: {}\n  type:     {}\n  default:  {default}\n  {}\n\n",
            setting.name,
            setting.variable(),
            setting.kind.type_name(),
            setting.doc
        );
    }
    text
}

type Given = Vec<(String, String, Source)>;

/// Checks and types settings; all problems become one message.
pub(super) fn resolve(given: Given) -> Result<NodeConfig, Failure> {
    NodeConfig::resolve(given).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failure::new(
            ExitCode::Usage,
            format!("invalid configuration: {}", lines.join("; ")),
        )
    })
}

/// Settings of the environment: `CHRONIK_*`. A variable that names no setting is an error, as a
/// misspelt one would otherwise be a silent default.
pub(super) fn from_environment() -> Result<Given, Failure> {
    let names: BTreeMap<String, &str> = SETTINGS.iter().map(|s| (s.variable(), s.name)).collect();
    let ignored = ["CHRONIK_CONFIG", "CHRONIK_BOOTSTRAP"];
    let mut given = Vec::new();
    for (variable, value) in std::env::vars() {
        if !variable.starts_with("CHRONIK_") || ignored.contains(&variable.as_str()) {
            continue;
        }
        let name = names.get(&variable).ok_or_else(|| {
            Failure::new(
                ExitCode::Usage,
                format!("the environment variable {variable} names no setting; `chronik config reference` lists them"),
            )
        })?;
        given.push(((*name).to_owned(), value, Source::Environment));
    }
    Ok(given)
}

/// Settings of a TOML file. Dots in names may be written as dotted keys or as tables.
pub(super) fn from_file(path: &Path) -> Result<Given, Failure> {
    let usage = |text: String| Failure::new(ExitCode::Usage, text);
    let text = std::fs::read_to_string(path)
        .map_err(|error| usage(format!("cannot read {}: {error}", path.display())))?;
    let table: toml::Table = text
        .parse()
        .map_err(|error| usage(format!("{}: {error}", path.display())))?;
    let mut given = Vec::new();
    flatten("", &table, &mut given).map_err(|text| usage(format!("{}: {text}", path.display())))?;
    Ok(given)
}

fn flatten(prefix: &str, table: &toml::Table, given: &mut Given) -> Result<(), String> {
    for (key, value) in table {
        let name = if prefix.is_empty() {
            key.clone()
        } else {
            format!("{prefix}.{key}")
        };
        let text = match value {
            toml::Value::Table(inner) => {
                flatten(&name, inner, given)?;
                continue;
            }
            toml::Value::String(text) => text.clone(),
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(flag) => flag.to_string(),
            toml::Value::Array(items) => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
                .ok_or_else(|| format!("{name}: a list holds texts only"))?
                .join(","),
            toml::Value::Float(_) | toml::Value::Datetime(_) => {
                return Err(format!(
                    "{name}: must be a text, a whole number or true/false"
                ));
            }
        };
        given.push((name, text, Source::File));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotted_keys_and_tables_name_the_same_setting() {
        let read = |text: &str| {
            let mut given = Vec::new();
            flatten("", &text.parse().unwrap(), &mut given).unwrap();
            given
        };
        let expected = vec![("node.id".to_owned(), "7".to_owned(), Source::File)];
        assert_eq!(read("node.id = 7"), expected);
        assert_eq!(read("[node]\nid = 7"), expected);
        assert_eq!(read("\"node.id\" = \"7\""), expected);
    }

    #[test]
    fn the_reference_lists_every_setting() {
        let text = reference();
        for setting in SETTINGS {
            assert!(text.contains(&setting.variable()), "{}", setting.name);
        }
    }
}
