//! The imports that run on this instance.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::gauge;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::telemetry::names;

/// The imports of this instance.
#[derive(Default)]
pub struct Running {
    jobs: Mutex<HashMap<i32, RunningJob>>,
    pub tasks: TaskTracker,
    /// Ends them all.
    pub stop: CancellationToken,
}

/// One of them.
#[derive(Clone)]
pub struct RunningJob {
    /// Cancelled when someone else ends the job.
    pub token: CancellationToken,
    /// When a writer last committed a chunk; before the first, when the job began.
    pub last_chunk: Arc<Mutex<Instant>>,
}

impl Running {
    /// Notes a job.
    pub fn add(&self, number: i32) -> RunningJob {
        let job = RunningJob {
            token: CancellationToken::new(),
            last_chunk: Arc::new(Mutex::new(Instant::now())),
        };
        self.jobs.lock().insert(number, job.clone());
        job
    }

    /// Forgets a job.
    pub fn remove(&self, number: i32) {
        self.jobs.lock().remove(&number);
        self.observe();
    }

    /// Whether this instance runs it.
    pub fn contains(&self, number: i32) -> bool {
        self.jobs.lock().contains_key(&number)
    }

    /// Wakes the runner: the job has ended.
    pub fn ring(&self, number: i32) {
        if let Some(job) = self.jobs.lock().get(&number) {
            job.token.cancel();
        }
    }

    /// Shows by a metric how long the slowest job has committed nothing.
    pub fn observe(&self) {
        let jobs = self.jobs.lock();
        let oldest = jobs.values().map(|job| job.last_chunk.lock().elapsed()).max();
        gauge!(names::IMPORTS_OLDEST_CHUNK).set(oldest.unwrap_or(Duration::ZERO));
    }
}
