//! `/integrations/webhooks/{id}/recover`: a window and filters, how many failed deliveries they find, then how these fare.

use askama::Template;
use http::StatusCode;

use super::{Count, started};
use crate::base::clock::Millis;
use crate::base::id::{WebhookId, uuid_floor};
use crate::console::alert::Alert;
use crate::console::deliveries::errors;
use crate::console::filter::{Asked, Fields};
use crate::console::form::new_id;
use crate::console::frame::{Frame, Section};
use crate::console::webhooks::find;
use crate::console::{Visit, page};
use crate::db;
use crate::delivery::log::{Status, store as log_store};
use crate::delivery::schedule::store::recover::Again;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::webhooks::api::Webhooks;
use crate::webhooks::deliveries::{DeliveryQuery, many_api};
use crate::webhooks::endpoint::destination_of;
use crate::webhooks::model::Webhook;

const FIELDS: Fields = &[
    ("since", "From"),
    ("until", "To"),
    ("type", "Type"),
    ("status_code", "HTTP status"),
    ("error_code", "Error"),
];
/// The window, if none is given.
const DAY_SECONDS: i64 = 86_400;
/// How many deliveries of each state are counted; beyond that it is more.
const MOST_COUNTED: i64 = 100_000;

#[derive(Template)]
#[template(path = "recovery/recover.html")]
struct RecoverPage {
    frame: Frame,
    webhook: Webhook,
    path: String,
    asked: Asked,
    count: Option<Count>,
    alert: Option<Alert>,
    errors: Vec<(&'static str, &'static str)>,
    form_id: String,
}

#[derive(Template)]
#[template(path = "recovery/progress.html")]
struct ProgressPage {
    frame: Frame,
    webhook: Webhook,
    path: String,
    since: Millis,
    until: Millis,
    states: Vec<State>,
    done: i64,
    total: i64,
}

/// How many of the deliveries are in a state.
#[derive(serde::Serialize)]
struct State {
    status: Status,
    count: i64,
}

impl State {
    const fn is_more(&self) -> bool {
        self.count > MOST_COUNTED
    }

    /// The number, as far as it was counted.
    fn shown(&self) -> String {
        match self.is_more() {
            true => format!("more than {MOST_COUNTED}"),
            false => self.count.to_string(),
        }
    }
}

impl ProgressPage {
    /// Whether every delivery was counted.
    fn is_whole(&self) -> bool {
        !self.states.iter().any(State::is_more)
    }
}

/// `GET /integrations/webhooks/{id}/recover`.
pub async fn show_recovery(webhooks: Webhooks, mut visit: Visit) -> Result<Reply, Problem> {
    let webhook = find(&webhooks, &visit).await?;
    let query = &mut visit.call.query;
    if query.peek("sent_since").is_some() || query.peek("sent_until").is_some() {
        let (since, until) = (query.moment("sent_since"), query.moment("sent_until"));
        visit.take_query().finish()?;
        let until = until.unwrap_or_else(Millis::now);
        return show_progress(&webhooks, &visit, webhook, since.unwrap_or(until), until).await;
    }
    let day_ago = Millis::now().plus_seconds(-DAY_SECONDS);
    // As a person writes it: it stands in the form.
    let asked = Asked::read(FIELDS, visit.uri.query()).or("since", &day_ago.to_utc());
    match count(&webhooks, &visit, &asked, webhook.id).await {
        Ok(count) => show(&visit, webhook, asked, new_id(), Some(count), None),
        Err(problem) => {
            let alert = Alert::of(problem, FIELDS)?;
            show(&visit, webhook, asked, new_id(), None, Some(alert))
        }
    }
}

/// `POST /integrations/webhooks/{id}/recover`.
pub async fn recover_webhook(webhooks: Webhooks, mut visit: Visit) -> Result<Reply, Problem> {
    let webhook = find(&webhooks, &visit).await?;
    let form = visit.form().await?;
    let asked = Asked::read(FIELDS, Some(form.text("filters")));
    let recovered = match visit.api_call(&form, &asked.body()) {
        Ok(call) => many_api::recover_webhook(webhooks.clone(), call).await,
        Err(problem) => Err(problem),
    };
    let count = match recovered {
        Ok(reply) => started(&reply)?,
        Err(problem) => {
            let alert = Alert::of(problem, FIELDS)?;
            return show(&visit, webhook, asked, form.id_text(), None, Some(alert));
        }
    };
    let now = db::now(&**webhooks.db.client().await?).await?;
    // Since the count, so that the same form finds the same deliveries when it is sent again.
    let since = Millis::parse(form.text("counted_at")).unwrap_or(now);
    let location = format!(
        "{}?sent_since={since}&sent_until={}",
        visit.uri.path(),
        // Exclusive.
        Millis(now.0 + 1)
    );
    visit.see_other(&location, &format!("Recovery started: {count} deliveries."))
}

async fn count(webhooks: &Webhooks, visit: &Visit, asked: &Asked, id: WebhookId) -> Result<Count, Problem> {
    let mut query = asked.query();
    let wanted = DeliveryQuery::take_narrow(&mut query);
    query.finish()?;
    let wanted = DeliveryQuery {
        webhook: Some(id),
        ..wanted
    };
    Count::take(webhooks, visit, asked, wanted, Again::Failed).await
}

fn show(
    visit: &Visit,
    webhook: Webhook,
    asked: Asked,
    form_id: String,
    count: Option<Count>,
    alert: Option<Alert>,
) -> Result<Reply, Problem> {
    let shown = RecoverPage {
        frame: visit.frame(&format!("Recover {}", webhook.name), Section::Webhooks),
        path: visit.uri.path().to_owned(),
        errors: errors(),
        webhook,
        asked,
        count,
        alert,
        form_id,
    };
    let status = shown.alert.as_ref().map_or(StatusCode::OK, |alert| alert.status);
    page::html(status, &shown)
}

async fn show_progress(
    webhooks: &Webhooks,
    visit: &Visit,
    webhook: Webhook,
    since: Millis,
    until: Millis,
) -> Result<Reply, Problem> {
    let client = webhooks.db.client().await?;
    let range = (uuid_floor(since.0), uuid_floor(until.0));
    let workspace = visit.call.caller.workspace;
    let destination = destination_of(webhook.id);
    let counts = log_store::count_copies(&client, workspace, destination, range, MOST_COUNTED + 1).await?;
    drop(client);
    let states = Status::ALL.into_iter().zip(counts);
    let states: Vec<State> = states.map(|(status, count)| State { status, count }).collect();
    let ended = states.iter().filter(|state| state.status != Status::Pending);
    let shown = ProgressPage {
        frame: visit.frame(&format!("Recover {}", webhook.name), Section::Webhooks),
        path: visit.uri.path().to_owned(),
        done: ended.map(|state| state.count).sum(),
        total: counts.iter().sum(),
        webhook,
        since,
        until,
        states,
    };
    visit.show_list(&shown, &shown.states)
}
