//! The SQL of endpoints. Secrets and headers pass through here sealed.

use std::collections::BTreeMap;

use tokio_postgres::{Client, Row, Transaction};
use uuid::Uuid;

use super::endpoint::{Endpoint, destination_of};
use super::model::Webhook;
use super::stored::{Sealed, StoredWebhook};
use crate::audit::{Actor, Changes, Target, Work};
use crate::base::caller::WorkspaceId;
use crate::base::id::{DestinationId, WebhookId};
use crate::base::page::Page;
use crate::bus::{Bus, NewEvent};
use crate::db::{self, Db, DbError};
use crate::delivery::engine::breaker::HealthState;
use crate::delivery::{log, schedule};
use crate::feed::ChangeKind;
use crate::filter::FilterText;

/// How long a recovery may wait for another one of its endpoint, and for each of its statements.
const RECOVERY_MILLIS: u32 = 60_000;

/// Why an endpoint is disabled that answered 410.
pub const GONE: &str = "The endpoint answered 410 Gone.";

pub(super) const COLUMNS: &str = "id, workspace_id, name, url, events, description, headers, max_attempts,
    timeout_seconds, rate_limit_per_second, enabled, disabled_reason, health, secret, previous_secret,
    previous_secret_until, created_at, updated_at, filter, ordering";

/// Writes a new endpoint.
pub async fn insert(transaction: &Transaction<'_>, webhook: &StoredWebhook) -> Result<(), DbError> {
    let shown = &webhook.shown;
    transaction
        .execute(
            "insert into webhooks (id, workspace_id, name, url, events, description, headers, max_attempts,
                 timeout_seconds, rate_limit_per_second, secret, created_at, updated_at, filter,
                 ordering)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $13, $14)",
            &[
                &shown.id,
                &webhook.workspace,
                &shown.name,
                &shown.url,
                &shown.events,
                &shown.description,
                &webhook.headers,
                &small(shown.max_attempts),
                &small(shown.timeout_seconds),
                &rate(shown.rate_limit_per_second),
                &webhook.secret,
                &shown.created_at,
                &filter_text(shown),
                &shown.ordering,
            ],
        )
        .await?;
    Ok(())
}

/// Writes all that a request or a rotation can change.
pub async fn update(transaction: &Transaction<'_>, webhook: &StoredWebhook) -> Result<(), DbError> {
    let shown = &webhook.shown;
    transaction
        .execute(
            "update webhooks set name = $2, url = $3, events = $4, description = $5, headers = $6,
                 max_attempts = $7, timeout_seconds = $8, rate_limit_per_second = $9, enabled = $10,
                 disabled_reason = $11, health = $12, secret = $13, previous_secret = $14,
                 previous_secret_until = $15, updated_at = $16, filter = $17, ordering = $18
             where id = $1",
            &[
                &shown.id,
                &shown.name,
                &shown.url,
                &shown.events,
                &shown.description,
                &webhook.headers,
                &small(shown.max_attempts),
                &small(shown.timeout_seconds),
                &rate(shown.rate_limit_per_second),
                &shown.enabled,
                &shown.disabled_reason,
                &webhook.health.name(),
                &webhook.secret,
                &webhook.previous_secret,
                &webhook.previous_secret_until,
                &shown.updated_at,
                &filter_text(shown),
                &shown.ordering,
            ],
        )
        .await?;
    Ok(())
}

/// One endpoint of a workspace.
pub async fn find(
    client: &Client,
    workspace: WorkspaceId,
    id: WebhookId,
) -> Result<Option<StoredWebhook>, DbError> {
    let statement = format!("select {COLUMNS} from webhooks where workspace_id = $1 and id = $2");
    let row = client.query_opt(&statement, &[&workspace, &id]).await?;
    Ok(row.as_ref().map(stored))
}

/// One endpoint of a workspace, locked until the transaction ends, against all but a recovery: that takes its time, and
/// minds only that the endpoint is not deleted.
pub async fn lock(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    id: WebhookId,
) -> Result<Option<StoredWebhook>, DbError> {
    let statement =
        format!("select {COLUMNS} from webhooks where workspace_id = $1 and id = $2 for no key update");
    let row = transaction.query_opt(&statement, &[&workspace, &id]).await?;
    Ok(row.as_ref().map(stored))
}

/// The name of an endpoint; `None` if there is none.
pub async fn name_of(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    id: WebhookId,
) -> Result<Option<String>, DbError> {
    let statement = "select name from webhooks where workspace_id = $1 and id = $2";
    let row = transaction.query_opt(statement, &[&workspace, &id]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// Lets a transaction take as long as there are deliveries to look at: a usual request's limits would end it.
pub async fn take_time(transaction: &Transaction<'_>) -> Result<(), DbError> {
    let limits = format!(
        "set local lock_timeout = {RECOVERY_MILLIS}; set local statement_timeout = {RECOVERY_MILLIS}"
    );
    Ok(transaction.batch_execute(&limits).await?)
}

/// Keeps a destination of the workspace from being deleted; `false` if there is none.
pub async fn keep(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    destination: DestinationId,
) -> Result<bool, DbError> {
    for table in ["webhooks", "rules"] {
        let statement = format!("select from {table} where workspace_id = $1 and id = $2 for key share");
        let found = transaction
            .query_opt(&statement, &[&workspace, &destination])
            .await?;
        if found.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Keeps the endpoints of a workspace, or one of them, from being deleted.
pub async fn keep_all(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    only: Option<WebhookId>,
) -> Result<(), DbError> {
    let statement = "select from webhooks where workspace_id = $1 and ($2::uuid is null or id = $2)
                     order by id for key share";
    transaction.execute(statement, &[&workspace, &only]).await?;
    Ok(())
}

/// Waits for another recovery of the endpoint, keeps it from being deleted, and returns its name; `None` if there is none.
pub async fn lock_recovery(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    webhook: WebhookId,
) -> Result<Option<String>, DbError> {
    // A second recovery takes as long as the first.
    take_time(transaction).await?;
    // `for key share` lets changes through, and so two recoveries too: they would both see what neither has written.
    let turn = "select pg_advisory_xact_lock(hashtextextended('recover ' || $1::uuid::text, 0))";
    transaction.execute(turn, &[&webhook.uuid()]).await?;
    let statement = "select name from webhooks where workspace_id = $1 and id = $2 for key share";
    let row = transaction.query_opt(statement, &[&workspace, &webhook]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// A page of a workspace's endpoints, newest first.
pub async fn list(
    client: &Client,
    workspace: WorkspaceId,
    page: &Page,
) -> Result<Vec<StoredWebhook>, DbError> {
    let after = page.after.as_deref().and_then(WebhookId::parse);
    let statement = format!(
        "select {COLUMNS} from webhooks where workspace_id = $1 and ($2::uuid is null or id < $2)
         order by id desc limit $3"
    );
    let rows = client
        .query(&statement, &[&workspace, &after, &page.fetch_count()])
        .await?;
    Ok(rows.iter().map(stored).collect())
}

/// The endpoints with these ids, or all.
pub async fn load(client: &Client, ids: Option<&[Uuid]>) -> Result<Vec<StoredWebhook>, DbError> {
    let statement = format!("select {COLUMNS} from webhooks where $1::uuid[] is null or id = any($1)");
    let rows = client.query(&statement, &[&ids]).await?;
    Ok(rows.iter().map(stored).collect())
}

/// Removes an endpoint. What was pending for it ends as failed; its log stays.
pub async fn delete(transaction: &Transaction<'_>, id: WebhookId) -> Result<(), DbError> {
    transaction
        .execute("delete from webhooks where id = $1", &[&id])
        .await?;
    let destination = destination_of(id);
    schedule::store::delete_of(transaction, destination).await?;
    log::store::fail_pending(transaction, destination).await?;
    Ok(())
}

/// Writes how endpoints are doing, in one statement, and tells of those that it changed what `notice` says. Gives back of
/// which it is written now; where a request holds an endpoint locked it has to be tried again.
pub async fn set_health(
    db: &Db,
    bus: &dyn Bus,
    healths: &[(WebhookId, HealthState)],
    notice: impl Fn((WebhookId, HealthState)) -> Option<NewEvent>,
) -> Result<Vec<WebhookId>, DbError> {
    let (ids, names): (Vec<WebhookId>, Vec<&str>) =
        healths.iter().map(|(id, health)| (*id, health.name())).unzip();
    let mut client = db.client().await?;
    let transaction = db::begin(&mut client).await?;
    let statement = "
        with held as materialized (
            select w.id, w.health as before, told.health
            from unnest($1::uuid[], $2::text[]) as told(id, health) join webhooks w on w.id = told.id
            for no key update of w skip locked
        ), changed as (
            update webhooks w set health = held.health from held where w.id = held.id and held.before <> held.health
        )
        select id, before <> health from held";
    let rows = transaction.query(statement, &[&ids, &names]).await?;
    let written: Vec<(WebhookId, bool)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    // Another instance may have emitted the notices of the others already.
    let is_changed = |id: WebhookId| written.contains(&(id, true));
    let changed = healths.iter().copied().filter(|(id, _)| is_changed(*id));
    let emission = bus
        .emit(&transaction, changed.filter_map(notice).collect())
        .await?;
    db::commit(transaction).await?;
    emission.committed();
    Ok(written.into_iter().map(|(id, _)| id).collect())
}

/// Disables an endpoint that answered 410, and emits the notice of it.
pub async fn disable_gone(
    client: &mut db::Client,
    bus: &dyn Bus,
    endpoint: &Endpoint,
    notice: Option<NewEvent>,
) -> Result<(), DbError> {
    let work = Work::begin_as(client, endpoint.workspace, Actor::System).await?;
    let row = work
        .transaction()
        .query_opt(
            "update webhooks set enabled = false, disabled_reason = $3, updated_at = now()
             where workspace_id = $1 and id = $2 and enabled returning name",
            &[&endpoint.workspace, &endpoint.id, &GONE],
        )
        .await?;
    let Some(row) = row else { return Ok(()) };
    let mut changes = Changes::default();
    changes.note("enabled", &true, &false);
    changes.note("disabled_reason", &None, &Some(GONE));
    let target = Target::new("webhook", endpoint.id, Some(row.get(0)));
    work.audit("webhook.updated", &target, &changes).await?;
    work.changed(ChangeKind::Webhook, endpoint.id.uuid()).await?;
    let emission = bus.emit(work.transaction(), notice.into_iter().collect()).await?;
    work.commit_silently().await?;
    emission.committed();
    Ok(())
}

/// What is sealed of the next endpoints after `after`, of all workspaces, locked until the transaction ends.
pub async fn lock_sealed(
    transaction: &Transaction<'_>,
    after: Uuid,
    count: i64,
) -> Result<Vec<Sealed>, DbError> {
    let rows = transaction
        .query(
            "select id, headers, secret, previous_secret from webhooks
             where id > $1 order by id limit $2 for update",
            &[&after, &count],
        )
        .await?;
    let sealed = rows.iter().map(|row| Sealed {
        id: row.get(0),
        headers: row.get(1),
        secret: row.get(2),
        previous_secret: row.get(3),
    });
    Ok(sealed.collect())
}

/// Writes what was sealed again. Nothing changes for readers, so neither does `updated_at`.
pub async fn put_sealed(transaction: &Transaction<'_>, sealed: &Sealed) -> Result<(), DbError> {
    transaction
        .execute(
            "update webhooks set headers = $2, secret = $3, previous_secret = $4 where id = $1",
            &[
                &sealed.id,
                &sealed.headers,
                &sealed.secret,
                &sealed.previous_secret,
            ],
        )
        .await?;
    Ok(())
}

pub(super) fn stored(row: &Row) -> StoredWebhook {
    let health = match row.get::<_, &str>(12) {
        "paused" => HealthState::Paused,
        "failing" => HealthState::Failing,
        _ => HealthState::Healthy,
    };
    let count = |column| {
        let count: Option<i16> = row.get(column);
        count.and_then(|count| u16::try_from(count).ok())
    };
    let rate: Option<i32> = row.get(9);
    let filter: Option<String> = row.get(18);
    StoredWebhook {
        workspace: row.get(1),
        shown: Webhook {
            id: row.get(0),
            name: row.get(2),
            url: row.get(3),
            events: row.get(4),
            filter: filter.and_then(FilterText::parse),
            description: row.get(5),
            headers: BTreeMap::new(),
            max_attempts: count(7),
            timeout_seconds: count(8),
            rate_limit_per_second: rate.and_then(|rate| u32::try_from(rate).ok()),
            enabled: row.get(10),
            health: health.name().to_owned(),
            disabled_reason: row.get(11),
            created_at: row.get(16),
            updated_at: row.get(17),
            ordering: row.get(19),
        },
        health,
        headers: row.get(6),
        secret: row.get(13),
        previous_secret: row.get(14),
        previous_secret_until: row.get(15),
    }
}

fn filter_text(shown: &Webhook) -> Option<&str> {
    shown.filter.as_ref().map(FilterText::as_str)
}

fn small(count: Option<u16>) -> Option<i16> {
    count.and_then(|count| i16::try_from(count).ok())
}

fn rate(rate: Option<u32>) -> Option<i32> {
    rate.and_then(|rate| i32::try_from(rate).ok())
}
