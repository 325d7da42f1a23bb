//! Sending deliveries again: one, or those that are ticked.

use http::HeaderValue;
use serde_json::{Value, json};

use super::list::{self, CHOICE};
use super::{LIST, words};
use crate::base::id::{Delivery, DeliveryId};
use crate::console::alert::Alert;
use crate::console::form::Form;
use crate::console::{Visit, destination};
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;
use crate::webhooks::api::Webhooks;
use crate::webhooks::deliveries::api;

/// As many as a page has rows.
const MOST_SELECTED: usize = 50;

/// `POST /integrations/deliveries/{id}/redeliver`.
pub async fn redeliver(webhooks: Webhooks, mut visit: Visit) -> Result<Reply, Problem> {
    let id: DeliveryId = visit.call.id::<Delivery>()?;
    let form = visit.form().await?;
    let new = one(webhooks, &visit, &form, id).await?;
    visit.see_other(
        &format!("{LIST}/{new}"),
        "Redelivery started: this is the new delivery.",
    )
}

/// `POST /integrations/deliveries/redeliver-selected`.
pub async fn redeliver_selected(webhooks: Webhooks, mut visit: Visit) -> Result<Reply, Problem> {
    let form = visit.form().await?;
    let form_id = form.id()?.to_string();
    let back = destination::parse(form.text("back")).unwrap_or_else(|| LIST.to_owned());
    let chosen = form.all("id").take(MOST_SELECTED + 1).map(DeliveryId::parse);
    let ids: Vec<DeliveryId> = match chosen.collect::<Option<Vec<_>>>() {
        Some(ids) if (1..=MOST_SELECTED).contains(&ids.len()) => ids,
        chosen => {
            let message = match chosen {
                Some(none) if none.is_empty() => "tick at least one",
                Some(_) => "tick 50 at most",
                None => "one of the ids is none of a delivery",
            };
            let problem = Problem::new(Code::ValidationFailed, message);
            let alert = Alert::about(CHOICE, "Deliveries", &problem);
            return list::choose_again(&webhooks, &visit, &back, form_id, alert).await;
        }
    };
    let (mut started, mut gone) = (0_usize, 0_usize);
    for id in ids {
        match one(webhooks.clone(), &visit, &form, id).await {
            Ok(_) => started += 1,
            // Its webhook was deleted.
            Err(problem) if problem.status() == http::StatusCode::NOT_FOUND => gone += 1,
            Err(problem) => return Err(problem),
        }
    }
    let mut notice = format!("Redelivery started: {}.", words::deliveries(started));
    if gone > 0 {
        let gone = words::deliveries(gone);
        notice.push_str(&format!(" {gone} cannot be sent again: the webhook is deleted."));
    }
    visit.see_other(&back, &notice)
}

/// Sends one again; a form that comes twice finds what it started.
async fn one(webhooks: Webhooks, visit: &Visit, form: &Form, id: DeliveryId) -> Result<DeliveryId, Problem> {
    let mut call = visit.api_call(form, &json!({}))?;
    let key =
        HeaderValue::try_from(format!("{} {id}", form.id()?)).map_err(|fault| Problem::internal(&fault))?;
    call.headers.insert("idempotency-key", key);
    call.parameters = vec![id.to_string()];
    let reply = api::redeliver(webhooks, call).await?;
    let started: Value = serde_json::from_slice(reply.whole()).map_err(|fault| Problem::internal(&fault))?;
    let new = started["delivery_id"].as_str().and_then(DeliveryId::parse);
    new.ok_or_else(|| Problem::internal(&"a redelivery without an id"))
}
