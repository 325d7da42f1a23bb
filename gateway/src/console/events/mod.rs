//! The page of an event: what it held, who was told, and who was not and why.

use std::sync::Arc;

use askama::Template;

use super::Visit;
use super::deliveries::indented;
use super::frame::{Frame, Section};
use crate::base::id::WebhookId;
use crate::base::scope::Scope;
use crate::delivery::destination::Unmatched;
use crate::delivery::log::EventDelivery;
use crate::events::Events;
use crate::events::api::find_event;
use crate::events::model::ShownEvent;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::webhooks::api::Webhooks;

#[derive(Template)]
#[template(path = "events/detail.html")]
struct EventPage {
    frame: Frame,
    event: ShownEvent,
    indented: Option<String>,
    told: Vec<Told>,
    untold: Vec<Untold>,
    /// Whether the session may follow the links to deliveries and webhooks.
    sees_webhooks: bool,
}

/// A webhook that was told.
struct Told {
    delivery: EventDelivery,
    /// `None`: it was deleted.
    name: Option<String>,
}

/// A webhook that was not.
struct Untold {
    id: WebhookId,
    name: String,
    why: &'static str,
}

/// `GET /integrations/events/{id}`.
pub async fn show_event(events: Arc<Events>, webhooks: Webhooks, mut visit: Visit) -> Result<Reply, Problem> {
    let workspace = visit.call.caller.workspace;
    let text = visit.call.parameters.first().cloned().unwrap_or_default();
    let mut event = find_event(&events, workspace, &text).await?;
    visit.take_query().finish()?;
    let name_of = |id| {
        let endpoint = webhooks.registry.find(id)?;
        (endpoint.workspace == workspace).then(|| endpoint.name.clone())
    };
    let deliveries = std::mem::take(&mut event.deliveries).into_iter();
    let told = deliveries.map(|delivery| Told {
        name: name_of(delivery.webhook_id),
        delivery,
    });
    let unmatched = event.unmatched.take().unwrap_or_default().into_iter();
    let untold = unmatched.filter_map(|webhook| {
        Some(Untold {
            id: webhook.webhook_id,
            name: name_of(webhook.webhook_id)?,
            why: why(webhook.reason),
        })
    });
    let shown = EventPage {
        frame: visit.frame(&event.id, Section::Events),
        told: told.collect(),
        untold: untold.collect(),
        indented: indented(event.data.get()),
        sees_webhooks: visit.may(Scope::WebhooksRead),
        event,
    };
    visit.show(&shown)
}

const fn why(reason: Unmatched) -> &'static str {
    match reason {
        Unmatched::CreatedLater => "It was created after the event.",
        Unmatched::Disabled => "It is disabled.",
        Unmatched::Type => "It does not want events of this type.",
        Unmatched::Filter => "Its filter lets no such data through.",
    }
}
