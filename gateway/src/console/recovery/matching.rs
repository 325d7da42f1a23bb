//! `/integrations/deliveries/redeliver`: all that match the filters of the list and have ended are sent again.

use askama::Template;
use http::StatusCode;

use super::{Count, started};
use crate::console::alert::Alert;
use crate::console::deliveries::{FIELDS, LIST};
use crate::console::filter::Asked;
use crate::console::form::new_id;
use crate::console::frame::{Frame, Section};
use crate::console::{Visit, page};
use crate::delivery::schedule::store::recover::Again;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::webhooks::api::Webhooks;
use crate::webhooks::deliveries::{DeliveryQuery, many_api};

#[derive(Template)]
#[template(path = "recovery/matching.html")]
struct MatchingPage {
    frame: Frame,
    /// The filters that are set: label and value.
    set: Vec<(&'static str, String)>,
    count: Option<Count>,
    alert: Option<Alert>,
    form_id: String,
    cancel: String,
}

/// `GET /integrations/deliveries/redeliver`.
pub async fn confirm_matching(webhooks: Webhooks, visit: Visit) -> Result<Reply, Problem> {
    let asked = Asked::read(FIELDS, visit.uri.query());
    match count(&webhooks, &visit, &asked).await {
        Ok(count) => show(&webhooks, &visit, &asked, new_id(), Some(count), None),
        Err(problem) => {
            let alert = Alert::of(problem, FIELDS)?;
            show(&webhooks, &visit, &asked, new_id(), None, Some(alert))
        }
    }
}

/// `POST /integrations/deliveries/redeliver`.
pub async fn redeliver_matching(webhooks: Webhooks, mut visit: Visit) -> Result<Reply, Problem> {
    let form = visit.form().await?;
    let asked = Asked::read(FIELDS, Some(form.text("filters")));
    let call = visit.api_call(&form, &asked.body());
    let redelivered = match call {
        Ok(call) => many_api::redeliver_matching(webhooks.clone(), call).await,
        Err(problem) => Err(problem),
    };
    match redelivered {
        Ok(reply) => {
            let count = started(&reply)?;
            visit.see_other(LIST, &format!("Redelivery started: {count} deliveries."))
        }
        Err(problem) => {
            let alert = Alert::of(problem, FIELDS)?;
            show(&webhooks, &visit, &asked, form.id_text(), None, Some(alert))
        }
    }
}

async fn count(webhooks: &Webhooks, visit: &Visit, asked: &Asked) -> Result<Count, Problem> {
    let mut query = asked.query();
    let wanted = DeliveryQuery::take(&mut query);
    query.finish()?;
    Count::take(webhooks, visit, asked, wanted, Again::Ended).await
}

fn show(
    webhooks: &Webhooks,
    visit: &Visit,
    asked: &Asked,
    form_id: String,
    count: Option<Count>,
    alert: Option<Alert>,
) -> Result<Reply, Problem> {
    let endpoints = webhooks.registry.of_workspace(visit.call.caller.workspace);
    let named = |value: &str| {
        let mut endpoints = endpoints.iter();
        let found = endpoints.find(|endpoint| endpoint.id.to_string() == value);
        found.map_or_else(|| value.to_owned(), |endpoint| endpoint.name.clone())
    };
    let set = asked
        .set()
        .into_iter()
        .map(|(label, value)| (label, named(value)));
    let shown = MatchingPage {
        frame: visit.frame("Redeliver all matching?", Section::Deliveries),
        set: set.collect(),
        count,
        alert,
        form_id,
        cancel: asked.url(LIST),
    };
    let status = shown.alert.as_ref().map_or(StatusCode::OK, |alert| alert.status);
    page::html(status, &shown)
}
