//! `/integrations/deliveries` and `/integrations/webhooks/{id}/deliveries`.

use askama::Template;

use super::{LIST, MATCHING};
use crate::base::id::WebhookId;
use crate::base::page::{DEFAULT_LIMIT, Listing};
use crate::base::scope::Scope;
use crate::console::alert::{Alert, fault_of};
use crate::console::filter::{Asked, Fields};
use crate::console::form::new_id;
use crate::console::frame::{Frame, Section};
use crate::console::{Visit, page};
use crate::delivery::log::{Delivery, ErrorCode, Status, list_store};
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::webhooks::api::Webhooks;
use crate::webhooks::deliveries::DeliveryQuery;

/// The filters.
pub const FIELDS: Fields = &[
    ("status", "Status"),
    ("type", "Type"),
    ("webhook_id", "Webhook"),
    ("event_id", "Event"),
    ("status_code", "HTTP status"),
    ("error_code", "Error"),
    ("since", "From"),
    ("until", "To"),
];

/// The id of the table, in which deliveries are ticked.
pub(super) const CHOICE: &str = "choice";

#[derive(Template)]
#[template(path = "deliveries/list.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Row>,
    /// Its own path.
    path: String,
    /// The same with its query.
    back: String,
    asked: Asked,
    alert: Option<Alert>,
    /// Whether the filters can be applied.
    is_readable: bool,
    statuses: Vec<(String, String)>,
    webhooks: Vec<(String, String)>,
    errors: Vec<(&'static str, &'static str)>,
    /// The webhook whose list it is.
    owner: Option<(WebhookId, String)>,
    may_write: bool,
    form_id: String,
    newest: Option<String>,
    older: Option<String>,
}

#[derive(serde::Serialize)]
struct Row {
    delivery: Delivery,
    /// `None`: it was deleted.
    webhook: Option<String>,
}

/// Which list it is, and what part of it.
struct Place {
    path: String,
    query: Option<String>,
    /// The webhook whose list it is.
    owner: Option<(WebhookId, String)>,
}

impl Place {
    /// Of a path and query of a page; `None` if there is no such list.
    fn parse(webhooks: &Webhooks, visit: &Visit, path_and_query: &str) -> Option<Self> {
        let (path, query) = match path_and_query.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (path_and_query, None),
        };
        let owner = match path == LIST {
            true => None,
            false => {
                let inside = path.strip_prefix(Section::Webhooks.path())?.strip_prefix('/')?;
                let id = WebhookId::parse(inside.strip_suffix("/deliveries")?)?;
                let endpoint = webhooks.registry.find(id)?;
                let is_ours = endpoint.workspace == visit.call.caller.workspace;
                Some((id, is_ours.then(|| endpoint.name.clone())?))
            }
        };
        Some(Self {
            path: path.to_owned(),
            query,
            owner,
        })
    }
}

/// `GET /integrations/deliveries` and `GET /integrations/webhooks/{id}/deliveries`.
pub async fn list_deliveries(webhooks: Webhooks, visit: Visit) -> Result<Reply, Problem> {
    let here = visit.uri.path_and_query().map_or("", |here| here.as_str());
    let place = Place::parse(&webhooks, &visit, here).ok_or_else(Problem::not_found)?;
    list(&webhooks, &visit, place, new_id(), None).await
}

/// The list again that a form came from, which chose nothing that can be sent.
pub(super) async fn choose_again(
    webhooks: &Webhooks,
    visit: &Visit,
    back: &str,
    form_id: String,
    alert: Alert,
) -> Result<Reply, Problem> {
    let place = Place::parse(webhooks, visit, back).or_else(|| Place::parse(webhooks, visit, LIST));
    let place = place.ok_or_else(Problem::not_found)?;
    list(webhooks, visit, place, form_id, Some(alert)).await
}

async fn list(
    webhooks: &Webhooks,
    visit: &Visit,
    place: Place,
    form_id: String,
    choice: Option<Alert>,
) -> Result<Reply, Problem> {
    let Place { path, query, owner } = place;
    let asked = Asked::read(FIELDS, query.as_deref());
    let mut endpoints = webhooks.registry.of_workspace(visit.call.caller.workspace);
    endpoints.sort_by(|one, other| one.name.cmp(&other.name));
    let found = read(webhooks, visit, &asked, owner.as_ref().map(|(id, _)| *id)).await;
    let is_readable = found.is_ok();
    let (listing, alert) = match found {
        Ok(listing) => (listing, choice),
        Err(problem) => {
            let nothing = Listing {
                data: Vec::new(),
                next_cursor: None,
            };
            (nothing, Some(Alert::of(problem, FIELDS)?))
        }
    };
    let base = asked.url(&path);
    let joint = if base.contains('?') { '&' } else { '?' };
    let is_first = asked.value("cursor").is_empty();
    let name_of = |id: WebhookId| {
        let mut all = endpoints.iter();
        all.find(|endpoint| endpoint.id == id)
            .map(|endpoint| endpoint.name.clone())
    };
    let rows = listing.data.into_iter().map(|delivery| Row {
        webhook: delivery.webhook_id.and_then(name_of),
        delivery,
    });
    let older = listing
        .next_cursor
        .map(|cursor| format!("{base}{joint}cursor={cursor}"));
    let back = match &query {
        Some(query) => format!("{path}?{query}"),
        None => path.clone(),
    };
    let mut frame = visit.frame(Section::Deliveries.label(), Section::Deliveries);
    frame.here.clone_from(&back);
    let shown = ListPage {
        frame,
        back,
        is_readable,
        rows: rows.collect(),
        statuses: statuses(&asked),
        webhooks: choices(&owner, &asked, &endpoints),
        errors: errors(),
        may_write: visit.may(Scope::WebhooksWrite),
        form_id,
        newest: (!is_first).then_some(base),
        older,
        path,
        owner,
        asked,
        alert,
    };
    match shown.alert.as_ref().map(|alert| alert.status) {
        Some(status) => page::html(status, &shown),
        None => visit.show_list(&shown, &shown.rows),
    }
}

async fn read(
    webhooks: &Webhooks,
    visit: &Visit,
    asked: &Asked,
    owner: Option<WebhookId>,
) -> Result<Listing<Delivery>, Problem> {
    let workspace = visit.call.caller.workspace;
    let mut query = asked.query();
    let wanted = DeliveryQuery::take(&mut query);
    let page = query.page(
        DEFAULT_LIMIT,
        format!("console deliveries {workspace:?} {owner:?} {wanted:?}"),
    );
    query.finish()?;
    let other = wanted
        .webhook
        .filter(|id| owner.is_some_and(|owner| owner != *id));
    let is_foreign = |id: WebhookId| {
        let endpoint = webhooks.registry.find(id);
        endpoint.is_some_and(|endpoint| endpoint.workspace != workspace)
    };
    if other.is_some() || wanted.webhook.is_some_and(is_foreign) {
        return Ok(page.listing(Vec::new(), |_: &Delivery| String::new()));
    }
    let wanted = DeliveryQuery {
        webhook: owner.or(wanted.webhook),
        ..wanted
    };
    let client = webhooks.db.client().await?;
    let filter = wanted.filter(&**client, workspace).await?;
    Ok(list_store::list(&client, workspace, &filter, &page).await?)
}

/// The states that can be chosen; several of them, as a link may ask for, are a choice too.
fn statuses(asked: &Asked) -> Vec<(String, String)> {
    let all = Status::ALL.map(Status::name);
    let pair = |name: &str| (name.to_owned(), name.to_owned());
    let mut choices = vec![(String::new(), "All".to_owned())];
    choices.extend(all.map(pair));
    let wanted = asked.value("status");
    if wanted.contains(',') {
        choices.push(pair(wanted));
    }
    choices
}

/// The webhooks that can be chosen; one that was asked for stays a choice when it is gone.
fn choices(
    owner: &Option<(WebhookId, String)>,
    asked: &Asked,
    endpoints: &[std::sync::Arc<crate::webhooks::endpoint::Endpoint>],
) -> Vec<(String, String)> {
    if let Some((_, name)) = owner {
        return vec![(String::new(), name.clone())];
    }
    let mut choices = vec![(String::new(), "All".to_owned())];
    let known = endpoints
        .iter()
        .map(|endpoint| (endpoint.id.to_string(), endpoint.name.clone()));
    choices.extend(known);
    let wanted = asked.value("webhook_id");
    if !choices.iter().any(|(id, _)| id == wanted) {
        choices.push((wanted.to_owned(), wanted.to_owned()));
    }
    choices
}

/// The ways to fail that can be chosen.
pub fn errors() -> Vec<(&'static str, &'static str)> {
    let all = ErrorCode::ALL.into_iter().map(|code| (code.name(), code.name()));
    std::iter::once(("", "All")).chain(all).collect()
}

impl ListPage {
    /// Where all that match are sent again.
    fn matching(&self) -> String {
        let asked = match &self.owner {
            Some((id, _)) => self.asked.clone().or("webhook_id", &id.to_string()),
            None => self.asked.clone(),
        };
        asked.url(MATCHING)
    }

    /// Why the choice of deliveries cannot be sent again.
    fn choice_fault(&self) -> Option<&str> {
        fault_of(&self.alert, CHOICE)
    }

    /// Where `Clear filters` leads.
    fn clear(&self) -> &str {
        &self.path
    }
}
