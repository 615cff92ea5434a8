//! Clients that ask and never read their answers.

use std::time::Duration;

use chronik_client::Connection;
use chronik_protocol::generated as m;
use chronik_protocol::{Codec, encode_request};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use super::{assert_bounded, start_with_budget};
use crate::node::data_dir;
use crate::wire::{assert_serves, batch, create_topic, fetch_request, produce, read_all};

/// Its sixteenth is a quarter of the replies' pool less a bit: what one fetch may take.
const BUDGET: usize = 16 << 20;

/// Connects with little room in the client's kernel, and writes requests until the node reads no
/// more of them.
async fn never_reading(address: &str, request: &[u8]) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    let mut stream = socket.connect(address.parse().unwrap()).await.unwrap();
    for _ in 0..200 {
        let write = stream.write_all(request);
        match tokio::time::timeout(Duration::from_millis(300), write).await {
            Ok(Ok(())) => {}
            // Cut off, or not read any more: either way the replies stand.
            Ok(Err(_)) | Err(_) => break,
        }
    }
    stream
}

/// Four unread fetches take the whole pool of replies. Whoever waits for room in it gets it
/// within seconds, not after the half minute that an unread reply may stand otherwise.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_nobody_reads_keep_no_other_consumer_waiting() {
    let dir = data_dir();
    let node = start_with_budget(&dir, BUDGET, "");
    let connection = Connection::connect(&node.kafka).await.unwrap();
    create_topic(&connection, "unread", &[]).await;
    let value = vec![7_u8; 900 << 10];
    for offset in 0..4 {
        let records = batch(Codec::None, &value);
        let answer = produce(&connection, "unread", records).await;
        assert_eq!(answer, Some((0, offset)));
    }
    let fetch = encode_request(1, None, 11, &fetch_request("unread", 0, 16 << 20))
        .unwrap()
        .into_bytes();
    let mut stuck = Vec::new();
    for _ in 0..6 {
        stuck.push(tokio::spawn({
            let (address, fetch) = (node.kafka.clone(), fetch.clone());
            async move { never_reading(&address, &fetch.repeat(10)).await }
        }));
    }
    let mut held = Vec::new();
    for stuck in stuck {
        held.push(stuck.await.unwrap());
    }
    for _ in 0..3 {
        assert_eq!(read_all(&connection, "unread").await.len(), 4);
    }
    let line = node.wait_for_line("the client took no byte of its reply");
    assert!(!line.contains("for 30 s"), "{line}");
    assert_bounded(&node, BUDGET);
}

/// A reply that is not a fetch brings no room of its own: unread, it takes that of connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unread_replies_of_any_api_are_charged_and_new_clients_are_served() {
    let dir = data_dir();
    let node = start_with_budget(&dir, BUDGET, "");
    let names = (0..3_000).map(|i| m::metadata_request::MetadataRequestTopic {
        name: Some(format!("no-topic-of-this-name-{i}").into()),
        ..Default::default()
    });
    let request = m::MetadataRequest {
        topics: Some(names.collect()),
        ..Default::default()
    };
    let request = encode_request(1, None, 4, &request).unwrap().into_bytes();
    let mut stuck = Vec::new();
    for _ in 0..40 {
        stuck.push(tokio::spawn({
            let (address, request) = (node.kafka.clone(), request.clone());
            async move { never_reading(&address, &request).await }
        }));
    }
    node.wait_for_line("bytes of its reply, and there is no room to keep them");
    assert_serves(&node.kafka).await;
    let mut held = Vec::new();
    for stuck in stuck {
        held.push(stuck.await.unwrap());
    }
    assert_serves(&node.kafka).await;
    assert_bounded(&node, BUDGET);
}
