//! `/integrations/sentries/{id}/history`.

use askama::Template;

use super::LIST;
use super::edit::find;
use crate::base::page::DEFAULT_LIMIT;
use crate::console::Visit;
use crate::console::frame::{Frame, Section};
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::sentries::Sentries;
use crate::sentries::history::{self, Entry, Filter};
use crate::sentries::model::Sentry;

#[derive(Template)]
#[template(path = "sentries/history.html")]
struct HistoryPage {
    frame: Frame,
    sentry: Sentry,
    entries: Vec<Entry>,
    newest: Option<String>,
    older: Option<String>,
}

/// `GET /integrations/sentries/{id}/history`.
pub async fn list_history(sentries: Sentries, mut visit: Visit) -> Result<Reply, Problem> {
    let sentry = find(&sentries, &visit).await?;
    let list = format!("console history {}", sentry.id);
    let page = visit.call.query.page(DEFAULT_LIMIT, list);
    let is_first = page.after.is_none();
    visit.take_query().finish()?;
    let client = sentries.db.client().await?;
    let listing = history::list(&client, sentry.id, &Filter::default(), &page).await?;
    drop(client);
    let here = format!("{LIST}/{}/history", sentry.id);
    let shown = HistoryPage {
        frame: visit.frame(&format!("History of {}", sentry.name), Section::Sentries),
        newest: (!is_first).then(|| here.clone()),
        older: listing
            .next_cursor
            .map(|cursor| format!("{here}?cursor={cursor}")),
        entries: listing.data,
        sentry,
    };
    visit.show_list(&shown, &shown.entries)
}
