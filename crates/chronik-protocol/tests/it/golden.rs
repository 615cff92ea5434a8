//! Bytes that Kafka wrote are read, mean what Kafka meant, and are written again the same.

use std::collections::BTreeSet;

use chronik_protocol::Limits;
use serde_json::Value;

use crate::debug_form;
use crate::vectors::{codec, load, parts, unhex};

/// What the unknown tagged fields of a vector take on the wire; the count before them stays a
/// varint of one byte.
fn unknown_bytes(vector: &Value) -> usize {
    let varint = |value: usize| (usize::BITS - (value | 1).leading_zeros()).div_ceil(7) as usize;
    let unknown = vector["unknown"].as_array().map_or(&[][..], Vec::as_slice);
    let sizes = unknown.iter().map(|field| {
        let data = unhex(&field["hex"]).len();
        varint(field["tag"].as_u64().unwrap() as usize) + varint(data) + data
    });
    sizes.sum()
}

fn check(file: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for vector in load(file) {
        let (name, version, bytes) = parts(&vector);
        let what = format!("{name} v{version} {}", vector["kind"]);
        let decoded = codec(name)(bytes.clone(), version, Limits::default())
            .unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(decoded.left, 0, "{what}");
        match unknown_bytes(&vector) {
            0 => assert!(
                decoded.encoded == bytes,
                "{what}: {bytes:x} became {:x}",
                decoded.encoded
            ),
            unknown => assert_eq!(decoded.encoded.len() + unknown, bytes.len(), "{what}"),
        }
        if vector["kind"] == "default" {
            assert_eq!(decoded.default_encoded, Ok(bytes), "{what}");
        }
        let meant = debug_form::parse(&decoded.debug);
        let default = debug_form::parse(&decoded.default);
        debug_form::compare(&meant, &vector["json"], &default)
            .unwrap_or_else(|e| panic!("{what}: {e}"));
        names.insert(name.to_owned());
    }
    names
}

#[test]
fn requests_are_read_and_written_as_kafka_does() {
    assert_eq!(check("requests").len(), 89);
}

#[test]
fn responses_are_read_and_written_as_kafka_does() {
    assert_eq!(check("responses").len(), 89);
}

#[test]
fn headers_and_stored_records_are_read_and_written_as_kafka_does() {
    assert_eq!(check("records").len(), 62);
}
