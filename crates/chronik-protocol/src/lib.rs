//! Kafka's wire protocol: bytes to messages and back, and the record batches inside them.
//!
//! Keeps I14: no input can crash this crate or make it allocate more than its caller allows.
//! Counts are checked against the bytes left and charged to a budget before anything is
//! allocated; strings, bytes and records are slices of the frame they came in.
//!
//! The messages in [`generated`] come from `schema/messages.txt` by `cargo xtask codegen`.
//! Absent on purpose: no sockets, no clock, and no opinion on which versions are served.

mod batch;
mod compression;
mod decoder;
mod encoder;
mod frame;
#[allow(
    clippy::field_reassign_with_default,
    reason = "a line a field keeps generated code short"
)]
pub mod generated;
mod rope;
mod text;
mod varint;
mod wire;

pub use batch::{
    BatchBuilder, BatchError, BatchHeader, BatchInfo, BatchIter, BatchLimits, OpenBatch,
    ProducerStamp, Record, RecordFacts, RecordHeader, RecordIter, RecordProblem, StoredRecord,
    TimestampType, inspect_records, recompress, rewrite_base_offset_and_epoch, set_log_append_time,
    set_max_timestamp, validate, without_records,
};
pub use compression::{Codec, Compression};
pub use decoder::{DecodeError, Decoder, Limits, Trailing};
pub use encoder::{EncodeError, Encoder};
pub use frame::{
    HeaderError, RequestFrame, decode_request_header, decode_response, decode_response_header,
    encode_request, encode_response,
};
pub use generated::ApiKey;
pub use rope::Rope;
pub use text::Str;
pub use wire::{Message, Nullable, Request, Response, Wire};
