//! `GET /v1/instances`.

use super::instance_store;
use crate::base::page;
use crate::db::Db;
use crate::http::call::Call;
use crate::http::problem::Problem;
use crate::http::reply::Reply;

/// Lists the instances that live, and those that died a moment ago.
pub async fn list_instances(db: &Db, mut call: Call) -> Result<Reply, Problem> {
    let page = call.query.page(page::DEFAULT_LIMIT, "instances".into());
    call.query.finish()?;
    let client = db.client().await?;
    let found = instance_store::list(&client, &page).await?;
    Reply::ok(&page.listing(found, |instance| instance.id.to_string()))
}
