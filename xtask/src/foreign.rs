//! Clients in other languages than Rust, Python and Java, for the client suites.
//!
//! Each is a program in `tests/clients/` that its suite steers; what it needs comes from its
//! language's registry, as its lock file pins it, and goes below `target/clients/`. A copy of the
//! pins, written last, says that a folder is whole.

use crate::process::{command, create_dir, installed, root, run_logged, target};
use std::path::{Path, PathBuf};
use std::time::Duration;

const STEP_MAX: Duration = Duration::from_secs(600);

/// Whether all of them are set up.
pub(crate) fn ready() -> bool {
    let stamps = [
        "kafkajs/installed.json",
        "go/sarama",
        "go/kafkago",
        "kafka_python_own/installed.txt",
    ];
    let clients = target().join("clients");
    stamps.iter().all(|stamp| clients.join(stamp).is_file())
}

/// kafkajs and its codecs.
pub(crate) fn kafkajs(log: &Path) -> Result<(), String> {
    let (sources, folder) = places("kafkajs");
    let pins = sources.join("package-lock.json");
    let stamp = folder.join("installed.json");
    if same(&pins, &stamp) {
        return Ok(());
    }
    need("npm")?;
    start_over(&folder)?;
    copy(&sources.join("package.json"), &folder.join("package.json"))?;
    copy(&pins, &folder.join("package-lock.json"))?;
    // Nothing of a package runs while it is installed: its native code comes as a package of its own.
    let mut npm = command("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&folder);
    run_logged(&mut npm, log, STEP_MAX)?;
    copy(&pins, &stamp)
}

/// The programs in Go; what is built already is its cache's business.
pub(crate) fn go(log: &Path) -> Result<(), String> {
    need("go")?;
    let (sources, folder) = places("go");
    create_dir(&folder)?;
    let mut go = command("go");
    go.args(["build", "-buildvcs=false", "-o"])
        .arg(&folder)
        .args(["./sarama", "./kafkago"])
        .current_dir(&sources);
    run_logged(&mut go, log, STEP_MAX)
}

/// The source distribution of kafka-python with its tests, and what they miss in it.
pub(crate) fn kafka_python_own(python: &Path, log: &Path) -> Result<(), String> {
    let (sources, folder) = places("kafka_python_own");
    let pins = sources.join("requirements.txt");
    let (stamp, source) = (folder.join("installed.txt"), folder.join("source"));
    if !same(&pins, &stamp) {
        start_over(&source)?;
        let mut pip = command(python);
        pip.args(["-m", "pip", "download", "--quiet"])
            .args(["--disable-pip-version-check", "--no-deps"])
            .args(["--no-binary", "kafka-python", "--require-hashes", "-r"])
            .arg(&pins)
            .arg("--dest")
            .arg(&folder);
        run_logged(&mut pip, log, STEP_MAX)?;
        let mut unpack = command("tar");
        unpack
            .args(["--strip-components", "1", "-xzf"])
            .arg(folder.join("kafka_python-3.0.12.tar.gz"))
            .arg("-C")
            .arg(&source);
        run_logged(&mut unpack, log, STEP_MAX)?;
        let marker = source.join("test/__init__.py");
        std::fs::write(&marker, "")
            .map_err(|e| format!("cannot write {}: {e}", marker.display()))?;
        copy(&pins, &stamp)?;
    }
    copy(&sources.join("service.py"), &source.join("test/service.py"))
}

/// The sources of a client, and the folder of what it needs.
fn places(client: &str) -> (PathBuf, PathBuf) {
    (
        root().join("tests/clients").join(client),
        target().join("clients").join(client),
    )
}

fn need(program: &str) -> Result<(), String> {
    if installed(program) {
        Ok(())
    } else {
        Err(format!("{program} is not installed"))
    }
}

/// An empty folder.
fn start_over(folder: &Path) -> Result<(), String> {
    let _ = std::fs::remove_dir_all(folder);
    create_dir(folder)
}

/// Whether both files are there and equal.
pub(crate) fn same(one: &Path, other: &Path) -> bool {
    matches!((std::fs::read(one), std::fs::read(other)), (Ok(a), Ok(b)) if a == b)
}

pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), String> {
    std::fs::copy(from, to)
        .map(|_| ())
        .map_err(|e| format!("cannot write {}: {e}", to.display()))
}
