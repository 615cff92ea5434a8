//! README's commands, as written, against a node of the test's own.

use std::process::Command;

use crate::node::{Node, data_dir};

#[test]
fn readmes_commands_work_as_written() {
    let readme =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap();
    let prefix = "cargo run --release --";
    let commands: Vec<&str> = readme
        .lines()
        .filter(|line| line.contains(prefix) && !line.ends_with(" start"))
        .collect();
    assert_eq!(commands.len(), 3, "{commands:?}");
    let dir = data_dir();
    let node = Node::start(dir.path());
    let mut last = String::new();
    for command in commands {
        let script = command.replace(prefix, env!("CARGO_BIN_EXE_chronik"));
        let output = Command::new("sh")
            .args(["-c", &script])
            .env("CHRONIK_BOOTSTRAP", &node.kafka)
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {error}");
        last = String::from_utf8_lossy(&output.stdout).into_owned();
    }
    assert!(last.contains("hello"), "{last}");
}
