//! One delivery on its way to an attempt.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;
use uuid::Uuid;

use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::{DeliveryId, DestinationId};
use crate::bus::{BatchId, Event};
use crate::delivery::budget::{self, Budget};

/// What is sent: shared by all deliveries of an event, and the same bytes at every attempt.
#[derive(Debug)]
pub struct Payload {
    pub event: Uuid,
    /// The id that clients and receivers see.
    pub event_id: String,
    pub workspace: WorkspaceId,
    pub label: Arc<str>,
    /// Deliveries to one destination with the same one may have to wait for each other.
    pub ordering_key: Option<Box<str>>,
    pub body: Bytes,
}

impl Payload {
    /// The payload of an event.
    pub fn of(event: &Event, budget: &Arc<Budget>) -> Self {
        let content = &event.content;
        let event_id = event.public_id();
        let timestamp = content.occurred_at.unwrap_or_else(|| event.accepted_at());
        let body = body(&event_id, &content.label, timestamp, &content.data);
        Self {
            event: event.id,
            event_id,
            workspace: content.workspace,
            label: content.label.clone(),
            ordering_key: content.ordering_key.clone(),
            body: budget.hold(body),
        }
    }
}

/// The body that receivers get. `data` goes in as it was sent.
pub fn body(event_id: &str, label: &str, timestamp: Millis, data: &[u8]) -> Bytes {
    let mut body = Vec::with_capacity(data.len() + 160);
    let mut time = String::with_capacity(24);
    timestamp.push_to(&mut time);
    // Ids and types hold no character that JSON would escape.
    for part in [
        &b"{\"id\":\""[..],
        event_id.as_bytes(),
        b"\",\"type\":\"",
        label.as_bytes(),
        b"\",\"timestamp\":\"",
        time.as_bytes(),
        b"\",\"data\":",
        data,
        b"}",
    ] {
        body.extend_from_slice(part);
    }
    body.into()
}

/// What holds a delivery that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Its event's batch: the database has no row of it yet.
    Fresh(BatchId),
    /// Its row in the schedule, leased under this fence until then.
    Leased { fence: i32, until: Instant },
}

/// One delivery in memory.
#[derive(Debug, Clone)]
pub struct Job {
    pub payload: Arc<Payload>,
    pub destination: DestinationId,
    pub delivery: DeliveryId,
    pub attempts_made: u16,
    pub hold: Hold,
    /// Whether it goes to its lane only when it is the first of its key.
    pub is_ordered: bool,
    /// Whether a client asked for it, to test the endpoint.
    pub is_test: bool,
    /// Of its destination when it was made, where that has revisions; a delivery that the database knows has it there.
    pub revision: Option<i32>,
    pub queued_at: Instant,
}

impl Job {
    /// Its weight in the budget, in bytes.
    pub fn weight(&self) -> usize {
        budget::weight(self.payload.body.len())
    }
}

#[cfg(test)]
impl Job {
    /// A job without anything to send.
    pub fn for_test(hold: Hold) -> Self {
        let payload = Payload {
            event: Uuid::nil(),
            event_id: String::new(),
            workspace: WorkspaceId(1),
            label: "deal.won".into(),
            ordering_key: None,
            body: Bytes::new(),
        };
        Self {
            payload: Arc::new(payload),
            destination: DestinationId::from_uuid(Uuid::nil()),
            delivery: DeliveryId::from_uuid(Uuid::nil()),
            attempts_made: 0,
            hold,
            is_ordered: false,
            is_test: false,
            revision: None,
            queued_at: Instant::now(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_goes_in_as_it_was_sent() {
        let data = br#"{"b":1.10,"a":12345678901234567890,"b":1e400}"#;
        let body = body("evt_1", "deal.won", Millis(0), data);
        let text = std::str::from_utf8(&body).expect("UTF-8");
        assert_eq!(
            text,
            r#"{"id":"evt_1","type":"deal.won","timestamp":"1970-01-01T00:00:00.000Z","data":{"b":1.10,"a":12345678901234567890,"b":1e400}}"#
        );
    }
}
