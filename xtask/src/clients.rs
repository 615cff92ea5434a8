//! The client suites: clients of others against the built binary, a real Kafka, or any broker.
//!
//! The drivers are in `tests/clients/`: one in Python, and `rdkafka/` in Rust. This starts the
//! broker, hands them its address and reads their closing lines.

use crate::foreign;
use crate::kafka;
use crate::node::Node;
use crate::process::{
    built, cargo, command, create_dir, in_ci, installed, open_log, root, run_logged, target,
};
use crate::rdkafka;
use crate::setup;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

const DRIVERS_MAX: Duration = Duration::from_secs(540);
const BUILD_MAX: Duration = Duration::from_secs(900);

/// Settings of the broker that is started for a run, under Kafka's names: groups that form at once,
/// and what kafka-python's own tests want.
const SETTINGS: [(&str, &str); 4] = [
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.min.session.timeout.ms", "1000"),
    ("node.id", "0"),
    ("num.partitions", "4"),
];

/// Which broker the drivers speak to.
pub(crate) enum Broker {
    /// The binary of this checkout, on an empty directory.
    Built,
    /// A real Kafka, started for the run.
    Kafka,
    /// Somebody else's.
    At(String),
}

pub(crate) struct Options {
    pub(crate) broker: Broker,
    pub(crate) only: Vec<String>,
}

/// For a person: the drivers' lines go to standard output.
pub(crate) fn run_shown(
    against_kafka: bool,
    bootstrap: Option<String>,
    only: Vec<String>,
) -> Result<(), String> {
    let log = target().join("verify/clients.log");
    let _ = std::fs::remove_file(&log);
    let broker = match bootstrap {
        Some(address) => Broker::At(address),
        None if against_kafka => Broker::Kafka,
        None => Broker::Built,
    };
    let result = run(&Options { broker, only }, &log);
    print!("{}", std::fs::read_to_string(&log).unwrap_or_default());
    result
}

pub(crate) fn run(options: &Options, log: &Path) -> Result<(), String> {
    match &options.broker {
        Broker::At(bootstrap) => drive(bootstrap, None, options, log),
        Broker::Kafka => {
            let set = SETTINGS.map(|(name, value)| format!("{name}={value}"));
            let kafka = kafka::Running::start_one(set.to_vec())?;
            drive(&kafka.bootstrap(), Some(&kafka.data_dir()), options, log)
        }
        Broker::Built => {
            run_logged(
                &mut cargo(["build", "--locked", "-p", "chronik"]),
                log,
                BUILD_MAX,
            )?;
            let binary = built("debug", "chronik");
            let data = target().join(format!("clients/data-{}", std::process::id()));
            create_dir(&data)?;
            let node_log = log.with_file_name("clients-node.log");
            let _ = std::fs::remove_file(&node_log);
            let mut binary = command(binary);
            binary.envs(SETTINGS.map(|(name, value)| (variable(name), value)));
            let node = Node::start_by(binary, &data, &node_log)
                .map_err(|reason| format!("{reason} (log in target/verify/clients-node.log)"))?;
            let driven = drive(&node.kafka.clone(), Some(&data), options, log);
            let stopped = node.stop();
            let _ = std::fs::remove_dir_all(&data);
            driven.and(stopped)
        }
    }
}

/// The environment variable of a setting.
fn variable(name: &str) -> String {
    format!("CHRONIK_{}", name.replace('.', "_").to_uppercase())
}

/// Outside CI a missing toolchain skips its suite by name; in CI it is a failure.
fn skip(log: &Path, what: &str) -> Result<(), String> {
    if in_ci() {
        return Err(what.to_owned());
    }
    let mut file = open_log(log)?;
    writeln!(file, "skipped suite {what}").map_err(|e| e.to_string())
}

/// Both kinds of drivers, each as far as it is installed and asked for.
///
/// `data` is the broker's data directory, where it is on this machine.
fn drive(
    bootstrap: &str,
    data: Option<&Path>,
    options: &Options,
    log: &Path,
) -> Result<(), String> {
    let python = if !options.only.is_empty() && options.only.iter().all(|name| rdkafka::ours(name))
    {
        Ok(())
    } else {
        drive_python(bootstrap, data, options, log)
    };
    let rdkafka = if !rdkafka::chosen(&options.only) {
        Ok(())
    } else if let Some(program) = rdkafka::missing() {
        skip(log, &format!("rdkafka: {program} is not installed"))
    } else {
        rdkafka::drive(bootstrap, &options.only, log)
    };
    python.and(rdkafka)
}

fn drive_python(
    bootstrap: &str,
    data: Option<&Path>,
    options: &Options,
    log: &Path,
) -> Result<(), String> {
    let Some(python) = setup::clients_python() else {
        return skip(log, "clients: their Python packages are not installed");
    };
    let work = target().join(format!("clients/work-{}", std::process::id()));
    create_dir(&work)?;
    // The drivers skip, by name, the tests whose program is missing; in CI none may be.
    for program in ["kcat", "java", "node"].into_iter().filter(|_| in_ci()) {
        if !installed(program) {
            return Err(format!("{program} is not installed"));
        }
    }
    if in_ci() && !foreign::ready() {
        return Err("clients in other languages are not set up".to_owned());
    }
    let mut drivers = command(python);
    // Bytecode next to the sources would be written outside target/.
    drivers
        .arg("-B")
        .arg(root().join("tests/clients/run.py"))
        .args(["--bootstrap", bootstrap, "--work"])
        .arg(&work)
        .stdin(Stdio::null());
    if let Some(libs) = setup::kafka_libs() {
        drivers.arg("--kafka-libs").arg(libs);
    }
    if let Some(data) = data {
        drivers.arg("--data-dir").arg(data);
    }
    for name in options.only.iter().filter(|name| !rdkafka::ours(name)) {
        drivers.args(["--only", name]);
    }
    let result = run_logged(&mut drivers, log, DRIVERS_MAX);
    let _ = std::fs::remove_dir_all(&work);
    result
}
