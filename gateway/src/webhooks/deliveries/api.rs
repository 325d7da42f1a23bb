//! Handlers of the delivery log, and of what sends one delivery again: test, redeliver.

use http::StatusCode;
use serde::Serialize;

use super::DeliveryQuery;
use crate::audit::{Begun, Changes, Target, Work};
use crate::base::clock::Millis;
use crate::base::id::{DeliveryId, EventId, WebhookId};
use crate::base::page;
use crate::delivery::engine::job::body;
use crate::delivery::log::store::{self as log_store, Repeated};
use crate::delivery::log::{Delivery, Filter, list_store};
use crate::delivery::schedule::store as schedule_store;
use crate::events::examples;
use crate::http::call::Call;
use crate::http::fields::{self, Fields};
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;
use crate::webhooks::api::{Webhooks, lock, target_of};
use crate::webhooks::endpoint::destination_of;
use crate::webhooks::store;

const DEFAULT_LIMIT: u32 = 30;

/// The reply of a test and of a redelivery.
#[derive(Serialize, utoipa::ToSchema)]
pub struct DeliveryStarted {
    #[schema(value_type = String)]
    pub delivery_id: DeliveryId,
}

/// The body of `POST /v1/webhooks/{id}/test`.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct TestWebhook {
    /// An event type; the endpoint's first if absent.
    r#type: Option<String>,
}

/// `GET /v1/deliveries`.
pub async fn list_all_deliveries(webhooks: Webhooks, mut call: Call) -> Result<Reply, Problem> {
    let query = DeliveryQuery::take(&mut call.query);
    let workspace = call.caller.workspace;
    let page = call
        .query
        .page(page::DEFAULT_LIMIT, format!("deliveries {workspace:?} {query:?}"));
    call.query.finish()?;
    // A foreign webhook is not looked for at all.
    let owner = query.webhook.and_then(|id| webhooks.registry.find(id));
    if owner.is_some_and(|endpoint| endpoint.workspace != workspace) {
        return Reply::ok(&page.listing(Vec::<Delivery>::new(), |_| String::new()));
    }
    let client = webhooks.db.client().await?;
    let filter = query.filter(&**client, workspace).await?;
    Reply::ok(&list_store::list(&client, workspace, &filter, &page).await?)
}

/// `GET /v1/webhooks/{id}/deliveries`.
pub async fn list_deliveries(webhooks: Webhooks, mut call: Call) -> Result<Reply, Problem> {
    let id: WebhookId = call.id()?;
    let workspace = call.caller.workspace;
    let client = webhooks.db.client().await?;
    store::find(&client, workspace, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    let query = DeliveryQuery::take(&mut call.query);
    let page = call
        .query
        .page(DEFAULT_LIMIT, format!("deliveries {id} {query:?}"));
    call.query.finish()?;
    if query.webhook.is_some_and(|other| other != id) {
        return Reply::ok(&page.listing(Vec::<Delivery>::new(), |_| String::new()));
    }
    let filter = Filter {
        destination: Some(destination_of(id)),
        ..query.filter(&**client, workspace).await?
    };
    Reply::ok(&list_store::list(&client, workspace, &filter, &page).await?)
}

/// `GET /v1/deliveries/{id}`.
pub async fn get_delivery(webhooks: Webhooks, call: Call) -> Result<Reply, Problem> {
    let id: DeliveryId = call.id()?;
    let client = webhooks.db.client().await?;
    let found = log_store::find(&client, call.caller.workspace, id).await?;
    let found = found.ok_or_else(Problem::not_found)?;
    call.query.finish()?;
    Reply::ok(&found)
}

/// `POST /v1/deliveries/{id}/redeliver`.
pub async fn redeliver(webhooks: Webhooks, mut call: Call) -> Result<Reply, Problem> {
    let body = call.body.read_optional_json().await?;
    let id: DeliveryId = call.id()?;
    let mut client = webhooks.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let found = log_store::find_repeated(work.transaction(), work.workspace(), id).await?;
    let repeated = found.ok_or_else(Problem::not_found)?;
    // A destination that was deleted takes its log's deliveries no more.
    let is_kept = store::keep(work.transaction(), work.workspace(), repeated.destination).await?;
    if !is_kept {
        return Err(Problem::not_found());
    }
    Fields::of(body).finish()?;
    call.query.finish()?;
    let new = DeliveryId::generate();
    start(&work, new, &repeated, Some(id)).await?;
    let target = Target::new("delivery", id, None);
    work.audit("delivery.redelivered", &target, &Changes::default())
        .await?;
    let reply = DeliveryStarted { delivery_id: new };
    let reply = work.commit(StatusCode::ACCEPTED, &reply).await?;
    webhooks.wake.notify_one();
    Ok(reply)
}

/// `POST /v1/webhooks/{id}/test`.
pub async fn test_webhook(webhooks: Webhooks, mut call: Call) -> Result<Reply, Problem> {
    let request = call.body.read_optional_json().await?;
    let id: WebhookId = call.id()?;
    let mut client = webhooks.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let stored = lock(&work, id).await?;
    let names = webhooks.types.names(work.workspace());
    let mut fields = Fields::of(request);
    let wanted = fields.optional("type", fields::text(1, 100));
    if wanted.as_deref().is_some_and(|name| !names.contains(name)) {
        fields.fault("type", "unknown_type", "is no event type of this workspace");
    }
    fields.finish()?;
    call.query.finish()?;
    if !stored.shown.enabled {
        let detail = "A disabled webhook gets nothing, tests neither.";
        return Err(Problem::new(Code::WebhookDisabled, detail));
    }
    let mut selected = stored.shown.events.iter();
    let label = wanted
        .or_else(|| selected.find_map(|selector| names.first_of(selector)))
        .unwrap_or_else(|| "contact.created".to_owned());
    let event = EventId::generate();
    let data = examples::data(&label);
    let sent = body(&event.to_string(), &label, Millis::now(), data.as_bytes());
    let repeated = Repeated {
        destination: destination_of(id),
        event: event.uuid(),
        label,
        test_body: Some(String::from_utf8_lossy(&sent).into_owned()),
        revision: None,
    };
    let new = DeliveryId::generate();
    start(&work, new, &repeated, None).await?;
    work.audit("webhook.tested", &target_of(&stored.shown), &Changes::default())
        .await?;
    let reply = DeliveryStarted { delivery_id: new };
    let reply = work.commit(StatusCode::ACCEPTED, &reply).await?;
    webhooks.wake.notify_one();
    Ok(reply)
}

/// Writes a delivery and schedules it for now.
pub async fn start(
    work: &Work<'_>,
    new: DeliveryId,
    repeated: &Repeated,
    redelivery_of: Option<DeliveryId>,
) -> Result<(), Problem> {
    let transaction = work.transaction();
    let workspace = work.workspace();
    log_store::insert_pending(transaction, workspace, new, repeated, redelivery_of).await?;
    let (destination, event) = (repeated.destination, repeated.event);
    schedule_store::insert(transaction, new, destination, workspace, event, &repeated.label).await?;
    Ok(())
}
