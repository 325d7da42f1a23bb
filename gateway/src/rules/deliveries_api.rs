//! Handlers of what a rule did: the list of its deliveries, and having it do again what failed.

use http::StatusCode;

use super::Rules;
use super::model::destination_of;
use super::store;
use crate::audit::{Begun, Changes, Target, Work};
use crate::base::id::RuleId;
use crate::delivery::log::{Delivery, Filter, list_store};
use crate::delivery::schedule::store::recover::{self, Again, Counted};
use crate::http::call::Call;
use crate::http::fields::{self, Fields};
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::webhooks::deliveries::DeliveryQuery;
use crate::webhooks::deliveries::many_api::Recovered;
use crate::webhooks::store::take_time;

const DEFAULT_LIMIT: u32 = 30;

/// `GET /v1/rules/{id}/deliveries`.
pub async fn list_rule_deliveries(rules: Rules, mut call: Call) -> Result<Reply, Problem> {
    let id: RuleId = call.id()?;
    let workspace = call.caller.workspace;
    let client = rules.db.client().await?;
    store::find(&client, workspace, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    let query = DeliveryQuery::take(&mut call.query);
    let page = call
        .query
        .page(DEFAULT_LIMIT, format!("deliveries {id} {query:?}"));
    call.query.finish()?;
    if query.webhook.is_some() {
        return Reply::ok(&page.listing(Vec::<Delivery>::new(), |_| String::new()));
    }
    let filter = Filter {
        destination: Some(destination_of(id)),
        ..query.filter(&**client, workspace).await?
    };
    Reply::ok(&list_store::list(&client, workspace, &filter, &page).await?)
}

/// `POST /v1/rules/{id}/recover`.
pub async fn recover_rule(rules: Rules, mut call: Call) -> Result<Reply, Problem> {
    let body = call.body.read_json().await?;
    let id: RuleId = call.id()?;
    let mut client = rules.db.client().await?;
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
    let filter = Filter {
        destination: Some(destination_of(id)),
        ..query.filter(transaction, workspace).await?
    };
    if is_dry {
        take_time(transaction).await?;
        let Counted { count, .. } = recover::count(transaction, workspace, &filter, Again::Failed).await?;
        return work.commit(StatusCode::OK, &Recovered { count }).await;
    }
    let count = recover::recover(transaction, workspace, &filter, Again::Failed).await?;
    let target = Target::new("rule", id, Some(&name));
    work.audit("rule.recovered", &target, &Changes::default()).await?;
    let reply = work.commit(StatusCode::ACCEPTED, &Recovered { count }).await?;
    rules.wake.notify_one();
    Ok(reply)
}
