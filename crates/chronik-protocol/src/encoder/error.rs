//! Why a message cannot be written in a version.

use std::fmt;

/// Why a message cannot be written. Always a mistake of the caller, never of a peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EncodeError {
    /// The schema has no such version of the message.
    UnsupportedVersion {
        /// The message.
        message: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// A field says something that the version cannot say.
    NotInVersion {
        /// The message.
        message: &'static str,
        /// The field, by its name in the schema.
        field: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// A field is null in a version where it may not be.
    NullInVersion {
        /// The message.
        message: &'static str,
        /// The field, by its name in the schema.
        field: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// A string above 32767 bytes, or anything else above 2^31 - 1.
    TooLong {
        /// The message.
        message: &'static str,
        /// What it was.
        what: &'static str,
        /// Its length.
        length: usize,
    },
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnsupportedVersion { message, version } => {
                write!(f, "{message} has no version {version}")
            }
            Self::NotInVersion {
                message,
                field,
                version,
            } => {
                write!(f, "{message} v{version} has no {field}, but it is set")
            }
            Self::NullInVersion {
                message,
                field,
                version,
            } => {
                write!(f, "{field} may not be null in {message} v{version}")
            }
            Self::TooLong {
                message,
                what,
                length,
            } => {
                write!(f, "{what} of length {length} in {message}")
            }
        }
    }
}

impl std::error::Error for EncodeError {}
