//! The node's journal: one sequential stream of every partition's operations, so that one sync
//! makes a whole window of appends durable, whatever the number of partitions.
//!
//! - [`record`]: one operation of one partition, with its bytes.
//! - [`frame`]: what a window is written as; sequence, length, checksum, "durable up to".
//! - [`mod@file`]: the files, zero-filled once and recycled.
//! - [`queue`]: where operations gather while the previous window is being synced.
//! - [`writer`]: the task that turns windows into frames and syncs them.
//! - [`scan`]: reading it all back after a crash.
//!
//! Keeps I1 (an acknowledgement follows the sync) and I13 (a hole below "durable up to" is
//! corruption; anything else at the end is a torn tail). Every byte is drawn in `docs/format.md`.

pub(crate) mod file;
pub(crate) mod frame;
pub(crate) mod queue;
pub(crate) mod record;
pub(crate) mod scan;
pub(crate) mod writer;
