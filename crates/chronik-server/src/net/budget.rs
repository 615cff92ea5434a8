//! The byte budget: everything a client can make us hold is charged here.
//!
//! Keeps I14. First come first served: a waiter is never overtaken, so a large frame is not
//! starved by small ones. Requests and replies have a pool each, because a request that holds its
//! own bytes while it waits for room to answer must never wait for other requests like itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What one open connection costs besides its frames: task, buffers and kernel structures.
pub(crate) const CONNECTION_BYTES: usize = 8 * 1024;

/// A pool of bytes. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    pool: Arc<Semaphore>,
    /// How many callers of [`Budget::reserve`] wait now.
    waiting: Arc<AtomicUsize>,
    total: usize,
}

/// A caller that waits; counted until it is dropped.
struct Waiter<'a>(&'a AtomicUsize);

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Bytes taken from a pool; given back when dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    permit: OwnedSemaphorePermit,
}

impl Reservation {
    /// Gives back what is above `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let above = self.permit.num_permits().saturating_sub(bytes);
        drop(self.permit.split(above));
    }
}

/// More than the whole pool was asked for: it would be waited for in vain.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

impl Budget {
    pub(crate) fn new(total: usize) -> Self {
        let total = total.min(u32::MAX as usize).min(Semaphore::MAX_PERMITS);
        Self {
            pool: Arc::new(Semaphore::new(total)),
            waiting: Arc::default(),
            total,
        }
    }

    /// Waits for `bytes`; refuses at once what could never be granted.
    pub(crate) async fn reserve(&self, bytes: usize) -> Result<Reservation, TooLarge> {
        if bytes > self.total {
            return Err(TooLarge);
        }
        if let Some(granted) = self.try_reserve(bytes) {
            return Ok(granted);
        }
        let count = u32::try_from(bytes).map_err(|_| TooLarge)?;
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiter = Waiter(&self.waiting);
        let permit = Arc::clone(&self.pool).acquire_many_owned(count).await;
        Ok(Reservation {
            permit: permit.expect("the pool is never closed"),
        })
    }

    /// Takes `bytes` now or not at all; never while somebody waits, whom the pool's free bytes
    /// belong to.
    pub(crate) fn try_reserve(&self, bytes: usize) -> Option<Reservation> {
        let count = u32::try_from(bytes).ok()?;
        let permit = Arc::clone(&self.pool).try_acquire_many_owned(count).ok()?;
        Some(Reservation { permit })
    }

    /// Whether somebody waits for room.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// The size of the pool in bytes.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// Bytes taken now.
    pub(crate) fn used(&self) -> usize {
        self.total - self.pool.available_permits().min(self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_come_back_when_a_reservation_is_dropped_and_the_impossible_is_refused() {
        let budget = Budget::new(100);
        assert_eq!(budget.reserve(101).await.err(), Some(TooLarge));
        let held = budget.reserve(60).await.unwrap();
        assert_eq!(budget.used(), 60);
        assert!(budget.try_reserve(41).is_none());
        drop(held);
        assert_eq!(budget.used(), 0);
        let mut held = budget.try_reserve(100).unwrap();
        held.shrink_to(30);
        assert_eq!(budget.used(), 30);
        held.shrink_to(31);
        assert_eq!(budget.used(), 30);
    }

    #[tokio::test]
    async fn a_waiter_is_counted_and_not_overtaken_until_it_gives_up() {
        let budget = Budget::new(100);
        let held = budget.reserve(60).await.unwrap();
        let mut waiter = Box::pin(budget.reserve(50));
        assert!(!budget.is_waited_for());
        assert!(must_wait(&mut waiter).await);
        assert!(budget.is_waited_for());
        assert!(budget.try_reserve(1).is_none(), "the waiter was overtaken");
        drop(waiter);
        assert!(!budget.is_waited_for());
        drop(held);
        assert!(budget.try_reserve(100).is_some());
    }

    /// Polls once; whether it must wait.
    async fn must_wait<F: Future>(future: &mut std::pin::Pin<Box<F>>) -> bool {
        std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx).is_pending()))
            .await
    }
}
