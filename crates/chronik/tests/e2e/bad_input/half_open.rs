//! Thousands of connections that begin a request and never go on.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::node::{Node, data_dir};
use crate::wire::assert_serves;

const CONNECTIONS: usize = 5_000;

fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    let enough = limit
        .maximum
        .is_none_or(|max| max as usize > CONNECTIONS + 1_000);
    assert!(enough, "ulimit -Hn is {:?}", limit.maximum);
}

/// The bound for a new client is a second. Five are failed on here, so that a busy
/// machine does not; a node that did not accept would answer never.
#[tokio::test]
async fn five_thousand_half_open_connections_are_cheap_and_end_and_a_new_client_is_served() {
    raise_open_files();
    let dir = data_dir();
    let node = Node::start(dir.path());
    let before = node.vm_hwm_kib();
    let half_open: Vec<TcpStream> = (0..CONNECTIONS)
        .map(|_| {
            let mut socket = TcpStream::connect(&node.kafka).unwrap();
            socket.write_all(&[0, 0]).unwrap();
            socket
        })
        .collect();
    let asked = Instant::now();
    let served = tokio::time::timeout(Duration::from_secs(5), assert_serves(&node.kafka)).await;
    assert!(served.is_ok(), "a new client was not served");
    println!("a new client was served after {:?}", asked.elapsed());
    let each = (node.vm_hwm_kib() - before) as f64 / half_open.len() as f64;
    println!("{each:.2} KiB a connection");
    assert!(each < 10.0, "{each:.2} KiB a connection");
    for _ in &half_open {
        let line = node.wait_for_line("event=\"connection_refused\"");
        let reason = "closing: a frame made no progress for 30 s";
        assert!(line.contains(reason), "{line}");
    }
}
