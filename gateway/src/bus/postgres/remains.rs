//! Ends the sessions of a dead or stuck owner, whose transactions lock rows that the successor needs. The server keeps the
//! sessions of a vanished machine until its network times out, and those of a suspended process for ever.

use std::time::Duration;

use tokio_postgres::Client;

use super::owner::LOCK_CLASS;
use crate::db::DbError;

/// A session that locks a dead owner's row and has been idle for this long is ended, even if it is not a gateway's.
const IDLE: Duration = Duration::from_secs(5);

/// Ends the sessions that hold the locks of these owners, and all others of theirs; how many there were. A living process
/// may have an owner of its past among them: its sessions stay, and so does the session that asks.
pub(super) async fn end_sessions(client: &Client, owners: &[i32]) -> Result<usize, DbError> {
    let ended = client
        .query(
            "select pg_terminate_backend(pid) from (
                 select l.pid from pg_locks l
                 where l.locktype = 'advisory' and l.objsubid = 2 and l.granted
                   and l.classid::bigint = $2 and l.objid::bigint = any($1::int4[])
                   and l.database = (select oid from pg_database where datname = current_database())
                   -- Not of a successor that is at work.
                   and exists (
                       select from bus_owners o where o.id::bigint = l.objid::bigint and o.taken_by is null)
                 union
                 select a.pid from pg_stat_activity a join bus_owners o on o.sessions = a.application_name
                 where o.id = any($1) and o.sessions <> '' and a.datname = current_database()
                   and not exists (
                       select from bus_owners living
                       where living.sessions = o.sessions and not living.id = any($1))
             ) as remains where pid <> pg_backend_pid()",
            &[&owners, &i64::from(LOCK_CLASS)],
        )
        .await?;
    Ok(ended.len())
}

/// Ends the sessions that block the session `waiting` while idle in a transaction; how many there were.
pub(super) async fn end_blockers(client: &Client, waiting: i32) -> Result<usize, DbError> {
    let ended = client
        .query(
            "select pg_terminate_backend(a.pid) from pg_stat_activity a
             where a.pid = any(pg_blocking_pids($1)) and a.state like 'idle in transaction%'
               and a.state_change < clock_timestamp() - $2 * interval '1 second'",
            &[&waiting, &IDLE.as_secs_f64()],
        )
        .await?;
    Ok(ended.len())
}
