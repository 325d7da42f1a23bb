//! The SQL of the overview: two queries, each for all that may be seen. Deliveries that ended are added up from their rollups;
//! events, and what is pending, are counted in their indexes up to a limit. So the page costs the same however many are
//! stored.

use serde::Deserialize;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::uuid_floor;
use crate::db::DbError;
use crate::delivery::stats::counters::{FIVE_MINUTES, HOUR, beginning};
use crate::delivery::stats::store as stats_store;
use crate::webhooks::store::GONE;

/// Things of a kind that are listed.
pub const MOST_OF_A_KIND: i64 = 10;
/// Events and pending deliveries are counted up to this; beyond it is many.
pub const MOST_COUNTED: i64 = 10_000;

/// What the session may see.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    pub webhooks: bool,
    pub sentries: bool,
    pub keys: bool,
    pub imports: bool,
    pub events: bool,
    pub instances: bool,
}

/// Something that needs attention.
pub struct Found {
    /// `webhook`, `sentry`, `api_key` or `import`.
    pub kind: String,
    pub id: Uuid,
    pub name: Option<String>,
    /// Its status, in the API's word.
    pub word: String,
    pub note: Option<String>,
    pub at: Option<Millis>,
    pub number: i64,
}

/// What may need attention: of each kind one more than is listed, if there are so many.
pub async fn attention(
    client: &Client,
    workspace: WorkspaceId,
    seen: Seen,
    since: Millis,
) -> Result<Vec<Found>, DbError> {
    let statement = "
        (select 'webhook' as kind, id, name, case when enabled then health else 'disabled' end as word,
             disabled_reason as note, null::timestamptz as at, 0::int8 as number
         from webhooks
         where workspace_id = $1 and $2 and (enabled and health in ('failing', 'paused')
             or not enabled and disabled_reason = $7)
         order by enabled desc, health desc, id desc limit $6)
        union all
        (select 'sentry', id, name, state::text, user_message, latest_record_at, 0
         from sentries where workspace_id = $1 and $3 and enabled and state in ('sad', 'sick')
         order by state desc, id desc limit $6)
        union all
        (select 'import', id, filename, status, error_message, created_at, rows_failed
         from imports
         where workspace_id = $1 and $4 and id >= $8 and not dry_run and undo is null
             and (status = 'failed' or status = 'completed' and rows_failed > 0)
         order by id desc limit $6)
        union all
        (select 'api_key', id, name, 'expires soon', null, expires_at, 0
         from api_keys
         where workspace_id = $1 and $5 and revoked_at is null
             and expires_at > now() and expires_at < now() + interval '7 days'
         order by expires_at limit $6)";
    let rows = client
        .query(
            statement,
            &[
                &workspace,
                &seen.webhooks,
                &seen.sentries,
                &seen.imports,
                &seen.keys,
                &(MOST_OF_A_KIND + 1),
                &GONE,
                &uuid_floor(since.0),
            ],
        )
        .await?;
    Ok(rows.iter().map(found).collect())
}

fn found(row: &Row) -> Found {
    Found {
        kind: row.get(0),
        id: row.get(1),
        name: row.get(2),
        word: row.get(3),
        note: row.get(4),
        at: row.get(5),
        number: row.get(6),
    }
}

/// The last 24 hours in numbers, and the instances.
pub struct Counted {
    pub counts: Counts,
    pub instances: Vec<ShownInstance>,
}

/// What was counted; of events and of pending deliveries at most one more than [`MOST_COUNTED`]. Deliveries that ended are
/// those of endpoints that are still there, as far as instances have written them.
pub struct Counts {
    pub events: i64,
    pub pending: i64,
    pub succeeded: i64,
    pub failed: i64,
    pub imports: i64,
    pub rows_written: i64,
    pub rows_failed: i64,
    pub happy: i64,
    pub sad: i64,
    pub sick: i64,
}

/// An instance of the gateway.
#[derive(Debug, Deserialize)]
pub struct ShownInstance {
    pub name: String,
    pub version: String,
    started_millis: i64,
    /// How long ago its memory last agreed with the database.
    pub feed_age_seconds: f64,
    pub is_live: bool,
}

impl ShownInstance {
    /// When it started.
    pub const fn started_at(&self) -> Millis {
        Millis(self.started_millis)
    }
}

/// Counts since `since`, of what the session may see.
pub async fn day(
    client: &Client,
    workspace: WorkspaceId,
    seen: Seen,
    types: &[String],
    since: Millis,
) -> Result<Counted, DbError> {
    let statement = format!(
        "select {}, {}, d.succeeded, d.failed, i.imports, i.rows_written, i.rows_failed, s.happy, s.sad, s.sick,
            (select json_agg(n order by is_live desc, name)::text from (
                 select name, version, floor(extract(epoch from started_at) * 1000)::int8 as started_millis,
                     greatest(extract(epoch from clock_timestamp() - heartbeat_at), 0)::float8 as feed_age_seconds,
                     live_until > now() as is_live
                 from instances where $6 order by id desc limit 50) n)
        from (select count(*) as imports, coalesce(sum(rows_created + rows_updated), 0)::int8 as rows_written,
                  coalesce(sum(rows_failed), 0)::int8 as rows_failed
              from imports where workspace_id = $1 and $7 and id >= $3 and not dry_run) i,
             (select count(*) filter (where state = 'happy') as happy, count(*) filter (where state = 'sad') as sad,
                  count(*) filter (where state = 'sick') as sick
              from sentries where workspace_id = $1 and $8 and enabled) s,
             (select coalesce(sum(ended.succeeded), 0)::int8 as succeeded, coalesce(sum(ended.failed), 0)::int8 as failed
              from webhooks w cross join lateral {} ended where w.workspace_id = $1 and $9) d",
        count_of("events", "$2", ""),
        count_of("deliveries", "$5", "and status = 0"),
        stats_store::ended_of("w.id", "$10", "$11"),
    );
    // A bucket counts if the day touches it, and the first that is whole is that of the next hour.
    let first_hour = beginning(since, i64::from(HOUR)).plus_seconds(i64::from(HOUR));
    let wanted = |is_seen: bool| if is_seen { types } else { &[] };
    let row = client
        .query_one(
            &statement,
            &[
                &workspace,
                &wanted(seen.events),
                &uuid_floor(since.0),
                &(MOST_COUNTED + 1),
                &wanted(seen.webhooks),
                &seen.instances,
                &seen.imports,
                &seen.sentries,
                &seen.webhooks,
                &(beginning(since, i64::from(FIVE_MINUTES)).0 / 1000),
                &(first_hour.0 / 1000),
            ],
        )
        .await?;
    Ok(Counted {
        counts: Counts {
            events: row.get(0),
            pending: row.get(1),
            succeeded: row.get(2),
            failed: row.get(3),
            imports: row.get(4),
            rows_written: row.get(5),
            rows_failed: row.get(6),
            happy: row.get(7),
            sad: row.get(8),
            sick: row.get(9),
        },
        instances: read(row.get(10))?,
    })
}

/// How many entries of a table there are of the types in the parameter `types`: each type's index is read from `$3` on, and
/// no further than is counted.
fn count_of(table: &str, types: &str, condition: &str) -> String {
    format!(
        "(select count(*) from (
             select from unnest({types}::text[]) as wanted(name) cross join lateral (
                 select from {table}
                 where workspace_id = $1 and (type, id) >= (wanted.name, $3::uuid)
                     and (type, id) <= (wanted.name, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid) and id >= $3 {condition}
                 limit $4) of_type
             limit $4) counted)"
    )
}

fn read<T: for<'t> Deserialize<'t>>(text: Option<String>) -> Result<Vec<T>, DbError> {
    let read = text.map(|text| serde_json::from_str(&text)).transpose();
    let read = read.map_err(|fault| DbError::Internal(format!("the overview's numbers: {fault}")))?;
    Ok(read.unwrap_or_default())
}
