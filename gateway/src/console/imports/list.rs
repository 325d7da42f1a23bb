//! `/integrations/imports`.

use askama::Template;

use super::{LIST, name, percent, progress};
use crate::base::page::DEFAULT_LIMIT;
use crate::base::scope::Scope;
use crate::console::Visit;
use crate::console::frame::{Frame, Section};
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::imports::model::Job;
use crate::imports::{Imports, store};

#[derive(Template)]
#[template(path = "imports/list.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Row>,
    may_write: bool,
    newest: Option<String>,
    older: Option<String>,
}

#[derive(serde::Serialize)]
struct Row {
    name: String,
    success_rate: String,
    progress: Option<i64>,
    job: Job,
}

/// `GET /integrations/imports`.
pub async fn list_imports(imports: Imports, mut visit: Visit) -> Result<Reply, Problem> {
    let workspace = visit.call.caller.workspace;
    let list = format!("console imports {workspace:?}");
    let page = visit.call.query.page(DEFAULT_LIMIT, list);
    let is_first = page.after.is_none();
    visit.take_query().finish()?;
    let client = imports.db.client().await?;
    let found = store::list(&client, workspace, &page).await?;
    drop(client);
    let listing = page.listing(found, |job| job.id.to_string());
    let rows = listing.data.into_iter().map(|job| Row {
        name: name(&job),
        success_rate: percent(job.success_rate),
        progress: progress(&job),
        job,
    });
    let shown = ListPage {
        frame: visit.frame("Imports", Section::Imports),
        rows: rows.collect(),
        may_write: visit.may(Scope::ImportsWrite),
        newest: (!is_first).then(|| LIST.to_owned()),
        older: listing
            .next_cursor
            .map(|cursor| format!("{LIST}?cursor={cursor}")),
    };
    visit.show_list(&shown, &shown.rows)
}
