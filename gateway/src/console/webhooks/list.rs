//! `/integrations/webhooks`.

use askama::Template;

use super::LIST;
use super::drawing::Day;
use crate::base::clock::Millis;
use crate::base::page::DEFAULT_LIMIT;
use crate::base::scope::Scope;
use crate::console::Visit;
use crate::console::frame::{Frame, Section};
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::webhooks::api::Webhooks;
use crate::webhooks::health_store::{self, Listed};
use crate::webhooks::model::Webhook;

#[derive(Template)]
#[template(path = "webhooks/list.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Row>,
    may_write: bool,
    newest: Option<String>,
    older: Option<String>,
}

struct Row {
    webhook: Webhook,
    last_success: Option<Millis>,
    day: Day,
}

/// `GET /integrations/webhooks`.
pub async fn list_webhooks(webhooks: Webhooks, mut visit: Visit) -> Result<Reply, Problem> {
    let workspace = visit.call.caller.workspace;
    let list = format!("console webhooks {workspace:?}");
    let page = visit.call.query.page(DEFAULT_LIMIT, list);
    visit.take_query().finish()?;
    let is_first = page.after.is_none();
    let client = webhooks.db.client().await?;
    let found = health_store::list(&client, workspace, &page).await?;
    drop(client);
    let (vault, now) = (webhooks.registry.vault(), Millis::now());
    let row = |listed: Listed| {
        let webhook = listed.webhook.masked(vault);
        Row {
            last_success: listed.last_success,
            day: Day::of(&webhook.id.to_string(), &webhook.name, &listed.history, now),
            webhook,
        }
    };
    let rows: Vec<Row> = found.into_iter().map(row).collect();
    let listing = page.listing(rows, |row| row.webhook.id.to_string());
    let shown = ListPage {
        frame: visit.frame(Section::Webhooks.label(), Section::Webhooks),
        may_write: visit.may(Scope::WebhooksWrite),
        newest: (!is_first).then(|| LIST.to_owned()),
        older: listing
            .next_cursor
            .map(|cursor| format!("{LIST}?cursor={cursor}")),
        rows: listing.data,
    };
    let rows = shown.rows.iter();
    let told: Vec<_> = rows
        .map(|row| (&row.webhook, row.last_success, row.day.numbers()))
        .collect();
    visit.show_list(&shown, &told)
}
