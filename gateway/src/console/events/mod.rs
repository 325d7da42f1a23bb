//! The pages of events: the list with its filters, one with who was told of it, and sending one.

mod detail;
mod list;
mod send;

pub use detail::show_event;
pub use list::list_events;
pub use send::{send_event, show_new};

use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::delivery::log::{EventDelivery, Status};
use crate::events::Events;
use crate::events::model::ShownEvent;
use crate::webhooks::api::Webhooks;

const LIST: &str = "/integrations/events";
/// Where an event is sent from. A client can have named an event so: its page is then found by our own id.
const NEW: &str = "/integrations/events/new";
/// An event of which nothing is delivered so soon may still be on its way to its webhooks.
const FRESH_MILLIS: i64 = 10_000;

/// How many deliveries are in each state, without those in which none is.
fn by_state(deliveries: &[EventDelivery]) -> Vec<(Status, usize)> {
    let count = |status: Status| {
        let deliveries = deliveries.iter();
        let count = deliveries.filter(|delivery| delivery.status == status).count();
        (status, count)
    };
    let states = Status::ALL.into_iter().map(count);
    states.filter(|(_, count)| *count > 0).collect()
}

/// Whether an event of which nothing is delivered may still be on its way to a webhook that wants it.
fn is_on_its_way(events: &Events, webhooks: &Webhooks, workspace: WorkspaceId, event: &ShownEvent) -> bool {
    let is_new = event.accepted_at.0 > Millis::now().0 - FRESH_MILLIS;
    if !is_new || !event.deliveries.is_empty() {
        return false;
    }
    let (label, data) = (&event.r#type, event.data.get());
    let refusing = events
        .destinations
        .unmatched(workspace, label, data, event.accepted_at);
    refusing.len() < webhooks.registry.of_workspace(workspace).len()
}
