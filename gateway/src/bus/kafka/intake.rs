//! Turns fetched messages into batches for the dispatcher. Each event is stored before it is delivered, so that
//! retries, readers and redeliveries find it in the database like any other.
//!
//! An event that is stored already was read before: by this instance, or by one that lost the partition or died. Its
//! batch is *recovered*, and deliveries in the log are not made again. A message that is no event goes to
//! `damaged_messages`.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::envelope::Delivered;
use super::window::{ChunkId, Window};
use crate::bus::table::archive::{Archive, Damaged};
use crate::bus::{Batch, Event, Ledger, Origin};
use crate::db::DbError;
use crate::telemetry::names;

const RETRY: Duration = Duration::from_millis(250);

/// A run of messages of one partition.
#[derive(Debug)]
pub(super) struct Chunk {
    pub id: ChunkId,
    pub events: Vec<Delivered>,
    pub damaged: Vec<Damaged>,
}

/// Stores what was fetched.
pub(super) struct Intake {
    pub ledger: Arc<Ledger>,
    pub window: Arc<Window>,
    /// Given when the bus closes: what cannot be stored now is left to the partition's next owner.
    pub stop: CancellationToken,
    pub state: Mutex<State>,
}

pub(super) struct State {
    pub archive: Archive,
    pub fetched: mpsc::Receiver<Vec<Chunk>>,
    pub ready: Vec<Batch>,
}

impl Intake {
    /// The next batch to dispatch; `None` once nothing more is fetched.
    pub(super) async fn receive(&self) -> Option<Batch> {
        let mut state = self.state.lock().await;
        loop {
            if let Some(batch) = state.ready.pop() {
                return Some(batch);
            }
            let chunks = state.fetched.recv().await?;
            let known = self.store(&mut state.archive, &chunks).await?;
            let mut batches: Vec<Batch> = chunks
                .into_iter()
                .filter_map(|chunk| self.open(chunk, &known))
                .collect();
            // Taken from the end.
            batches.reverse();
            state.ready = batches;
        }
    }

    /// Opens a chunk's batch, unless its partition is gone or it holds no event.
    fn open(&self, chunk: Chunk, known: &HashSet<Uuid>) -> Option<Batch> {
        let is_before = |one: &Delivered| one.is_stored || known.contains(&one.event.id);
        let is_recovered = chunk.events.iter().any(is_before);
        let mut seen = HashSet::new();
        let events: Vec<Event> = chunk
            .events
            .into_iter()
            .map(|delivered| delivered.event)
            .filter(|event| seen.insert(event.id))
            .collect();
        let Some(first) = events.first() else {
            self.window.finished(chunk.id);
            return None;
        };
        let id = self.ledger.open(Origin::Foreign, first.id);
        if !self.window.dispatched(chunk.id, id) {
            self.ledger.abandon(id);
            return None;
        }
        self.ledger.load(id, &events);
        Some(Batch {
            id,
            events,
            is_recovered,
        })
    }

    /// Stores the events of all chunks, for as long as it takes; those that were there before. `None` if the bus closed.
    async fn store(&self, archive: &mut Archive, chunks: &[Chunk]) -> Option<HashSet<Uuid>> {
        for message in damaged_of(chunks) {
            counter!(names::KAFKA_DAMAGED).increment(1);
            tracing::error!(
                topic = message.topic,
                partition = message.partition,
                offset = message.offset,
                fault = message.fault,
                "a message of the topic is no event; it is kept in damaged_messages"
            );
            while let Err(fault) = archive.keep_damaged(message).await {
                tracing::warn!(%fault, "a damaged message could not be kept; trying again");
                self.pause().await?;
            }
        }
        let new = new_of(chunks);
        self.write_surely(archive, &new).await
    }

    async fn write_surely(&self, archive: &mut Archive, events: &[&Event]) -> Option<HashSet<Uuid>> {
        if events.is_empty() {
            return Some(HashSet::new());
        }
        loop {
            match archive.write(events).await {
                Ok(known) => return Some(known),
                Err(fault @ (DbError::Refused(_) | DbError::Internal(_))) if events.len() == 1 => {
                    // Refused: its writer was no gateway.
                    if matches!(fault, DbError::Internal(_)) {
                        counter!(names::DISPATCH_PANICS, "place" => "store").increment(1);
                    }
                    tracing::error!(%fault, event = %events[0].id, "an event cannot be stored; it gets one attempt");
                    return Some(HashSet::new());
                }
                Err(DbError::Refused(_) | DbError::Internal(_)) => {
                    let (left, right) = events.split_at(events.len() / 2);
                    let mut known = Box::pin(self.write_surely(archive, left)).await?;
                    known.extend(Box::pin(self.write_surely(archive, right)).await?);
                    return Some(known);
                }
                Err(fault) => {
                    tracing::warn!(%fault, events = events.len(), "events could not be stored; trying again");
                    self.pause().await?;
                }
            }
        }
    }

    /// A pause before the next try; `None` if the bus closed meanwhile.
    async fn pause(&self) -> Option<()> {
        tokio::select! {
            () = tokio::time::sleep(RETRY) => Some(()),
            () = self.stop.cancelled() => None,
        }
    }
}

fn damaged_of(chunks: &[Chunk]) -> Vec<&Damaged> {
    chunks.iter().flat_map(|chunk| &chunk.damaged).collect()
}

/// The events that may not be stored yet.
fn new_of(chunks: &[Chunk]) -> Vec<&Event> {
    let delivered = chunks.iter().flat_map(|chunk| &chunk.events);
    let new = delivered.filter(|delivered| !delivered.is_stored);
    new.map(|delivered| &delivered.event).collect()
}
