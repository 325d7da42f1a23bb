//! The default bus: the events table is the queue, so it needs only the database.
//!
//! The instance that accepted an event owns it and hands it straight to its own dispatcher after the commit. The session
//! that commits the events holds an advisory lock, which shows that the instance lives: when the session ends the lock is
//! free, and another instance takes over from the dead one's watermark on. A session that lost its lock cannot commit
//! either, so nothing can be written unseen by the successor.

mod backlog;
mod committer;
mod emit;
mod group;
mod handover;
mod inbox;
#[cfg(test)]
mod interleavings;
mod owner;
mod remains;
mod reply;
mod session;
mod shelf;
mod takeover;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::{
    Accepted, Answer, Batch, Bus, Emission, Ledger, NewEvent, Once, PublishError, Release, ReplyKeeper,
    RequestKey,
};
use crate::base::tasks::Tasks;
use crate::bus::intake_queue::IntakeQueue;
use crate::bus::silence::Silence;
use crate::config;
use crate::db::{Db, DbError, Transaction};
use crate::telemetry::health::Health;
use emit::Emitter;
use handover::Handover;
use inbox::{Inbox, Waiting};
use owner::Ownership;
use reply::Reply;

/// What the events of this bus are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// They are published here and delivered from here.
    Bus,
    /// They are the gateway's own, and another bus carries them on.
    Outbox,
}

impl Role {
    /// The name in `/readyz`.
    const fn dependency(self) -> &'static str {
        match self {
            Self::Bus => "bus",
            Self::Outbox => "outbox",
        }
    }
}

/// The bus on PostgreSQL.
pub struct PostgresBus {
    db: Db,
    queue: IntakeQueue<Waiting>,
    handover: Arc<Handover>,
    ownership: Arc<Ownership>,
    emitter: Emitter,
}

impl PostgresBus {
    /// Starts the tasks that commit, keep ownership, and take over from the dead.
    ///
    /// Events are accepted until the last handle is dropped; `tasks` waits for what is under way.
    pub fn start(
        db: &Db,
        settings: &config::Bus,
        role: Role,
        release: Release,
        health: &Health,
        tasks: &Tasks,
    ) -> Arc<Self> {
        health.expect(role.dependency());
        let (queue, waiting, waiting_bytes) = IntakeQueue::new(settings.max_waiting);
        let handover = Arc::new(Handover::new(db.clone()));
        let ownership = Arc::new(Ownership::default());
        let committer = committer::Committer {
            db: db.clone(),
            health: health.clone(),
            ownership: ownership.clone(),
            handover: handover.clone(),
            waiting_bytes,
            gather: settings.gather,
            role,
        };
        tasks.spawn("committer", committer.run(Inbox::new(waiting), tasks.stop()));
        let heartbeat = owner::heartbeat(db.clone(), ownership.clone(), tasks.stop());
        tasks.spawn("heartbeat", heartbeat);
        let sweeper = takeover::Sweeper {
            db: db.clone(),
            ownership: ownership.clone(),
            handover: handover.clone(),
            lease: settings.lease,
            silence: Silence::default(),
            release,
        };
        tasks.spawn("takeover", sweeper.run(tasks.stop()));
        Arc::new(Self {
            db: db.clone(),
            queue,
            emitter: Emitter {
                db: db.clone(),
                ownership: ownership.clone(),
                handover: handover.clone(),
            },
            handover,
            ownership,
        })
    }

    async fn publish_waiting(&self, event: NewEvent) -> Result<Accepted, PublishError> {
        let weight = event.data.len();
        let (reply, answer) = oneshot::channel();
        let reply = Reply::Plain(reply);
        self.queue.put(Waiting { event, reply }, weight)?;
        // A commit has a time limit of its own, so an answer comes. If the committer is gone it is this one.
        answer.await.unwrap_or(Err(PublishError::Closed))
    }
}

impl ReplyKeeper for PostgresBus {
    fn publish_once(&self, event: NewEvent, request: RequestKey) -> Answer<'_, Result<Once, PublishError>> {
        Box::pin(async move {
            let weight = event.data.len();
            let (reply, answer) = oneshot::channel();
            let reply = Reply::Once(Box::new(request), reply);
            self.queue.put(Waiting { event, reply }, weight)?;
            answer.await.unwrap_or(Err(PublishError::Closed))
        })
    }
}

impl Bus for PostgresBus {
    fn publish(&self, event: NewEvent) -> Answer<'_, Result<Accepted, PublishError>> {
        Box::pin(self.publish_waiting(event))
    }

    fn reply_keeper(&self) -> Option<&dyn ReplyKeeper> {
        Some(self)
    }

    fn emit<'a>(
        &'a self,
        transaction: &'a Transaction<'_>,
        events: Vec<NewEvent>,
    ) -> Answer<'a, Result<Emission, DbError>> {
        Box::pin(self.emitter.emit(transaction, events))
    }

    fn receive(&self) -> Answer<'_, Option<Batch>> {
        Box::pin(self.handover.receive())
    }

    fn ledger(&self) -> &Ledger {
        self.handover.ledger()
    }

    fn acknowledge<'a>(&'a self, transaction: &'a Transaction<'_>) -> Answer<'a, Result<(), DbError>> {
        Box::pin(async move {
            let watermark = self.ownership.finished_until(self.ledger());
            owner::set_watermark(transaction, self.ownership.current(), watermark).await
        })
    }

    fn owner(&self) -> i32 {
        self.ownership.current()
    }

    fn settles_within(&self) -> Duration {
        Duration::ZERO
    }

    fn close(&self) {
        self.handover.close();
    }

    fn retire(&self) -> Answer<'_, Result<(), DbError>> {
        Box::pin(async {
            if self.handover.ledger().open_count() > 0 {
                return Ok(());
            }
            let client = self.db.client().await?;
            owner::retire(&client, self.ownership.current()).await
        })
    }
}
