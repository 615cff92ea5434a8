//! Addresses other than IPv4: a client that was given one reaches the partition through what the
//! node advertises.

use std::io::Write;
use std::process::{Command, Stdio};

use chronik_client::Connection;
use chronik_protocol::generated as m;

use crate::node::{Node, data_dir};

/// Runs a command of the binary against a node; its standard output.
fn chronik(bootstrap: &str, args: &[&str], input: &str) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_chronik"))
        .args(args)
        .args(["--bootstrap", bootstrap])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// Host and port that clients are told.
async fn advertised(bootstrap: &str) -> (String, i32) {
    let connection = Connection::connect(bootstrap).await.unwrap();
    let request = m::MetadataRequest::default();
    let response = connection.call(&request, 1).await.unwrap();
    let broker = &response.brokers[0];
    (broker.host.to_string(), broker.port)
}

fn create_produce_consume(bootstrap: &str) {
    chronik(bootstrap, &["topic", "create", "letters"], "");
    chronik(bootstrap, &["produce", "letters"], "alpha\nbeta\n");
    let consume = ["consume", "letters", "--from-beginning", "--count", "2"];
    assert_eq!(chronik(bootstrap, &consume, ""), "alpha\nbeta\n");
}

#[tokio::test]
async fn records_go_in_and_out_over_ipv6() {
    let dir = data_dir();
    let node = Node::start_on("[::1]:0", dir.path(), &[]);
    let (host, port) = advertised(&node.kafka).await;
    assert_eq!(node.kafka, format!("[::1]:{port}"));
    assert_eq!(host, "::1");
    create_produce_consume(&node.kafka);
}

#[tokio::test]
async fn records_go_in_and_out_over_an_advertised_host_name() {
    let dir = data_dir();
    let node = Node::start_on("localhost:0", dir.path(), &["--advertise", "localhost:0"]);
    let (host, port) = advertised(&node.kafka).await;
    assert_eq!(host, "localhost");
    create_produce_consume(&format!("localhost:{port}"));
}

#[tokio::test]
async fn one_node_serves_both_families_and_tells_each_client_its_own_address() {
    let dir = data_dir();
    let six = ["--listen", "SIX=[::1]:0"];
    let node = Node::start_on("FOUR=127.0.0.1:0", dir.path(), &six);
    let addresses: Vec<&str> = node.kafka.split(',').collect();
    assert_eq!(addresses.len(), 2, "{}", node.kafka);
    for (address, host) in addresses.iter().zip(["127.0.0.1", "::1"]) {
        assert_eq!(advertised(address).await.0, host);
    }
    create_produce_consume(addresses[1]);
}
