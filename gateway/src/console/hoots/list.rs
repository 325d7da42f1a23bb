//! `/integrations/sentries/hoots`.

use askama::Template;

use super::LIST;
use crate::base::clock::Millis;
use crate::base::page::DEFAULT_LIMIT;
use crate::base::scope::Scope;
use crate::console::Visit;
use crate::console::frame::{Frame, Section};
use crate::hoots::shown::Hoot;
use crate::hoots::{Hoots, store};
use crate::http::problem::Problem;
use crate::http::reply::Reply;

#[derive(Template)]
#[template(path = "hoots/list.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Hoot>,
    may_write: bool,
    newest: Option<String>,
    older: Option<String>,
}

/// `GET /integrations/sentries/hoots`.
pub async fn list_hoots(hoots: Hoots, mut visit: Visit) -> Result<Reply, Problem> {
    let workspace = visit.call.caller.workspace;
    let list = format!("console hoots {workspace:?}");
    let page = visit.call.query.page(DEFAULT_LIMIT, list);
    let is_first = page.after.is_none();
    visit.take_query().finish()?;
    let client = hoots.db.client().await?;
    let found = store::list(&client, workspace, &page).await?;
    drop(client);
    let (now, origin) = (Millis::now(), hoots.origin(&visit.call));
    let shown: Vec<Hoot> = found.into_iter().map(|hoot| hoot.shown(now, &origin)).collect();
    let listing = page.listing(shown, |hoot| hoot.id.to_string());
    let shown = ListPage {
        frame: visit.frame("Hoots", Section::Sentries),
        may_write: visit.may(Scope::SentriesWrite),
        newest: (!is_first).then(|| LIST.to_owned()),
        older: listing
            .next_cursor
            .map(|cursor| format!("{LIST}?cursor={cursor}")),
        rows: listing.data,
    };
    visit.show_list(&shown, &shown.rows)
}
