//! Who owns accepted events: one row for each life of an instance, and a session lock that ends with that life.

use std::sync::atomic::{AtomicI32, AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::floor_of;
use crate::base::clock::Millis;
use crate::base::id::uuid_millis;
use crate::bus::ids::IdClock;
use crate::bus::{BatchId, Event, Ledger, NewEvent, Origin};
use crate::db::{Db, DbError, Transaction};
use crate::feed::instances::instance_name;

/// The first half of the two-part advisory lock on an owner; the second is the owner's number.
pub(super) const LOCK_CLASS: i32 = 0x6761_7465;
const HEARTBEAT: Duration = Duration::from_secs(1);

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
    next_millis: AtomicI64,
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
        self.note_ids(numbering.ids.millis());
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
        self.note_ids(numbering.ids.millis());
        numbering.sequence += 1;
        numbered.sequence = numbering.sequence;
    }

    /// Notes how far ids have been made.
    fn note_ids(&self, millis: i64) {
        self.next_millis.fetch_max(millis, Ordering::AcqRel);
    }

    /// A bound below which this life will make no more events.
    pub(super) fn next_floor(&self) -> Uuid {
        floor_of(self.next_millis.load(Ordering::Acquire))
    }

    /// Takes up ownership on `session`: this life goes on if nobody took it over, else a new one begins.
    pub(super) async fn claim(&self, session: &tokio_postgres::Client) -> Result<i32, DbError> {
        let current = self.current();
        if current != 0 && self.resume(session, current).await? {
            return Ok(current);
        }
        self.note_ids(Millis::now().0);
        let row = session
            .query_one(
                "insert into bus_owners (instance, watermark) values ($1, $2) returning id",
                &[&instance_name(), &self.next_floor()],
            )
            .await?;
        let owner: i32 = row.get(0);
        if !lock(session, owner).await? {
            return Err(DbError::Away("a new owner's lock is taken".into()));
        }
        self.owner.store(owner, Ordering::Release);
        tracing::info!(owner, "owns what it accepts");
        Ok(owner)
    }

    async fn resume(&self, session: &tokio_postgres::Client, owner: i32) -> Result<bool, DbError> {
        if !lock(session, owner).await? {
            // A session of ours that the server has not noticed to be gone, or a successor at work.
            return Ok(false);
        }
        let row = session
            .query_opt("select taken_by is null from bus_owners where id = $1", &[&owner])
            .await?;
        Ok(row.is_some_and(|row| row.get(0)))
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
            let statement = client
                .prepare_cached("update bus_owners set heartbeat_at = now() where id = $1")
                .await?;
            client.execute(&statement, &[&ownership.current()]).await?;
            Ok::<_, DbError>(())
        };
        if let Ok(Err(fault)) = tokio::time::timeout(HEARTBEAT * 2, beat).await {
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
