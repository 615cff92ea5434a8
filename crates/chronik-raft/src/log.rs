//! The Raft log on disk: votes, entries, truncations, purges and the committed index, one after the
//! other in append-only segments.
//!
//! ```text
//! [LogStore] ─ memory (all entries since the last snapshot) ◄─ readers
//!     └─ commands ─► [writer task] ─ one batch, one sync ─► segment files
//! ```
//! One writer serialises everything, so the files tell one history and a crash cuts it at one
//! place. Truncation and purging are records too: nothing written is ever changed. Keeps I13: a
//! torn last batch is cut off, because it was never acknowledged; anything damaged before a later
//! batch is corruption and is reported.
//! Entries stay in memory because a snapshot is made every 20 MiB: no reader ever touches the disk.

mod frame;
mod memory;
mod recovery;
mod store;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use frame::crc32c;
pub(crate) use recovery::io_error;
pub(crate) use store::LogStore;
pub(crate) use writer::Progress;
