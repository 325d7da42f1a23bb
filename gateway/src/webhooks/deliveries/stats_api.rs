//! `GET /v1/webhooks/{id}/stats`.

use crate::base::clock::Millis;
use crate::base::id::WebhookId;
use crate::delivery::stats::Range;
use crate::http::call::Call;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::webhooks::api::Webhooks;
use crate::webhooks::health_store;

/// How deliveries to a webhook went, in buckets.
pub async fn webhook_stats(webhooks: Webhooks, mut call: Call) -> Result<Reply, Problem> {
    let id: WebhookId = call.id()?;
    let client = webhooks.db.client().await?;
    let history = health_store::history(&client, call.caller.workspace, id).await?;
    drop(client);
    let history = history.ok_or_else(Problem::not_found)?;
    let range = call.query.read("range", |text| {
        Range::parse(text).ok_or_else(|| "expected 24h, 7d or 30d".into())
    });
    call.query.finish()?;
    Reply::ok(&history.stats(range.unwrap_or_default(), Millis::now()))
}
