//! Records as lines of JSON: what `consume --json` prints and `produce --json` reads.
//!
//! Keeps: what one prints the other reads back to the same bytes. Text is text where it is UTF-8;
//! anything else is base64 under a name that says so (`key_base64`, `value_base64`). Headers are an
//! object, or a list of objects where a key repeats or is not text. The timestamp is in
//! milliseconds; RFC 3339 is read too. `topic` and `offset` are printed, and ignored when read.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chronik_client::FetchedRecord;
use chronik_protocol::RecordHeader;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::time::parse_time;

/// A record as it was read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Given {
    pub(super) partition: Option<i32>,
    pub(super) timestamp: Option<i64>,
    pub(super) key: Option<Bytes>,
    pub(super) value: Option<Bytes>,
    pub(super) headers: Vec<RecordHeader>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(default, rename = "topic")]
    _topic: Option<String>,
    #[serde(default, rename = "offset")]
    _offset: Option<i64>,
    #[serde(default)]
    partition: Option<i32>,
    #[serde(default)]
    timestamp: Option<Time>,
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    key_base64: Option<String>,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    value_base64: Option<String>,
    #[serde(default)]
    headers: Headers,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "milliseconds since 1970 or a text such as 2026-11-21T16:00:00Z"
)]
enum Time {
    Millis(i64),
    Text(String),
}

/// Reads a line; `now` is what relative times count from.
pub(super) fn read(line: &[u8], now: i64) -> Result<Given, String> {
    let line: Line = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let timestamp = match line.timestamp {
        None => None,
        Some(Time::Millis(millis)) => Some(millis),
        Some(Time::Text(text)) => Some(parse_time(&text, now)?),
    };
    Ok(Given {
        partition: line.partition,
        timestamp,
        key: bytes("key", line.key, line.key_base64)?,
        value: bytes("value", line.value, line.value_base64)?,
        headers: line.headers.0,
    })
}

fn bytes(
    name: &str,
    text: Option<String>,
    base64: Option<String>,
) -> Result<Option<Bytes>, String> {
    match (text, base64) {
        (Some(_), Some(_)) => Err(format!("{name} and {name}_base64 are both given")),
        (Some(text), None) => Ok(Some(text.into())),
        (None, Some(text)) => match STANDARD.decode(&text) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) => Err(format!("{name}_base64: {error}")),
        },
        (None, None) => Ok(None),
    }
}

#[derive(Default)]
struct Headers(Vec<RecordHeader>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderLine {
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    key_base64: Option<String>,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    value_base64: Option<String>,
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HeadersVisitor)
    }
}

struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = Headers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts, or a list of objects with key and value")
    }

    fn visit_unit<E>(self) -> Result<Headers, E> {
        Ok(Headers::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
        let mut headers = Vec::new();
        while let Some((key, value)) = map.next_entry::<String, Option<String>>()? {
            headers.push(RecordHeader {
                key: key.into(),
                value: value.map(Into::into),
            });
        }
        Ok(Headers(headers))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Headers, A::Error> {
        let custom = <A::Error as serde::de::Error>::custom::<String>;
        let mut headers = Vec::new();
        while let Some(line) = seq.next_element::<HeaderLine>()? {
            let key = bytes("key", line.key, line.key_base64).map_err(custom)?;
            headers.push(RecordHeader {
                key: key.ok_or_else(|| custom("a header without a key".to_owned()))?,
                value: bytes("value", line.value, line.value_base64).map_err(custom)?,
            });
        }
        Ok(Headers(headers))
    }
}

/// A record as it is printed.
pub(super) struct Printed<'a>(pub(super) &'a FetchedRecord);

impl Serialize for Printed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("topic", &*record.topic)?;
        map.serialize_entry("partition", &record.partition.get())?;
        map.serialize_entry("offset", &record.offset.get())?;
        map.serialize_entry("timestamp", &record.timestamp.as_millis())?;
        entry(&mut map, "key", "key_base64", record.key.as_deref())?;
        entry(&mut map, "value", "value_base64", record.value.as_deref())?;
        if !record.headers.is_empty() {
            map.serialize_entry("headers", &PrintedHeaders(&record.headers))?;
        }
        map.end()
    }
}

fn entry<M: SerializeMap>(
    map: &mut M,
    name: &str,
    name_base64: &str,
    bytes: Option<&[u8]>,
) -> Result<(), M::Error> {
    match bytes.map(std::str::from_utf8) {
        None => map.serialize_entry(name, &None::<()>),
        Some(Ok(text)) => map.serialize_entry(name, text),
        Some(Err(_)) => map.serialize_entry(name_base64, &bytes.map(|b| STANDARD.encode(b))),
    }
}

struct PrintedHeaders<'a>(&'a [RecordHeader]);

impl PrintedHeaders<'_> {
    /// The pairs, if an object can say them.
    fn texts(&self) -> Option<Vec<(&str, Option<&str>)>> {
        let mut texts: Vec<(&str, Option<&str>)> = Vec::new();
        for header in self.0 {
            let key = std::str::from_utf8(&header.key).ok()?;
            let value = match &header.value {
                None => None,
                Some(value) => Some(std::str::from_utf8(value).ok()?),
            };
            if texts.iter().any(|(other, _)| *other == key) {
                return None;
            }
            texts.push((key, value));
        }
        Some(texts)
    }
}

impl Serialize for PrintedHeaders<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(texts) = self.texts() {
            return serializer.collect_map(texts);
        }
        let mut seq = serializer.serialize_seq(Some(self.0.len()))?;
        for header in self.0 {
            seq.serialize_element(&PrintedHeader(header))?;
        }
        seq.end()
    }
}

struct PrintedHeader<'a>(&'a RecordHeader);

impl Serialize for PrintedHeader<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        entry(&mut map, "key", "key_base64", Some(&self.0.key))?;
        entry(&mut map, "value", "value_base64", self.0.value.as_deref())?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use chronik_types::{Offset, PartitionId, Timestamp};

    use super::*;

    fn header(key: &'static [u8], value: Option<&'static [u8]>) -> RecordHeader {
        RecordHeader {
            key: Bytes::from_static(key),
            value: value.map(Bytes::from_static),
        }
    }

    fn record(headers: Vec<RecordHeader>) -> FetchedRecord {
        FetchedRecord {
            topic: "t".into(),
            partition: PartitionId::new(3),
            offset: Offset::new(7),
            timestamp: Timestamp::from_millis(1000),
            key: Some(Bytes::from_static(b"\xff\x00")),
            value: Some(Bytes::from_static(b"a \"quoted\" line\n")),
            headers,
        }
    }

    #[test]
    fn what_is_printed_is_read_back_to_the_same_bytes() {
        for headers in [
            vec![],
            vec![
                header(b"z", Some(b"1")),
                header(b"a", None),
                header(b"", Some(b"")),
            ],
            vec![header(b"same", Some(b"1")), header(b"same", Some(b"2"))],
            vec![header(b"\xfe", Some(b"\xff")), header(b"a", None)],
        ] {
            let record = record(headers);
            let line = serde_json::to_vec(&Printed(&record)).unwrap();
            let given = read(&line, 0).unwrap();
            assert_eq!(given.partition, Some(3));
            assert_eq!(given.timestamp, Some(1000));
            assert_eq!(given.key, record.key);
            assert_eq!(given.value, record.value);
            assert_eq!(given.headers, record.headers);
        }
    }

    #[test]
    fn a_line_looks_as_documented() {
        let record = record(vec![header(b"h", Some(b"v"))]);
        assert_eq!(
            serde_json::to_string(&Printed(&record)).unwrap(),
            r#"{"topic":"t","partition":3,"offset":7,"timestamp":1000,"key_base64":"/wA=","value":"a \"quoted\" line\n","headers":{"h":"v"}}"#
        );
    }

    #[test]
    fn times_may_be_texts_and_everything_is_optional() {
        let given = read(br#"{"timestamp":"1970-01-01T00:00:01Z"}"#, 0).unwrap();
        assert_eq!(given.timestamp, Some(1000));
        assert_eq!(read(b"{}", 0), Ok(Given::default()));
        let null = br#"{"key":null,"value":null,"headers":null,"timestamp":null}"#;
        assert_eq!(read(null, 0), Ok(Given::default()));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_reason() {
        for (line, reason) in [
            (&br#"{"valeu":"x"}"#[..], "unknown field `valeu`"),
            (br#"{"value":"x","value_base64":"eA=="}"#, "both given"),
            (br#"{"key_base64":"!"}"#, "key_base64"),
            (br#"{"timestamp":"yesterday"}"#, "no time"),
            (br#"{"timestamp":true}"#, "milliseconds since 1970"),
            (br#"{"headers":[{"value":"x"}]}"#, "without a key"),
            (br#"{"headers":7}"#, "an object of texts"),
            (br#"{"value":"x""#, "EOF"),
            (b"\xff", "expected value"),
        ] {
            let error = read(line, 0).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
