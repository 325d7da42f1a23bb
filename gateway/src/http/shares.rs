//! A limited resource (places, bytes) that workspaces share, and of which none gets more than its part.
//!
//! Those that hold some and wait for more, as bodies do while they arrive, could wait for each other until all of them give
//! up. The first that finds that nobody else goes on gives up at once, and the others share what it held.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

use crate::base::caller::WorkspaceId;

/// One that waits looks this often whether anybody goes on.
const LOOK: Duration = Duration::from_millis(100);
/// From so many workspaces on, those that hold nothing are forgotten.
const MAX_REMEMBERED: usize = 1_000;

/// The whole, and each workspace's part of it.
#[derive(Debug)]
pub struct Shares {
    whole: Arc<Semaphore>,
    part: usize,
    parts: Mutex<HashMap<WorkspaceId, (Arc<Semaphore>, Crowds)>>,
    /// Its part is not used.
    crowds: Crowds,
}

impl Shares {
    /// So much in all, and at most `part` for each workspace.
    pub fn new(whole: usize, part: usize) -> Self {
        Self {
            whole: Arc::new(Semaphore::new(whole)),
            part,
            parts: Mutex::default(),
            crowds: Crowds::default(),
        }
    }

    /// What a workspace may take from.
    pub fn of(&self, workspace: WorkspaceId) -> Share {
        let mut parts = self.parts.lock();
        if parts.len() > MAX_REMEMBERED {
            // Each holder, and each that waits, has a reference to its part.
            parts.retain(|_, (part, _)| Arc::strong_count(part) > 1);
        }
        let (part, crowds) = parts.entry(workspace).or_insert_with(|| {
            let crowds = Crowds {
                whole: self.crowds.whole.clone(),
                ..Crowds::default()
            };
            (Arc::new(Semaphore::new(self.part)), crowds)
        });
        Share {
            part: part.clone(),
            whole: self.whole.clone(),
            crowds: crowds.clone(),
        }
    }
}

/// What one workspace may take from.
#[derive(Debug, Clone)]
pub struct Share {
    part: Arc<Semaphore>,
    whole: Arc<Semaphore>,
    crowds: Crowds,
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

/// Everybody that holds some waits for more.
#[derive(Debug, thiserror::Error)]
#[error("all that hold some wait for each other")]
pub struct Stuck;

/// How many hold some of a resource, and how many of them wait for more.
#[derive(Debug, Default)]
struct Crowd {
    holders: usize,
    waiters: usize,
}

/// Those of all workspaces, and those of one.
#[derive(Debug, Clone, Default)]
struct Crowds {
    whole: Arc<Mutex<Crowd>>,
    part: Arc<Mutex<Crowd>>,
}

impl Crowds {
    fn change(&self, change: impl Fn(&mut Crowd)) {
        // Always in this order.
        let mut whole = self.whole.lock();
        change(&mut whole);
        change(&mut self.part.lock());
    }
}

/// Something that grows, and gives all back when it is dropped.
#[derive(Debug)]
pub struct Growing {
    share: Share,
    taken: Option<Taken>,
}

impl Growing {
    pub const fn of(share: Share) -> Self {
        Self { share, taken: None }
    }

    /// Takes so many more, and waits until they are free. As with [`Share::take`] the part comes first.
    pub async fn grow(&mut self, count: u32) -> Result<(), Stuck> {
        let part = self.take(&self.share.part, count, Wait::ForPart).await?;
        let whole = self.take(&self.share.whole, count, Wait::ForWhole).await?;
        let more = Taken { part, whole };
        match &mut self.taken {
            Some(taken) => taken.add(more),
            None => {
                self.taken = Some(more);
                self.share.crowds.change(|crowd| crowd.holders += 1);
            }
        }
        Ok(())
    }

    async fn take(
        &self,
        from: &Arc<Semaphore>,
        count: u32,
        wait: Wait,
    ) -> Result<OwnedSemaphorePermit, Stuck> {
        if let Ok(taken) = from.clone().try_acquire_many_owned(count) {
            return Ok(taken);
        }
        // What holds nothing keeps nobody waiting.
        let waiting = self
            .taken
            .is_some()
            .then(|| Waiting::new(&self.share.crowds, wait));
        let mut taking = std::pin::pin!(from.clone().acquire_many_owned(count));
        loop {
            if waiting.as_ref().is_some_and(Waiting::is_stuck) {
                return Err(Stuck);
            }
            tokio::select! {
                biased;
                // An error is for a closed semaphore, and nobody closes these.
                taken = &mut taking => return taken.map_err(|_| Stuck),
                () = sleep(LOOK) => {}
            }
        }
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        if let Some(taken) = self.taken.take() {
            drop(taken);
            self.share.crowds.change(|crowd| crowd.holders -= 1);
        }
    }
}

/// For what one waits: others of its own workspace can give the part, and everybody the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    ForPart,
    ForWhole,
}

/// One that holds some and waits for more.
struct Waiting<'a> {
    crowds: &'a Crowds,
    wait: Wait,
}

impl<'a> Waiting<'a> {
    fn new(crowds: &'a Crowds, wait: Wait) -> Self {
        let waiting = Self { crowds, wait };
        waiting.change(|count| count + 1);
        waiting
    }

    fn change(&self, change: impl Fn(usize) -> usize) {
        let mut whole = self.crowds.whole.lock();
        whole.waiters = change(whole.waiters);
        // Who waits for the whole goes on when another workspace's gives some back.
        if self.wait == Wait::ForPart {
            let mut part = self.crowds.part.lock();
            part.waiters = change(part.waiters);
        }
    }

    fn is_stuck(&self) -> bool {
        let whole = self.crowds.whole.lock();
        let part = self.crowds.part.lock();
        let is_alone = self.wait == Wait::ForPart && part.waiters == part.holders;
        is_alone || whole.waiters == whole.holders
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.change(|count| count - 1);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

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

    /// Bodies of these workspaces that all grow to `size`, in turn, and then end; how many were stuck.
    async fn grow_together(shares: &Shares, workspaces: &[i32], size: u32) -> usize {
        let growing = workspaces.iter().map(|workspace| {
            let mut body = Growing::of(shares.of(WorkspaceId(*workspace)));
            async move {
                for _ in 0..size {
                    body.grow(1).await?;
                    tokio::task::yield_now().await;
                }
                Ok::<_, Stuck>(())
            }
        });
        let growing = futures_util::future::join_all(growing);
        let ended = tokio::time::timeout(LOOK * 200, growing).await;
        let ended = ended.expect("they do not wait for each other for ever");
        ended.iter().filter(|ended| ended.is_err()).count()
    }

    #[tokio::test]
    async fn of_those_that_wait_for_each_other_only_what_does_not_fit_gives_up() {
        let shares = Shares::new(9, 6);
        for (workspaces, size, stuck) in [
            (&[1, 1, 1][..], 2, 0..=0),
            (&[1, 1, 1, 1], 2, 0..=1),
            (&[1, 1, 1, 1], 3, 1..=2),
            (&[1, 1, 1, 2, 2, 2], 3, 1..=4),
            (&[1, 2, 3, 4], 6, 1..=3),
        ] {
            let count = grow_together(&shares, workspaces, size).await;
            assert!(stuck.contains(&count), "{count} of {workspaces:?} at {size}");
            // All was given back.
            assert_eq!(grow_together(&shares, &[1, 1, 1], 2).await, 0);
        }
        for crowd in [
            shares.of(WorkspaceId(1)).crowds.whole,
            shares.of(WorkspaceId(2)).crowds.part,
        ] {
            let crowd = crowd.lock();
            assert_eq!((crowd.holders, crowd.waiters), (0, 0));
        }
    }

    #[tokio::test]
    async fn one_that_others_give_way_to_waits() {
        let shares = Shares::new(9, 6);
        let mut held = Growing::of(shares.of(WorkspaceId(1)));
        held.grow(5).await.expect("free");
        let mut other = Growing::of(shares.of(WorkspaceId(1)));
        other.grow(1).await.expect("free");
        let began = Instant::now();
        let ending = async {
            sleep(LOOK * 3).await;
            drop(held);
        };
        let (grown, ()) = tokio::join!(other.grow(2), ending);
        grown.expect("what the other gave back");
        assert!(began.elapsed() >= LOOK * 3);
    }
}
