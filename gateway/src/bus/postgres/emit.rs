//! The gateway's own events: written in the transaction of the change, and handed over after it.
//!
//! The ledger's batch is opened before the rows are written, so the watermark stays below them: if the process dies after
//! the commit, the successor finds them by owner and watermark. Meanwhile the owner's row is locked `for key share`, and a
//! takeover begins with `for update` on it: either the takeover waits for this transaction, or this transaction finds the
//! row taken and is refused.

use std::sync::Arc;
use std::time::Duration;

use super::handover::Handover;
use super::owner::{Numbered, Ownership};
use crate::bus::emission::Ending;
use crate::bus::table::events;
use crate::bus::{Emission, Event, NewEvent};
use crate::db::{Db, DbError, Transaction};

/// Between two looks at a transaction that has not ended.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// How often, and in what steps, it is waited for this instance's ownership.
const TRIES: u32 = 50;
const OWNER_PAUSE: Duration = Duration::from_millis(20);

/// What is needed to emit.
#[derive(Clone)]
pub(super) struct Emitter {
    pub db: Db,
    pub ownership: Arc<Ownership>,
    pub handover: Arc<Handover>,
}

/// Events in a transaction that is named by its number.
struct Pending {
    emitter: Emitter,
    numbered: Numbered,
    owner: i32,
    events: Vec<Event>,
    /// The `xid8` as text; `None` until it is known, when nothing can have been written.
    transaction: Option<String>,
}

impl Emitter {
    /// Writes events in `transaction`.
    pub(super) async fn emit(
        &self,
        transaction: &Transaction<'_>,
        contents: Vec<NewEvent>,
    ) -> Result<Emission, DbError> {
        if contents.is_empty() {
            return Ok(Emission::nothing());
        }
        let owner = self.owner().await?;
        let (numbered, events) = self.ownership.number(self.handover.ledger(), contents);
        let mut pending = Pending {
            emitter: self.clone(),
            numbered,
            owner,
            events,
            transaction: None,
        };
        match pending.write(transaction).await {
            Ok(()) => Ok(Emission::new(move |ending| pending.end(ending))),
            Err(fault) => {
                pending.end(Ending::Unknown);
                Err(fault)
            }
        }
    }
}

impl Emitter {
    /// This instance's number; just after the start it takes a moment until there is one.
    async fn owner(&self) -> Result<i32, DbError> {
        for _ in 0..TRIES {
            match self.ownership.current() {
                0 => tokio::time::sleep(OWNER_PAUSE).await,
                owner => return Ok(owner),
            }
        }
        Err(DbError::Away("this instance owns no events yet".into()))
    }
}

impl Pending {
    async fn write(&mut self, transaction: &Transaction<'_>) -> Result<(), DbError> {
        let statement = "select pg_current_xact_id()::text from bus_owners
                         where id = $1 and taken_by is null for key share";
        let held = transaction.query_opt(statement, &[&self.owner]).await?;
        let Some(row) = held else {
            return Err(DbError::Away("this instance owns no events at the moment".into()));
        };
        self.transaction = Some(row.get(0));
        let copy = transaction.prepare(events::COPY).await?;
        let rows = events::rows(self.events.iter(), self.owner);
        rows.send(transaction.client(), &copy).await?;
        Ok(())
    }

    fn end(self, ending: Ending) {
        match (ending, &self.transaction) {
            (Ending::Committed, _) => self.hand_over(),
            (Ending::Unknown, None) => self.forget(),
            // Outside the runtime, at the very end of the process, a successor finds out.
            (Ending::Unknown, Some(_)) => {
                if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                    runtime.spawn(self.find_out());
                }
            }
        }
    }

    fn hand_over(self) {
        let handover = &self.emitter.handover;
        handover.put_own(self.numbered, self.owner, self.events);
    }

    fn forget(self) {
        self.emitter.handover.ledger().count(self.numbered.batch, 0);
    }

    /// Asks the database until it knows how the transaction ended.
    async fn find_out(self) {
        loop {
            match self.is_committed().await {
                Ok(Some(true)) => return self.hand_over(),
                Ok(Some(false)) => return self.forget(),
                Ok(None) => {}
                Err(fault) => tracing::debug!(%fault, "how a transaction ended is not known yet"),
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// `None`: it is still in progress.
    async fn is_committed(&self) -> Result<Option<bool>, DbError> {
        let client = self.emitter.db.client().await?;
        let statement = "select pg_xact_status($1::text::xid8)";
        let row = client.query_one(statement, &[&self.transaction]).await?;
        Ok(match row.get::<_, Option<&str>>(0) {
            Some("in progress") => None,
            status => Some(status == Some("committed")),
        })
    }
}
