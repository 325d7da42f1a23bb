//! Sending many deliveries again: what failed at one webhook, or all that match the filters of a list. Both count first.

mod matching;
mod recover;

pub use matching::{confirm_matching, redeliver_matching};
pub use recover::{recover_webhook, show_recovery};

use serde_json::Value;

use super::Visit;
use super::filter::Asked;
use crate::base::clock::Millis;
use crate::delivery::schedule::store::recover::{Again, count};
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::webhooks::api::Webhooks;
use crate::webhooks::deliveries::DeliveryQuery;

/// What would be sent again.
struct Count {
    count: u64,
    /// The filters that were counted with, as a query. They end at the count, so that what comes later is left out.
    filters: String,
    counted_at: Millis,
    since: Option<Millis>,
    until: Millis,
}

impl Count {
    /// Counts what `wanted`, which was read of `asked`, finds now.
    async fn take(
        webhooks: &Webhooks,
        visit: &Visit,
        asked: &Asked,
        mut wanted: DeliveryQuery,
        again: Again,
    ) -> Result<Self, Problem> {
        let workspace = visit.call.caller.workspace;
        let until = *wanted.until.get_or_insert_with(Millis::now);
        let client = webhooks.db.client().await?;
        let filter = wanted.filter(&**client, workspace).await?;
        let found = count(&**client, workspace, &filter, again).await?;
        Ok(Self {
            count: found.count,
            filters: asked.clone().or("until", &until.to_string()).to_query(),
            counted_at: found.at,
            since: wanted.since,
            until,
        })
    }
}

/// The number that the API has answered with.
fn started(reply: &Reply) -> Result<u64, Problem> {
    let told: Value = serde_json::from_slice(reply.whole()).map_err(|fault| Problem::internal(&fault))?;
    let count = told["count"].as_u64();
    count.ok_or_else(|| Problem::internal(&"a recovery without a count"))
}
