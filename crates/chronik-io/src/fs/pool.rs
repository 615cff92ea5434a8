//! The threads on which a [`RealDisk`](super::RealDisk) waits for its device.
//!
//! A commit (a journal or Raft window that clients wait for) is never queued behind background
//! work: it is taken first, and background jobs together leave [`COMMIT_THREADS`] threads alone.
//! A job is accepted at the call, whether or not anybody polls its future. The queue needs no
//! bound, because every job but a hint has a caller that waits for it; hints are dropped when many
//! wait. Absent: no cancellation; threads end when the disk and its files are gone.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::IoFuture;

/// Threads at most; each starts when a job finds no idle one.
const THREADS_MAX: usize = 4;
/// Threads that background work never takes: one for the journal, one for the Raft log.
const COMMIT_THREADS: usize = 2;
/// Background jobs waiting beyond which hints are dropped.
const HINTS_MAX: usize = 64;

/// Which queue a job waits in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Urgency {
    /// Clients wait for it.
    Commit,
    /// Checkpoints, directories, hints.
    Background,
}

type Job = Box<dyn FnOnce() + Send>;

/// Threads of one disk. Dropping it lets them finish what is queued and end.
#[derive(Debug, Default)]
pub(super) struct Pool(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    commits: VecDeque<Job>,
    background: VecDeque<Job>,
    /// Invariant: at most `THREADS_MAX - COMMIT_THREADS`.
    background_running: usize,
    threads: usize,
    /// Threads that wait for work, including those woken but not yet running.
    idle: usize,
    closed: bool,
}

impl Pool {
    /// Queues `work` at once; the future only waits for its result.
    pub(super) fn run<T: Send + 'static>(
        &self,
        urgency: Urgency,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> IoFuture<T> {
        let (done, result) = oneshot::channel();
        self.submit(
            urgency,
            // A caller that no longer waits is no reason to leave the work undone.
            Box::new(move || drop(done.send(work()))),
        );
        Box::pin(async move {
            result
                .await
                .unwrap_or_else(|_| Err(io::Error::other("a disk thread ended early")))
        })
    }

    /// Queues work that nobody waits for and that may be dropped.
    pub(super) fn hint(&self, work: impl FnOnce() + Send + 'static) {
        if self.0.lock().background.len() < HINTS_MAX {
            self.submit(Urgency::Background, Box::new(work));
        }
    }

    fn submit(&self, urgency: Urgency, job: Job) {
        let mut state = self.0.lock();
        match urgency {
            Urgency::Commit => state.commits.push_back(job),
            Urgency::Background => state.background.push_back(job),
        }
        let start = state.runnable() > state.idle && state.threads < THREADS_MAX;
        state.threads += usize::from(start);
        drop(state);
        if !start {
            self.0.work.notify_one();
            return;
        }
        let shared = Arc::clone(&self.0);
        let started = std::thread::Builder::new()
            .name("chronik-disk".to_owned())
            .spawn(move || shared.work());
        if started.is_err() {
            self.without_new_thread();
        }
    }

    /// The system gives no further thread: those there are take the work, else the caller's own.
    fn without_new_thread(&self) {
        let mut state = self.0.lock();
        state.threads -= 1;
        self.0.work.notify_one();
        while state.threads == 0
            && let Some((urgency, job)) = state.take()
        {
            drop(state);
            job();
            state = self.0.lock();
            state.finished(urgency);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.work.notify_all();
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life of one thread.
    fn work(&self) {
        let mut state = self.lock();
        loop {
            if let Some((urgency, job)) = state.take() {
                // Whoever finished a background job may have gone on to a commit, and left the
                // next background job to a thread that sleeps.
                let wake = state.runnable() > 0 && state.idle > 0;
                drop(state);
                if wake {
                    self.work.notify_one();
                }
                job();
                state = self.lock();
                state.finished(urgency);
            } else if state.closed {
                state.threads -= 1;
                return;
            } else {
                state.idle += 1;
                state = self
                    .work
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
            }
        }
    }
}

impl State {
    fn background_room(&self) -> usize {
        THREADS_MAX - COMMIT_THREADS - self.background_running
    }

    /// Jobs that a thread could take now.
    fn runnable(&self) -> usize {
        self.commits.len() + self.background.len().min(self.background_room())
    }

    fn take(&mut self) -> Option<(Urgency, Job)> {
        if let Some(job) = self.commits.pop_front() {
            return Some((Urgency::Commit, job));
        }
        if self.background_room() == 0 {
            return None;
        }
        let job = self.background.pop_front()?;
        self.background_running += 1;
        Some((Urgency::Background, job))
    }

    fn finished(&mut self, urgency: Urgency) {
        if urgency == Urgency::Background {
            self.background_running -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    /// A job that holds its thread until the sender is dropped.
    fn hold(pool: &Pool, urgency: Urgency) -> (mpsc::Sender<()>, IoFuture<()>) {
        let (release, held) = mpsc::channel::<()>();
        let ended = pool.run(urgency, move || {
            let _ = held.recv();
            Ok(())
        });
        (release, ended)
    }

    #[tokio::test]
    async fn a_commit_never_waits_for_background_work() {
        let pool = Pool::default();
        let held: Vec<_> = (0..20).map(|_| hold(&pool, Urgency::Background)).collect();
        for i in 0..100 {
            let commits = [i, i + 1].map(|n| pool.run(Urgency::Commit, move || Ok(n)));
            for (n, commit) in (i..).zip(commits) {
                let done = tokio::time::timeout(Duration::from_secs(30), commit).await;
                assert_eq!(done.expect("it waits behind background work").unwrap(), n);
            }
        }
        for (release, ended) in held {
            drop(release);
            ended.await.unwrap();
        }
    }

    #[tokio::test]
    async fn every_job_runs_whatever_the_mixture() {
        let pool = Pool::default();
        let rng = crate::Rng::seeded(1);
        let mut waits = Vec::new();
        for i in 0..2000 {
            let urgency = if rng.below(2) == 0 {
                Urgency::Commit
            } else {
                Urgency::Background
            };
            let micros = rng.below(50);
            waits.push(pool.run(urgency, move || {
                std::thread::sleep(Duration::from_micros(micros));
                Ok(i)
            }));
            if rng.below(20) == 0 {
                waits.pop().unwrap().await.unwrap();
            }
        }
        for wait in waits {
            wait.await.unwrap();
        }
        let state = pool.0.lock();
        assert!(state.threads <= THREADS_MAX);
        assert_eq!(state.runnable(), 0);
    }

    #[test]
    fn hints_are_dropped_when_many_wait() {
        let pool = Pool::default();
        let held: Vec<_> = (0..2).map(|_| hold(&pool, Urgency::Background)).collect();
        let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        for _ in 0..1000 {
            let count = Arc::clone(&count);
            pool.hint(move || {
                count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            });
        }
        drop(held);
        let busy = || {
            let state = pool.0.lock();
            state.background_running > 0 || !state.background.is_empty()
        };
        while busy() {
            std::thread::yield_now();
        }
        let ran = count.load(std::sync::atomic::Ordering::SeqCst);
        assert!((HINTS_MAX - 2..=HINTS_MAX).contains(&ran), "{ran}");
    }
}
