//! Broken requests: what Kafka refuses is refused, and where Kafka is lenient a table says what
//! we do. Nothing here may cost memory.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chronik_protocol::Limits;
use expect_test::expect;

use crate::vectors::{codec, load, parts};

/// `truncated-at-17` and `trailing-16-bytes` without the numbers that make them many.
fn class(label: &str) -> &str {
    ["truncated", "trailing"]
        .into_iter()
        .find(|class| label.starts_with(class))
        .unwrap_or(label)
}

#[test]
fn what_kafka_refuses_is_refused_and_what_it_accepts_is_in_the_table() {
    let mut accepted: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    let vectors = load("hostile");
    assert_eq!(vectors.len(), 4567);
    for vector in &vectors {
        let (name, version, bytes) = parts(vector);
        let label = vector["label"].as_str().unwrap();
        let result = codec(name)(bytes.clone(), version, Limits::default());
        let charged = result.as_ref().map_or(0, |decoded| decoded.charged);
        assert!(
            charged <= 128 * bytes.len(),
            "{name} v{version} {label}: {charged} bytes"
        );
        if vector["kafka"] != "accepts" {
            assert!(result.is_err(), "{name} v{version} {label} must be refused");
            continue;
        }
        let [taken, refused] = accepted.entry(class(label).to_owned()).or_default();
        match result {
            Ok(decoded) => {
                assert_eq!(
                    Some(decoded.left as u64),
                    vector["left"].as_u64(),
                    "{name} {label}"
                );
                *taken += 1;
            }
            Err(_) => *refused += 1,
        }
    }
    let mut table = String::from("Kafka accepts: we accept, refuse\n");
    for (class, [taken, refused]) in accepted {
        let _ = writeln!(table, "{class}: {taken}, {refused}");
    }
    expect![[r#"
        Kafka accepts: we accept, refuse
        array-count-negative-2: 0, 3
        array-count-negative-2-last: 0, 1
        array-count-negative-lowest: 0, 3
        array-count-negative-lowest-last: 0, 1
        array-count-varint-2^32-1-last: 0, 3
        bytes-length-negative-2-as-null: 0, 1
        bytes-length-negative-as-null: 0, 1
        string-length-negative-2: 0, 2
        string-length-negative-2-as-null: 0, 8
        string-length-negative-as-null: 0, 19
        string-length-negative-lowest: 0, 2
        string-length-varint-2^32-1: 0, 1
        trailing: 306, 0
    "#]]
    .assert_eq(&table);
}

/// A refused vector must not have been allocated for either: with no memory to give at all, the
/// same error comes out, or that of the limit.
#[test]
fn a_lie_about_a_count_is_found_before_memory_is_charged() {
    for vector in load("hostile") {
        let (name, version, bytes) = parts(&vector);
        let limits = Limits {
            memory_max: 128 * bytes.len(),
            ..Limits::default()
        };
        let free = codec(name)(bytes.clone(), version, Limits::default()).map(|d| d.debug);
        let tight = codec(name)(bytes, version, limits).map(|d| d.debug);
        assert_eq!(free, tight, "{name} v{version} {}", vector["label"]);
    }
}
