//! The page of an event: what it held, who was told, and who was not and why.

use std::sync::Arc;

use askama::Template;

use super::{by_state, is_on_its_way};
use crate::base::caller::WorkspaceId;
use crate::base::id::WebhookId;
use crate::base::scope::Scope;
use crate::console::Visit;
use crate::console::deliveries::indented;
use crate::console::frame::{Frame, Section};
use crate::delivery::destination::Unmatched;
use crate::delivery::log::{EventDelivery, Status};
use crate::events::Events;
use crate::events::api::find_event;
use crate::events::model::ShownEvent;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::webhooks::api::Webhooks;
use crate::webhooks::endpoint::Endpoint;

#[derive(Template)]
#[template(path = "events/detail.html")]
struct EventPage {
    frame: Frame,
    event: ShownEvent,
    indented: Option<String>,
    /// How many deliveries are in each state.
    states: Vec<(Status, usize)>,
    /// Whether a delivery may still be on its way.
    is_coming: bool,
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
    let is_coming = is_on_its_way(&events, &webhooks, workspace, &event);
    let states = by_state(&event.deliveries);
    let untold = untold(&webhooks, workspace, &event, is_coming);
    let deliveries = std::mem::take(&mut event.deliveries).into_iter();
    let told = deliveries.map(|delivery| Told {
        name: delivery.webhook_id.and_then(name_of),
        delivery,
    });
    let shown = EventPage {
        frame: visit.frame(&event.id, Section::Events),
        told: told.collect(),
        untold,
        indented: indented(event.data.get()),
        states,
        is_coming,
        sees_webhooks: visit.may(Scope::WebhooksRead),
        event,
    };
    visit.show(&shown)
}

/// The webhooks that got no delivery, and why.
fn untold(webhooks: &Webhooks, workspace: WorkspaceId, event: &ShownEvent, is_coming: bool) -> Vec<Untold> {
    let rest = match is_coming {
        true => "Its delivery is about to be made.",
        false => "It would get the event today; when that happened, it did not.",
    };
    let reasons = event.unmatched.as_deref().unwrap_or_default();
    let of_endpoint = |endpoint: Arc<Endpoint>| {
        let mut deliveries = event.deliveries.iter();
        let is_told = deliveries.any(|delivery| delivery.webhook_id == Some(endpoint.id));
        let mut reasons = reasons.iter();
        let reason = reasons.find(|webhook| webhook.webhook_id == endpoint.id);
        (!is_told).then(|| Untold {
            id: endpoint.id,
            name: endpoint.name.clone(),
            why: reason.map_or(rest, |webhook| why(webhook.reason)),
        })
    };
    let endpoints = webhooks.registry.of_workspace(workspace);
    endpoints.into_iter().filter_map(of_endpoint).collect()
}

const fn why(reason: Unmatched) -> &'static str {
    match reason {
        Unmatched::CreatedLater => "It was created after the event.",
        Unmatched::Disabled => "It is disabled.",
        Unmatched::Type => "It does not want events of this type.",
        Unmatched::Filter => "Its filter lets no such data through.",
    }
}
