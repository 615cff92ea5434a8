//! How far start-up has come, for `/readyz`, the service manager and tests.
//!
//! Waiting is a state here, not a line of code elsewhere: each stage has a name and a reason.

use std::fmt;

use tokio::sync::watch;

/// A stage of a node's life, in order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stage {
    /// Opening the data directory.
    Starting,
    /// Recovering logs from the journal.
    Recovering,
    /// Waiting for a leader of the metadata log.
    Joining,
    /// Registering with the controller.
    Registering,
    /// Waiting for the image to reach the registration.
    CatchingUp,
    /// Serving.
    Ready,
    /// Stopping.
    Stopping,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "opening the data directory",
            Self::Recovering => "recovering logs",
            Self::Joining => "waiting for a leader of the metadata log",
            Self::Registering => "registering with the controller",
            Self::CatchingUp => {
                "waiting for the metadata image to reach this broker's registration"
            }
            Self::Ready => "ready",
            Self::Stopping => "stopping",
        })
    }
}

/// The current stage. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Health(watch::Sender<Stage>);

impl Health {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Stage::Starting))
    }

    /// Enters a stage. Nothing comes after stopping.
    pub(crate) fn enter(&self, stage: Stage) {
        let entered = self.0.send_if_modified(|current| {
            let changes = *current != stage && *current != Stage::Stopping;
            if changes {
                *current = stage;
            }
            changes
        });
        if entered {
            tracing::debug!(event = "stage", "{stage}");
        }
    }

    /// The stage now.
    #[must_use]
    pub fn stage(&self) -> Stage {
        *self.0.borrow()
    }

    /// Returns once `stage` is reached.
    pub async fn reached(&self, stage: Stage) {
        let mut watch = self.0.subscribe();
        // The sender lives as long as self.
        let _ = watch.wait_for(|current| *current >= stage).await;
    }
}
