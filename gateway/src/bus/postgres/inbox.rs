//! Events that wait for their commit.

use tokio::sync::mpsc;

use super::reply::Reply;
use crate::bus::NewEvent;

/// An event and the request that waits for it.
pub(super) struct Waiting {
    pub event: NewEvent,
    pub reply: Reply,
}

impl Waiting {
    /// Whether the database must be asked about it before it is written.
    pub(super) const fn is_question(&self) -> bool {
        has_question(&self.event) || self.reply.request().is_some()
    }
}

/// Whether the event may be a repeat, or must come behind another.
pub(super) const fn has_question(event: &NewEvent) -> bool {
    event.once_key.is_some() || event.ordering_key.is_some()
}

/// The committer's end of the queue, with a look at what comes next.
pub(super) struct Inbox {
    queue: mpsc::Receiver<Waiting>,
    next: Option<Waiting>,
}

impl Inbox {
    pub(super) const fn new(queue: mpsc::Receiver<Waiting>) -> Self {
        Self { queue, next: None }
    }

    /// Waits for the next event, which stays here; `None` once all senders are gone. May be dropped at any time.
    pub(super) async fn peek(&mut self) -> Option<&Waiting> {
        if self.next.is_none() {
            self.next = self.queue.recv().await;
        }
        self.next.as_ref()
    }

    /// Waits for the next event and takes it; `None` once all senders are gone. May be dropped at any time.
    pub(super) async fn take(&mut self) -> Option<Waiting> {
        self.peek().await?;
        self.next.take()
    }

    /// The next event, if one is there.
    pub(super) fn try_take(&mut self) -> Option<Waiting> {
        self.next.take().or_else(|| self.queue.try_recv().ok())
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len() + usize::from(self.next.is_some())
    }
}
