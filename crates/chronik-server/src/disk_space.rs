//! Room on the disk: below a reserve produce is refused, while reads and metadata go on.
//!
//! The metadata log must never meet a full disk (it would be fatal), so clients stop before. The
//! filesystem is asked by those who write, at most once a second; a node at rest asks now and then.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chronik_io::Env;
use chronik_io::fs::Space;

/// How old the answer may be that an append relies on, in milliseconds.
const AGE_MAX_MS: i64 = 1000;
/// How often a node asks to which nobody writes.
const INTERVAL: Duration = Duration::from_secs(5);
const GIB: u64 = 1 << 30;

/// See the module's documentation.
pub(crate) struct DiskSpace {
    path: PathBuf,
    reserve: Option<u64>,
    latest: Mutex<Option<Space>>,
    reserve_used: AtomicBool,
    /// When the filesystem was last asked, in wall-clock milliseconds.
    asked: AtomicI64,
}

impl DiskSpace {
    pub(crate) fn new(path: PathBuf, reserve: Option<u64>) -> Self {
        Self {
            path,
            reserve,
            latest: Mutex::new(None),
            reserve_used: AtomicBool::new(false),
            asked: AtomicI64::new(i64::MIN),
        }
    }

    /// Whether produce must be refused at `now`, in wall-clock milliseconds.
    pub(crate) fn is_reserve_used(&self, env: &Env, now: i64) -> bool {
        let asked = self.asked.load(Ordering::Relaxed);
        // A clock that was set back asks at once, and one caller asks for all.
        let is_due = now.saturating_sub(asked) >= AGE_MAX_MS || now < asked;
        let order = Ordering::Relaxed;
        if is_due
            && self
                .asked
                .compare_exchange(asked, now, order, order)
                .is_ok()
        {
            self.refresh(env);
        }
        self.reserve_used.load(Ordering::Relaxed)
    }

    /// What the filesystem said last.
    pub(crate) fn latest(&self) -> Option<Space> {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the filesystem once.
    pub(crate) fn refresh(&self, env: &Env) {
        let Ok(space) = env.disk.space(&self.path) else {
            return;
        };
        let reserve = self.reserve.unwrap_or_else(|| GIB.min(space.total / 20));
        let used = space.available < reserve;
        if self.reserve_used.swap(used, Ordering::Relaxed) != used {
            if used {
                tracing::error!(
                    event = "disk_full",
                    available = space.available,
                    reserve,
                    "the disk is full up to its reserve: produce is refused until space is freed"
                );
            } else {
                tracing::info!(
                    event = "disk_freed",
                    available = space.available,
                    reserve,
                    "there is space again: produce is accepted"
                );
            }
        }
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(space);
    }

    /// Keeps asking.
    pub(crate) async fn watch(&self, env: &Env) {
        let mut ticks = tokio::time::interval(INTERVAL);
        loop {
            ticks.tick().await;
            self.refresh(env);
        }
    }
}
