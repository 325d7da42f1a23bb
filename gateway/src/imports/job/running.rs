//! The imports that run on this instance.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The imports of this instance.
#[derive(Default)]
pub struct Running {
    tokens: Mutex<HashMap<i32, CancellationToken>>,
    pub tasks: TaskTracker,
    /// Ends them all.
    pub stop: CancellationToken,
}

impl Running {
    /// Notes a job; the token is cancelled when someone else ends it.
    pub fn add(&self, number: i32) -> CancellationToken {
        let token = CancellationToken::new();
        self.tokens.lock().insert(number, token.clone());
        token
    }

    /// Forgets a job.
    pub fn remove(&self, number: i32) {
        self.tokens.lock().remove(&number);
    }

    /// Whether this instance runs it.
    pub fn contains(&self, number: i32) -> bool {
        self.tokens.lock().contains_key(&number)
    }

    /// Wakes whoever runs it: the job has ended.
    pub fn ring(&self, number: i32) {
        if let Some(token) = self.tokens.lock().get(&number) {
            token.cancel();
        }
    }
}
