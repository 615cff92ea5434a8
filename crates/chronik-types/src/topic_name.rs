//! A topic's name, checked once where it enters (Kafka: `Topic.validate`).

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// 1 to 249 characters of `[a-zA-Z0-9._-]`, neither `.` nor `..`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(Arc<str>);

/// Why a text cannot name a topic, in the words Kafka uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidTopicName {
    /// Nothing at all.
    Empty,
    /// `.` or `..`.
    Dots(String),
    /// More than 249 characters.
    TooLong(String),
    /// A character outside `[a-zA-Z0-9._-]`.
    Characters(String),
}

impl fmt::Display for InvalidTopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Topic name is invalid: the empty string is not allowed"),
            Self::Dots(name) => {
                write!(f, "Topic name is invalid: '{name}' is not allowed")
            }
            Self::TooLong(name) => write!(
                f,
                "Topic name is invalid: the length of '{name}' is longer than the max allowed length {}",
                TopicName::MAX_LENGTH
            ),
            Self::Characters(name) => write!(
                f,
                "Topic name is invalid: '{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
            ),
        }
    }
}

impl std::error::Error for InvalidTopicName {}

impl TopicName {
    /// The longest legal name, in characters: a directory name with `-partition` still fits.
    pub const MAX_LENGTH: usize = 249;

    /// Checks and wraps a name.
    pub fn new(name: &str) -> Result<Self, InvalidTopicName> {
        let legal = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
        if name.is_empty() {
            Err(InvalidTopicName::Empty)
        } else if name == "." || name == ".." {
            Err(InvalidTopicName::Dots(name.to_owned()))
        } else if name.len() > Self::MAX_LENGTH {
            Err(InvalidTopicName::TooLong(name.to_owned()))
        } else if !name.bytes().all(legal) {
            Err(InvalidTopicName::Characters(name.to_owned()))
        } else {
            Ok(Self(name.into()))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Metrics fold `.` and `_` together, so two names that differ only there collide.
    pub fn collision_key(&self) -> String {
        self.0.replace('.', "_")
    }

    /// Whether Kafka calls the topic internal.
    pub fn is_internal(&self) -> bool {
        matches!(
            self.as_str(),
            "__consumer_offsets" | "__transaction_state" | "__share_group_state"
        )
    }
}

impl Borrow<str> for TopicName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for TopicName {
    type Err = InvalidTopicName;

    fn from_str(name: &str) -> Result<Self, InvalidTopicName> {
        Self::new(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_refused_as_kafka_refuses_them() {
        assert!(TopicName::new("orders.v1_eu-west").is_ok());
        assert!(TopicName::new(&"a".repeat(249)).is_ok());
        assert_eq!(TopicName::new(""), Err(InvalidTopicName::Empty));
        assert!(matches!(
            TopicName::new(".."),
            Err(InvalidTopicName::Dots(_))
        ));
        assert!(matches!(
            TopicName::new(&"a".repeat(250)),
            Err(InvalidTopicName::TooLong(_))
        ));
        assert!(matches!(
            TopicName::new("a b"),
            Err(InvalidTopicName::Characters(_))
        ));
    }
}
