//! `/integrations/events`.

use std::sync::Arc;

use askama::Template;
use uuid::Uuid;

use super::{LIST, NEW, by_state, is_on_its_way};
use crate::base::clock::Millis;
use crate::base::id::EventId;
use crate::base::page::{DEFAULT_LIMIT, Listing};
use crate::base::scope::Scope;
use crate::console::alert::Alert;
use crate::console::filter::{Asked, Fields};
use crate::console::frame::{Frame, Section};
use crate::console::{Visit, page};
use crate::delivery::log::Status;
use crate::events::Events;
use crate::events::model::ShownEvent;
use crate::events::query::EventQuery;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::webhooks::api::Webhooks;

const FIELDS: Fields = &[
    ("type", "Type"),
    ("matched", "Matched"),
    ("since", "From"),
    ("until", "To"),
];
const MATCHED: [(&str, &str); 3] = [
    ("", "All"),
    ("true", "An endpoint matched"),
    ("false", "no endpoint matched"),
];

#[derive(Template)]
#[template(path = "events/list.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Row>,
    asked: Asked,
    alert: Option<Alert>,
    matched: [(&'static str, &'static str); 3],
    may_send: bool,
    newest: Option<String>,
    older: Option<String>,
}

#[derive(serde::Serialize)]
struct Row {
    id: String,
    path: String,
    label: String,
    accepted_at: Millis,
    /// How many deliveries are in each state, without those in which none is.
    states: Vec<(Status, usize)>,
    /// Whether a delivery may still be on its way.
    is_coming: bool,
}

impl ListPage {
    /// Where `Clear filters` leads.
    const fn clear(&self) -> &'static str {
        LIST
    }

    const fn new_path(&self) -> &'static str {
        NEW
    }
}

/// `GET /integrations/events`.
pub async fn list_events(events: Arc<Events>, webhooks: Webhooks, visit: Visit) -> Result<Reply, Problem> {
    let asked = Asked::read(FIELDS, visit.uri.query());
    let (listing, alert) = match read(&events, &visit, &asked).await {
        Ok(listing) => (listing, None),
        Err(problem) => {
            let nothing = Listing {
                data: Vec::new(),
                next_cursor: None,
            };
            (nothing, Some(Alert::of(problem, FIELDS)?))
        }
    };
    let base = asked.url(LIST);
    let joint = if base.contains('?') { '&' } else { '?' };
    let is_first = asked.value("cursor").is_empty();
    let workspace = visit.call.caller.workspace;
    let older = listing.next_cursor;
    let rows = listing.data.into_iter();
    let shown = ListPage {
        frame: visit.frame(Section::Events.label(), Section::Events),
        rows: rows
            .map(|(id, event)| {
                let is_coming = is_on_its_way(&events, &webhooks, workspace, &event);
                row(id, event, is_coming)
            })
            .collect(),
        older: older.map(|cursor| format!("{base}{joint}cursor={cursor}")),
        newest: (!is_first).then_some(base),
        matched: MATCHED,
        may_send: visit.may(Scope::EventsWrite),
        asked,
        alert,
    };
    match shown.alert.as_ref().map(|alert| alert.status) {
        Some(status) => page::html(status, &shown),
        None => visit.show_list(&shown, &shown.rows),
    }
}

async fn read(events: &Events, visit: &Visit, asked: &Asked) -> Result<Listing<(Uuid, ShownEvent)>, Problem> {
    let workspace = visit.call.caller.workspace;
    let names = events.types.names(workspace);
    let mut query = asked.query();
    let wanted = EventQuery::take(&mut query, &names);
    let page = query.page(DEFAULT_LIMIT, format!("console events {workspace:?} {wanted:?}"));
    query.finish()?;
    let client = events.db.client().await?;
    Ok(wanted.page(&client, workspace, &names.all(), &page).await?)
}

fn row(id: Uuid, event: ShownEvent, is_coming: bool) -> Row {
    let path = match format!("{LIST}/{}", event.id) {
        path if path == NEW => format!("{LIST}/{}", EventId::from_uuid(id)),
        path => path,
    };
    Row {
        path,
        states: by_state(&event.deliveries),
        id: event.id,
        label: event.r#type,
        accepted_at: event.accepted_at,
        is_coming,
    }
}
