//! Start and stop as a person or a service manager sees them.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::node::{Node, data_dir};

fn failed_start(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_chronik"))
        .arg("start")
        .args(args)
        .args(["--http", "127.0.0.1:0"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), text)
}

#[test]
fn a_second_node_on_the_same_directory_or_port_is_refused_with_what_to_do() {
    let dir = data_dir();
    let node = Node::start(dir.path());
    let path = dir.path().to_str().unwrap();
    let (code, text) = failed_start(&["--data-dir", path, "--listen", "127.0.0.1:0"]);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("in use by another process"), "{text}");

    let other = data_dir();
    let other = other.path().to_str().unwrap();
    let (code, text) = failed_start(&["--data-dir", other, "--listen", &node.kafka]);
    assert_eq!(code, Some(4), "{text}");
    assert!(text.contains("Kafka-compatible broker"), "{text}");
}

#[test]
fn a_directory_that_is_not_ours_is_refused() {
    let foreign = data_dir();
    std::fs::write(foreign.path().join("diary.txt"), "dear diary").unwrap();
    let kafka = data_dir();
    let properties = "version=1\ncluster.id=abc\nnode.id=1\n";
    std::fs::write(kafka.path().join("meta.properties"), properties).unwrap();
    let newer = data_dir();
    let properties = "version=1\nchronik.format=99\ncluster.id=abc\nnode.id=1\ndirectory.id=x\n";
    std::fs::write(newer.path().join("meta.properties"), properties).unwrap();
    for (dir, words) in [
        (&foreign, "not a Chronik data directory"),
        (&kafka, "belongs to an Apache Kafka broker"),
        (&newer, "disk format 99"),
    ] {
        let path = dir.path().to_str().unwrap();
        let (code, text) = failed_start(&["--data-dir", path, "--listen", "127.0.0.1:0"]);
        assert_eq!(code, Some(3), "{text}");
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn files_are_private_and_health_is_told() {
    let dir = data_dir();
    let path = dir.path().join("node");
    let node = Node::start(&path);
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o750);
    assert_eq!(mode(&path.join("meta.properties")), 0o640);
    assert!(node.get("/livez").starts_with("HTTP/1.1 200"));
    let ready = node.get("/readyz");
    assert!(
        ready.starts_with("HTTP/1.1 200") && ready.contains("ready"),
        "{ready}"
    );
    let metrics = node.get("/metrics");
    assert!(metrics.contains("chronik_journal_windows"), "{metrics}");
    assert_eq!(node.terminate(), Some(0));
}

#[tokio::test]
async fn errors_in_answers_are_counted_by_api_and_name() {
    use chronik_protocol::generated as m;
    let dir = data_dir();
    let node = Node::start(dir.path());
    let connection = chronik_client::Connection::connect(&node.kafka)
        .await
        .unwrap();
    let request = m::MetadataRequest {
        topics: Some(vec![m::metadata_request::MetadataRequestTopic {
            name: Some("nowhere".into()),
            ..Default::default()
        }]),
        allow_auto_topic_creation: false,
        ..Default::default()
    };
    let response = connection.call(&request, 9).await.unwrap();
    assert_eq!(response.topics[0].error_code, 3);
    let metrics = node.get("/metrics");
    let line =
        "chronik_request_errors_total{api=\"Metadata\",error=\"UNKNOWN_TOPIC_OR_PARTITION\"} 1";
    assert!(metrics.contains(line), "{metrics}");
}
