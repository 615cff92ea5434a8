//! Flags, environment and file as the binary reads them.

use std::process::Command;

use crate::node::data_dir;

fn chronik(args: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_chronik"))
        .args(args)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn version_names_commit_protocol_and_disk_format() {
    let (code, out, _) = chronik(&["--version"], &[]);
    assert_eq!(code, Some(0));
    assert!(
        out.contains("commit") && out.contains("Kafka protocol 4.3"),
        "{out}"
    );
    assert!(out.contains("disk format 1"), "{out}");
}

#[test]
fn the_reference_names_flag_variable_and_default() {
    let (code, out, _) = chronik(&["config", "reference"], &[]);
    assert_eq!(code, Some(0));
    for text in ["node.id", "--node-id", "CHRONIK_NODE_ID", "quorum-fsync"] {
        assert!(out.contains(text), "{text}");
    }
}

#[test]
fn a_wrong_file_or_variable_is_one_line_with_the_name_and_exit_code_two() {
    let dir = data_dir();
    let file = dir.path().join("chronik.toml");
    std::fs::write(&file, "node.idd = 3\nnum.partitions = 0\n").unwrap();
    let (code, _, err) = chronik(&["config", "check", file.to_str().unwrap()], &[]);
    assert_eq!(code, Some(2));
    assert!(
        err.contains("did you mean node.id?") && err.contains("num.partitions"),
        "{err}"
    );
    assert_eq!(err.lines().count(), 1, "{err}");

    let (code, _, err) = chronik(&["start"], &[("CHRONIK_NODEID", "3")]);
    assert_eq!(code, Some(2));
    assert!(err.contains("CHRONIK_NODEID"), "{err}");

    std::fs::write(&file, "[node]\nid = 3\n").unwrap();
    let (code, out, _) = chronik(&["config", "check", file.to_str().unwrap()], &[]);
    assert_eq!(code, Some(0), "{out}");
}

#[test]
fn completions_are_printed_for_the_usual_shells() {
    for shell in ["bash", "zsh", "fish"] {
        let (code, out, _) = chronik(&["completions", shell], &[]);
        assert_eq!(code, Some(0));
        assert!(
            out.contains("chronik") && out.contains("data-dir"),
            "{shell}"
        );
    }
}
