//! What templates see of an event: `event`, `data`, `delivery` and `now`.

use crate::base::clock::Millis;
use crate::base::id::DeliveryId;
use crate::connectors::request::delivery_root;
use crate::http::json::{self, Node};

/// The values of one delivery.
#[derive(Debug)]
pub struct View {
    event: Node,
    delivery: Node,
    now: Node,
}

impl View {
    /// Of an event's body, `{id, type, timestamp, data}`; `None` where it is no JSON.
    pub fn of(body: &[u8], delivery: DeliveryId, now: Millis) -> Option<Self> {
        Some(Self::of_event(json::parse(body).ok()?, delivery, now))
    }

    /// Of an event that was read.
    pub fn of_event(event: Node, delivery: DeliveryId, now: Millis) -> Self {
        Self {
            event,
            delivery: delivery_root(&delivery.to_string()),
            now: Node::Text(now.to_string()),
        }
    }

    /// The roots of paths with their values.
    pub fn roots(&self) -> [(&str, &Node); 4] {
        let data = match &self.event {
            Node::Object(members) => members.iter().find(|(name, _)| name == "data"),
            _ => None,
        };
        [
            ("event", &self.event),
            ("data", data.map_or(&Node::Null, |(_, data)| data)),
            ("delivery", &self.delivery),
            ("now", &self.now),
        ]
    }
}
