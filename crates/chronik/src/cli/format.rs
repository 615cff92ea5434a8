//! `--format`: how `consume` prints a record, and the escapes that options understand.
//!
//! ```text
//! %t topic   %p partition   %o offset   %T timestamp in ms   %D the same as RFC 3339
//! %k key     %v value       %h headers as k=v,k=v            %% a percent sign
//! ```
//! `\n`, `\t`, `\0` and `\\` stand for what they do everywhere. Bytes are printed as they are.

use chronik_client::FetchedRecord;

use crate::logging::rfc3339;

/// A format, read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Format(Vec<Part>);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Text(Vec<u8>),
    Field(Field),
}

/// A part of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Field {
    Topic,
    Partition,
    Offset,
    Millis,
    Date,
    Key,
    Value,
    Headers,
}

impl Format {
    /// These fields with tabs between them, and a line end.
    pub(super) fn tabbed(fields: &[Field]) -> Self {
        let mut parts = Vec::new();
        for field in fields {
            parts.push(Part::Field(*field));
            parts.push(Part::Text(b"\t".to_vec()));
        }
        parts.pop();
        parts.push(Part::Text(b"\n".to_vec()));
        Self(parts)
    }

    /// Reads what `--format` was given.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                plain.push(c);
                continue;
            }
            let field = match chars.next() {
                Some('%') => {
                    plain.push('%');
                    continue;
                }
                Some('t') => Field::Topic,
                Some('p') => Field::Partition,
                Some('o') => Field::Offset,
                Some('T') => Field::Millis,
                Some('D') => Field::Date,
                Some('k') => Field::Key,
                Some('v') => Field::Value,
                Some('h') => Field::Headers,
                Some(other) => return Err(format!("%{other} means nothing; see --help")),
                None => return Err("a single % at the end; write %%".to_owned()),
            };
            parts.push(Part::Text(unescape(&plain)?.into_bytes()));
            plain.clear();
            parts.push(Part::Field(field));
        }
        parts.push(Part::Text(unescape(&plain)?.into_bytes()));
        parts.retain(|part| *part != Part::Text(Vec::new()));
        Ok(Self(parts))
    }

    /// Appends a record to `out`; `null` stands for a key or value that is not there.
    pub(super) fn print(&self, record: &FetchedRecord, null: &str, out: &mut Vec<u8>) {
        for part in &self.0 {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Field(field) => field.print(record, null, out),
            }
        }
    }
}

impl Field {
    fn print(self, record: &FetchedRecord, null: &str, out: &mut Vec<u8>) {
        let mut text = |text: String| out.extend_from_slice(text.as_bytes());
        match self {
            Self::Topic => text(record.topic.to_string()),
            Self::Partition => text(record.partition.to_string()),
            Self::Offset => text(record.offset.to_string()),
            Self::Millis => text(record.timestamp.as_millis().to_string()),
            Self::Date => text(rfc3339(record.timestamp.as_millis())),
            Self::Key => out.extend_from_slice(record.key.as_deref().unwrap_or(null.as_bytes())),
            Self::Value => {
                out.extend_from_slice(record.value.as_deref().unwrap_or(null.as_bytes()));
            }
            Self::Headers => {
                for (place, header) in record.headers.iter().enumerate() {
                    if place > 0 {
                        out.push(b',');
                    }
                    out.extend_from_slice(&header.key);
                    out.push(b'=');
                    let value = header.value.as_deref();
                    out.extend_from_slice(value.unwrap_or(null.as_bytes()));
                }
            }
        }
    }
}

/// Replaces the escapes of a text.
pub(super) fn unescape(text: &str) -> Result<String, String> {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        plain.push(match chars.next() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('0') => '\0',
            Some('\\') => '\\',
            Some(other) => {
                return Err(format!(
                    "\\{other} means nothing; write \\\\ for a backslash"
                ));
            }
            None => return Err("a single \\ at the end; write \\\\".to_owned()),
        });
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use chronik_protocol::RecordHeader;
    use chronik_types::{Offset, PartitionId, Timestamp};

    use super::*;

    fn print(format: &Format) -> String {
        let record = FetchedRecord {
            topic: "t".into(),
            partition: PartitionId::new(1),
            offset: Offset::new(2),
            timestamp: Timestamp::from_millis(0),
            key: None,
            value: Some(Bytes::from_static(b"v")),
            headers: vec![
                RecordHeader {
                    key: Bytes::from_static(b"a"),
                    value: Some(Bytes::from_static(b"b")),
                },
                RecordHeader {
                    key: Bytes::from_static(b"c"),
                    value: None,
                },
            ],
        };
        let mut out = Vec::new();
        format.print(&record, "null", &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_field_and_escape_is_printed() {
        let format = Format::parse(r"%t %p %o %T %D %k:%v [%h] 100%%\t\\\n").unwrap();
        let expected = "t 1 2 0 1970-01-01T00:00:00.000Z null:v [a=b,c=null] 100%\t\\\n";
        assert_eq!(print(&format), expected);
        assert_eq!(
            print(&Format::tabbed(&[Field::Key, Field::Value])),
            "null\tv\n"
        );
    }

    #[test]
    fn a_format_that_means_nothing_is_refused() {
        for text in ["%", "%x", "\\x", "a\\", "%v\\"] {
            assert!(Format::parse(text).is_err(), "{text}");
        }
    }
}
