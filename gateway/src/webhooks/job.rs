//! One delivery on its way to an attempt.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;
use uuid::Uuid;

use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::{DeliveryId, WebhookId};
use crate::bus::{BatchId, Event};

/// What is sent: shared by all deliveries of an event, and the same bytes at every attempt.
#[derive(Debug)]
pub struct Payload {
    pub event: Uuid,
    /// The id that clients and receivers see.
    pub event_id: String,
    pub workspace: WorkspaceId,
    pub label: Arc<str>,
    pub body: Bytes,
}

impl Payload {
    /// The payload of an event.
    pub fn of(event: &Event) -> Self {
        let content = &event.content;
        let event_id = event.public_id();
        let timestamp = content.occurred_at.unwrap_or_else(|| event.accepted_at());
        let body = body(&event_id, &content.label, timestamp, &content.data);
        Self {
            event: event.id,
            event_id,
            workspace: content.workspace,
            label: content.label.clone(),
            body,
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

/// Where a delivery stands in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Nowhere yet: its event's batch stands for it.
    Fresh(BatchId),
    /// In the schedule, leased under this fence until then.
    Leased { fence: i32, until: Instant },
}

/// One delivery in memory.
#[derive(Debug, Clone)]
pub struct Job {
    pub payload: Arc<Payload>,
    pub webhook: WebhookId,
    pub delivery: DeliveryId,
    pub attempts_made: u16,
    pub hold: Hold,
    pub queued_at: Instant,
}

/// The id of the first delivery of an event to an endpoint.
///
/// It begins with the first 64 bits of the event's id, so that an event's deliveries stand together in the primary key,
/// and it is the same whenever it is made, so that a delivery which is sent again after a crash is known by its id.
pub fn first_delivery_id(event: Uuid, webhook: WebhookId) -> DeliveryId {
    let (high, low) = event.as_u64_pair();
    let (webhook_high, webhook_low) = webhook.uuid().as_u64_pair();
    let mixed = mix(mix(low ^ webhook_high) ^ webhook_low);
    DeliveryId::from_uuid(Uuid::from_u64_pair(high, (mixed >> 2) | (1 << 63)))
}

/// The range of ids in which the first deliveries of an event stand.
pub fn delivery_range(event: Uuid) -> (Uuid, Uuid) {
    let (high, _) = event.as_u64_pair();
    (Uuid::from_u64_pair(high, 0), Uuid::from_u64_pair(high, u64::MAX))
}

/// The finalizer of SplitMix64: every bit of the input changes about half of the output.
const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_id_is_a_uuid_of_its_events_range() {
        let event = Uuid::now_v7();
        let webhooks = [WebhookId::generate(), WebhookId::generate()];
        let [one, two] = webhooks.map(|webhook| first_delivery_id(event, webhook).uuid());
        assert_ne!(one, two);
        assert_eq!(one, first_delivery_id(event, webhooks[0]).uuid());
        let (from, to) = delivery_range(event);
        assert!(from < one && one < to && from < event && event < to);
        assert_eq!(
            (one.get_version_num(), one.get_variant()),
            (7, uuid::Variant::RFC4122)
        );
    }

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
