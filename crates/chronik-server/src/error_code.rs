//! The only mapping from our failures to Kafka's error codes.
//!
//! Keeps DESIGN D9: every failure has a code by an exhaustive match, none is `NONE`, and a test
//! prints the whole table. Absent: the code of success.

#![deny(clippy::wildcard_enum_match_arm)]

use chronik_log::{AppendError, LogError, ReadError};
use chronik_protocol::BatchError;
use chronik_replication::{AppendRefused, EpochRefused};
use chronik_types::ErrorCode;

use crate::append::{RecordError, Rejected};
use crate::partition::{PartitionError, ProduceError};

/// A code with, where it helps, words for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: ErrorCode,
    pub(crate) text: Option<String>,
}

impl Failure {
    fn bare(code: ErrorCode) -> Self {
        Self { code, text: None }
    }

    fn with(code: ErrorCode, text: impl ToString) -> Self {
        Self {
            code,
            text: Some(text.to_string()),
        }
    }
}

/// The code of a partition that does not serve.
pub(crate) fn of_partition(error: &PartitionError) -> ErrorCode {
    match error {
        PartitionError::Unknown => ErrorCode::UnknownTopicOrPartition,
        PartitionError::NotLeader(_) => ErrorCode::NotLeaderOrFollower,
        PartitionError::Epoch(EpochRefused::Fenced, _) => ErrorCode::FencedLeaderEpoch,
        PartitionError::Epoch(EpochRefused::Unknown, _) => ErrorCode::UnknownLeaderEpoch,
        PartitionError::Offline => ErrorCode::KafkaStorageError,
    }
}

/// The code of a failed read.
pub(crate) fn of_read(error: &ReadError) -> ErrorCode {
    match error {
        ReadError::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
        ReadError::Corrupt { .. } | ReadError::File(_) => ErrorCode::KafkaStorageError,
        ReadError::Closed => ErrorCode::NotLeaderOrFollower,
    }
}

/// The code of a log that could not be changed.
pub(crate) fn of_log(error: &LogError) -> ErrorCode {
    match error {
        LogError::Exists(_) | LogError::NameTaken(_) => ErrorCode::UnknownServerError,
        LogError::Offline(_) | LogError::File(_) | LogError::Corrupt(_) => {
            ErrorCode::KafkaStorageError
        }
        LogError::NotFound | LogError::Closed => ErrorCode::NotLeaderOrFollower,
        LogError::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
        LogError::Busy => ErrorCode::RequestTimedOut,
    }
}

impl From<&Rejected> for Failure {
    fn from(rejected: &Rejected) -> Self {
        match rejected {
            Rejected::Produce(error) => error.into(),
            Rejected::Empty => Self::with(
                ErrorCode::InvalidRecord,
                "a produce request must have exactly one record batch per partition",
            ),
            Rejected::Batch(error) => Self::with(of_batch(error), error),
            Rejected::TooLarge { size, max } => Self::with(
                ErrorCode::MessageTooLarge,
                format!("a batch of {size} bytes exceeds max.message.bytes, which is {max}"),
            ),
            Rejected::LargerThanSegment { size, max } => Self::with(
                ErrorCode::RecordListTooLarge,
                format!("a batch of {size} bytes exceeds segment.bytes, which is {max}"),
            ),
            Rejected::BaseOffset(found) => Self::with(
                ErrorCode::InvalidRecord,
                format!("the base offset of a produced batch is 0, not {found}"),
            ),
            Rejected::ZstdTooEarly => Self::with(
                ErrorCode::UnsupportedCompressionType,
                "zstd needs Produce version 7 or newer",
            ),
            Rejected::Control => Self::with(
                ErrorCode::InvalidRecord,
                "clients are not allowed to write control batches",
            ),
            Rejected::Transactional => Self::with(
                ErrorCode::TransactionalIdAuthorizationFailed,
                "transactions are not supported yet",
            ),
            Rejected::KeyMissing(errors) => Self::with(ErrorCode::InvalidRecord, blamed(errors)),
            Rejected::Timestamp(_) => Self::with(
                ErrorCode::InvalidTimestamp,
                "One or more records have been rejected due to invalid timestamp",
            ),
            Rejected::DiskReserve => Self::with(
                ErrorCode::KafkaStorageError,
                "the disk is full up to its reserve",
            ),
            // Retriable for every client: the batches before it are done then.
            Rejected::OpenedTooMuch => Self::with(
                ErrorCode::RequestTimedOut,
                "the request's other batches took all that may be opened for one request",
            ),
        }
    }
}

/// How Kafka sums up what is wrong with the records of a batch.
fn blamed(errors: &[RecordError]) -> String {
    let first: Vec<String> = errors
        .iter()
        .take(3)
        .map(|RecordError { index, why }| {
            format!("RecordError(batchIndex={index}, message='{why}')")
        })
        .collect();
    format!(
        "One or more records have been rejected due to {} record errors in total, and only \
         showing the first three errors at most: [{}]",
        errors.len(),
        first.join(", ")
    )
}

fn of_batch(error: &BatchError) -> ErrorCode {
    match error {
        // Kafka finds no whole batch in a truncated one, and misses exactly one.
        BatchError::Truncated { .. }
        | BatchError::MoreThanOneBatch { .. }
        | BatchError::OldMagic(_)
        | BatchError::Count { .. }
        | BatchError::BaseSequence { .. }
        | BatchError::Record { .. }
        | BatchError::TrailingBytes(_)
        | BatchError::Empty => ErrorCode::InvalidRecord,
        BatchError::TooLarge { .. } | BatchError::OverBudget { .. } => ErrorCode::MessageTooLarge,
        BatchError::UnknownMagic(_)
        | BatchError::Length(_)
        | BatchError::Crc { .. }
        | BatchError::Codec(_)
        | BatchError::Compression { .. } => ErrorCode::CorruptMessage,
    }
}

impl From<&ProduceError> for Failure {
    fn from(error: &ProduceError) -> Self {
        match error {
            ProduceError::Partition(error) => Self::bare(of_partition(error)),
            ProduceError::Refused(AppendRefused::NotEnoughReplicas { in_sync, required }) => {
                Self::with(
                    ErrorCode::NotEnoughReplicas,
                    format!(
                        "{in_sync} replicas are in sync, min.insync.replicas is {}",
                        required.0
                    ),
                )
            }
            ProduceError::Log(error) => Self::with(of_append(error), error),
        }
    }
}

fn of_append(error: &AppendError) -> ErrorCode {
    match error {
        AppendError::Malformed | AppendError::NotContiguous { .. } => ErrorCode::CorruptMessage,
        AppendError::OutOfOrderSequence { .. } => ErrorCode::OutOfOrderSequenceNumber,
        AppendError::InvalidProducerEpoch { .. } => ErrorCode::InvalidProducerEpoch,
        AppendError::StaleLeaderEpoch { .. } | AppendError::Closed | AppendError::Busy => {
            ErrorCode::NotLeaderOrFollower
        }
        AppendError::LargerThanSegment { .. } => ErrorCode::RecordListTooLarge,
        AppendError::Storage(_) | AppendError::Fatal => ErrorCode::KafkaStorageError,
    }
}

#[cfg(test)]
mod tests {
    use chronik_protocol::BatchError;
    use chronik_types::ErrorCode;
    use expect_test::expect;

    use super::*;
    use crate::partition::CurrentLeader;

    #[test]
    fn every_rejection_has_a_code_and_none_is_success() {
        let leader = CurrentLeader {
            node: None,
            epoch: chronik_types::LeaderEpoch::new(3),
        };
        let rejections = [
            Rejected::from(PartitionError::Unknown),
            Rejected::from(PartitionError::NotLeader(leader)),
            Rejected::from(PartitionError::Epoch(EpochRefused::Fenced, leader)),
            Rejected::from(PartitionError::Epoch(EpochRefused::Unknown, leader)),
            Rejected::from(PartitionError::Offline),
            Rejected::Produce(ProduceError::Refused(AppendRefused::NotEnoughReplicas {
                in_sync: 1,
                required: chronik_replication::MinIsr(2),
            })),
            Rejected::Produce(ProduceError::Log(AppendError::Fatal)),
            Rejected::Produce(ProduceError::Log(AppendError::Busy)),
            Rejected::Produce(ProduceError::Log(AppendError::Closed)),
            Rejected::Produce(ProduceError::Log(AppendError::LargerThanSegment {
                bytes: 9,
                max: 8,
            })),
            Rejected::Empty,
            Rejected::Batch(BatchError::Crc {
                stored: 1,
                computed: 2,
            }),
            Rejected::Batch(BatchError::OldMagic(1)),
            Rejected::TooLarge { size: 2, max: 1 },
            Rejected::BaseOffset(9),
            Rejected::ZstdTooEarly,
            Rejected::Control,
            Rejected::Transactional,
            Rejected::LargerThanSegment { size: 2, max: 1 },
            Rejected::KeyMissing(vec![RecordError {
                index: 3,
                why: "no key".into(),
            }]),
            Rejected::Timestamp(Vec::new()),
            Rejected::DiskReserve,
            Rejected::OpenedTooMuch,
        ];
        let mut table = String::new();
        for rejected in &rejections {
            let failure = Failure::from(rejected);
            assert_ne!(failure.code, ErrorCode::None);
            table += &format!("{} {}\n", failure.code, failure.text.unwrap_or_default());
        }
        expect![[r#"
            UNKNOWN_TOPIC_OR_PARTITION 
            NOT_LEADER_OR_FOLLOWER 
            FENCED_LEADER_EPOCH 
            UNKNOWN_LEADER_EPOCH 
            KAFKA_STORAGE_ERROR 
            NOT_ENOUGH_REPLICAS 1 replicas are in sync, min.insync.replicas is 2
            KAFKA_STORAGE_ERROR the node is ending because its disk failed
            NOT_LEADER_OR_FOLLOWER the log is being truncated, deleted or switched
            NOT_LEADER_OR_FOLLOWER the log is closed
            RECORD_LIST_TOO_LARGE a batch of 9 bytes exceeds segment.bytes, which is 8
            INVALID_RECORD a produce request must have exactly one record batch per partition
            CORRUPT_MESSAGE batch has the crc 00000001, its bytes 00000002
            INVALID_RECORD batch has the old magic 1
            MESSAGE_TOO_LARGE a batch of 2 bytes exceeds max.message.bytes, which is 1
            INVALID_RECORD the base offset of a produced batch is 0, not 9
            UNSUPPORTED_COMPRESSION_TYPE zstd needs Produce version 7 or newer
            INVALID_RECORD clients are not allowed to write control batches
            TRANSACTIONAL_ID_AUTHORIZATION_FAILED transactions are not supported yet
            RECORD_LIST_TOO_LARGE a batch of 2 bytes exceeds segment.bytes, which is 1
            INVALID_RECORD One or more records have been rejected due to 1 record errors in total, and only showing the first three errors at most: [RecordError(batchIndex=3, message='no key')]
            INVALID_TIMESTAMP One or more records have been rejected due to invalid timestamp
            KAFKA_STORAGE_ERROR the disk is full up to its reserve
            REQUEST_TIMED_OUT the request's other batches took all that may be opened for one request
        "#]]
        .assert_eq(&table);
    }
}
