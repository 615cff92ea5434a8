//! Spawning. One helper for each kind of task, so that a panic is never silent.
//!
//! The task that is spawned is the one the handle aborts: nothing runs on behind it.
//! Absent: no cancellation tokens, no tracking of who is still running.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use tokio::task::JoinHandle;

use crate::env::{Exit, ExitCode};

type Panic = Box<dyn Any + Send>;

/// Spawns a task that owns state others wait for: its panic ends the process, because a client
/// must never wait for an owner that is gone.
pub fn spawn_owner(
    exit: &Exit,
    name: &'static str,
    task: impl Future<Output = ()> + Send + 'static,
) -> JoinHandle<()> {
    let exit = exit.clone();
    tokio::spawn(async move {
        if let Err(panic) = catch_panic(task).await {
            let reason = format!("task {name} panicked: {}", message(&panic));
            exit.request(ExitCode::Internal, &reason);
        }
    })
}

/// Spawns a task whose panic costs only itself; `on_panic` counts it.
pub fn spawn_isolated(
    task: impl Future<Output = ()> + Send + 'static,
    on_panic: impl FnOnce() + Send + 'static,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        if catch_panic(task).await.is_err() {
            on_panic();
        }
    })
}

/// Runs `work` where it may block: a thread of the pool, or in simulation right here.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    #[cfg(not(feature = "sim"))]
    {
        match tokio::task::spawn_blocking(work).await {
            Ok(value) => value,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is shutting down and will not poll this again.
                Err(_) => std::future::pending().await,
            },
        }
    }
    #[cfg(feature = "sim")]
    {
        work()
    }
}

async fn catch_panic<T>(task: impl Future<Output = T>) -> Result<T, Panic> {
    let mut task = pin!(task);
    // Unwind safe: after a panic the task is dropped without being polled again, and state it
    // shared is given up by the process (owners) or was its own (isolated tasks).
    poll_fn(
        move |cx| match catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        },
    )
    .await
}

fn message(panic: &Panic) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    type Noted = Arc<Mutex<Vec<(ExitCode, String)>>>;

    /// An exit that only notes how it was asked.
    fn noted_exit() -> (Exit, Noted) {
        let noted = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&noted);
        let exit = Exit::with(move |code, reason| {
            into.lock().unwrap().push((code, reason.to_owned()));
        });
        (exit, noted)
    }

    /// Tells when it is dropped.
    struct Dropped(Option<tokio::sync::oneshot::Sender<()>>);

    impl Drop for Dropped {
        fn drop(&mut self) {
            let _ = self.0.take().unwrap().send(());
        }
    }

    #[tokio::test]
    async fn a_panic_of_an_owner_ends_the_process_with_its_name_and_message() {
        let (exit, noted) = noted_exit();
        let task = spawn_owner(&exit, "journal", async {
            tokio::task::yield_now().await;
            panic!("offset {}", 7);
        });
        task.await.unwrap();
        let expected = (
            ExitCode::Internal,
            "task journal panicked: offset 7".to_owned(),
        );
        assert_eq!(*noted.lock().unwrap(), [expected]);
    }

    #[tokio::test]
    async fn an_owner_that_ends_or_is_aborted_does_not_end_the_process() {
        let (exit, noted) = noted_exit();
        spawn_owner(&exit, "ends", async {}).await.unwrap();
        let hangs = spawn_owner(&exit, "hangs", std::future::pending());
        hangs.abort();
        assert!(hangs.await.unwrap_err().is_cancelled());
        assert!(noted.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn aborting_the_handle_drops_the_task_itself() {
        let (exit, _) = noted_exit();
        for isolated in [false, true] {
            let (sender, dropped) = tokio::sync::oneshot::channel();
            let guard = Dropped(Some(sender));
            let work = async move {
                let _guard = guard;
                std::future::pending().await
            };
            let task = if isolated {
                spawn_isolated(work, || ())
            } else {
                spawn_owner(&exit, "owner", work)
            };
            tokio::task::yield_now().await;
            task.abort();
            dropped.await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_panic_of_an_isolated_task_is_counted_and_costs_nothing_else() {
        let (counted, count) = tokio::sync::oneshot::channel();
        let task = spawn_isolated(async { panic!("bad frame") }, || counted.send(()).unwrap());
        task.await.unwrap();
        count.await.unwrap();
    }

    #[tokio::test]
    async fn blocking_work_hands_back_its_value_or_its_panic() {
        assert_eq!(blocking(|| 7).await, 7);
        let fails = tokio::spawn(blocking(|| panic!("in the pool")));
        assert!(fails.await.unwrap_err().is_panic());
    }
}
