//! What a node is given of the world: disk, clock, randomness, and the way out.
//!
//! Absent: sockets ([`crate::net`]) and tasks ([`crate::task`]), which belong to the runtime the
//! node runs on and not to a value it holds.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chronik_types::{Instant, Timestamp, Uuid};
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

use crate::fs::Disk;

/// The world of one node. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Env {
    /// Its files.
    pub disk: Arc<dyn Disk>,
    /// Its clocks.
    pub clock: Clock,
    /// Its randomness.
    pub rng: Rng,
    /// How it ends itself.
    pub exit: Exit,
}

/// Monotonic and wall-clock time. Virtual in simulation.
#[derive(Clone, Debug)]
pub struct Clock {
    /// Where the monotonic clock's zero lies.
    start: tokio::time::Instant,
    /// Wall-clock milliseconds at `start`; `None` asks the system each time.
    wall_at_start: Option<i64>,
}

impl Clock {
    /// The machine's own clocks.
    #[must_use]
    pub fn real() -> Self {
        Self {
            start: tokio::time::Instant::now(),
            wall_at_start: None,
        }
    }

    /// Clocks that follow tokio's virtual time from a fixed wall-clock moment.
    #[must_use]
    pub fn simulated(wall_at_start: Timestamp) -> Self {
        Self {
            start: tokio::time::Instant::now(),
            wall_at_start: Some(wall_at_start.as_millis()),
        }
    }

    /// Monotonic time since this clock was made.
    #[must_use]
    pub fn now(&self) -> Instant {
        let nanos = self.start.elapsed().as_nanos();
        Instant::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Wall-clock time.
    #[must_use]
    pub fn wall(&self) -> Timestamp {
        let millis = |d: Duration| i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(match self.wall_at_start {
            Some(start) => start + millis(self.start.elapsed()),
            None => std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0, millis),
        })
    }

    /// Waits until the monotonic clock reaches `deadline`.
    pub async fn sleep_until(&self, deadline: Instant) {
        tokio::time::sleep_until(self.start + Duration::from_nanos(deadline.as_nanos())).await;
    }
}

/// Random numbers: from the system's entropy, or in simulation from the seed alone.
#[derive(Clone, Debug)]
pub struct Rng(Arc<Mutex<SmallRng>>);

impl Rng {
    /// Seeded by the operating system.
    #[must_use]
    pub fn from_entropy() -> Self {
        Self(Arc::new(Mutex::new(SmallRng::from_os_rng())))
    }

    /// The same sequence for the same seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(SmallRng::seed_from_u64(seed))))
    }

    /// 64 random bits.
    #[must_use]
    pub fn next_u64(&self) -> u64 {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .random()
    }

    /// A number of `0..bound`; `bound` is at least 1.
    #[must_use]
    pub fn below(&self, bound: u64) -> u64 {
        self.next_u64() % bound.max(1)
    }

    /// A random uuid whose text does not start with a dash (Kafka's tools take that for an option).
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        loop {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&self.next_u64().to_le_bytes());
            bytes[8..].copy_from_slice(&self.next_u64().to_le_bytes());
            let uuid = Uuid::from_random(bytes);
            if !uuid.starts_with_dash() {
                return uuid;
            }
        }
    }
}

/// Documented exit codes of the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ExitCode {
    /// Stopped as asked.
    Success = 0,
    /// Anything without a code of its own.
    Failure = 1,
    /// The command line or configuration is wrong.
    Usage = 2,
    /// The data directory is locked, foreign, newer, read-only or damaged.
    DataDirectory = 3,
    /// An address is in use or cannot be bound.
    Address = 4,
    /// A write or sync of journal, log or metadata log failed.
    Storage = 5,
    /// A task that owns state ended.
    Internal = 6,
}

/// Ends the node. Real: the process, at once, without destructors. Simulated: the host.
#[derive(Clone)]
pub struct Exit(Arc<End>);

type End = dyn Fn(ExitCode, &str) + Send + Sync;

impl std::fmt::Debug for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Exit")
    }
}

impl Exit {
    /// Logs the reason and ends the process.
    #[must_use]
    pub fn process() -> Self {
        Self(Arc::new(|code, reason| {
            tracing::error!(exit_code = code as u8, "ending: {reason}");
            std::process::exit(i32::from(code as u8));
        }))
    }

    /// Calls `end` instead, which marks a simulated host as dead.
    #[must_use]
    pub fn with(end: impl Fn(ExitCode, &str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(end))
    }

    /// Ends the node and never returns: in simulation the caller's task stays parked until its
    /// host is taken away, so that no code runs after a failure it cannot survive.
    pub async fn fatal(&self, code: ExitCode, reason: &str) -> ! {
        (self.0)(code, reason);
        std::future::pending::<()>().await;
        unreachable!("a pending future is never ready")
    }

    /// As [`Exit::fatal`] where there is nothing to await; the caller must do nothing more.
    pub fn request(&self, code: ExitCode, reason: &str) {
        (self.0)(code, reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_simulated_clock_follows_virtual_time_alone() {
        let clock = Clock::simulated(Timestamp::from_millis(1_000));
        assert_eq!(clock.now(), Instant::from_nanos(0));
        clock.sleep_until(Instant::from_nanos(5_000_000_000)).await;
        assert_eq!(clock.now(), Instant::from_nanos(5_000_000_000));
        assert_eq!(clock.wall(), Timestamp::from_millis(6_000));
        // A moment that has passed costs no wait.
        clock.sleep_until(Instant::from_nanos(1)).await;
        assert_eq!(clock.wall(), Timestamp::from_millis(6_000));
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_the_end_of_time_only_waits() {
        let clock = Clock::simulated(Timestamp::from_millis(0));
        let forever = clock.sleep_until(Instant::from_nanos(u64::MAX));
        let hour = Duration::from_secs(3600);
        assert!(tokio::time::timeout(hour, forever).await.is_err());
    }

    #[test]
    fn the_real_clock_never_goes_back_and_knows_the_date() {
        let clock = Clock::real();
        let first = clock.now();
        assert!(clock.now() >= first);
        let year_2024 = Timestamp::from_millis(1_704_067_200_000);
        assert!(clock.wall() > year_2024);
    }

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_uuids() {
        let draw = |rng: Rng| {
            let numbers: Vec<_> = (0..100).map(|bound| rng.below(bound)).collect();
            (numbers, rng.uuid(), rng.next_u64())
        };
        assert_eq!(draw(Rng::seeded(7)), draw(Rng::seeded(7)));
        assert_ne!(draw(Rng::seeded(7)), draw(Rng::seeded(8)));
        assert_ne!(draw(Rng::from_entropy()), draw(Rng::from_entropy()));
    }

    #[test]
    fn a_number_below_a_bound_is_below_it() {
        let rng = Rng::seeded(1);
        for bound in [1, 2, 3, 1000, u64::MAX] {
            assert!((0..1000).all(|_| rng.below(bound) < bound));
        }
        assert_eq!(rng.below(0), 0);
    }

    #[test]
    fn no_uuid_starts_with_a_dash() {
        let rng = Rng::seeded(1);
        assert!((0..1000).all(|_| !rng.uuid().to_string().starts_with('-')));
    }

    #[test]
    fn clones_of_an_rng_share_one_sequence() {
        let rng = Rng::seeded(1);
        let both = [rng.clone().next_u64(), rng.next_u64()];
        let one = Rng::seeded(1);
        assert_eq!(both, [one.next_u64(), one.next_u64()]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fatal_exit_is_asked_for_once_and_never_returns() {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&asked);
        let exit = Exit::with(move |code, reason| {
            into.lock().unwrap().push((code, reason.to_owned()));
        });
        let fatal = exit.fatal(ExitCode::Storage, "sync failed");
        assert!(
            tokio::time::timeout(Duration::from_secs(60), fatal)
                .await
                .is_err()
        );
        assert_eq!(
            *asked.lock().unwrap(),
            [(ExitCode::Storage, "sync failed".to_owned())]
        );
    }
}
