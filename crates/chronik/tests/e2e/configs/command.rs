//! `chronik config describe|set|unset` against a node.

use std::process::Command;

use crate::node::{Node, data_dir};

/// Runs `chronik config` and returns its exit code and what it printed.
fn config(node: &Node, args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_chronik"))
        .arg("config")
        .args(args)
        .args(["--bootstrap", &node.kafka])
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn settings_are_set_described_and_unset_from_the_command_line() {
    let dir = data_dir();
    let node = Node::start(dir.path());
    for target in [&["--broker", "1"][..], &["--cluster"]] {
        let with = |verb: &'static str, rest: &[&'static str]| [&[verb], target, rest].concat();
        let (code, text) = config(&node, &with("set", &["log.retention.ms=60000"]));
        assert_eq!(code, Some(0), "{text}");
        let (_, text) = config(&node, &with("describe", &[]));
        let line = text
            .lines()
            .find(|line| line.starts_with("log.retention.ms"));
        let source = target[0].trim_start_matches("--");
        let cells: Vec<_> = line.unwrap().split_whitespace().collect();
        assert_eq!(cells, ["log.retention.ms", "60000", source, "at", "once"]);
        let (code, _) = config(&node, &with("unset", &["log.retention.ms"]));
        assert_eq!(code, Some(0));
    }
    let (code, text) = config(
        &node,
        &[
            "set",
            "--group",
            "g",
            "share.isolation.level=read_committed",
        ],
    );
    assert_eq!((code, text.as_str()), (Some(0), "changed group g\n"));
    let (_, text) = config(&node, &["describe", "--group", "g", "--json"]);
    let expected = "[{\"name\":\"share.isolation.level\",\"read_only\":false,\"sensitive\":false,\"source\":\"group\",\"value\":\"read_committed\"}]\n";
    assert_eq!(text, expected);
    let (_, text) = config(&node, &["describe", "--broker", "1", "--all"]);
    assert!(text.lines().count() > 300, "{text}");
    let (code, text) = config(&node, &["set", "--broker", "1", "node.id=5"]);
    assert_eq!(code, Some(1));
    assert_eq!(
        text,
        "chronik: Cannot update these configs dynamically: [node.id] (INVALID_REQUEST)\n"
    );
    let (code, text) = config(&node, &["describe", "--broker", "9"]);
    assert_eq!(
        (code, text.as_str()),
        (
            Some(1),
            "chronik: there is no broker 9 (BROKER_ID_NOT_REGISTERED)\n"
        )
    );
}
