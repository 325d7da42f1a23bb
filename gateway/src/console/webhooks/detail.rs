//! `/integrations/webhooks/{id}`.

use std::time::Duration;

use askama::Template;

use super::causes::{self, Cause};
use super::drawing::{self, Drawn};
use crate::base::clock::Millis;
use crate::base::id::WebhookId;
use crate::base::scope::Scope;
use crate::console::Visit;
use crate::console::form::new_id;
use crate::console::frame::{Frame, Section};
use crate::delivery::engine::breaker::Trouble;
use crate::delivery::log::{Delivery, list_store};
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::webhooks::api::Webhooks;
use crate::webhooks::endpoint::destination_of;
use crate::webhooks::health_store;
use crate::webhooks::model::Webhook;

const DELIVERY_COUNT: u32 = 30;
/// How many scheduled deliveries are counted; beyond that it is many.
const MOST_COUNTED: i64 = 1_000;

#[derive(Template)]
#[template(path = "webhooks/detail.html")]
struct DetailPage {
    frame: Frame,
    webhook: Webhook,
    health: String,
    last_success: Option<Millis>,
    charts: Vec<Drawn>,
    causes: Vec<Cause>,
    deliveries: Vec<Delivery>,
    may_write: bool,
    form_id: String,
}

/// `GET /integrations/webhooks/{id}`.
pub async fn show_webhook(webhooks: Webhooks, mut visit: Visit) -> Result<Reply, Problem> {
    let id: WebhookId = visit.call.id()?;
    let workspace = visit.call.caller.workspace;
    let client = webhooks.db.client().await?;
    let found = health_store::find(&client, workspace, id, MOST_COUNTED + 1, DELIVERY_COUNT).await?;
    let condition = found.ok_or_else(Problem::not_found)?;
    visit.take_query().finish()?;
    let deliveries = list_store::newest(
        &client,
        workspace,
        destination_of(id),
        DELIVERY_COUNT,
        condition.has_recent,
    )
    .await?;
    drop(client);
    let now = Millis::now();
    let lane = webhooks.lanes.lane(destination_of(id), condition.webhook.health);
    let webhook = condition.webhook.masked(webhooks.registry.vault());
    let shown = DetailPage {
        frame: visit.frame(&webhook.name, Section::Webhooks),
        health: sentence(&webhook, &lane.trouble(), condition.scheduled),
        last_success: condition.history.last_success(),
        charts: drawing::charts(&condition.history, now),
        causes: causes::causes(&condition.history, id, now),
        deliveries,
        may_write: visit.may(Scope::WebhooksWrite),
        form_id: new_id(),
        webhook,
    };
    visit.show_list(&shown, &(&shown.webhook, &shown.deliveries))
}

/// How an endpoint is doing, in words. What is in memory is what this instance has seen.
fn sentence(webhook: &Webhook, trouble: &Trouble, scheduled: i64) -> String {
    let mut said = match (webhook.enabled, webhook.health.as_str()) {
        (false, _) => {
            let reason = webhook
                .disabled_reason
                .as_deref()
                .unwrap_or("Disabled by request.");
            format!("It gets nothing, because it is disabled: {reason}")
        }
        (true, "paused") => {
            "It failed for so long that only a probe goes out now and then; all else waits.".to_owned()
        }
        (true, "failing") => "Its last attempts failed; they are repeated.".to_owned(),
        (true, _) => "It takes what it is sent.".to_owned(),
    };
    if trouble.failures_in_row > 0 {
        said.push_str(&format!(" {} in a row failed", trouble.failures_in_row));
        if let Some(lasting) = trouble.lasting {
            said.push_str(&format!(", since {} ago", span(lasting)));
        }
        said.push('.');
    }
    if let Some(wait) = trouble.next_probe.filter(|_| webhook.enabled) {
        match wait.as_secs() {
            0 => said.push_str(" The next probe goes out with the next delivery."),
            _ => said.push_str(&format!(" The next probe goes out in {}.", span(wait))),
        }
    }
    said.push_str(&match scheduled {
        0 => " Nothing waits.".to_owned(),
        1 => " 1 delivery waits.".to_owned(),
        many if many > MOST_COUNTED => format!(" More than {MOST_COUNTED} deliveries wait."),
        some => format!(" {some} deliveries wait."),
    });
    said
}

fn span(length: Duration) -> String {
    match length.as_secs() {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ ..7_200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}
