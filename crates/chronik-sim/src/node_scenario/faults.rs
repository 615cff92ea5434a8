//! What goes wrong in a run: drawn from the seed, one trouble after the other.

use std::time::Duration;

use chronik_io::Rng;
use chronik_io::fs::sim::Fault;

use super::host::DATA_DIR;

/// One trouble, and how long it lasts where it lasts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Trouble {
    /// The power goes: what was not synced is kept, lost or torn.
    PowerCut,
    /// As above, at so many disk operations from now; and again so many after the restart.
    PowerCutAtOperation { first: u64, again: Option<u64> },
    /// The process dies, the page cache lives.
    Kill,
    /// The node is asked to stop.
    Stop,
    /// Syncs take their time.
    Slow { max: Duration, lasts: Duration },
    /// Syncs do not end for a while, and perhaps the power goes before they do.
    Hung { lasts: Duration, power_cut: bool },
    /// Operations on some files fail: the node must end itself rather than go on.
    Failing {
        fault: Fault,
        pattern: String,
        times: u64,
        lasts: Duration,
    },
    /// This much room is left, for a while; perhaps the power goes meanwhile.
    DiskFull {
        room: u64,
        lasts: Duration,
        power_cut: bool,
    },
    /// Nothing reaches the node from some clients, nor they it.
    Unreachable { host: &'static str, lasts: Duration },
}

impl Trouble {
    pub(super) fn draw(rng: &Rng) -> Self {
        match rng.below(20) {
            0..=2 => Self::PowerCut,
            3..=6 => Self::PowerCutAtOperation {
                first: 1 + rng.below(300),
                again: coin(rng).then(|| 1 + rng.below(40)),
            },
            7 | 8 => Self::Kill,
            9 => Self::Stop,
            10 => Self::Slow {
                max: millis(rng, 20, 500),
                lasts: millis(rng, 300, 2000),
            },
            11 | 12 => Self::Hung {
                lasts: millis(rng, 100, 3000),
                power_cut: coin(rng),
            },
            13..=15 => Self::failing(rng),
            16 | 17 => Self::DiskFull {
                room: rng.below(3 << 20),
                lasts: millis(rng, 300, 3000),
                power_cut: coin(rng),
            },
            _ => Self::Unreachable {
                host: match rng.below(4) {
                    0 => "writers",
                    1 => "readers",
                    2 => "members-1",
                    _ => "members-2",
                },
                lasts: millis(rng, 50, 3000),
            },
        }
    }

    fn failing(rng: &Rng) -> Self {
        let fault = match rng.below(4) {
            0 => Fault::WriteError,
            1 => Fault::ShortWrite,
            _ => Fault::SyncError,
        };
        let pattern = match rng.below(5) {
            0 => "journal/*",
            1 => "metadata/*",
            2 => "t-*",
            3 => "__consumer_offsets-*",
            _ => "*",
        };
        Self::Failing {
            fault,
            pattern: format!("{DATA_DIR}/{pattern}"),
            times: 1 + rng.below(3),
            lasts: millis(rng, 200, 1500),
        }
    }
}

fn coin(rng: &Rng) -> bool {
    rng.below(2) == 0
}

/// A time of `min` to `max` milliseconds.
pub(super) fn millis(rng: &Rng, min: u64, max: u64) -> Duration {
    Duration::from_millis(min + rng.below(max - min + 1))
}
