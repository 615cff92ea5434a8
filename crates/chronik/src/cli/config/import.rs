//! `chronik config import`: a Kafka broker's `server.properties` as a TOML file of ours.
//!
//! Prints TOML on standard output, and on standard error one line for every setting that is left
//! out or changed on the way. Absent: anything of a cluster's own, which `chronik config set` keeps.

use std::collections::BTreeMap;

use chronik_io::ExitCode;
use chronik_server::settings::{Kind, Setting, broker_setting_effect};
use clap::{Arg, ArgMatches, Command};

use super::super::output::Output;
use super::super::{Failure, Outcome};

pub(super) fn command() -> Command {
    Command::new("import")
        .about("Turn a Kafka broker's server.properties into a TOML file")
        .after_help("Example: chronik config import server.properties > chronik.toml")
        .arg(Arg::new("FILE").required(true))
}

pub(super) fn run(args: &ArgMatches) -> Outcome {
    let path: &String = args.get_one("FILE").expect("clap requires the file");
    let usage = |text: String| Failure::new(ExitCode::Usage, text);
    let bytes =
        std::fs::read(path).map_err(|error| usage(format!("cannot read {path}: {error}")))?;
    let given = properties(&String::from_utf8_lossy(&bytes));
    let Imported { toml, remarks } = import(given);
    for remark in remarks {
        eprintln!("{remark}");
    }
    let mut out = Output::new();
    out.bytes(toml.as_bytes())?;
    out.flush()
}

/// What becomes of a file.
struct Imported {
    toml: String,
    /// One line for each setting that is not in the file as it was.
    remarks: Vec<String>,
}

/// A setting that Kafka also has in larger units: the name here, its factor, and which of the
/// names wins.
const UNITS: [(&str, &str, i64); 5] = [
    ("log.retention.minutes", "log.retention.ms", 60_000),
    ("log.retention.hours", "log.retention.ms", 3_600_000),
    ("log.roll.hours", "log.roll.ms", 3_600_000),
    ("log.roll.jitter.hours", "log.roll.jitter.ms", 3_600_000),
    ("broker.id", "node.id", 1),
];

fn import(mut given: BTreeMap<String, String>) -> Imported {
    let mut remarks = Vec::new();
    for (name, ours, factor) in UNITS {
        let Some(value) = given.remove(name) else {
            continue;
        };
        let number = value.parse::<i64>().ok();
        // Kafka's own order: milliseconds before minutes before hours.
        match number.and_then(|number| {
            number
                .max(-1)
                .checked_mul(if number < 0 { 1 } else { factor })
        }) {
            Some(_) if given.contains_key(ours) => {
                remarks.push(format!("{name}: left out, {ours} wins"));
            }
            Some(number) => {
                remarks.push(format!("{name}: written as {ours}"));
                given.insert(ours.to_owned(), number.to_string());
            }
            None => remarks.push(format!("{name}: left out, {value:?} is no number")),
        }
    }
    if let Some(dir) = given.remove("log.dir") {
        given.entry("log.dirs".to_owned()).or_insert(dir);
    }
    let controllers = given
        .get("controller.listener.names")
        .cloned()
        .unwrap_or_default();
    let controllers: Vec<&str> = controllers.split(',').map(str::trim).collect();
    let mut toml = String::new();
    for (name, value) in &given {
        match setting(name, value, &controllers) {
            Ok(Written { value, remark }) => {
                toml += &format!("{name:?} = {value}\n");
                remarks.extend(remark.map(|remark| format!("{name}: {remark}")));
            }
            Err(why) => remarks.push(format!("{name}: left out, {why}")),
        }
    }
    Imported { toml, remarks }
}

/// A value as TOML.
struct Written {
    value: String,
    remark: Option<&'static str>,
}

fn setting(name: &str, value: &str, controllers: &[&str]) -> Result<Written, String> {
    let Some(setting) = Setting::by_name(name) else {
        let effect = broker_setting_effect(name);
        return Err(effect
            .unwrap_or("Kafka has no such broker setting either")
            .to_owned());
    };
    let mut remark = None;
    let value = match name {
        "listeners" | "advertised.listeners" => {
            let (clients, dropped) = client_listeners(value, controllers);
            if dropped {
                remark = Some("listeners of controllers are left out");
            }
            clients
        }
        "log.dirs" if value.contains(',') => {
            remark = Some("a node has one directory: the first is taken");
            value
                .split(',')
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned()
        }
        _ => value.to_owned(),
    };
    setting.check(&value)?;
    let is_bare = matches!(
        setting.kind,
        Kind::Int(..) | Kind::Optional(..) | Kind::Bool
    );
    let value = if is_bare && !value.is_empty() {
        value
    } else {
        toml::Value::String(value).to_string()
    };
    Ok(Written { value, remark })
}

/// The listeners that are not a controller's; a host that is not said is every one.
fn client_listeners(value: &str, controllers: &[&str]) -> (String, bool) {
    let all: Vec<&str> = value.split(',').map(str::trim).collect();
    let is_client = |listener: &&&str| {
        let name = listener.split("://").next().unwrap_or_default();
        !controllers.contains(&name)
    };
    let clients: Vec<String> = all
        .iter()
        .filter(is_client)
        .map(|listener| listener.replace("://:", "://0.0.0.0:"))
        .collect();
    let dropped = clients.len() < all.len();
    (clients.join(","), dropped)
}

/// A file of Java properties: comments, `=`, `:` or white space after the name, lines that end in
/// a backslash, and escapes. The last value of a name counts.
fn properties(text: &str) -> BTreeMap<String, String> {
    let mut given = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = line.to_owned();
        while logical.ends_with('\\') && !logical.ends_with("\\\\") {
            logical.pop();
            match lines.next() {
                Some(more) => logical += more.trim_start(),
                None => break,
            }
        }
        let end = logical
            .find(|c: char| matches!(c, '=' | ':') || c.is_whitespace())
            .unwrap_or(logical.len());
        let (name, rest) = logical.split_at(end);
        let rest = rest.trim_start();
        let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
        given.insert(name.to_owned(), unescape(rest.trim()));
    }
    given
}

fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (c, false) => plain.push(c),
            (_, true) => match chars.next() {
                Some('n') => plain.push('\n'),
                Some('t') => plain.push('\t'),
                Some('r') => plain.push('\r'),
                Some('u') => {
                    let digits: String = chars.by_ref().take(4).collect();
                    let number = u32::from_str_radix(&digits, 16).ok();
                    plain.push(
                        number
                            .and_then(char::from_u32)
                            .unwrap_or(char::REPLACEMENT_CHARACTER),
                    );
                }
                Some(other) => plain.push(other),
                None => {}
            },
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn properties_are_read_as_java_reads_them() {
        let text =
            "# c\n! c\n\na=1\n b : two words \nc three\nd=x,\\\n  y\ne=\\u0041\\=b\nf\na=2\n";
        let read: Vec<_> = properties(text).into_iter().collect();
        let expected = [
            ("a", "2"),
            ("b", "two words"),
            ("c", "three"),
            ("d", "x,y"),
            ("e", "A=b"),
            ("f", ""),
        ];
        assert_eq!(
            read,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn a_brokers_file_becomes_settings_and_a_line_for_each_that_is_left_out() {
        let Imported { toml, remarks } = import(properties(include_str!("server.properties")));
        expect![[r#"
            "advertised.listeners" = "PLAINTEXT://kafka-7.example.com:9092"
            "auto.create.topics.enable" = false
            "broker.rack" = "rack-2"
            "compression.type" = "zstd"
            "default.replication.factor" = 3
            "listeners" = "PLAINTEXT://0.0.0.0:9092"
            "log.dirs" = "/var/lib/kafka/a"
            "log.retention.check.interval.ms" = 60000
            "log.retention.ms" = 259200000
            "log.segment.bytes" = 536870912
            "node.id" = 7
            "num.partitions" = 3
            "offsets.topic.replication.factor" = 3
            "socket.request.max.bytes" = 104857600
        "#]]
        .assert_eq(&toml);
        expect![[r#"
            log.retention.hours: written as log.retention.ms
            com.example.reporter.host: left out, Kafka has no such broker setting either
            controller.listener.names: left out, a node needs no such roles: `chronik start` forms a cluster of one
            controller.quorum.bootstrap.servers: left out, a node needs no such roles: `chronik start` forms a cluster of one
            listener.security.protocol.map: left out, there is no TLS yet
            listeners: listeners of controllers are left out
            log.dirs: a node has one directory: the first is taken
            message.max.bytes: left out, must be a whole number from 0 to 2147483647
            metric.reporters: left out, metrics are offered at /metrics
            num.io.threads: left out, one runtime serves everything, with a thread for each core
            num.network.threads: left out, one runtime serves everything, with a thread for each core
            process.roles: left out, a node needs no such roles: `chronik start` forms a cluster of one"#]].assert_eq(&remarks.join("\n"));
        let read: toml::Table = toml.parse().unwrap();
        assert_eq!(read["num.partitions"].as_integer(), Some(3));
    }
}
