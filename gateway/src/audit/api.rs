//! `GET /v1/audit` and `GET /v1/audit.csv`.

use super::csv;
use super::store::{self, Filter};
use crate::base::id::AuditId;
use crate::base::page;
use crate::db::Db;
use crate::http::call::Call;
use crate::http::problem::Problem;
use crate::http::reply::Reply;

/// Lists the trail of the caller's workspace, newest first.
pub async fn list_audit(db: &Db, mut call: Call) -> Result<Reply, Problem> {
    let mut filter = Filter::take(&mut call.query);
    let list = format!("audit {:?} {filter:?}", call.caller.workspace);
    let page = call.query.page(page::DEFAULT_LIMIT, list);
    call.query.finish()?;
    filter.after = page.after.as_deref().and_then(AuditId::parse).map(AuditId::uuid);
    let client = db.client().await?;
    let entries = store::list(&client, call.caller.workspace, &filter, page.fetch_count()).await?;
    Reply::ok(&page.listing(entries, |entry| entry.id.to_string()))
}

/// The trail of the caller's workspace as a file, newest first, however long it is.
pub fn audit_csv(db: Db, mut call: Call) -> Result<Reply, Problem> {
    let filter = Filter::take(&mut call.query);
    call.query.finish()?;
    Ok(csv::reply(db, call.caller.workspace, filter))
}
