//! `/integrations/audit` and `/integrations/audit.csv`.

use askama::Template;

use super::changes::{self, Change};
use crate::audit::{Entry, Filter, api, list};
use crate::base::id::AuditId;
use crate::base::page::{DEFAULT_LIMIT, Listing};
use crate::console::alert::Alert;
use crate::console::filter::{Asked, Fields};
use crate::console::frame::{Frame, Section};
use crate::console::{Visit, page};
use crate::http::problem::Problem;
use crate::http::reply::Reply;

const PATH: &str = "/integrations/audit";
const FILE: &str = "/integrations/audit.csv";
const FIELDS: Fields = &[
    ("action", "Action"),
    ("actor", "Actor"),
    ("target", "Target"),
    ("since", "From"),
    ("until", "To"),
];

#[derive(Template)]
#[template(path = "audit/list.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Row>,
    asked: Asked,
    alert: Option<Alert>,
    /// The file of the filter that is shown.
    file: String,
    newest: Option<String>,
    older: Option<String>,
}

#[derive(serde::Serialize)]
struct Row {
    entry: Entry,
    /// The page of what was acted on, where it has one and is still there.
    page: Option<String>,
    changes: Vec<Change>,
    more_count: usize,
}

/// `GET /integrations/audit`.
pub async fn list_audit(visit: Visit) -> Result<Reply, Problem> {
    let asked = Asked::read(FIELDS, visit.uri.query());
    let (listing, alert) = match read(&visit, &asked).await {
        Ok(listing) => (listing, None),
        Err(problem) => {
            let nothing = Listing {
                data: Vec::new(),
                next_cursor: None,
            };
            (nothing, Some(Alert::of(problem, FIELDS)?))
        }
    };
    let base = asked.url(PATH);
    let joint = if base.contains('?') { '&' } else { '?' };
    let is_first = asked.value("cursor").is_empty();
    let older = listing.next_cursor;
    let shown = ListPage {
        frame: visit.frame(Section::Audit.label(), Section::Audit),
        rows: listing.data.into_iter().map(row).collect(),
        file: asked.url(FILE),
        older: older.map(|cursor| format!("{base}{joint}cursor={cursor}")),
        newest: (!is_first).then_some(base),
        asked,
        alert,
    };
    match shown.alert.as_ref().map(|alert| alert.status) {
        Some(status) => page::html(status, &shown),
        None => visit.show_list(&shown, &shown.rows),
    }
}

async fn read(visit: &Visit, asked: &Asked) -> Result<Listing<Entry>, Problem> {
    let workspace = visit.call.caller.workspace;
    let mut query = asked.query();
    let mut filter = Filter::take(&mut query);
    let page = query.page(DEFAULT_LIMIT, format!("console audit {workspace:?} {filter:?}"));
    query.finish()?;
    filter.after = page.after.as_deref().and_then(AuditId::parse).map(AuditId::uuid);
    let client = visit.console.db.client().await?;
    let entries = list(&client, workspace, &filter, page.fetch_count()).await?;
    Ok(page.listing(entries, |entry| entry.id.to_string()))
}

fn row(entry: Entry) -> Row {
    let (changes, more_count) = changes::read(entry.changes.as_deref());
    Row {
        page: page_of(&entry),
        changes,
        more_count,
        entry,
    }
}

/// The page of an entry's target.
fn page_of(entry: &Entry) -> Option<String> {
    let id = &entry.target.id;
    let group = match entry.target.r#type.as_str() {
        _ if entry.action.ends_with(".deleted") => return None,
        "api_key" => "api-keys",
        "webhook" => "webhooks",
        "delivery" if id != "*" => "deliveries",
        "import" => "imports",
        "sentry" => "sentries",
        "hoot" => "sentries/hoots",
        _ => return None,
    };
    Some(format!("/integrations/{group}/{id}"))
}

impl ListPage {
    /// Where `Clear filters` leads.
    const fn clear(&self) -> &'static str {
        PATH
    }
}

/// `GET /integrations/audit.csv`: all entries that the filter lets through.
pub async fn download_trail(mut visit: Visit) -> Result<Reply, Problem> {
    visit.call.query = Asked::read(FIELDS, visit.uri.query()).query();
    api::audit_csv(visit.console.db.clone(), visit.call)
}
