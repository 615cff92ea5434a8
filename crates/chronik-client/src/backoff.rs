//! When to try again, and when to stop trying.
//!
//! Waits double up to a limit. Absent: jitter; few clients of this kind meet at one server, and
//! a simulation has to repeat.

use std::time::Duration;

use chronik_io::Clock;
use chronik_types::Instant;

use crate::ClientError;

/// The waits between tries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    pub(crate) min: Duration,
    pub(crate) max: Duration,
}

/// One operation being tried.
#[derive(Debug)]
pub(crate) struct Retry {
    clock: Clock,
    started: Instant,
    patience: Duration,
    backoff: Backoff,
    wait: Duration,
}

impl Retry {
    /// Starts now and stops trying after `patience`.
    pub(crate) fn new(clock: &Clock, backoff: Backoff, patience: Duration) -> Self {
        Self {
            started: clock.now(),
            clock: clock.clone(),
            patience,
            backoff,
            wait: backoff.min,
        }
    }

    /// Something went well: the next failure counts from then on.
    pub(crate) fn reset(&mut self) {
        self.started = self.clock.now();
        self.wait = self.backoff.min;
    }

    /// Waits before the next try, or gives the error back if there shall be none.
    pub(crate) async fn again(&mut self, error: ClientError) -> Result<(), ClientError> {
        if !error.is_retriable() {
            return Err(error);
        }
        let after = self.clock.now().since(self.started);
        if after + self.wait > self.patience {
            let last = Box::new(error);
            return Err(ClientError::GaveUp { after, last });
        }
        tracing::debug!(%error, wait = ?self.wait, "trying again");
        tokio::time::sleep(self.wait).await;
        self.wait = (self.wait * 2).min(self.backoff.max);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(patience: u64) -> Retry {
        let backoff = Backoff {
            min: Duration::from_millis(100),
            max: Duration::from_millis(400),
        };
        Retry::new(&Clock::real(), backoff, Duration::from_millis(patience))
    }

    #[tokio::test(start_paused = true)]
    async fn waits_double_up_to_the_limit_until_the_patience_is_over() {
        let mut retry = retry(1400);
        let mut waits = Vec::new();
        let error = ClientError::UnknownTopic("t".into());
        let gave_up = loop {
            let before = retry.clock.now();
            match retry.again(error.clone()).await {
                Ok(()) => waits.push(retry.clock.now().since(before).as_millis()),
                Err(error) => break error,
            }
        };
        assert_eq!(waits, [100, 200, 400, 400]);
        assert_eq!(*gave_up.root(), error);
        assert!(matches!(gave_up, ClientError::GaveUp { .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_succeed_later_is_not_tried_again() {
        let error = ClientError::Options("no");
        assert_eq!(retry(1500).again(error.clone()).await, Err(error));
    }
}
