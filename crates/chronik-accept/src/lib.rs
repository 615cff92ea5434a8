//! Acceptance runs: what a node must reach, measured from outside on the built binary.
//!
//! Each part is a function from a [`Setup`] and a [`Size`] to an [`Outcome`]: rows of what was
//! measured beside what was wanted. The long form has the full counts and is judged as the page
//! says; the short form runs the same code in seconds, for `cargo xtask verify`, and fails on a
//! time only beyond [`SLACK`] times its target. What a history must show is never relaxed.
//!
//! A part starts its own nodes on directories of its own, speaks to them over sockets and reads
//! what the kernel says about them. Absent: nothing of the server is linked in, and nothing here
//! knows how a node keeps its promises.

mod batches;
mod content;
mod failure;
mod fill;
mod image;
mod judge;
mod load;
mod machine;
mod metrics;
mod node;
mod outcome;
mod parts;
mod process;
mod recorder;
mod report;
mod setup;
mod tools;

pub use failure::Failure;
pub use machine::Machine;
pub use node::{Node, Reserved};
pub use outcome::{Outcome, Row, Verdict};
pub use parts::{PARTS, Part};
pub use report::{Finished, page};
pub use setup::{SLACK, Setup, Size};
