//! Bytes that no client should send: each is refused, and the node goes on serving others.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use chronik_client::Connection;
use chronik_protocol::generated as m;

use crate::node::{Node, data_dir};

/// Sends bytes and reads until the node closes; what it answered before.
fn send(address: &str, bytes: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(address).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    // A node that closes early may break the pipe; what counts is that it closes.
    let _ = socket.write_all(bytes);
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    answer
}

fn frame(body: &[u8]) -> Vec<u8> {
    let mut frame = i32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(body);
    frame
}

fn header(api: i16, version: i16) -> Vec<u8> {
    let mut header = api.to_be_bytes().to_vec();
    header.extend_from_slice(&version.to_be_bytes());
    header.extend_from_slice(&7_i32.to_be_bytes());
    header.extend_from_slice(&(-1_i16).to_be_bytes());
    header
}

fn vm_hwm_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn malformed_frames_close_their_connection_and_nothing_else() {
    let dir = data_dir();
    let mut node = Node::start(dir.path());
    let metadata = |count: i32| {
        let mut body = header(3, 1);
        body.extend_from_slice(&count.to_be_bytes());
        body.extend_from_slice(&[0; 64]);
        frame(&body)
    };
    let mut tags = header(18, 3);
    tags.push(0);
    // A tagged-field section that claims 26 million fields.
    tags.extend_from_slice(&[0x80, 0xf5, 0xb2, 0x0c]);
    let mut deleted = header(20, 4);
    // A compact array of 2^31 - 2 names.
    deleted.extend_from_slice(&[0, 0xff, 0xff, 0xff, 0xff, 0x07]);
    let hostile: Vec<(&str, Vec<u8>)> = vec![
        ("negative size", (-1_i32).to_be_bytes().to_vec()),
        (
            "size of 2 GiB",
            [0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0].to_vec(),
        ),
        ("size below a header", frame(&[0, 3])),
        ("unknown api", frame(&header(999, 0))),
        ("an api for brokers only", frame(&header(56, 2))),
        ("unknown version", frame(&header(3, 99))),
        ("an array of 2^31 elements", metadata(i32::MAX)),
        ("an array of a negative count", metadata(-5)),
        ("26 million tags", frame(&tags)),
        ("2^31 topics to delete", frame(&deleted)),
        ("a metadata request of 100 MiB", {
            let mut bytes = (100_i32 << 20).to_be_bytes().to_vec();
            bytes.extend_from_slice(&header(3, 1));
            bytes
        }),
    ];
    for (what, bytes) in &hostile {
        let answer = send(&node.kafka, bytes);
        assert!(
            answer.is_empty(),
            "{what} was answered with {} bytes",
            answer.len()
        );
        let line = node.wait_for_line("connection_refused");
        assert!(line.contains("closing:"), "{what}: {line}");
    }
    assert!(node.is_alive());
    let budget_kib = 256 * 1024;
    assert!(vm_hwm_kib(node.pid()) < 32 * 1024 + budget_kib);
    let connection = Connection::connect(&node.kafka).await.unwrap();
    connection
        .call(&m::ApiVersionsRequest::default(), 0)
        .await
        .unwrap();
}

#[test]
fn an_unknown_version_of_api_versions_is_answered_in_version_zero() {
    let dir = data_dir();
    let node = Node::start(dir.path());
    let mut socket = TcpStream::connect(&node.kafka).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut body = header(18, 77);
    body.push(0);
    socket.write_all(&frame(&body)).unwrap();
    let mut answer = [0; 14];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(answer[4..8], 7_i32.to_be_bytes());
    assert_eq!(answer[8..10], 35_i16.to_be_bytes());
    assert_eq!(answer[10..14], 1_i32.to_be_bytes());
}

#[tokio::test]
async fn many_half_open_connections_leave_room_for_a_new_client() {
    let dir = data_dir();
    let node = Node::start(dir.path());
    let before = vm_hwm_kib(node.pid());
    let half_open: Vec<TcpStream> = (0..1000)
        .map(|_| {
            let mut socket = TcpStream::connect(&node.kafka).unwrap();
            socket.write_all(&[0, 0]).unwrap();
            socket
        })
        .collect();
    let connect = Connection::connect(&node.kafka);
    let connection = tokio::time::timeout(Duration::from_secs(5), connect)
        .await
        .unwrap()
        .unwrap();
    connection
        .call(&m::ApiVersionsRequest::default(), 0)
        .await
        .unwrap();
    let grown = vm_hwm_kib(node.pid()).saturating_sub(before);
    assert!(
        grown < 10 * 1000,
        "{grown} KiB for {} connections",
        half_open.len()
    );
}
