//! A test event, and how the endpoint answers it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::LIST;
use crate::base::id::{DeliveryId, Webhook, WebhookId};
use crate::console::Visit;
use crate::console::deliveries::words;
use crate::delivery::log::store as log_store;
use crate::delivery::log::{Delivery, Status};
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::webhooks::api::Webhooks;
use crate::webhooks::deliveries::api;

/// How long the answer is waited for.
const WAIT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(150);

/// `POST /integrations/webhooks/{id}/test`: 409 for a disabled webhook.
pub async fn send_test_event(webhooks: Webhooks, mut visit: Visit) -> Result<Reply, Problem> {
    let id: WebhookId = visit.call.id::<Webhook>()?;
    let form = visit.form().await?;
    let call = visit.api_call(&form, &json!({}))?;
    let reply = api::test_webhook(webhooks.clone(), call).await?;
    let started: Value = serde_json::from_slice(reply.whole()).map_err(|fault| Problem::internal(&fault))?;
    let delivery = started["delivery_id"].as_str().and_then(DeliveryId::parse);
    let delivery = delivery.ok_or_else(|| Problem::internal(&"a test without a delivery"))?;
    let tried = outcome(&webhooks, &visit, delivery).await?;
    let notice = match tried {
        None => "No answer within 10 s. The test event goes on; see the newest delivery.".to_owned(),
        Some(tried) => {
            let answer = words::answer(tried.last_status_code, tried.last_error_code);
            match tried.status {
                Status::Succeeded => format!("Test event succeeded: {answer}"),
                Status::Pending => format!("Test event failed: {answer}. It is tried again."),
                Status::Failed => format!("Test event failed: {answer}"),
            }
        }
    };
    visit.see_other(&format!("{LIST}/{id}"), &notice)
}

/// The delivery once it was tried; `None` if that takes longer.
async fn outcome(webhooks: &Webhooks, visit: &Visit, id: DeliveryId) -> Result<Option<Delivery>, Problem> {
    let end = Instant::now() + WAIT;
    loop {
        let client = webhooks.db.client().await?;
        let found = log_store::find(&client, visit.call.caller.workspace, id).await?;
        // No connection is held during the pause.
        drop(client);
        let tried = found.filter(|found| found.delivery.attempt_count > 0);
        if let Some(tried) = tried {
            return Ok(Some(tried.delivery));
        }
        if Instant::now() >= end {
            return Ok(None);
        }
        sleep(PAUSE).await;
    }
}
