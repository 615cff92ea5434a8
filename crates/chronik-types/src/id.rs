//! Newtypes for every id and position, so that two of them cannot be mistaken for each other.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::TopicName;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name($inner);

        impl $name {
            /// Wraps a raw value; nothing is checked.
            pub const fn new(value: $inner) -> Self {
                Self(value)
            }

            /// The raw value.
            pub const fn get(self) -> $inner {
                self.0
            }

            /// The one after this.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

number! {
    /// A node of the cluster, `node.id`, 0 or greater.
    NodeId(i32)
}
number! {
    /// One life of a broker: the index of its registration in the metadata log (Kafka: broker epoch).
    Incarnation(u64)
}
number! {
    /// A partition's number within its topic, from 0.
    PartitionId(i32)
}
number! {
    /// A position in a partition's log, from 0.
    Offset(i64)
}
number! {
    /// Counts the leaders of a partition; greater is newer.
    LeaderEpoch(i32)
}
number! {
    /// Counts every change of a partition's metadata.
    PartitionEpoch(i32)
}
number! {
    /// An idempotent producer.
    ProducerId(i64)
}
number! {
    /// Fences older instances of a producer.
    ProducerEpoch(i16)
}
number! {
    /// An index in the metadata log, from 0.
    LogIndex(u64)
}

impl Offset {
    /// The first offset of a log.
    pub const ZERO: Self = Self(0);

    /// This offset moved on by `count` records.
    #[must_use]
    pub const fn plus(self, count: i64) -> Self {
        Self(self.0 + count)
    }
}

/// A producer's sequence number: 0 to `i32::MAX`, then 0 again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Sequence(i32);

impl Sequence {
    /// Wraps a raw value of 0 or greater.
    pub const fn new(value: i32) -> Self {
        Self(value)
    }

    /// The raw value.
    pub const fn get(self) -> i32 {
        self.0
    }

    /// This sequence moved on by `count`, wrapping after `i32::MAX` as Kafka does.
    #[must_use]
    pub const fn plus(self, count: i32) -> Self {
        if self.0 > i32::MAX - count {
            Self(count - (i32::MAX - self.0) - 1)
        } else {
            Self(self.0 + count)
        }
    }
}

/// 16 bytes, written as Kafka writes them: base64url without padding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uuid([u8; 16]);

impl Uuid {
    /// All zeros: "none" on the wire.
    pub const ZERO: Self = Self([0; 16]);

    /// From raw bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The raw bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Makes a version 4 uuid from 16 random bytes. Kafka's tools take a leading dash for an
    /// option, so the caller draws again while [`Self::starts_with_dash`].
    #[must_use]
    pub const fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }

    /// Whether the text form starts with `-`.
    pub const fn starts_with_dash(&self) -> bool {
        self.0[0] >> 2 == 62
    }

    /// Whether it is the wire's "none".
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not 22 characters of base64url.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidUuid(pub String);

impl fmt::Display for InvalidUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a uuid of 22 base64url characters", self.0)
    }
}

impl std::error::Error for InvalidUuid {}

impl FromStr for Uuid {
    type Err = InvalidUuid;

    fn from_str(text: &str) -> Result<Self, InvalidUuid> {
        let invalid = || InvalidUuid(text.to_owned());
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid())?;
        Ok(Self(bytes.try_into().map_err(|_| invalid())?))
    }
}

macro_rules! uuid {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a uuid.
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The uuid.
            pub const fn get(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

uuid! {
    /// A topic's identity: a topic re-created under the same name has another.
    TopicId
}
uuid! {
    /// A cluster's identity, chosen when it is formed.
    ClusterId
}
uuid! {
    /// A data directory's identity: a wiped disk has another.
    DirectoryId
}

/// A partition by its topic's name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TopicPartition {
    /// The topic.
    pub topic: TopicName,
    /// The partition's number.
    pub partition: PartitionId,
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// What an acknowledgement promises (`chronik.durability`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Durability {
    /// On stable storage of the leader (acks=1) or of every in-sync replica (acks=all).
    #[default]
    QuorumFsync,
    /// Kafka's own: in the page cache; replication is the durability.
    QuorumMemory,
}

impl Durability {
    /// The name used in configuration, banners and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QuorumFsync => "quorum-fsync",
            Self::QuorumMemory => "quorum-memory",
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Durability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "quorum-fsync" => Ok(Self::QuorumFsync),
            "quorum-memory" => Ok(Self::QuorumMemory),
            _ => Err(format!(
                "{text:?} is not a durability class: quorum-fsync or quorum-memory"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_wraps_after_the_greatest_int_as_kafka_does() {
        assert_eq!(Sequence::new(5).plus(3), Sequence::new(8));
        assert_eq!(Sequence::new(i32::MAX).plus(1), Sequence::new(0));
        assert_eq!(Sequence::new(i32::MAX - 1).plus(3), Sequence::new(1));
    }

    #[test]
    fn a_uuid_reads_back_from_its_text() {
        let uuid = Uuid::from_random([0xfb; 16]);
        assert_eq!(uuid.to_string().len(), 22);
        assert_eq!(uuid.to_string().parse(), Ok(uuid));
        assert_eq!(uuid.starts_with_dash(), uuid.to_string().starts_with('-'));
        assert!("short".parse::<Uuid>().is_err());
    }
}
