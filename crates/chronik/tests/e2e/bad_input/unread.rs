//! Clients that ask and never read their answers.

use bytes::Bytes;
use chronik_client::Connection;
use chronik_protocol::generated as m;
use chronik_protocol::{Codec, encode_request};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;

use super::{assert_bounded, start_with_budget};
use crate::node::data_dir;
use crate::wire::{assert_serves, batch, create_topic, fetch_request, produce, read_all};

/// The pool of replies is five sixteenths of it, and one fetch takes a quarter of that at most.
const BUDGET: usize = 16 << 20;

const TOO_SLOW: &str = "of its reply in 1 s, while others wait for memory";

/// A client with little room in its kernel that writes requests for as long as it can, and reads
/// nothing; it ends when it is cut off, or with its test.
async fn never_reading(address: String, request: Bytes) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    let mut stream = socket.connect(address.parse().unwrap()).await.unwrap();
    while stream.write_all(&request).await.is_ok() {}
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
    for _ in 0..6 {
        tokio::spawn(never_reading(node.kafka.clone(), fetch.clone()));
    }
    // Two of them wait for room already.
    node.wait_for_line(TOO_SLOW);
    for _ in 0..3 {
        assert_eq!(read_all(&connection, "unread").await.len(), 4);
    }
    node.wait_for_line(TOO_SLOW);
    assert_bounded(&node, BUDGET);
}

/// A reply that is not a fetch brings no room of its own: unread, it takes that of connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unread_replies_of_any_api_are_charged_and_new_clients_are_served() {
    let dir = data_dir();
    let node = start_with_budget(&dir, BUDGET, "");
    let names = (0..6_500).map(|i| m::metadata_request::MetadataRequestTopic {
        name: Some(format!("no-topic-of-this-name-{i}").into()),
        ..Default::default()
    });
    let request = m::MetadataRequest {
        topics: Some(names.collect()),
        allow_auto_topic_creation: false,
        ..Default::default()
    };
    let request = encode_request(1, None, 4, &request).unwrap().into_bytes();
    // Each leaves a reply of 220 KiB unread, and the connections' pool is 3 MiB.
    for _ in 0..20 {
        tokio::spawn(never_reading(node.kafka.clone(), request.clone()));
    }
    node.wait_for_line("bytes of its reply, and there is no room to keep them");
    assert_serves(&node.kafka).await;
    assert_bounded(&node, BUDGET);
}
