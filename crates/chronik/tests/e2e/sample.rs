//! A data directory of every disk format there was: the node of today starts on it and its clients
//! read what they read then. `tests/samples/make.sh` makes the sample of a new format; an old one
//! is never made again.

use std::path::Path;
use std::process::Command;

use crate::node::{Node, data_dir};

fn run(program: &str, arguments: &[&str], node: Option<&Node>) -> String {
    let mut command = Command::new(program);
    command.args(arguments);
    if let Some(node) = node {
        command.env("CHRONIK_BOOTSTRAP", &node.kafka);
    }
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// What a client reads, in an order of its own.
fn read(node: &Node, topic: &str) -> Vec<String> {
    let chronik = env!("CARGO_BIN_EXE_chronik");
    let arguments = ["consume", topic, "--from-beginning", "--json"];
    let mut lines: Vec<String> = run(chronik, &arguments, Some(node))
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort_unstable();
    lines
}

#[test]
fn a_directory_of_disk_format_1_is_read_and_written_on() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let dir = data_dir();
    let to = dir.path().to_str().unwrap();
    let sample = samples.join("format-1.tar.gz");
    run("tar", &["-xzf", sample.to_str().unwrap(), "-C", to], None);
    let data = dir.path().join("data");
    let node = Node::start(&data);
    for topic in ["plain", "rolled", "memory", "gone"] {
        let expected = std::fs::read_to_string(dir.path().join(format!("{topic}.json"))).unwrap();
        let mut expected: Vec<&str> = expected.lines().collect();
        expected.sort_unstable();
        assert_eq!(read(&node, topic), expected, "{topic}");
    }
    let chronik = env!("CARGO_BIN_EXE_chronik");
    let new = dir.path().join("new");
    std::fs::write(&new, "of today").unwrap();
    let arguments = ["produce", "memory", "--file", new.to_str().unwrap()];
    run(chronik, &arguments, Some(&node));
    assert_eq!(node.terminate(), Some(0));
    run(chronik, &["log", "check", data.to_str().unwrap()], None);
    let node = Node::start(&data);
    assert_eq!(read(&node, "memory").len(), 51);
}
