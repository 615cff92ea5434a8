//! One partition's replica state: who leads, who is in sync, how far data is committed.
//!
//! Pure: it says what may be appended and what is committed; callers do it. Keeps I2 (the high
//! watermark never goes back within an epoch), I3 (older epochs are fenced) and I6 (the ISR holds
//! everything below the high watermark). Absent: logs, sockets, clocks.

mod leader;

pub use leader::{Acks, AppendRefused, EpochRefused, Leader, MinIsr};
