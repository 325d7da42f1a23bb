//! Writes events that came by another bus into the same table, where readers, retries and redeliveries look for them.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio_postgres::Statement;
use uuid::Uuid;

use super::events;
use crate::bus::Event;
use crate::db::{Db, DbError, Dedicated, within};

/// No instance's: what such events have left to do is kept by the bus that they came by.
const NOBODY: i32 = 0;
const ANSWER: Duration = Duration::from_secs(5);
/// Of a damaged message this much is kept to look at.
const MAX_KEPT: usize = 64 << 10;

/// A message that is not an event.
#[derive(Debug, Clone)]
pub(in crate::bus) struct Damaged {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub value: Vec<u8>,
    pub fault: String,
}

/// Writes events that are accepted already.
pub(in crate::bus) struct Archive {
    db: Db,
    session: Option<Session>,
}

struct Session {
    client: Dedicated,
    copy: Statement,
}

impl Archive {
    pub(in crate::bus) const fn new(db: Db) -> Self {
        Self { db, session: None }
    }

    /// Writes events; those that were there before stay as they are and are named.
    ///
    /// # Errors
    /// Away: it may have happened, and can be repeated. Refused, or internal after a panic: one of the events cannot be
    /// stored.
    pub(in crate::bus) async fn write(&mut self, events: &[&Event]) -> Result<HashSet<Uuid>, DbError> {
        // Each instance that gets its partition would end of the same panic.
        let writing = AssertUnwindSafe(within(ANSWER, self.try_write(events))).catch_unwind();
        let panicked = |_| Err(DbError::Internal("the writing of events panicked".into()));
        let written = writing.await.unwrap_or_else(panicked);
        if matches!(&written, Err(fault) if fault.is_away() || matches!(fault, DbError::Internal(_))) {
            self.session = None;
        }
        written
    }

    async fn try_write(&mut self, events: &[&Event]) -> Result<HashSet<Uuid>, DbError> {
        let session = self.session().await?;
        match copy(session, events).await {
            Err(fault) if fault.is_unique_violation() => {
                let ids: Vec<Uuid> = events.iter().map(|event| event.id).collect();
                let known: HashSet<Uuid> = events::existing(&session.client, &ids)
                    .await?
                    .into_iter()
                    .collect();
                let mut seen = known.clone();
                let new: Vec<&Event> = events
                    .iter()
                    .copied()
                    .filter(|event| seen.insert(event.id))
                    .collect();
                copy(session, &new).await?;
                Ok(known)
            }
            Err(fault) => Err(fault),
            Ok(()) => Ok(HashSet::new()),
        }
    }

    /// Keeps a damaged message for an operator to look at.
    pub(in crate::bus) async fn keep_damaged(&mut self, message: &Damaged) -> Result<(), DbError> {
        let value = message.value.get(..MAX_KEPT).unwrap_or(&message.value);
        let keeping = async {
            let session = self.session().await?;
            session
                .client
                .execute(
                    "insert into damaged_messages (topic, partition_no, message_offset, value, fault)
                     values ($1, $2, $3, $4, $5) on conflict do nothing",
                    &[
                        &message.topic,
                        &message.partition,
                        &message.offset,
                        &value,
                        &message.fault,
                    ],
                )
                .await?;
            Ok(())
        };
        let kept = within(ANSWER, keeping).await;
        if kept.is_err() {
            self.session = None;
        }
        kept
    }

    async fn session(&mut self) -> Result<&mut Session, DbError> {
        let session = match self.session.take() {
            Some(session) if !session.client.is_closed() => session,
            _ => {
                let client = self.db.connect().await?;
                let copy = client.prepare(events::COPY).await?;
                Session { client, copy }
            }
        };
        Ok(self.session.insert(session))
    }
}

async fn copy(session: &Session, events: &[&Event]) -> Result<(), DbError> {
    if events.is_empty() {
        return Ok(());
    }
    let rows = events::rows(events.iter().copied(), NOBODY);
    rows.send(&session.client, &session.copy).await?;
    Ok(())
}

/// The type of a stored event.
pub(in crate::bus) async fn label_of(db: &Db, id: Uuid) -> Result<Option<String>, DbError> {
    let client = db.client().await?;
    let statement = client
        .prepare_cached("select type from events where id = $1")
        .await?;
    let row = client.query_opt(&statement, &[&id]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// Forgets damaged messages that were found more than `days` ago.
pub async fn purge_damaged(client: &tokio_postgres::Client, days: u32) -> Result<(), DbError> {
    let days = i32::try_from(days).unwrap_or(i32::MAX);
    let statement = "delete from damaged_messages where found_at < now() - make_interval(days => $1)";
    client.execute(statement, &[&days]).await?;
    Ok(())
}
