//! The SQL of the instances that read the feed, and of what each of them has seen.
//!
//! Each instance writes, once a second and after every change it read, the snapshot that its memory agrees with. Whether a
//! transaction is visible in a snapshot is exact, in whatever order transactions commit, so a change can be *confirmed*
//! (see [`super::confirmation`]). A silent instance counts until its lease ends; by then it
//! refuses every key.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use crate::base::clock::Millis;
use crate::base::id::InstanceId;
use crate::base::page::Page;
use crate::db::DbError;

/// What an instance's lease is longer than the time after which it refuses keys: its clock and ours may differ in pace.
const MARGIN: Duration = Duration::from_secs(1);
/// How long the row of a dead instance can be looked at.
const KEPT: &str = "1 minute";

/// This life of this process.
#[derive(Debug, Clone)]
pub struct Instance {
    id: InstanceId,
    name: String,
    started: Instant,
    lease: Duration,
}

/// An instance as the API shows it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ShownInstance {
    #[schema(value_type = String)]
    pub id: InstanceId,
    /// Host and process.
    pub name: String,
    pub version: String,
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Millis,
    #[schema(value_type = String, format = DateTime)]
    pub heartbeat_at: Millis,
    /// How long ago its memory last agreed with the database.
    #[schema(minimum = 0)]
    pub feed_age_seconds: f64,
    /// `false`: silent for so long that it refuses every key, if it still runs.
    pub live: bool,
}

impl Instance {
    /// A new life. It refuses keys by itself when it has heard nothing for `stale_after`.
    pub fn new(stale_after: Duration) -> Self {
        Self {
            id: InstanceId::generate(),
            name: instance_name(),
            started: Instant::now(),
            lease: stale_after + MARGIN,
        }
    }

    /// Says that this instance lives and that its memory agrees with the snapshot `seen` of the server's `life`.
    pub(super) async fn beat(&self, session: &Client, seen: &str, life: &str) -> Result<(), DbError> {
        session
            .execute(
                "insert into instances (id, name, version, started_at, live_until, seen, life)
                 values ($1, $2, $3, now() - $4 * interval '1 second', now() + $5 * interval '1 second',
                         ($6::text)::pg_snapshot, $7)
                 on conflict (id) do update
                 set heartbeat_at = now(), live_until = excluded.live_until, seen = excluded.seen,
                     life = excluded.life",
                &[
                    &self.id,
                    &self.name,
                    &env!("CARGO_PKG_VERSION"),
                    &self.started.elapsed().as_secs_f64(),
                    &self.lease.as_secs_f64(),
                    &seen,
                    &life,
                ],
            )
            .await?;
        Ok(())
    }

    /// Ends this life in order.
    pub(super) async fn leave(&self, session: &Client) -> Result<(), DbError> {
        session
            .execute("delete from instances where id = $1", &[&self.id])
            .await?;
        Ok(())
    }

    /// The public id.
    pub const fn id(&self) -> InstanceId {
        self.id
    }
}

/// How many live instances have seen the transaction `change`, and how many there are.
pub(super) async fn count_seen(
    client: &Client,
    me: Option<InstanceId>,
    change: &str,
) -> Result<(i64, i64), DbError> {
    let row = client
        .query_one(
            // A snapshot of another life says nothing: there the same id was another transaction.
            "select count(*) filter (where life = (select server_life())
                                     and pg_visible_in_snapshot(($1::text)::xid8, seen)), count(*)
             from instances where live_until > now() and id is distinct from $2",
            &[&change, &me],
        )
        .await?;
    // The instance that asks has it already.
    let own = i64::from(me.is_some());
    Ok((row.get::<_, i64>(0) + own, row.get::<_, i64>(1) + own))
}

/// A page of all instances, the youngest first. They belong to the operator, not to a workspace.
pub(super) async fn list(client: &Client, page: &Page) -> Result<Vec<ShownInstance>, DbError> {
    let after: Option<Uuid> = page
        .after
        .as_deref()
        .and_then(InstanceId::parse)
        .map(InstanceId::uuid);
    let rows = client
        .query(
            "select id, name, version, started_at, heartbeat_at,
                    greatest(extract(epoch from clock_timestamp() - heartbeat_at), 0)::float8, live_until > now()
             from instances where $1::uuid is null or id < $1 order by id desc limit $2",
            &[&after, &page.fetch_count()],
        )
        .await?;
    Ok(rows.iter().map(shown).collect())
}

fn shown(row: &Row) -> ShownInstance {
    ShownInstance {
        id: row.get(0),
        name: row.get(1),
        version: row.get(2),
        started_at: row.get(3),
        heartbeat_at: row.get(4),
        feed_age_seconds: row.get(5),
        live: row.get(6),
    }
}

/// Forgets instances that are long dead.
pub(super) async fn purge(client: &Client) -> Result<(), DbError> {
    let statement = format!("delete from instances where live_until < now() - interval '{KEPT}'");
    client.execute(&statement, &[]).await?;
    Ok(())
}

/// What operators know this process by.
pub fn instance_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}:{}", host.trim(), std::process::id())
}
