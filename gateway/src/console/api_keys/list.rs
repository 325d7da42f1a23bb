//! `/integrations/api-keys`.

use askama::Template;

use super::{Area, areas, has_ended, status};
use crate::base::clock::Millis;
use crate::base::page::DEFAULT_LIMIT;
use crate::base::scope::Scope;
use crate::console::Visit;
use crate::console::frame::{Frame, Section};
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::keys::model::ApiKey;
use crate::keys::{Keys, store};

#[derive(Template)]
#[template(path = "api_keys/list.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Row>,
    ended_count: i64,
    shows_ended: bool,
    may_write: bool,
    newest: Option<String>,
    older: Option<String>,
    areas: Vec<Area>,
}

#[derive(serde::Serialize)]
struct Row {
    key: ApiKey,
    status: &'static str,
    has_ended: bool,
}

/// `GET /integrations/api-keys`; with `?ended=true` those that have ended too.
pub async fn list_keys(keys: Keys, mut visit: Visit) -> Result<Reply, Problem> {
    let query = &mut visit.call.query;
    let ended = query.read("ended", |text| match text {
        "true" => Ok(true),
        _ => Err("expected true".into()),
    });
    let shows_ended = ended.unwrap_or(false);
    let workspace = visit.call.caller.workspace;
    let name = format!("console api-keys {workspace:?} {shows_ended}");
    let page = query.page(DEFAULT_LIMIT, name);
    let is_first = page.after.is_none();
    visit.take_query().finish()?;

    let client = keys.db.client().await?;
    let found = match shows_ended {
        true => store::list(&client, workspace, &page).await?,
        false => store::list_live(&client, workspace, &page).await?,
    };
    let ended_count = store::count_ended(&client, workspace).await?;
    drop(client);
    let listing = page.listing(found, |key| key.id.to_string());
    let now = Millis::now();
    let rows: Vec<Row> = listing
        .data
        .into_iter()
        .map(|key| {
            let status = status(&key, now);
            Row {
                has_ended: has_ended(status),
                status,
                key,
            }
        })
        .collect();
    let base = match shows_ended {
        true => "/integrations/api-keys?ended=true",
        false => "/integrations/api-keys",
    };
    let joint = if shows_ended { '&' } else { '?' };
    let older = listing
        .next_cursor
        .map(|cursor| format!("{base}{joint}cursor={cursor}"));
    let shown = ListPage {
        frame: visit.frame("API keys", Section::ApiKeys),
        ended_count,
        shows_ended,
        may_write: visit.may(Scope::KeysWrite),
        newest: (!is_first).then(|| base.to_owned()),
        older,
        areas: areas(),
        rows,
    };
    visit.show_list(&shown, &(&shown.rows, ended_count))
}
