//! `/integrations/webhooks`.

use askama::Template;

use super::LIST;
use crate::base::page::DEFAULT_LIMIT;
use crate::base::scope::Scope;
use crate::console::Visit;
use crate::console::frame::{Frame, Section};
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::webhooks::api::Webhooks;
use crate::webhooks::model::Webhook;
use crate::webhooks::store;

#[derive(Template)]
#[template(path = "webhooks/list.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Webhook>,
    may_write: bool,
    newest: Option<String>,
    older: Option<String>,
}

/// `GET /integrations/webhooks`.
pub async fn list_webhooks(webhooks: Webhooks, mut visit: Visit) -> Result<Reply, Problem> {
    let workspace = visit.call.caller.workspace;
    let list = format!("console webhooks {workspace:?}");
    let page = visit.call.query.page(DEFAULT_LIMIT, list);
    visit.take_query().finish()?;
    let is_first = page.after.is_none();
    let client = webhooks.db.client().await?;
    let found = store::list(&client, workspace, &page).await?;
    drop(client);
    let vault = webhooks.registry.vault();
    let shown: Vec<Webhook> = found.into_iter().map(|stored| stored.masked(vault)).collect();
    let listing = page.listing(shown, |webhook| webhook.id.to_string());
    let shown = ListPage {
        frame: visit.frame(Section::Webhooks.label(), Section::Webhooks),
        may_write: visit.may(Scope::WebhooksWrite),
        newest: (!is_first).then(|| LIST.to_owned()),
        older: listing
            .next_cursor
            .map(|cursor| format!("{LIST}?cursor={cursor}")),
        rows: listing.data,
    };
    visit.show_list(&shown, &shown.rows)
}
