//! From pieces of input to records: lines of text, lines of JSON, whole files.

use std::fmt;

use bytes::Bytes;

use super::super::record_json::{self, Given};

/// Where records come from.
pub(super) enum Input {
    /// Lines of standard input.
    Lines(LineFormat),
    /// A record for each file.
    Files(Vec<String>),
}

/// What a line is.
pub(super) enum LineFormat {
    /// A value, or a key and a value.
    Text {
        /// What ends the key.
        separator: Option<String>,
        /// The value that stands for null.
        null: Option<String>,
    },
    /// A JSON object.
    Json,
}

/// A line without its end, or a file.
pub(super) type Piece = Vec<u8>;

/// Where a piece comes from, for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// A line of standard input, from 1.
    Line(u64),
    /// A file.
    File(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            Self::File(path) => f.write_str(path),
        }
    }
}

impl Input {
    /// The record of a piece; `None` for a blank line between JSON.
    pub(super) fn record(&self, piece: &[u8], now: i64) -> Result<Option<Given>, String> {
        let value = |bytes: &[u8]| Given {
            value: Some(Bytes::copy_from_slice(bytes)),
            ..Given::default()
        };
        match self {
            Self::Files(_) => Ok(Some(value(piece))),
            Self::Lines(LineFormat::Json) if piece.trim_ascii().is_empty() => Ok(None),
            Self::Lines(LineFormat::Json) => record_json::read(piece, now).map(Some),
            Self::Lines(LineFormat::Text { separator, null }) => {
                let (key, rest) = match separator {
                    None => (None, piece),
                    Some(separator) => {
                        let (key, rest) = split(piece, separator.as_bytes())
                            .ok_or_else(|| format!("there is no key separator {separator:?}"))?;
                        (Some(Bytes::copy_from_slice(key)), rest)
                    }
                };
                let is_null = null.as_ref().is_some_and(|null| null.as_bytes() == rest);
                let mut given = value(rest);
                given.key = key;
                given.value = given.value.filter(|_| !is_null);
                Ok(Some(given))
            }
        }
    }
}

/// What is before and after the first separator.
fn split<'a>(bytes: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    if separator.is_empty() {
        return None;
    }
    let at = bytes
        .windows(separator.len())
        .position(|window| window == separator)?;
    Some((&bytes[..at], &bytes[at + separator.len()..]))
}

/// Takes the line end off, of either kind.
pub(super) fn without_line_end(mut line: Vec<u8>) -> Vec<u8> {
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(separator: Option<&str>, null: Option<&str>) -> Input {
        Input::Lines(LineFormat::Text {
            separator: separator.map(Into::into),
            null: null.map(Into::into),
        })
    }

    fn read(input: &Input, line: &str) -> (Option<String>, Option<String>) {
        let given = input.record(line.as_bytes(), 0).unwrap().unwrap();
        let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        (given.key.map(text), given.value.map(text))
    }

    #[test]
    fn the_first_separator_ends_the_key() {
        let input = text(Some("::"), None);
        assert_eq!(
            read(&input, "k::v::w"),
            (Some("k".into()), Some("v::w".into()))
        );
        assert_eq!(
            read(&input, "::"),
            (Some(String::new()), Some(String::new()))
        );
        let error = input.record(b"k:v", 0).unwrap_err();
        assert_eq!(error, "there is no key separator \"::\"");
    }

    #[test]
    fn without_a_separator_the_whole_line_is_the_value() {
        assert_eq!(read(&text(None, None), "k:v"), (None, Some("k:v".into())));
        assert_eq!(read(&text(None, None), ""), (None, Some(String::new())));
    }

    #[test]
    fn the_null_text_is_null_only_as_a_whole_value() {
        let input = text(Some(":"), Some("NULL"));
        assert_eq!(read(&input, "k:NULL"), (Some("k".into()), None));
        assert_eq!(
            read(&input, "NULL:NULLS"),
            (Some("NULL".into()), Some("NULLS".into()))
        );
    }

    #[test]
    fn blank_lines_between_json_are_no_records() {
        let input = Input::Lines(LineFormat::Json);
        assert_eq!(input.record(b" \t", 0), Ok(None));
        assert!(input.record(b"{}", 0).unwrap().is_some());
    }

    #[test]
    fn line_ends_of_both_kinds_are_taken_off() {
        for (line, expected) in [
            ("a\n", "a"),
            ("a\r\n", "a"),
            ("a\r", "a\r"),
            ("a", "a"),
            ("\n", ""),
        ] {
            assert_eq!(without_line_end(line.into()), expected.as_bytes());
        }
    }
}
