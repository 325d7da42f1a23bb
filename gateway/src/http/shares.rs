//! A limited resource (places, bytes) that workspaces share, and of which none gets more than its part.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::base::caller::WorkspaceId;

/// From so many workspaces on, those that hold nothing are forgotten.
const MAX_REMEMBERED: usize = 1_000;

/// The whole, and each workspace's part of it.
#[derive(Debug)]
pub struct Shares {
    whole: Arc<Semaphore>,
    part: usize,
    parts: Mutex<HashMap<WorkspaceId, Arc<Semaphore>>>,
}

impl Shares {
    /// So much in all, and at most `part` for each workspace.
    pub fn new(whole: usize, part: usize) -> Self {
        Self {
            whole: Arc::new(Semaphore::new(whole)),
            part,
            parts: Mutex::default(),
        }
    }

    /// What a workspace may take from.
    pub fn of(&self, workspace: WorkspaceId) -> Share {
        let mut parts = self.parts.lock();
        if parts.len() > MAX_REMEMBERED {
            // Each holder, and each that waits, has a reference to its part.
            parts.retain(|_, part| Arc::strong_count(part) > 1);
        }
        let part = parts
            .entry(workspace)
            .or_insert_with(|| Arc::new(Semaphore::new(self.part)));
        Share {
            part: part.clone(),
            whole: self.whole.clone(),
        }
    }
}

/// What one workspace may take from.
#[derive(Debug, Clone)]
pub struct Share {
    part: Arc<Semaphore>,
    whole: Arc<Semaphore>,
}

impl Share {
    /// Takes one, if one is free.
    pub fn try_take(&self) -> Option<Taken> {
        let part = self.part.clone().try_acquire_owned().ok()?;
        let whole = self.whole.clone().try_acquire_owned().ok()?;
        Some(Taken { part, whole })
    }

    /// Takes so many, and waits until they are free. The part comes first, so that a workspace that waits for itself holds
    /// up no other.
    pub async fn take(&self, count: u32) -> Option<Taken> {
        // `None` is for a closed semaphore, and nobody closes these.
        let part = self.part.clone().acquire_many_owned(count).await.ok()?;
        let whole = self.whole.clone().acquire_many_owned(count).await.ok()?;
        Some(Taken { part, whole })
    }
}

/// What was taken. It is given back when this is dropped.
#[derive(Debug)]
pub struct Taken {
    part: OwnedSemaphorePermit,
    whole: OwnedSemaphorePermit,
}

impl Taken {
    /// Adds what the same workspace took besides.
    pub fn add(&mut self, more: Self) {
        self.part.merge(more.part);
        self.whole.merge(more.whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_workspace_takes_more_than_its_part() {
        let shares = Shares::new(3, 2);
        let [one, other] = [1, 2].map(|id| shares.of(WorkspaceId(id)));
        let taken = [one.try_take(), one.try_take()];
        assert!(taken.iter().all(Option::is_some) && one.try_take().is_none());
        assert!(shares.of(WorkspaceId(1)).try_take().is_none());
        let last = other.try_take();
        assert!(
            last.is_some() && other.try_take().is_none(),
            "no more of the whole"
        );
        drop(taken);
        assert!(other.try_take().is_some());
    }
}
