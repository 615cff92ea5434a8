//! The seam: every file, socket, clock, random number and task of a node comes through here.
//!
//! Two worlds stand behind it. The real one is rustix and tokio. With the feature `sim`, sockets
//! and time are turmoil's and the disk is [`fs::Disk`] in memory, so a whole cluster runs in one
//! thread and a seed replays it. Nothing above this crate asks which world it is in.
//! Absent: no knowledge of Kafka, logs or metadata.

pub mod env;
pub mod fs;
mod machine;
pub mod net;
pub mod task;

pub use env::{Clock, Env, Exit, ExitCode, Rng};
pub use machine::{
    host_name, is_too_many_open_files, memory_bytes, open_files_max, too_many_open_files,
};
