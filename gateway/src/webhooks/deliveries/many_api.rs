//! Handlers of what sends many deliveries again: recover, and redeliver by filter. Both can be asked how many there are.

use http::StatusCode;
use serde::Serialize;

use super::DeliveryQuery;
use crate::audit::{Begun, Changes, Target, Work};
use crate::base::id::WebhookId;
use crate::delivery::log::ErrorCode;
use crate::delivery::schedule::store::recover::{self, Again, Counted};
use crate::http::call::Call;
use crate::http::fields::{self, Fields};
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::webhooks::api::Webhooks;
use crate::webhooks::store;

/// How many deliveries are sent again.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Recovered {
    /// How many deliveries will be made, or would be.
    pub count: u64,
}

/// The body of `POST /v1/webhooks/{id}/recover`.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct RecoverWebhook {
    #[schema(format = DateTime)]
    since: String,
    /// Exclusive; now if absent.
    #[schema(format = DateTime)]
    until: Option<String>,
    /// Only of events of this type.
    #[schema(pattern = "^[a-z0-9_.]{1,100}$")]
    r#type: Option<String>,
    /// Only where the last attempt was answered with this HTTP status.
    #[schema(minimum = 100, maximum = 999)]
    status_code: Option<u16>,
    /// Only where the last attempt failed like this.
    error_code: Option<ErrorCode>,
    /// Only counts: the reply is a 200, and nothing is done.
    dry_run: Option<bool>,
}

/// The body of `POST /v1/deliveries/redeliver`: the filters of the list. Without any, all deliveries that have ended are
/// sent again.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct RedeliverDeliveries {
    /// Some of succeeded, failed and pending, separated by commas; pending ones are left out.
    #[schema(pattern = "^(pending|succeeded|failed)(,(pending|succeeded|failed))*$")]
    status: Option<String>,
    #[schema(pattern = "^[a-z0-9_.]{1,100}$")]
    r#type: Option<String>,
    #[schema(pattern = "^wh_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
    webhook_id: Option<String>,
    #[schema(pattern = "^[A-Za-z0-9_-]{1,128}$")]
    event_id: Option<String>,
    /// What the last attempt was answered with.
    #[schema(minimum = 100, maximum = 999)]
    status_code: Option<u16>,
    /// How the last attempt failed.
    error_code: Option<ErrorCode>,
    #[schema(format = DateTime)]
    since: Option<String>,
    /// Exclusive.
    #[schema(format = DateTime)]
    until: Option<String>,
    /// Only counts: the reply is a 200, and nothing is done.
    dry_run: Option<bool>,
}

/// `POST /v1/webhooks/{id}/recover`.
pub async fn recover_webhook(webhooks: Webhooks, mut call: Call) -> Result<Reply, Problem> {
    let body = call.body.read_json().await?;
    let id: WebhookId = call.id()?;
    let mut client = webhooks.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let (workspace, transaction) = (work.workspace(), work.transaction());
    let mut fields = Fields::of(body);
    let since = fields.required("since", fields::moment);
    let until = fields.optional("until", fields::moment);
    if let (Some(since), Some(until)) = (&since, &until)
        && until <= since
    {
        fields.fault("until", "invalid", "expected a moment after since");
    }
    let is_dry = fields.optional("dry_run", fields::boolean).unwrap_or_default();
    let query = DeliveryQuery {
        webhook: Some(id),
        since,
        until,
        ..DeliveryQuery::take_narrow_fields(&mut fields)
    };
    let name = match is_dry {
        true => store::name_of(transaction, workspace, id).await?,
        false => store::lock_recovery(transaction, workspace, id).await?,
    };
    let name = name.ok_or_else(Problem::not_found)?;
    fields.finish()?;
    call.query.finish()?;
    let filter = query.filter(transaction, workspace).await?;
    if is_dry {
        store::take_time(transaction).await?;
        let Counted { count, .. } = recover::count(transaction, workspace, &filter, Again::Failed).await?;
        return work.commit(StatusCode::OK, &Recovered { count }).await;
    }
    let count = recover::recover(transaction, workspace, &filter, Again::Failed).await?;
    let target = Target::new("webhook", id, Some(&name));
    work.audit("webhook.recovered", &target, &Changes::default())
        .await?;
    let reply = work.commit(StatusCode::ACCEPTED, &Recovered { count }).await?;
    webhooks.wake.notify_one();
    Ok(reply)
}

/// `POST /v1/deliveries/redeliver`.
pub async fn redeliver_matching(webhooks: Webhooks, mut call: Call) -> Result<Reply, Problem> {
    let body = call.body.read_json().await?;
    let mut client = webhooks.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let mut fields = Fields::of(body);
    let query = DeliveryQuery::take_fields(&mut fields);
    let is_dry = fields.optional("dry_run", fields::boolean).unwrap_or_default();
    fields.finish()?;
    call.query.finish()?;
    let (workspace, transaction) = (work.workspace(), work.transaction());
    let filter = query.filter(transaction, workspace).await?;
    store::take_time(transaction).await?;
    if is_dry {
        let Counted { count, .. } = recover::count(transaction, workspace, &filter, Again::Ended).await?;
        return work.commit(StatusCode::OK, &Recovered { count }).await;
    }
    store::keep_all(transaction, workspace, query.webhook).await?;
    let count = recover::recover(transaction, workspace, &filter, Again::Ended).await?;
    let mut changes = Changes::default();
    changes.note("count", &0, &count);
    // Not of one delivery, but of all that matched.
    work.audit(
        "delivery.redelivered",
        &Target::new("delivery", "*", None),
        &changes,
    )
    .await?;
    let reply = work.commit(StatusCode::ACCEPTED, &Recovered { count }).await?;
    webhooks.wake.notify_one();
    Ok(reply)
}
