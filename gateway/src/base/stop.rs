//! The stop signal of the whole process, triggered by a Unix signal or by the first long-running task that fails.

use std::sync::{Arc, OnceLock};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A long-running task that ended before it was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{task} {how}; the gateway stops, to be started again")]
pub struct TaskFault {
    pub task: &'static str,
    how: &'static str,
}

impl TaskFault {
    /// The task panicked.
    pub const fn panicked(task: &'static str) -> Self {
        Self {
            task,
            how: "panicked",
        }
    }

    /// The task returned before it was asked to.
    pub const fn ended(task: &'static str) -> Self {
        Self {
            task,
            how: "ended by itself",
        }
    }
}

/// Shared by everything that runs as long as the process does.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    asked: CancellationToken,
    asked_at: Arc<OnceLock<Instant>>,
    failed: CancellationToken,
    fault: Arc<OnceLock<TaskFault>>,
}

impl Stop {
    /// Asks everything to stop.
    pub fn ask(&self) {
        self.asked_at.get_or_init(Instant::now);
        self.asked.cancel();
    }

    /// Asks everything to stop because of `fault`. The first one is kept.
    pub fn fail(&self, fault: TaskFault) {
        if self.fault.set(fault).is_ok() {
            tracing::error!(task = fault.task, "{fault}");
        }
        self.failed.cancel();
        self.ask();
    }

    /// Whether stop was asked for.
    pub fn is_asked(&self) -> bool {
        self.asked.is_cancelled()
    }

    /// Waits until stop is asked for; gives the time of that.
    pub async fn asked(&self) -> Instant {
        self.asked.cancelled().await;
        *self.asked_at.get_or_init(Instant::now)
    }

    /// Waits until a task has failed.
    pub async fn failed(&self) {
        self.failed.cancelled().await;
    }

    /// What failed, if anything did.
    pub fn fault(&self) -> Option<TaskFault> {
        self.fault.get().copied()
    }

    /// A token that is cancelled when stop is asked for.
    pub fn token(&self) -> CancellationToken {
        self.asked.clone()
    }
}
