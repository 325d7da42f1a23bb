//! One more event in a workspace of 10,000 endpoints, of which one wants it, against a workspace of that one alone.

use super::pair::{Pair, deliver_quietly};
use crate::run::Options;
use crate::run::ledger::Ledger;
use crate::run::stage::Stage;
use anyhow::Result;
use serde_json::json;

/// What the others want instead: several types each, so that the lists by type are long.
const OTHER_TYPES: [&str; 4] = ["deal.lost", "deal.created", "contact.created", "invoice.paid"];

pub async fn measure(small: &Stage, ledger: &mut Ledger, options: &Options) -> Result<()> {
    let pair = Pair::set(small, options).await?;
    let url = small.endpoint_url("/endpoints");
    let webhook = small.gateway.create_webhook("bench", &url).await?;
    let url = pair.large.endpoint_url("/endpoints");
    pair.large.gateway.create_webhook("bench", &url).await?;
    let others = options.endpoints.saturating_sub(1);
    eprintln!("making {others} endpoints");
    // Over the API, because what is sealed of an endpoint is bound to its id and cannot be copied in the table.
    let other = json!({
        "name": "bench other",
        "url": pair.large.endpoint_url("/others"),
        "events": OTHER_TYPES,
    });
    pair.large.post_many("/v1/webhooks", &other, others).await?;
    ledger.note("endpoints.rss_mb", pair.large.gateway.usage()?.rss_mb);
    for round in 1..=options.rounds {
        eprintln!("endpoints: round {round} of {}", options.rounds);
        let both = pair
            .look(round, async |stage| deliver_quietly(stage, ledger).await)
            .await?;
        ledger.note("endpoints.one_rate", both.small.rate());
        ledger.note("endpoints.many_rate", both.large.rate());
        ledger.note("endpoints.ratio", both.rate_ratio());
        ledger.note("endpoints.cpu_ratio", both.cpu_ratio());
    }
    small.gateway.delete_webhook(&webhook).await
}
