//! The SQL of connections: of sentries to upstream sentries, and to hoots.

use tokio_postgres::Transaction;

use super::draft::MAX_CONNECTED;
use crate::base::caller::WorkspaceId;
use crate::base::id::{HootId, SentryId};
use crate::db::DbError;

/// The places of ids that are no sentries of the workspace.
pub async fn unknown_sentries(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    ids: &[SentryId],
) -> Result<Vec<usize>, DbError> {
    // Kept from being deleted until the transaction ends.
    let statement =
        "select id from sentries where workspace_id = $1 and id = any($2) order by id for key share";
    let rows = transaction.query(statement, &[&workspace, &ids]).await?;
    let known: Vec<SentryId> = rows.iter().map(|row| row.get(0)).collect();
    Ok(places(ids, |id| known.contains(id)))
}

/// The places of ids that are no hoots of the workspace. The others are locked until the transaction ends, so that nobody
/// else connects anything with them.
pub async fn unknown_hoots(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    ids: &[HootId],
) -> Result<Vec<usize>, DbError> {
    let statement =
        "select id from hoots where workspace_id = $1 and id = any($2) order by id for no key update";
    let rows = transaction.query(statement, &[&workspace, &ids]).await?;
    let known: Vec<HootId> = rows.iter().map(|row| row.get(0)).collect();
    Ok(places(ids, |id| known.contains(id)))
}

fn places<T>(ids: &[T], is_known: impl Fn(&T) -> bool) -> Vec<usize> {
    let unknown = ids.iter().enumerate().filter(|(_, id)| !is_known(id));
    unknown.map(|(place, _)| place).collect()
}

/// Whether one of these sentries is `id`, or has it above itself. Who asks holds all changes of the workspace's upstreams
/// until its transaction ends, so that two changes cannot close a circle between them.
pub async fn would_circle(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    id: SentryId,
    upstream: &[SentryId],
) -> Result<bool, DbError> {
    let turn = "select pg_advisory_xact_lock(hashtextextended('sentry upstreams', $1::int4))";
    transaction.execute(turn, &[&workspace]).await?;
    let row = transaction
        .query_one(
            "with recursive above(id) as (
                 select unnest($2::uuid[])
                 union
                 select u.upstream_id from sentry_upstreams u join above on u.sentry_id = above.id
             )
             select exists (select from above where id = $1)",
            &[&id, &upstream],
        )
        .await?;
    Ok(row.get(0))
}

/// Connects a sentry with these upstreams and no others.
pub async fn put_upstream(
    transaction: &Transaction<'_>,
    id: SentryId,
    upstream: &[SentryId],
) -> Result<(), DbError> {
    let statement = "delete from sentry_upstreams where sentry_id = $1";
    transaction.execute(statement, &[&id]).await?;
    let statement = "insert into sentry_upstreams (sentry_id, upstream_id, position)
                     select $1, upstream, place from unnest($2::uuid[]) with ordinality as told(upstream, place)";
    transaction.execute(statement, &[&id, &upstream]).await?;
    Ok(())
}

/// Connects a sentry with these hoots and no others, which it follows in their lists; the places of those that are full.
pub async fn put_hoots(
    transaction: &Transaction<'_>,
    id: SentryId,
    hoots: &[HootId],
) -> Result<Vec<usize>, DbError> {
    let statement = "delete from hoot_sentries where sentry_id = $1 and hoot_id <> all($2)";
    transaction.execute(statement, &[&id, &hoots]).await?;
    let statement = "insert into hoot_sentries (hoot_id, sentry_id, of_hoot, of_sentry)
                     select hoot, $1, coalesce((select max(of_hoot) + 1 from hoot_sentries where hoot_id = hoot), 0), place
                     from unnest($2::uuid[]) with ordinality as told(hoot, place)
                     on conflict (hoot_id, sentry_id) do update set of_sentry = excluded.of_sentry";
    transaction.execute(statement, &[&id, &hoots]).await?;
    let statement =
        "select hoot_id from hoot_sentries where hoot_id = any($1) group by hoot_id having count(*) > $2";
    let most = i64::try_from(MAX_CONNECTED).unwrap_or(i64::MAX);
    let rows = transaction.query(statement, &[&hoots, &most]).await?;
    let full: Vec<HootId> = rows.iter().map(|row| row.get(0)).collect();
    Ok(places(hoots, |hoot| !full.contains(hoot)))
}

/// The hoots of each of these sentries that has some.
pub async fn hoots_of(
    transaction: &Transaction<'_>,
    ids: &[SentryId],
) -> Result<Vec<(SentryId, Vec<HootId>)>, DbError> {
    let statement = "select sentry_id, array_agg(hoot_id order by of_sentry, hoot_id) from hoot_sentries
                     where sentry_id = any($1) group by sentry_id";
    let rows = transaction.query(statement, &[&ids]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
