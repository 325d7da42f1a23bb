//! Owners of accepted events: one row for each life of an instance, and a session lock that ends with that life.

use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::base::clock::Millis;
use crate::base::id::clock::IdClock;
use crate::base::id::{uuid_floor, uuid_millis};
use crate::bus::{BatchId, Event, Ledger, NewEvent, Origin};
use crate::db::{Db, DbError, Transaction, application_name, within};
use crate::feed::instance_store::instance_name;

/// The first half of the two-part advisory lock on an owner; the second is the owner's number.
pub(super) const LOCK_CLASS: i32 = 0x6761_7465;
const HEARTBEAT: Duration = Duration::from_secs(1);
/// A session of ours that was given up ends within moments, and frees its lock: it is asked for so often …
const RESUME_TRIES: u32 = 10;
/// … with this pause.
const RESUME_PAUSE: Duration = Duration::from_millis(50);

/// Events that were given their ids together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbered {
    pub batch: BatchId,
    /// Counts by one. No event of this instance has an id between those of two that follow each other.
    pub sequence: u64,
}

#[derive(Debug, Default)]
struct Numbering {
    ids: IdClock,
    sequence: u64,
}

/// This instance's present life.
#[derive(Debug, Default)]
pub(super) struct Ownership {
    owner: AtomicI32,
    numbering: Mutex<Numbering>,
}

impl Ownership {
    /// The number of this life, or 0 before the first.
    pub(super) fn current(&self) -> i32 {
        self.owner.load(Ordering::Acquire)
    }

    /// Gives events their ids, and opens the batch that holds the watermark below them.
    ///
    /// Both under one lock: else a later batch could be opened first, and be finished, and the watermark pass ids that
    /// are not in the ledger yet.
    pub(super) fn number(
        &self,
        ledger: &Ledger,
        contents: impl IntoIterator<Item = NewEvent>,
    ) -> (Numbered, Vec<Event>) {
        let now = Millis::now();
        let mut numbering = self.numbering.lock();
        let mut next = numbering.ids.next(now);
        let batch = ledger.open(Origin::Own, next);
        let mut events = Vec::with_capacity(64);
        for content in contents {
            if !events.is_empty() {
                next = numbering.ids.next(now);
            }
            events.push(Event { id: next, content });
        }
        numbering.sequence += 1;
        let sequence = numbering.sequence;
        (Numbered { batch, sequence }, events)
    }

    /// Gives events new ids behind `passed`, which another instance made with a clock that is ahead. Their batch was opened
    /// with a lower one, which holds the watermark all the same.
    pub(super) fn number_behind(&self, passed: Uuid, numbered: &mut Numbered, events: &mut [Event]) {
        let mut numbering = self.numbering.lock();
        let now = Millis::now().max(Millis(uuid_millis(passed) + 1));
        for event in events {
            event.id = numbering.ids.next(now);
        }
        numbering.sequence += 1;
        numbered.sequence = numbering.sequence;
    }

    /// A bound below which everything of this life is finished, and this life will make no more events.
    pub(super) fn finished_until(&self, ledger: &Ledger) -> Uuid {
        self.finished_until_with(ledger, || {})
    }

    /// The floor of later ids is read before the ledger: whatever was numbered below it is in the ledger by then, or
    /// finished. The other way round, events could be numbered `between` the two, and the floor lie above them.
    pub(super) fn finished_until_with(&self, ledger: &Ledger, between: impl FnOnce()) -> Uuid {
        let floor = self.next_floor();
        between();
        ledger.watermark().unwrap_or(floor)
    }

    /// A bound below which this life will make no more events.
    fn next_floor(&self) -> Uuid {
        uuid_floor(self.numbering.lock().ids.millis())
    }

    /// The watermark that a life begins with. No id of it lies below, also if the clock steps back afterwards.
    pub(super) fn begin(&self, now: Millis) -> Uuid {
        self.numbering.lock().ids.reach(now);
        self.next_floor()
    }

    /// Takes up ownership on `session`: this life goes on if nobody took it over, else a new one begins.
    pub(super) async fn claim(&self, session: &tokio_postgres::Client) -> Result<i32, DbError> {
        let current = self.current();
        if current != 0 && self.resume(session, current).await? {
            return Ok(current);
        }
        let watermark = self.begin(Millis::now());
        // The row need not wait for a standby: in the server's log it comes before every event that names it.
        session.batch_execute("set synchronous_commit = off").await?;
        let row = session
            .query_one(
                "insert into bus_owners (instance, watermark, sessions) values ($1, $2, $3) returning id",
                &[&instance_name(), &watermark, &application_name()],
            )
            .await?;
        session.batch_execute("reset synchronous_commit").await?;
        let owner: i32 = row.get(0);
        if !lock(session, owner).await? {
            return Err(DbError::Away("a new owner's lock is taken".into()));
        }
        self.owner.store(owner, Ordering::Release);
        tracing::info!(owner, "owns what it accepts");
        Ok(owner)
    }

    async fn resume(&self, session: &tokio_postgres::Client, owner: i32) -> Result<bool, DbError> {
        for _ in 0..RESUME_TRIES {
            let is_locked = lock(session, owner).await?;
            let row = session
                .query_opt("select taken_by is null from bus_owners where id = $1", &[&owner])
                .await?;
            let is_ours = row.is_some_and(|row| row.get(0));
            if is_locked || !is_ours {
                return Ok(is_ours);
            }
            // A session of ours that the server has not noticed to be gone, or a successor that begins.
            tokio::time::sleep(RESUME_PAUSE).await;
        }
        Ok(false)
    }
}

async fn lock(session: &tokio_postgres::Client, owner: i32) -> Result<bool, DbError> {
    let row = session
        .query_one("select pg_try_advisory_lock($1, $2)", &[&LOCK_CLASS, &owner])
        .await?;
    Ok(row.get(0))
}

/// Writes down how far everything is finished.
pub(super) async fn set_watermark(
    transaction: &Transaction<'_>,
    owner: i32,
    watermark: Uuid,
) -> Result<(), DbError> {
    transaction
        .execute(
            "update bus_owners set watermark = $2
             where id = $1 and taken_by is null and watermark < $2",
            &[&owner, &watermark],
        )
        .await?;
    Ok(())
}

/// Says once a second that this instance lives.
pub(super) async fn heartbeat(db: Db, ownership: std::sync::Arc<Ownership>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(HEARTBEAT) => {}
            () = stop.cancelled() => return,
        }
        let beat = async {
            let client = db.client().await?;
            let owner = ownership.current();
            // It need not survive a crash, and must not wait for a standby. Both are one transaction and one round trip.
            let beat = format!(
                "set local synchronous_commit = off;
                 update bus_owners set heartbeat_at = now() where id = {owner}"
            );
            Ok(client.batch_execute(&beat).await?)
        };
        if let Err(fault) = within(HEARTBEAT * 2, beat).await {
            tracing::debug!(%fault, "heartbeat failed");
        }
    }
}

/// Ends this life. The lock may still be held by a session that is closing.
pub(super) async fn retire(client: &tokio_postgres::Client, owner: i32) -> Result<(), DbError> {
    let statement = "delete from bus_owners where id = $1 and taken_by is null";
    client.execute(statement, &[&owner]).await?;
    Ok(())
}
