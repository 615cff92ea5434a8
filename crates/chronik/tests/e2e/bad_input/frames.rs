//! Frames, headers and request bodies that are no request.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::Shutdown;

use chronik_client::Connection;
use expect_test::expect;

use super::{BUDGET, assert_bounded, start};
use crate::node::data_dir;
use crate::wire::{assert_serves, connect, create_topic, fetch_request, frame, header, send};

fn metadata(body: &[u8]) -> Vec<u8> {
    frame(&[&header(3, 1), body].concat())
}

/// Kafka 4.3.1 was sent the same bytes. It closes without an answer on all of these but two: a
/// Metadata request of 100 MiB is answered, and an array of a negative count is read as null
/// (`docs/compatibility.md`).
fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let named = |name: &[u8]| [&1_i32.to_be_bytes()[..], name].concat();
    // Two empty strings, then a tagged-field section that claims 26 million fields.
    let million = [0x80, 0xf5, 0xb2, 0x0c];
    let tags = [&header(18, 3)[..], &[0, 1, 1], &million].concat();
    let header_tags = [&header(18, 3)[..], &million].concat();
    // A compact array of 2^31 - 2 names.
    let deleted = [&header(20, 4)[..], &[0, 0xff, 0xff, 0xff, 0xff, 0x07]].concat();
    let long = [&(100_i32 << 20).to_be_bytes()[..], &header(3, 1)].concat();
    let array = [&i32::MAX.to_be_bytes()[..], &[0; 64]].concat();
    let negative = [&(-5_i32).to_be_bytes()[..], &[0; 64]].concat();
    vec![
        ("negative size", (-1_i32).to_be_bytes().to_vec()),
        ("size 0", 0_i32.to_be_bytes().to_vec()),
        (
            "size of 2 GiB",
            [0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0].to_vec(),
        ),
        ("size below a header", frame(&[0, 3])),
        ("unknown api", frame(&header(999, 0))),
        (
            "an api for brokers only",
            frame(&[&header(56, 2)[..], &[0; 30]].concat()),
        ),
        ("an api of old brokers", frame(&header(4, 0))),
        (
            "unknown version",
            frame(&[&header(3, 99)[..], &[0]].concat()),
        ),
        ("negative version", frame(&header(3, -1))),
        ("produce v0", frame(&header(0, 0))),
        ("produce v1", frame(&header(0, 1))),
        ("produce v2", frame(&header(0, 2))),
        ("an array of 2^31 elements", metadata(&array)),
        ("an array of a negative count", metadata(&negative)),
        (
            "a string beyond its frame",
            metadata(&named(&[0, 50, b'a'])),
        ),
        (
            "a string of a negative length",
            metadata(&named(&[0xff, 0xfe])),
        ),
        ("a body that is not there", metadata(&[])),
        ("26 million tags", frame(&tags)),
        ("26 million tags in the header", frame(&header_tags)),
        ("2^31 topics to delete", frame(&deleted)),
        ("a metadata request of 100 MiB", long),
    ]
}

#[tokio::test]
async fn malformed_frames_close_their_connection_and_nothing_else() {
    let dir = data_dir();
    let mut node = start(&dir, "");
    let mut table = String::new();
    for (what, bytes) in hostile() {
        let answer = send(&node.kafka, &bytes);
        assert!(answer.is_empty(), "{what} was answered: {answer:?}");
        let line = node.wait_for_line("event=\"connection_refused\"");
        let reason = line.split_once("closing: ").unwrap().1;
        let reason = reason.split(" event=").next().unwrap();
        writeln!(table, "{what}: {reason}").unwrap();
    }
    expect![[r#"
        negative size: a frame claims -1 bytes
        size 0: a frame claims 0 bytes
        size of 2 GiB: a frame of 2147483647 bytes for api key 0 exceeds the limit of 104857600
        size below a header: a frame claims 2 bytes
        unknown api: unknown api key 999
        an api for brokers only: AlterPartition version 2 is not served
        an api of old brokers: unknown api key 4
        unknown version: Metadata version 99 is not served
        negative version: Metadata version -1 is not served
        produce v0: Produce version 0 is not served
        produce v1: Produce version 1 is not served
        produce v2: Produce version 2 is not served
        an array of 2^31 elements: malformed Metadata request: array at byte 4 needs 4294967294 bytes, 64 are left
        an array of a negative count: malformed Metadata request: array at byte 0 has the length -5
        a string beyond its frame: malformed Metadata request: string at byte 6 needs 50 bytes, 1 are left
        a string of a negative length: malformed Metadata request: string at byte 4 has the length -2
        a body that is not there: malformed Metadata request: array at byte 0 needs 4 bytes, 0 are left
        26 million tags: malformed ApiVersions request: tagged fields at byte 2 make 26000000, the limit is 10000
        26 million tags in the header: malformed request header: tagged fields at byte 10 make 26000000, the limit is 10000
        2^31 topics to delete: malformed DeleteTopics request: array at byte 5 needs 2147483646 bytes, 0 are left
        a metadata request of 100 MiB: a frame of 104857600 bytes for api key 3 exceeds the limit of 8388608
    "#]].assert_eq(&table);
    assert!(node.is_alive());
    assert_serves(&node.kafka).await;
    assert_bounded(&node, BUDGET);
}

#[test]
fn a_frame_cut_off_by_its_client_is_not_answered_and_the_next_client_is() {
    let dir = data_dir();
    let node = start(&dir, "");
    let whole = frame(&header(18, 0));
    for cut in [1, 4, 8, whole.len() - 1] {
        let mut socket = connect(&node.kafka);
        socket.write_all(&whole[..cut]).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).unwrap();
        assert!(answer.is_empty(), "{cut} bytes were answered: {answer:?}");
    }
    let mut socket = connect(&node.kafka);
    socket.write_all(&whole).unwrap();
    let mut answer = [0; 8];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(answer[4..], 7_i32.to_be_bytes());
}

#[test]
fn an_unknown_version_of_api_versions_is_answered_in_version_zero() {
    let dir = data_dir();
    let node = start(&dir, "");
    let mut socket = connect(&node.kafka);
    let mut body = header(18, 77);
    body.push(0);
    socket.write_all(&frame(&body)).unwrap();
    let mut answer = [0; 14];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(answer[4..8], 7_i32.to_be_bytes());
    assert_eq!(answer[8..10], 35_i16.to_be_bytes());
    assert_eq!(answer[10..14], 1_i32.to_be_bytes());
}

/// Else its connection, and what is charged for it, would outlive a client that went away: a
/// parked fetch reads nothing.
#[tokio::test]
async fn a_fetch_that_would_wait_for_weeks_is_answered_when_its_connection_counts_as_idle() {
    let dir = data_dir();
    let node = start(&dir, "\"connections.max.idle.ms\" = 500");
    let connection = Connection::connect(&node.kafka).await.unwrap();
    create_topic(&connection, "waited-for", &[]).await;
    let mut request = fetch_request("waited-for", 0, 1 << 20);
    request.max_wait_ms = i32::MAX;
    request.min_bytes = 1;
    let response = connection.call(&request, 11).await.unwrap();
    let data = &response.responses[0].partitions[0];
    assert_eq!((data.error_code, data.high_watermark), (0, 0));
}
