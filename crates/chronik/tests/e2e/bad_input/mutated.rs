//! Real requests with bytes changed, at a live node: 20,000 of them, the same in every run.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use chronik_protocol::ApiKey;
use flate2::read::GzDecoder;

use super::{BUDGET, assert_bounded, start};
use crate::node::data_dir;
use crate::wire::{assert_serves, connect, frame};

const FRAMES: usize = 20_000;
/// Frames on one connection; the first that is malformed ends it.
const FRAMES_EACH: usize = 25;

/// Small, fast, the same everywhere (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let product = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d);
        (product >> 33) as usize % end
    }
}

/// Every request that Kafka's own serializer wrote, behind a header of its version.
fn requests() -> Vec<Vec<u8>> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../chronik-protocol/tests/data/requests.jsonl.gz"
    );
    let file = std::fs::File::open(path).unwrap();
    BufReader::new(GzDecoder::new(file))
        .lines()
        .filter_map(|line| {
            let vector: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
            let message = vector["message"].as_str().unwrap();
            let name = message.strip_suffix("Request")?;
            let api = (0..100)
                .filter_map(ApiKey::from_code)
                .find(|api| api.name() == name)?;
            let version = i16::try_from(vector["version"].as_i64().unwrap()).unwrap();
            let mut bytes = crate::wire::header(api.code(), version);
            if api.request_header_version(version) == 2 {
                bytes.push(0);
            }
            bytes.extend(unhex(vector["hex"].as_str().unwrap()));
            Some(bytes)
        })
        .collect()
}

fn unhex(text: &str) -> impl Iterator<Item = u8> {
    let digit = |c: u8| (c as char).to_digit(16).unwrap() as u8;
    text.as_bytes()
        .chunks(2)
        .map(move |pair| digit(pair[0]) << 4 | digit(pair[1]))
}

/// One to four changes: a bit, a byte that looks like a length, an end, another request's tail.
fn mutate(random: &mut Random, bytes: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        // The api key stays, so that what is behind it is reached.
        let at = 2 + random.below(bytes.len() - 2);
        match random.below(5) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            2 => {
                let end = (at + 4).min(bytes.len());
                bytes[at..end].fill([0x7f, 0xff][random.below(2)]);
            }
            3 => bytes.truncate(at.max(8)),
            _ => {
                bytes.truncate(at.max(8));
                bytes.extend_from_slice(&other[random.below(other.len())..]);
            }
        }
    }
    bytes
}

/// Says that nothing more comes, and waits until the node has dealt with all that came.
fn finish(socket: &mut TcpStream) {
    let _ = socket.shutdown(Shutdown::Write);
    let mut answers = Vec::new();
    if let Err(error) = socket.read_to_end(&mut answers) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    }
}

#[tokio::test]
async fn twenty_thousand_mutated_requests_leave_the_node_serving_within_its_memory() {
    let dir = data_dir();
    // A changed fetch may ask to wait for weeks; it is answered when idle connections are.
    let settings = "\"connections.max.idle.ms\" = 200\n\"auto.create.topics.enable\" = false";
    let mut node = start(&dir, settings);
    let requests = requests();
    assert!(requests.len() > 500, "{} requests", requests.len());
    let mut random = Random(0x6368_726f_6e69_6b21);
    let mut sent = 0;
    while sent < FRAMES {
        let mut socket = connect(&node.kafka);
        for _ in 0..FRAMES_EACH {
            let request = &requests[random.below(requests.len())];
            let other = &requests[random.below(requests.len())];
            sent += 1;
            let bytes = frame(&mutate(&mut random, request, other));
            if socket.write_all(&bytes).is_err() {
                break;
            }
        }
        finish(&mut socket);
    }
    assert!(node.is_alive());
    assert_serves(&node.kafka).await;
    let metrics = node.get("/metrics");
    let panicked = "chronik_connections_panicked_total 0";
    assert!(metrics.contains(panicked), "{metrics}");
    assert_bounded(&node, BUDGET);
}
