//! `/integrations`: what needs attention, the last 24 hours, and the instances.

mod attention;
mod day;
mod store;

use std::sync::Arc;

use askama::Template;

use super::Visit;
use super::frame::{Frame, Section};
use crate::base::clock::Millis;
use crate::base::scope::Scope;
use crate::events::Events;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use attention::Item;
use day::Day;
use store::{Seen, ShownInstance};

const DAY_MILLIS: i64 = 86_400_000;

#[derive(Template)]
#[template(path = "overview/page.html")]
struct OverviewPage {
    frame: Frame,
    failing_count: i64,
    seen: Seen,
    items: Vec<Item>,
    has_more: bool,
    /// Since when things are counted.
    since: Millis,
    day: Day,
    /// `None`: the session may not see them.
    instances: Option<Vec<ShownInstance>>,
}

impl OverviewPage {
    /// The scopes without which a part of what may need attention is not looked at.
    fn lacking(&self) -> Vec<&'static str> {
        let Seen {
            webhooks,
            sentries,
            keys,
            imports,
            ..
        } = self.seen;
        let parts = [
            (webhooks, Scope::WebhooksRead),
            (sentries, Scope::SentriesRead),
            (imports, Scope::ImportsRead),
            (keys, Scope::KeysRead),
        ];
        let lacking = parts.into_iter().filter(|(is_seen, _)| !is_seen);
        lacking.map(|(_, scope)| scope.name()).collect()
    }
}

/// `GET /integrations`.
pub async fn show_overview(events: Arc<Events>, visit: Visit) -> Result<Reply, Problem> {
    let workspace = visit.call.caller.workspace;
    let seen = Seen {
        webhooks: visit.may(Scope::WebhooksRead),
        sentries: visit.may(Scope::SentriesRead),
        keys: visit.may(Scope::KeysRead),
        imports: visit.may(Scope::ImportsRead),
        events: visit.may(Scope::EventsRead),
        instances: visit.may(Scope::AuditRead),
    };
    let since = Millis(Millis::now().0 - DAY_MILLIS);
    let types = events.types.names(workspace).all();
    let client = visit.console.db.client().await?;
    let found = store::attention(&client, workspace, seen, since).await?;
    let counted = store::day(&client, workspace, seen, &types, since).await?;
    drop(client);
    let (items, has_more) = attention::items(found);
    visit.show(&OverviewPage {
        frame: visit.frame("Overview", Section::Overview),
        failing_count: visit.session.failing_count,
        items,
        has_more,
        since,
        instances: seen.instances.then_some(counted.instances),
        day: Day::of(&counted.counts),
        seen,
    })
}
