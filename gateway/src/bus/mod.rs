//! The bus carries events from acceptance to delivery.
//!
//! It takes bytes under a label and knows no event types. [`Bus::publish`] returns only once the event is durable.
//! [`Bus::receive`] hands events out in batches; [`Ledger`] counts their finished deliveries, which are recorded or parked
//! in the database. Unfinished events of an instance that died are handed out again by another.

mod emission;
mod intake_queue;
#[cfg(feature = "kafka")]
pub mod kafka;
mod ledger;
pub mod postgres;
mod request_key;
pub mod silence;
pub mod table;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::{EventId, uuid_millis};
use crate::db::{DbError, Dedicated, Transaction, Unwritable};

pub use emission::Emission;
pub use ledger::{BatchId, Ledger, Origin};
pub use request_key::{KeptReply, Once, ReplyKeeper, RequestKey};

/// An event that a client hands in.
#[derive(Debug, Clone)]
pub struct NewEvent {
    pub workspace: WorkspaceId,
    /// The event's type, which the bus carries and does not read.
    pub label: Arc<str>,
    /// The client's own id, under which the event is shown.
    pub client_id: Option<Box<str>>,
    /// A second event of the workspace with the same one is a repeat.
    pub once_key: Option<Box<str>>,
    pub occurred_at: Option<Millis>,
    /// Events of a workspace with the same one reach endpoints that ask for it in the order of their ids.
    pub ordering_key: Option<Box<str>>,
    /// A JSON object, to the byte as sent.
    pub data: Bytes,
}

impl NewEvent {
    /// An event of the gateway's own: without an id, a time or an order that a client gave.
    pub fn own(workspace: WorkspaceId, label: Arc<str>, data: Bytes) -> Self {
        Self {
            workspace,
            label,
            client_id: None,
            once_key: None,
            occurred_at: None,
            ordering_key: None,
            data,
        }
    }
}

/// An event that is durable.
#[derive(Debug, Clone)]
pub struct Event {
    pub id: Uuid,
    pub content: NewEvent,
}

impl Event {
    /// The id that clients see: their own where they gave one.
    pub fn public_id(&self) -> String {
        match &self.content.client_id {
            Some(id) => id.to_string(),
            None => EventId::from_uuid(self.id).to_string(),
        }
    }

    /// When the event was accepted: the time in its id.
    pub fn accepted_at(&self) -> Millis {
        Millis(uuid_millis(self.id))
    }

    /// What the event weighs in memory, roughly, in bytes.
    pub fn weight(&self) -> usize {
        self.content.data.len() + 256
    }
}

/// The answer to a publish.
#[derive(Debug, Clone)]
pub struct Accepted {
    pub id: Uuid,
    /// The label of the first event, where this one is a repeat.
    pub label: Arc<str>,
    pub is_repeat: bool,
}

/// Why an event was not accepted. It may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    #[error("too many events wait for their commit")]
    Full,
    #[error("the store did not answer, so whether it was stored is not known")]
    Away,
    #[error("{0}")]
    Unwritable(Unwritable),
    #[error("the part of the store that keeps this event's order is away")]
    NotLed,
    #[error("the gateway is shutting down")]
    Closed,
}

/// Events that are to be delivered.
#[derive(Debug)]
pub struct Batch {
    pub id: BatchId,
    pub events: Vec<Event>,
    /// The events come from an instance that died: some deliveries may have been made already.
    pub is_recovered: bool,
}

/// A future of some bus.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Frees what `owner`, an instance that died, holds beside its events, over the session that holds the owner's lock. The
/// layer above gives it to the bus, which runs it in a takeover once the owner's events are finished.
pub type Release = for<'a> fn(session: &'a Dedicated, owner: i32) -> Answer<'a, Result<(), DbError>>;

/// The one contract that every bus fulfils; `tests/it/bus/conformance.rs` is its suite.
pub trait Bus: Send + Sync {
    /// Makes an event durable.
    fn publish(&self, event: NewEvent) -> Answer<'_, Result<Accepted, PublishError>>;

    /// The way to keep replies in the commit of their events, where the bus has one.
    fn reply_keeper(&self) -> Option<&dyn ReplyKeeper> {
        None
    }

    /// Writes the gateway's own events in `transaction`, which makes the change that they tell of: both or neither.
    ///
    /// They are delivered once the [`Emission`] hears of the commit.
    fn emit<'a>(
        &'a self,
        transaction: &'a Transaction<'_>,
        events: Vec<NewEvent>,
    ) -> Answer<'a, Result<Emission, DbError>>;

    /// The next events to deliver, or `None` once the bus is closed.
    fn receive(&self) -> Answer<'_, Option<Batch>>;

    /// What is finished of the events that were received.
    fn ledger(&self) -> &Ledger;

    /// Notes in `transaction`, which also records outcomes, how far everything is finished.
    fn acknowledge<'a>(&'a self, transaction: &'a Transaction<'_>) -> Answer<'a, Result<(), DbError>>;

    /// The number of this instance's life in `bus_owners`, or 0 while it has none.
    fn owner(&self) -> i32;

    /// How long after its acceptance an event may not be found in the database yet.
    fn settles_within(&self) -> Duration;

    /// Has [`receive`](Self::receive) end: what is not out yet is left to others.
    fn close(&self);

    /// Ends this life where nothing is left to do; else a successor takes over.
    fn retire(&self) -> Answer<'_, Result<(), DbError>>;
}
