//! The program in `tests/clients/rdkafka`: librdkafka's client suite, loads, and produce's floor.
//!
//! It is a workspace of its own, because librdkafka is C and takes a compiler, `make` and a minute;
//! so each of its checks is asked for here by name. Everything goes below `target/clients/rdkafka`,
//! always optimised: as a load it must not be what limits a broker.

use crate::process::{cargo, command, installed, run_logged, target};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

pub(crate) const MANIFEST: &str = "tests/clients/rdkafka/Cargo.toml";

const BUILD_MAX: Duration = Duration::from_secs(900);
const SUITE_MAX: Duration = Duration::from_secs(300);

/// The first program that is missing to build it.
pub(crate) fn missing() -> Option<&'static str> {
    let needed = ["cc", "c++", "make"];
    needed.into_iter().find(|program| !installed(program))
}

/// One of cargo's subcommands on it.
pub(crate) fn cargo_on(subcommand: &str) -> Command {
    let mut cargo = cargo([subcommand, "--release", "--locked"]);
    cargo
        .args(["--manifest-path", MANIFEST, "--target-dir"])
        .arg(folder());
    cargo
}

/// Builds it unless it is built; its path.
pub(crate) fn build(log: &Path) -> Result<PathBuf, String> {
    if let Some(program) = missing() {
        return Err(format!("{program} is not installed"));
    }
    run_logged(&mut cargo_on("build"), log, BUILD_MAX)?;
    Ok(folder().join("release/rdkafka-clients"))
}

/// Whether the suite has a test whose name begins with one of these; none means all.
pub(crate) fn chosen(only: &[String]) -> bool {
    only.is_empty() || only.iter().any(|name| ours(name))
}

/// Whether a prefix can only mean tests of this suite.
pub(crate) fn ours(name: &str) -> bool {
    name.starts_with("rdkafka")
}

/// Runs the tests whose name begins with one of these, or all.
pub(crate) fn drive(bootstrap: &str, only: &[String], log: &Path) -> Result<(), String> {
    let mut suite = command(build(log)?);
    suite.args(["roundtrip", "--bootstrap", bootstrap]);
    for name in only.iter().filter(|name| ours(name)) {
        suite.args(["--only", name]);
    }
    run_logged(&mut suite, log, SUITE_MAX)
}

fn folder() -> PathBuf {
    target().join("clients/rdkafka")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suite_runs_when_all_tests_or_one_of_its_own_are_asked_for() {
        assert!(chosen(&[]));
        assert!(chosen(&[
            "confluent.".to_owned(),
            "rdkafka.seek".to_owned()
        ]));
        assert!(!chosen(&["confluent.".to_owned()]));
    }
}
