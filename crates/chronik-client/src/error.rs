//! Everything that can go wrong between a client and a cluster, with the facts.
//!
//! An error knows whether trying again can help ([`ClientError::is_retriable`]) and whether the
//! request may have been carried out all the same ([`ClientError::outcome_unknown`]), which a
//! checker has to know. Absent: what to tell a person to do about it; the command line says that.

use std::fmt;
use std::io;
use std::ops::RangeInclusive;
use std::time::Duration;

use chronik_protocol::{ApiKey, BatchError, DecodeError, EncodeError};
use chronik_types::{ErrorCode, Offset, PartitionId};

/// Why a call failed.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientError {
    /// The options contradict each other, in words.
    Options(&'static str),
    /// No connection could be made.
    Connect {
        /// Where to.
        addr: String,
        /// The system's classification.
        kind: io::ErrorKind,
        /// The system's words.
        message: String,
    },
    /// The connection ended before the answer.
    Closed {
        /// Whose.
        addr: String,
        /// Why, in words.
        reason: String,
    },
    /// No answer in time. The connection was closed, as a late answer would be nobody's.
    TimedOut {
        /// Who was asked.
        addr: String,
        /// What was asked.
        api: ApiKey,
        /// For how long.
        after: Duration,
    },
    /// There is no version of an API that both sides speak.
    Version {
        /// The other side.
        addr: String,
        /// The API.
        api: ApiKey,
        /// What the other side offers; `None` if it does not have the API.
        offered: Option<RangeInclusive<i16>>,
    },
    /// The request cannot be said in the version chosen.
    Encode {
        /// The API.
        api: ApiKey,
        /// What does not fit.
        error: EncodeError,
    },
    /// The answer cannot be read.
    Malformed {
        /// Who answered.
        addr: String,
        /// The API.
        api: ApiKey,
        /// How.
        error: DecodeError,
    },
    /// The answer does not speak about what was asked.
    Incomplete {
        /// The API.
        api: ApiKey,
        /// What was asked about.
        subject: String,
    },
    /// The server refused.
    Refused {
        /// The API.
        api: ApiKey,
        /// About what: a topic, a partition; empty for the request as a whole.
        subject: String,
        /// The server's code.
        code: ErrorCode,
        /// The server's words.
        message: Option<String>,
    },
    /// No node knows the topic.
    UnknownTopic(String),
    /// The topic has no such partition.
    UnknownPartition {
        /// The topic.
        topic: String,
        /// The partition.
        partition: PartitionId,
        /// How many partitions there are.
        count: usize,
    },
    /// The partition has no leader at the moment.
    NoLeader {
        /// The topic.
        topic: String,
        /// The partition.
        partition: PartitionId,
    },
    /// A read outside of what the log holds.
    OffsetOutOfRange {
        /// The topic.
        topic: String,
        /// The partition.
        partition: PartitionId,
        /// What was asked for.
        offset: Offset,
    },
    /// A batch that was read is damaged or larger than allowed.
    Batch {
        /// The topic.
        topic: String,
        /// The partition.
        partition: PartitionId,
        /// Where the read stood.
        offset: Offset,
        /// How.
        error: BatchError,
    },
    /// Tried again until the time for it was over.
    GaveUp {
        /// For how long.
        after: Duration,
        /// The last failure.
        last: Box<Self>,
    },
    /// An earlier record of the same idempotent producer and partition failed, so that this
    /// one's sequence number can no longer be accepted.
    EarlierFailed,
    /// The producer was dropped before the record was sent.
    Stopped,
}

impl ClientError {
    /// A refusal, if the code is one.
    pub(crate) fn check(
        api: ApiKey,
        subject: &str,
        code: i16,
        message: Option<&str>,
    ) -> Result<(), Self> {
        match ErrorCode::from_code(code).unwrap_or(ErrorCode::UnknownServerError) {
            ErrorCode::None => Ok(()),
            code => Err(Self::Refused {
                api,
                subject: subject.to_owned(),
                code,
                message: message.map(str::to_owned),
            }),
        }
    }

    /// What failed in the end, without the tries around it.
    pub fn root(&self) -> &Self {
        match self {
            Self::GaveUp { last, .. } => last.root(),
            other => other,
        }
    }

    /// The server's code, if it was the server that refused.
    pub fn code(&self) -> Option<ErrorCode> {
        match self.root() {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether the same call may succeed a moment later.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Connect { .. }
            | Self::Closed { .. }
            | Self::TimedOut { .. }
            | Self::Incomplete { .. }
            | Self::UnknownTopic(_)
            | Self::NoLeader { .. } => true,
            Self::Refused { code, .. } => code.is_retriable(),
            Self::Options(_)
            | Self::Version { .. }
            | Self::Encode { .. }
            | Self::Malformed { .. }
            | Self::UnknownPartition { .. }
            | Self::OffsetOutOfRange { .. }
            | Self::Batch { .. }
            | Self::GaveUp { .. }
            | Self::EarlierFailed
            | Self::Stopped => false,
        }
    }

    /// Whether the server may have done what was asked although no success was reported.
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::Closed { .. }
            | Self::TimedOut { .. }
            | Self::Malformed { .. }
            | Self::Incomplete { .. } => true,
            // A leader that steps down after the append answers with the first of these.
            Self::Refused { code, .. } => matches!(
                code,
                ErrorCode::NotLeaderOrFollower
                    | ErrorCode::RequestTimedOut
                    | ErrorCode::NotEnoughReplicasAfterAppend
                    | ErrorCode::KafkaStorageError
                    | ErrorCode::NetworkException
                    | ErrorCode::UnknownServerError
            ),
            Self::GaveUp { last, .. } => last.outcome_unknown(),
            Self::Options(_)
            | Self::Connect { .. }
            | Self::Version { .. }
            | Self::Encode { .. }
            | Self::UnknownTopic(_)
            | Self::UnknownPartition { .. }
            | Self::NoLeader { .. }
            | Self::OffsetOutOfRange { .. }
            | Self::Batch { .. }
            | Self::EarlierFailed
            | Self::Stopped => false,
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Options(what) => f.write_str(what),
            Self::Connect { addr, message, .. } => write!(f, "cannot connect to {addr}: {message}"),
            Self::Closed { addr, reason } => write!(f, "connection to {addr} closed: {reason}"),
            Self::TimedOut { addr, api, after } => {
                write!(f, "{addr} did not answer {api} within {after:?}")
            }
            Self::Version { addr, api, offered } => match offered {
                Some(range) => write!(
                    f,
                    "{addr} speaks {api} in versions {} to {} only",
                    range.start(),
                    range.end()
                ),
                None => write!(f, "{addr} does not offer {api}"),
            },
            Self::Encode { api, error } => write!(f, "cannot write {api}: {error}"),
            Self::Malformed { addr, api, error } => {
                write!(
                    f,
                    "{addr} answered {api} with something unreadable: {error}"
                )
            }
            Self::Incomplete { api, subject } => {
                write!(f, "the answer to {api} does not mention {subject}")
            }
            Self::Refused {
                api,
                subject,
                code,
                message,
            } => {
                write!(f, "{api}")?;
                if !subject.is_empty() {
                    write!(f, " of {subject}")?;
                }
                write!(f, " refused: {code}")?;
                message.iter().try_for_each(|text| write!(f, " ({text})"))
            }
            Self::UnknownTopic(topic) => write!(f, "topic {topic} does not exist"),
            Self::UnknownPartition {
                topic,
                partition,
                count,
            } => write!(
                f,
                "topic {topic} has no partition {partition}; its {count} partitions count from 0"
            ),
            Self::NoLeader { topic, partition } => {
                write!(f, "{topic}-{partition} has no leader at the moment")
            }
            Self::OffsetOutOfRange {
                topic,
                partition,
                offset,
            } => write!(f, "{topic}-{partition} does not hold offset {offset}"),
            Self::Batch {
                topic,
                partition,
                offset,
                error,
            } => write!(
                f,
                "cannot read {topic}-{partition} at offset {offset}: {error}"
            ),
            Self::GaveUp { after, last } => write!(f, "gave up after {after:.1?}: {last}"),
            Self::EarlierFailed => f.write_str("an earlier record of the partition failed"),
            Self::Stopped => f.write_str("the producer was dropped"),
        }
    }
}

impl std::error::Error for ClientError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: ErrorCode) -> ClientError {
        ClientError::check(ApiKey::Produce, "t-0", code.code(), None).unwrap_err()
    }

    #[test]
    fn a_code_that_means_nothing_is_an_error_all_the_same() {
        let error = ClientError::check(ApiKey::Fetch, "", 999, None).unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::UnknownServerError));
        assert_eq!(ClientError::check(ApiKey::Fetch, "", 0, None), Ok(()));
    }

    #[test]
    fn what_the_server_refused_for_sure_is_told_from_what_it_may_have_done() {
        assert!(!refused(ErrorCode::MessageTooLarge).outcome_unknown());
        assert!(!refused(ErrorCode::NotEnoughReplicas).outcome_unknown());
        assert!(refused(ErrorCode::NotEnoughReplicasAfterAppend).outcome_unknown());
        let gave_up = ClientError::GaveUp {
            after: Duration::from_secs(1),
            last: Box::new(refused(ErrorCode::RequestTimedOut)),
        };
        assert!(gave_up.outcome_unknown());
        assert!(!gave_up.is_retriable());
        assert_eq!(gave_up.code(), Some(ErrorCode::RequestTimedOut));
    }
}
