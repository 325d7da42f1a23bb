//! `/integrations/api-keys/{id}`.

use askama::Template;

use super::{find, has_ended, status};
use crate::audit::{self, Entry, Filter};
use crate::base::clock::Millis;
use crate::base::scope::Scope;
use crate::console::Visit;
use crate::console::access::model::ConsoleSession;
use crate::console::frame::{Frame, Section};
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::keys::model::ApiKey;

const SESSION_COUNT: i64 = 50;
const ENTRY_COUNT: i64 = 20;

#[derive(Template)]
#[template(path = "api_keys/detail.html")]
struct DetailPage {
    frame: Frame,
    key: ApiKey,
    status: &'static str,
    has_ended: bool,
    is_own: bool,
    sessions: Vec<ConsoleSession>,
    /// `None`: the session may not see them.
    entries: Option<Vec<Entry>>,
    may_write: bool,
}

/// `GET /integrations/api-keys/{id}`.
pub async fn show_key(mut visit: Visit) -> Result<Reply, Problem> {
    let (key, sessions) = find(&visit, SESSION_COUNT).await?;
    visit.take_query().finish()?;
    let workspace = visit.call.caller.workspace;
    let entries = match visit.may(Scope::AuditRead) {
        false => None,
        true => {
            let filter = Filter {
                target: Some(key.id.to_string()),
                ..Filter::default()
            };
            let client = visit.console.db.client().await?;
            Some(audit::list(&client, workspace, &filter, ENTRY_COUNT).await?)
        }
    };
    let status = status(&key, Millis::now());
    visit.show(&DetailPage {
        frame: visit.frame(&key.name, Section::ApiKeys),
        status,
        has_ended: has_ended(status),
        is_own: key.id == visit.call.caller.key_id,
        sessions,
        entries,
        may_write: visit.may(Scope::KeysWrite),
        key,
    })
}
