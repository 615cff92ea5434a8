//! What the tests of this crate share: a world on a simulated disk.

use std::path::PathBuf;

use chronik_io::fs::SimDisk;
use chronik_io::{Clock, Env, Exit, Rng};
use chronik_types::Timestamp;

pub(crate) fn env(disk: &SimDisk, exit: Exit) -> Env {
    Env {
        disk: disk.incarnation(),
        clock: Clock::simulated(Timestamp::from_millis(1_000_000)),
        rng: Rng::seeded(7),
        exit,
    }
}

/// An exit that fails the test.
pub(crate) fn no_exit() -> Exit {
    Exit::with(|code, reason| panic!("the node ended itself: {code:?}: {reason}"))
}

pub(crate) fn dir() -> PathBuf {
    PathBuf::from("/data/raft")
}

pub(crate) fn disk() -> SimDisk {
    SimDisk::new()
}
