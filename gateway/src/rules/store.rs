//! The SQL of rules.

use serde_json::value::RawValue;
use tokio_postgres::{Client, Row, Transaction};
use uuid::Uuid;

use super::model::{Rule, StoredRule, Unsure, destination_of};
use crate::base::caller::WorkspaceId;
use crate::base::id::RuleId;
use crate::base::page::Page;
use crate::db::{self, Db, DbError};
use crate::delivery::engine::breaker::HealthState;
use crate::delivery::{log, schedule};
use crate::filter::FilterText;
use crate::webhooks::store::take_time;

const COLUMNS: &str = "id, workspace_id, name, events, filter, action, connection_id, input, ordering, unsure,
    emit_result, max_attempts, timeout_seconds, rate_limit_per_second, enabled, disabled_reason, health, revision,
    created_at, updated_at";

/// Writes a new rule.
pub async fn insert(transaction: &Transaction<'_>, rule: &StoredRule) -> Result<(), DbError> {
    let shown = &rule.shown;
    transaction
        .execute(
            "insert into rules (id, workspace_id, name, events, filter, action, connection_id, input, ordering,
                 unsure, emit_result, max_attempts, timeout_seconds, rate_limit_per_second, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15)",
            &[
                &shown.id,
                &rule.workspace,
                &shown.name,
                &shown.events,
                &shown.filter.as_ref().map(FilterText::as_str),
                &shown.action,
                &shown.connection_id,
                &shown.input.get(),
                &shown.ordering,
                &shown.unsure.map(Unsure::name),
                &shown.emit_result,
                &small(shown.max_attempts),
                &small(shown.timeout_seconds),
                &rate(shown.rate_limit_per_second),
                &shown.created_at,
            ],
        )
        .await?;
    Ok(())
}

/// Writes all that a request can change.
pub async fn update(transaction: &Transaction<'_>, rule: &StoredRule) -> Result<(), DbError> {
    let shown = &rule.shown;
    transaction
        .execute(
            "update rules set name = $2, events = $3, filter = $4, action = $5, connection_id = $6, input = $7,
                 ordering = $8, unsure = $9, emit_result = $10, max_attempts = $11, timeout_seconds = $12,
                 rate_limit_per_second = $13, enabled = $14, disabled_reason = $15, health = $16, revision = $17,
                 updated_at = $18
             where id = $1",
            &[
                &shown.id,
                &shown.name,
                &shown.events,
                &shown.filter.as_ref().map(FilterText::as_str),
                &shown.action,
                &shown.connection_id,
                &shown.input.get(),
                &shown.ordering,
                &shown.unsure.map(Unsure::name),
                &shown.emit_result,
                &small(shown.max_attempts),
                &small(shown.timeout_seconds),
                &rate(shown.rate_limit_per_second),
                &shown.enabled,
                &shown.disabled_reason,
                &rule.health.name(),
                &shown.revision,
                &shown.updated_at,
            ],
        )
        .await?;
    Ok(())
}

/// One rule of a workspace.
pub async fn find(
    client: &Client,
    workspace: WorkspaceId,
    id: RuleId,
) -> Result<Option<StoredRule>, DbError> {
    let statement = format!("select {COLUMNS} from rules where workspace_id = $1 and id = $2");
    let row = client.query_opt(&statement, &[&workspace, &id]).await?;
    Ok(row.as_ref().map(stored))
}

/// One rule of a workspace, locked until the transaction ends, against all but a recovery.
pub async fn lock(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    id: RuleId,
) -> Result<Option<StoredRule>, DbError> {
    let statement =
        format!("select {COLUMNS} from rules where workspace_id = $1 and id = $2 for no key update");
    let row = transaction.query_opt(&statement, &[&workspace, &id]).await?;
    Ok(row.as_ref().map(stored))
}

/// The name of a rule; `None` if there is none.
pub async fn name_of(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    id: RuleId,
) -> Result<Option<String>, DbError> {
    let statement = "select name from rules where workspace_id = $1 and id = $2";
    let row = transaction.query_opt(statement, &[&workspace, &id]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// Waits for another recovery of the rule, keeps it from being deleted, and returns its name; `None` if there is none.
pub async fn lock_recovery(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    id: RuleId,
) -> Result<Option<String>, DbError> {
    // A second recovery takes as long as the first.
    take_time(transaction).await?;
    // `for key share` lets changes through, and so two recoveries too: they would both see what neither has written.
    let turn = "select pg_advisory_xact_lock(hashtextextended('recover ' || $1::uuid::text, 0))";
    transaction.execute(turn, &[&id.uuid()]).await?;
    let statement = "select name from rules where workspace_id = $1 and id = $2 for key share";
    let row = transaction.query_opt(statement, &[&workspace, &id]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// A page of a workspace's rules, newest first.
pub async fn list(client: &Client, workspace: WorkspaceId, page: &Page) -> Result<Vec<StoredRule>, DbError> {
    let after = page.after.as_deref().and_then(RuleId::parse);
    let statement = format!(
        "select {COLUMNS} from rules where workspace_id = $1 and ($2::uuid is null or id < $2)
         order by id desc limit $3"
    );
    let rows = client
        .query(&statement, &[&workspace, &after, &page.fetch_count()])
        .await?;
    Ok(rows.iter().map(stored).collect())
}

/// The rules with these ids, or all.
pub async fn load(client: &Client, ids: Option<&[Uuid]>) -> Result<Vec<StoredRule>, DbError> {
    let statement = format!("select {COLUMNS} from rules where $1::uuid[] is null or id = any($1)");
    let rows = client.query(&statement, &[&ids]).await?;
    Ok(rows.iter().map(stored).collect())
}

/// Removes a rule. What was pending for it ends as failed; its log stays.
pub async fn delete(transaction: &Transaction<'_>, id: RuleId) -> Result<(), DbError> {
    transaction
        .execute("delete from rules where id = $1", &[&id])
        .await?;
    let destination = destination_of(id);
    schedule::store::delete_of(transaction, destination).await?;
    log::store::fail_pending(transaction, destination).await?;
    Ok(())
}

/// Writes how rules are doing, in one statement. Gives back of which it is written now; where a request holds a rule locked
/// it has to be tried again.
pub async fn set_health(db: &Db, healths: &[(RuleId, HealthState)]) -> Result<Vec<RuleId>, DbError> {
    let (ids, names): (Vec<RuleId>, Vec<&str>) =
        healths.iter().map(|(id, health)| (*id, health.name())).unzip();
    let mut client = db.client().await?;
    let transaction = db::begin(&mut client).await?;
    let statement = "
        with held as materialized (
            select r.id, r.health as before, told.health
            from unnest($1::uuid[], $2::text[]) as told(id, health) join rules r on r.id = told.id
            for no key update of r skip locked
        ), changed as (
            update rules r set health = held.health from held where r.id = held.id and held.before <> held.health
        )
        select id from held";
    let rows = transaction.query(statement, &[&ids, &names]).await?;
    db::commit(transaction).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

fn stored(row: &Row) -> StoredRule {
    let health = match row.get::<_, &str>(16) {
        "paused" => HealthState::Paused,
        "failing" => HealthState::Failing,
        _ => HealthState::Healthy,
    };
    let count = |column| {
        let count: Option<i16> = row.get(column);
        count.and_then(|count| u16::try_from(count).ok())
    };
    let rate: Option<i32> = row.get(13);
    let filter: Option<String> = row.get(4);
    // Only JSON was ever written there.
    let input = RawValue::from_string(row.get(7)).unwrap_or_else(|_| RawValue::NULL.to_owned());
    let unsure: Option<&str> = row.get(9);
    StoredRule {
        workspace: row.get(1),
        shown: Rule {
            id: row.get(0),
            name: row.get(2),
            events: row.get(3),
            filter: filter.and_then(FilterText::parse),
            action: row.get(5),
            connection_id: row.get(6),
            input,
            ordering: row.get(8),
            unsure: unsure.and_then(Unsure::parse),
            emit_result: row.get(10),
            max_attempts: count(11),
            timeout_seconds: count(12),
            rate_limit_per_second: rate.and_then(|rate| u32::try_from(rate).ok()),
            enabled: row.get(14),
            health: health.name().to_owned(),
            disabled_reason: row.get(15),
            revision: row.get(17),
            created_at: row.get(18),
            updated_at: row.get(19),
        },
        health,
    }
}

fn small(count: Option<u16>) -> Option<i16> {
    count.and_then(|count| i16::try_from(count).ok())
}

fn rate(rate: Option<u32>) -> Option<i32> {
    rate.and_then(|rate| i32::try_from(rate).ok())
}
