//! The log table of the change feed.

use tokio_postgres::{Client, Transaction};
use uuid::Uuid;

use super::ChangeKind;
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::db::{DbError, purge_slowly};

const CHANNEL: &str = "gateway_changes";

/// One row of the log.
#[derive(Debug, Clone)]
pub struct Change {
    pub kind: String,
    pub entity: Uuid,
    pub workspace: WorkspaceId,
}

/// Writes a change in its own transaction and wakes the readers at its commit.
///
/// NOTIFY locks all commits of the database, so this is for rare changes, never for traffic.
pub async fn record(
    transaction: &Transaction<'_>,
    kind: ChangeKind,
    workspace: WorkspaceId,
    entity: Uuid,
) -> Result<(), DbError> {
    transaction
        .execute(
            "insert into changes (kind, entity, workspace_id) values ($1, $2, $3)",
            &[&kind.name(), &entity, &workspace],
        )
        .await?;
    transaction
        .execute("select pg_notify($1, '')", &[&CHANNEL])
        .await?;
    Ok(())
}

/// Writes changes of many things of one kind and wakes nobody: readers find them when a
/// [`Bell`](super::bell::Bell) rings after the commit, or at their next poll. For what changes with traffic.
pub async fn record_quietly(
    transaction: &Transaction<'_>,
    kind: ChangeKind,
    workspace: WorkspaceId,
    entities: &[Uuid],
) -> Result<(), DbError> {
    if entities.is_empty() {
        return Ok(());
    }
    transaction
        .execute(
            "insert into changes (kind, entity, workspace_id) select $1, entity, $3 from unnest($2::uuid[]) as entity",
            &[&kind.name(), &entities, &workspace],
        )
        .await?;
    Ok(())
}

/// Wakes the readers now.
pub(super) async fn wake_readers(client: &Client) -> Result<(), DbError> {
    client.execute("select pg_notify($1, '')", &[&CHANNEL]).await?;
    Ok(())
}

pub(super) async fn listen(session: &Client) -> Result<(), DbError> {
    Ok(session.batch_execute(&format!("listen {CHANNEL}")).await?)
}

/// Which life of which server answers. Until it ends, what was visible stays visible, and no transaction id is given twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerLife(String);

impl ServerLife {
    /// As the table of instances holds it.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The life of the server at the other end of `session`. A standby is refused: it may lag behind without a bound.
pub(super) async fn server_life(session: &Client) -> Result<ServerLife, DbError> {
    let row = session
        .query_one("select server_life(), pg_is_in_recovery()", &[])
        .await?;
    if row.get(1) {
        let cause = "the server is a standby, which may lag behind; database.url must lead to the primary";
        return Err(DbError::Away(cause.into()));
    }
    Ok(ServerLife(row.get(0)))
}

/// How far a reader has read.
#[derive(Debug, Clone)]
pub(super) struct Position {
    /// The oldest transaction that was still open: all before it have been read.
    oldest_open: String,
    /// All that was visible, as PostgreSQL writes a `pg_snapshot`.
    pub(super) snapshot: String,
    /// What the database's clock showed.
    pub(super) clock: Millis,
}

impl Position {
    /// Whether this position, taken after `earlier`, lies before it: then transaction ids went back.
    pub(super) fn is_before(&self, earlier: &Self) -> bool {
        match (self.next_id(), earlier.next_id()) {
            (Some(next), Some(then)) => next < then,
            _ => true,
        }
    }

    /// The first transaction id that was not given yet: the middle part of `xmin:xmax:list`.
    fn next_id(&self) -> Option<u64> {
        self.snapshot.split(':').nth(1)?.parse().ok()
    }
}

/// The present position.
pub(super) async fn position(session: &Client) -> Result<Position, DbError> {
    let row = session
        .query_one(
            "select pg_snapshot_xmin(seen)::text, seen::text, clock_timestamp() from pg_current_snapshot() as seen",
            &[],
        )
        .await?;
    Ok(Position {
        oldest_open: row.get(0),
        snapshot: row.get(1),
        clock: row.get(2),
    })
}

/// The changes since `position`, and the next position, of one snapshot. Some may have been read before.
pub(super) async fn read_since(
    session: &Client,
    position: &Position,
) -> Result<(Position, Vec<Change>), DbError> {
    let rows = session
        .query(
            "select pg_snapshot_xmin(seen)::text, seen::text, clock_timestamp(), kind, entity, workspace_id
             from pg_current_snapshot() as seen
             left join (
                 select kind, entity, workspace_id, xid from changes where xid >= ($1::text)::xid8
             ) as found on not pg_visible_in_snapshot(xid, ($2::text)::pg_snapshot)",
            &[&position.oldest_open, &position.snapshot],
        )
        .await?;
    let next = rows.first().map(|row| Position {
        oldest_open: row.get(0),
        snapshot: row.get(1),
        clock: row.get(2),
    });
    let changes = rows.iter().filter_map(|row| {
        Some(Change {
            kind: row.get::<_, Option<String>>(3)?,
            entity: row.get(4),
            workspace: row.get(5),
        })
    });
    let changes = changes.collect();
    Ok((next.unwrap_or_else(|| position.clone()), changes))
}

/// The transaction under way, as [`super::confirmation::confirm`] asks for it. Call it after a write.
pub async fn transaction_id(transaction: &Transaction<'_>) -> Result<String, DbError> {
    let row = transaction
        .query_one("select pg_current_xact_id()::text", &[])
        .await?;
    Ok(row.get(0))
}

/// Fails if the server's disk is full. A heartbeat changes a row in its place and needs no room, so without this nobody would
/// see it before the first event is refused. The rows of a temporary table need no log and go at the commit.
pub(super) async fn try_room(session: &Client) -> Result<(), DbError> {
    let exists = "select to_regclass('pg_temp.gateway_room') is not null,
                         has_database_privilege(current_database(), 'temporary')";
    let row = session.query_one(exists, &[]).await?;
    let (exists, may_make): (bool, bool) = (row.get(0), row.get(1));
    if !exists {
        if !may_make {
            return Ok(());
        }
        let make = "create temporary table gateway_room (filler text) on commit delete rows";
        session.batch_execute(make).await?;
    }
    // A quarter of a mebibyte, in rows that are too short to be compressed.
    let fill = "insert into pg_temp.gateway_room select repeat('x', 1000) from generate_series(1, 256)";
    session.batch_execute(fill).await?;
    Ok(())
}

/// Forgets changes older than a day, a bounded number at a time.
pub async fn purge(client: &Client) -> Result<(), DbError> {
    let statement = "delete from changes where ctid = any(array(
                         select ctid from changes where at < now() - interval '1 day' limit 10000))";
    purge_slowly(client, statement, &[]).await
}

#[cfg(test)]
mod tests {
    use super::{Millis, Position};

    #[test]
    fn a_snapshot_that_went_back_is_told() {
        let position = |snapshot: &str| Position {
            oldest_open: "1".into(),
            snapshot: snapshot.into(),
            clock: Millis::default(),
        };
        let then = position("90:100:92,95");
        for (now, is_before) in [
            ("90:100:", false),
            ("9:101:9", false),
            ("90:99:", true),
            ("", true),
        ] {
            assert_eq!(position(now).is_before(&then), is_before, "{now}");
        }
    }
}
