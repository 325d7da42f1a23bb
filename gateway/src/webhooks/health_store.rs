//! The SQL of how endpoints are doing: a page of the console gets all that it shows of them by one query.

use tokio_postgres::Client;
use uuid::Uuid;

use super::store::{COLUMNS, stored};
use super::stored::StoredWebhook;
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::WebhookId;
use crate::base::page::Page;
use crate::db::DbError;
use crate::delivery::log::list_store;
use crate::delivery::schedule;
use crate::delivery::stats::{History, store as stats_store};

/// How deliveries to an endpoint of a workspace went; `None` if there is no such endpoint.
pub async fn history(
    client: &Client,
    workspace: WorkspaceId,
    id: WebhookId,
) -> Result<Option<History>, DbError> {
    let history = stats_store::history_of("webhooks.id");
    let statement = format!("select {history} from webhooks where workspace_id = $1 and id = $2");
    let row = client.query_opt(&statement, &[&workspace, &id]).await?;
    Ok(row.map(|row| History::of(row.get(0))))
}

/// An endpoint and how it is doing.
pub struct Condition {
    pub webhook: StoredWebhook,
    /// How many deliveries are scheduled for it, counted up to a limit.
    pub scheduled: i64,
    /// Whether the recent days have as many deliveries as were asked for.
    pub has_recent: bool,
    pub history: History,
}

/// One endpoint of a workspace and how it is doing; scheduled deliveries are counted up to `most`.
pub async fn find(
    client: &Client,
    workspace: WorkspaceId,
    id: WebhookId,
    most: i64,
    delivery_count: u32,
) -> Result<Option<Condition>, DbError> {
    let scheduled = schedule::store::COUNT_SCHEDULED;
    let has_recent = list_store::has_recent("$2", "$4", "$5");
    let history = stats_store::history_of("webhooks.id");
    let statement = format!(
        "select {COLUMNS}, ({scheduled}), {has_recent}, {history}
         from webhooks where workspace_id = $1 and id = $2"
    );
    let recent = list_store::recent(Uuid::max());
    let row = client
        .query_opt(
            &statement,
            &[&workspace, &id, &most, &recent, &i64::from(delivery_count)],
        )
        .await?;
    Ok(row.map(|row| Condition {
        webhook: stored(&row),
        scheduled: row.get(20),
        has_recent: row.get(21),
        history: History::of(row.get(22)),
    }))
}

/// An endpoint and its last day.
pub struct Listed {
    pub webhook: StoredWebhook,
    pub last_success: Option<Millis>,
    pub history: History,
}

/// A page of a workspace's endpoints, newest first.
pub async fn list(client: &Client, workspace: WorkspaceId, page: &Page) -> Result<Vec<Listed>, DbError> {
    let after = page.after.as_deref().and_then(WebhookId::parse);
    let (last_success, history) = (
        stats_store::last_success_of("webhooks.id"),
        stats_store::last_day_of("webhooks.id"),
    );
    let statement = format!(
        "select {COLUMNS}, {last_success}, {history}
         from webhooks where workspace_id = $1 and ($2::uuid is null or id < $2) order by id desc limit $3"
    );
    let rows = client
        .query(&statement, &[&workspace, &after, &page.fetch_count()])
        .await?;
    let listed = rows.iter().map(|row| Listed {
        webhook: stored(row),
        last_success: row.get(20),
        history: History::of(row.get(21)),
    });
    Ok(listed.collect())
}
