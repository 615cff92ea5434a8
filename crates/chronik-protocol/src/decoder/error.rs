//! Why bytes are not a message: each failure with its facts, nothing borrowed from the input.

use std::fmt;

/// Why bytes are not a message. `offset` counts from the start of the decoder's frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// More bytes are claimed or required than are left.
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Where.
        offset: usize,
        /// Bytes required.
        needed: usize,
        /// Bytes left.
        left: usize,
    },
    /// A length below -1, or one that only fits an unsigned integer.
    InvalidLength {
        /// What was being read.
        what: &'static str,
        /// Where.
        offset: usize,
        /// The length as claimed.
        length: i64,
    },
    /// Null where the schema has none.
    UnexpectedNull {
        /// What was being read.
        what: &'static str,
        /// Where.
        offset: usize,
    },
    /// A string that is not UTF-8.
    InvalidUtf8 {
        /// Where.
        offset: usize,
    },
    /// A variable-length integer that does not fit 32 bits.
    VarintOverflow {
        /// Where.
        offset: usize,
    },
    /// More array elements than [`crate::Limits::elements_max`].
    TooManyElements {
        /// Where.
        offset: usize,
        /// The request's total if this array were read.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// More tagged fields than [`crate::Limits::tagged_max`].
    TooManyTags {
        /// Where.
        offset: usize,
        /// The request's total if these were read.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// Arrays larger than [`crate::Limits::memory_max`].
    MemoryExceeded {
        /// Where.
        offset: usize,
        /// Bytes in memory if this array were read, the earlier ones included.
        needed: usize,
        /// The limit.
        max: usize,
    },
    /// A known tagged field that does not fill its stated size.
    TagSize {
        /// The tag.
        tag: u32,
        /// Where its data ended.
        offset: usize,
        /// Bytes of its size that are left over.
        left: usize,
    },
    /// The schema has no such version of the message.
    UnsupportedVersion {
        /// The message.
        message: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// Bytes after the message, where the caller refuses them.
    TrailingBytes {
        /// Where the message ended.
        offset: usize,
        /// Bytes after it.
        left: usize,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated {
                what,
                offset,
                needed,
                left,
            } => write!(
                f,
                "{what} at byte {offset} needs {needed} bytes, {left} are left"
            ),
            Self::InvalidLength {
                what,
                offset,
                length,
            } => {
                write!(f, "{what} at byte {offset} has the length {length}")
            }
            Self::UnexpectedNull { what, offset } => {
                write!(f, "{what} at byte {offset} is null and may not be")
            }
            Self::InvalidUtf8 { offset } => write!(f, "string at byte {offset} is not UTF-8"),
            Self::VarintOverflow { offset } => {
                write!(f, "varint at byte {offset} does not fit 32 bits")
            }
            Self::TooManyElements { offset, count, max } => write!(
                f,
                "array at byte {offset} makes {count} elements, the limit is {max}"
            ),
            Self::TooManyTags { offset, count, max } => write!(
                f,
                "tagged fields at byte {offset} make {count}, the limit is {max}"
            ),
            Self::MemoryExceeded {
                offset,
                needed,
                max,
            } => write!(
                f,
                "array at byte {offset} makes {needed} bytes in memory, the limit is {max}"
            ),
            Self::TagSize { tag, offset, left } => write!(
                f,
                "tagged field {tag} ends at byte {offset}, {left} bytes before its stated size"
            ),
            Self::UnsupportedVersion { message, version } => {
                write!(f, "{message} has no version {version}")
            }
            Self::TrailingBytes { offset, left } => {
                write!(
                    f,
                    "{left} bytes after the message, which ends at byte {offset}"
                )
            }
        }
    }
}

impl std::error::Error for DecodeError {}
