//! The simulated host that runs the node, and what its driver may see of it and ask of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chronik_io::fs::{Disk, SimDisk};
use chronik_io::{Clock, Env, Exit, ExitCode, Rng};
use chronik_server::Node;
use chronik_server::settings::{NodeConfig, Source};
use chronik_types::Timestamp;
use tokio::sync::Notify;

use super::Variant;
use crate::lying_disk::LyingDisk;

pub(super) const NODE: &str = "node";
pub(super) const ADDRESS: &str = "node:9092";
pub(super) const DATA_DIR: &str = "/data";

/// Wall-clock milliseconds at which every simulation begins.
const WALL_START: i64 = 1_700_000_000_000;

/// How far the node is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Life {
    Starting,
    Ready,
    /// It stopped as asked.
    Stopped,
    /// It ended itself.
    Ended(ExitCode, String),
    /// It did not start.
    Refused(String),
}

/// Shared by the driver and all incarnations of the node.
#[derive(Clone, Debug)]
pub(super) struct Host(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    seed: u64,
    variant: Variant,
    disk: SimDisk,
    state: Mutex<State>,
    stop: Notify,
}

#[derive(Debug)]
struct State {
    life: Life,
    incarnation: u64,
}

impl Host {
    pub(super) fn new(seed: u64, variant: Variant, disk: SimDisk) -> Self {
        let state = State {
            life: Life::Starting,
            incarnation: 0,
        };
        Self(Arc::new(Shared {
            seed,
            variant,
            disk,
            state: Mutex::new(state),
            stop: Notify::new(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn life(&self) -> Life {
        self.state().life.clone()
    }

    /// The first end counts: what comes after it comes from a dead process.
    fn enter(&self, life: Life) {
        let mut state = self.state();
        if matches!(state.life, Life::Starting | Life::Ready) {
            state.life = life;
        }
    }

    /// Asks the node to stop cleanly.
    pub(super) fn ask_to_stop(&self) {
        self.0.stop.notify_one();
    }

    /// One incarnation of the node, from start to whatever ends it.
    pub(super) async fn run(self) -> turmoil::Result {
        let incarnation = {
            let mut state = self.state();
            state.life = Life::Starting;
            state.incarnation += 1;
            state.incarnation
        };
        match Box::pin(Node::start(self.env(incarnation), config())).await {
            Ok(node) => {
                tokio::select! {
                    biased;
                    () = self.0.stop.notified() => {}
                    () = async {
                        node.until_ready().await;
                        self.enter(Life::Ready);
                        self.0.stop.notified().await;
                    } => {}
                }
                Box::pin(node.shutdown()).await;
                self.enter(Life::Stopped);
            }
            Err(error) => self.enter(Life::Refused(error.to_string())),
        }
        std::future::pending().await
    }

    fn env(&self, incarnation: u64) -> Env {
        let shared = &self.0;
        let honest = shared.disk.incarnation();
        let disk: Arc<dyn Disk> = match shared.variant {
            Variant::Honest => honest,
            Variant::LyingJournal => Arc::new(LyingDisk {
                honest,
                about: "/journal/",
            }),
        };
        let elapsed = turmoil::sim_elapsed().unwrap_or_default().as_millis();
        let wall = WALL_START + i64::try_from(elapsed).unwrap_or_default();
        let host = self.clone();
        Env {
            disk,
            clock: Clock::simulated(Timestamp::from_millis(wall)),
            rng: Rng::seeded(shared.seed.wrapping_mul(1009).wrapping_add(incarnation)),
            exit: Exit::with(move |code, reason| {
                // The process is gone at once; what it wrote is with the operating system.
                // A disk that has stopped is dead already, and takes the power with it.
                if !host.0.disk.is_stopped() {
                    host.0.disk.kill();
                }
                host.enter(Life::Ended(code, reason.to_owned()));
            }),
        }
    }
}

fn config() -> NodeConfig {
    let settings = [
        ("log.dirs", DATA_DIR),
        ("listeners", "0.0.0.0:9092"),
        ("advertised.listeners", ADDRESS),
        ("chronik.http.listener", ""),
        // Small, so that files fill, roll and are checkpointed within seconds.
        ("chronik.journal.file.bytes", "1048576"),
        ("chronik.checkpoint.max.bytes", "1048576"),
        ("offsets.topic.segment.bytes", "1048576"),
        ("log.cleaner.backoff.ms", "200"),
        // All groups in one log, which is compacted the sooner.
        ("offsets.topic.num.partitions", "1"),
        ("offset.metadata.max.bytes", "16384"),
        ("group.initial.rebalance.delay.ms", "50"),
        ("group.min.session.timeout.ms", "100"),
        // Not what this machine has.
        ("chronik.memory.budget.bytes", "67108864"),
    ];
    let given = settings.map(|(name, value)| (name.to_owned(), value.to_owned(), Source::Flag));
    NodeConfig::resolve(given).expect("the settings above are legal")
}
