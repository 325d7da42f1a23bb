//! The tasks that run as long as the process does, and the one signal that ends them.

use std::future::Future;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Where long-running tasks are started, told to stop and waited for.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    stop: CancellationToken,
    running: TaskTracker,
}

impl Tasks {
    /// Runs `task` until it ends by itself; it is expected to heed [`stop`](Self::stop).
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.running.spawn(async move {
            // A task that panics would leave the process half alive: better to stop whole and be restarted.
            if let Err(fault) = tokio::spawn(task).await
                && fault.is_panic()
            {
                tracing::error!(task = name, "a task panicked; the gateway stops");
                stop.cancel();
            }
        });
    }

    /// The signal that every task waits for beside its work.
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Gives the signal and waits until every task has ended.
    pub async fn shut_down(&self) {
        self.stop.cancel();
        self.running.close();
        self.running.wait().await;
    }
}
