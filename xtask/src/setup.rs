//! `cargo xtask setup`: what the build and the client suites need, pinned, below `target/`.
//!
//! Runs again at no cost: each part leaves a copy of the file that pinned it and is skipped while
//! the two agree. System packages are installed only with `--system` or in CI; elsewhere a missing
//! one is named, and the suite that needs it is skipped by that name.

use crate::foreign::{self, copy, same};
use crate::process::{
    self, cargo, command, create_dir, in_ci, installed, root, run_logged, succeeds, tail, target,
};
use crate::rdkafka;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The release of Kafka whose tools and broker the suites use; `tests/clients/pom.xml` pins the jars.
pub(crate) const KAFKA_VERSION: &str = "4.3.1";

const STEP_MAX: Duration = Duration::from_secs(600);

/// A program, and the Debian packages that bring it.
const SYSTEM: &[(&str, &[&str])] = &[
    ("cc", &["gcc", "libc6-dev"]),
    ("c++", &["g++"]),
    ("make", &["make"]),
    ("python3", &["python3", "python3-venv"]),
    ("java", &["openjdk-17-jre-headless"]),
    ("mvn", &["maven"]),
    ("kcat", &["kcat"]),
    ("node", &["nodejs"]),
    ("npm", &["npm"]),
    ("go", &["golang-go"]),
    ("strace", &["strace"]),
    ("mkfs.ext4", &["e2fsprogs"]),
    ("mount", &["mount"]),
    ("setpriv", &["util-linux"]),
];

/// The interpreter of the client drivers, once it is set up.
pub(crate) fn clients_python() -> Option<PathBuf> {
    venv_python(&target().join("clients/venv"))
}

/// The folder with Kafka's jars, once it is set up.
pub(crate) fn kafka_libs() -> Option<PathBuf> {
    let folder = kafka_folder();
    folder
        .join("pom.xml")
        .is_file()
        .then(|| folder.join("libs"))
}

/// The binary of cargo-deny: the one on the search path, else the one that setup installed.
pub(crate) fn cargo_deny() -> Option<PathBuf> {
    let ours = target().join("tools/venv/bin/cargo-deny");
    if ours.is_file() {
        return Some(ours);
    }
    installed("cargo-deny").then(|| PathBuf::from("cargo-deny"))
}

fn kafka_folder() -> PathBuf {
    target().join(format!("clients/kafka-{KAFKA_VERSION}"))
}

fn venv_python(venv: &Path) -> Option<PathBuf> {
    venv.join("requirements.txt")
        .is_file()
        .then(|| venv.join("bin/python"))
}

/// For a person: with the log's end when it fails.
pub(crate) fn run_shown(system: bool) -> Result<(), String> {
    let log = target().join("verify/setup.log");
    let _ = std::fs::remove_file(&log);
    let result = run(&log, system);
    println!("{}", tail(&log, if result.is_ok() { 12 } else { 60 }));
    result
}

/// Sets up all parts. Outside CI a part that cannot be had is noted in the log, not an error.
pub(crate) fn run(log: &Path, system: bool) -> Result<(), String> {
    run_logged(&mut cargo(["fetch", "--locked"]), log, STEP_MAX)?;
    let parts: [(&str, Part); 8] = [
        ("system packages", &|log| packages(log, system || in_ci())),
        ("clients of others in Python", &|log| {
            venv(
                &target().join("clients/venv"),
                "tests/clients/requirements.txt",
                log,
            )
        }),
        ("tests of others in Python", &|log| {
            let python = clients_python().ok_or("the clients in Python are not set up")?;
            foreign::kafka_python_own(&python, log)
        }),
        ("Kafka's tools", &kafka),
        ("kafkajs", &foreign::kafkajs),
        ("clients in Go", &foreign::go),
        ("clients around librdkafka", &|log| {
            rdkafka::build(log).map(drop)
        }),
        ("cargo-deny", &|log| {
            if installed("cargo-deny") {
                return Ok(());
            }
            venv(
                &target().join("tools/venv"),
                "xtask/tools-requirements.txt",
                log,
            )
        }),
    ];
    let mut missing = Vec::new();
    for (name, part) in parts {
        let outcome = part(log);
        let word = outcome.as_ref().err().map_or("ready", String::as_str);
        note(log, &format!("{name}: {word}"))?;
        if outcome.is_err() {
            missing.push(name);
        }
    }
    if missing.is_empty() || !in_ci() {
        Ok(())
    } else {
        Err(format!("missing with CI=true: {}", missing.join(", ")))
    }
}

type Part<'a> = &'a dyn Fn(&Path) -> Result<(), String>;

fn note(log: &Path, line: &str) -> Result<(), String> {
    use std::io::Write;
    let mut file = process::open_log(log)?;
    writeln!(file, "setup: {line}").map_err(|e| format!("cannot write {}: {e}", log.display()))
}

/// Installs missing system packages, or names them.
fn packages(log: &Path, install: bool) -> Result<(), String> {
    let absent = || {
        let missing = SYSTEM.iter().filter(|(program, _)| !installed(program));
        let mut packages: Vec<&str> = missing
            .flat_map(|(_, packages)| packages.iter().copied())
            .collect();
        let mut ensurepip = command("python3");
        ensurepip.args(["-c", "import venv, ensurepip"]);
        if installed("python3") && !succeeds(&mut ensurepip) {
            packages.push("python3-venv");
        }
        packages
    };
    let missing = absent();
    if missing.is_empty() {
        return Ok(());
    }
    if !install {
        let names = missing.join(" ");
        return Err(format!(
            "missing {names} (`cargo xtask setup --system` installs them)"
        ));
    }
    apt_get(&["update"], log)?;
    let mut args = vec!["install", "-y", "--no-install-recommends"];
    args.extend(&missing);
    apt_get(&args, log)?;
    match absent().as_slice() {
        [] => Ok(()),
        still => Err(format!("still missing: {}", still.join(" "))),
    }
}

fn apt_get(args: &[&str], log: &Path) -> Result<(), String> {
    let mut apt = match std::env::var_os("USER").is_none_or(|user| user == "root") {
        true => command("apt-get"),
        false => {
            let mut sudo = command("sudo");
            sudo.args(["-n", "apt-get"]);
            sudo
        }
    };
    apt.args(args).env("DEBIAN_FRONTEND", "noninteractive");
    run_logged(&mut apt, log, STEP_MAX)
}

/// A virtual environment that holds exactly what the requirements pin.
fn venv(folder: &Path, requirements: &str, log: &Path) -> Result<(), String> {
    let pins = root().join(requirements);
    let stamp = folder.join("requirements.txt");
    if same(&pins, &stamp) && folder.join("bin/python").exists() {
        return Ok(());
    }
    let _ = std::fs::remove_dir_all(folder);
    let mut make = command("python3");
    make.args(["-m", "venv"]).arg(folder);
    run_logged(&mut make, log, STEP_MAX)?;
    let mut install = command(folder.join("bin/python"));
    install
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(["--no-deps", "--only-binary", ":all:", "-r"])
        .arg(&pins);
    run_logged(&mut install, log, STEP_MAX)?;
    copy(&pins, &stamp)
}

/// Kafka's tools and broker, as the pom pins them.
fn kafka(log: &Path) -> Result<(), String> {
    let pom = root().join("tests/clients/pom.xml");
    let folder = kafka_folder();
    let stamp = folder.join("pom.xml");
    if same(&pom, &stamp) {
        return Ok(());
    }
    let _ = std::fs::remove_dir_all(&folder);
    create_dir(&folder)?;
    let mut maven = command("mvn");
    maven
        .args(["--quiet", "--batch-mode", "--file"])
        .arg(&pom)
        .args(["dependency:copy-dependencies", "-DincludeScope=runtime"])
        .arg(format!(
            "-DoutputDirectory={}",
            folder.join("libs").display()
        ));
    run_logged(&mut maven, log, STEP_MAX)?;
    copy(&pom, &stamp)
}
