//! The SQL of the events table: events go in by COPY, and come out by their owner and range of ids.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio_postgres::{Client, Row, Statement, ToStatement};
use uuid::Uuid;

use crate::base::caller::WorkspaceId;
use crate::base::fail_point::{self, Point};
use crate::bus::{Event, NewEvent};
use crate::db::{CopyRows, DbError};

/// The columns in the order of [`rows`].
pub(in crate::bus) const COPY: &str =
    "copy events (id, workspace_id, type, owner, client_id, occurred_at, data,
                                   ordering_key)
                               from stdin (format binary)";

/// The rows of events for [`COPY`].
pub(in crate::bus) fn rows<'a>(events: impl Iterator<Item = &'a Event>, owner: i32) -> CopyRows {
    let mut rows = CopyRows::new(8);
    for event in events {
        let content = &event.content;
        fail_point::reach_at(Point::Row, &content.label);
        rows.row()
            .uuid(event.id)
            .int4(content.workspace.0)
            .bytes(content.label.as_bytes())
            .int4(owner)
            .maybe(content.client_id.as_deref(), |rows, id| rows.bytes(id.as_bytes()))
            .maybe(content.occurred_at, CopyRows::moment)
            .bytes(&content.data)
            .maybe(content.ordering_key.as_deref(), |rows, key| {
                rows.bytes(key.as_bytes())
            });
    }
    rows
}

/// The event that claimed a key first.
#[derive(Debug, Clone)]
pub(in crate::bus) struct First {
    pub id: Uuid,
    /// Absent while the event is not in the database, or not any more.
    pub label: Option<Arc<str>>,
}

/// Claims the keys that make events unique.
pub(in crate::bus) const CLAIM: &str = "
    insert into event_once_keys (workspace_id, once_key, event_id)
    select * from unnest($1::int4[], $2::text[], $3::uuid[])
    on conflict do nothing";

/// The first events of keys that others claimed.
pub(in crate::bus) const FIRSTS: &str = "
    select c.workspace_id, c.once_key, c.event_id, e.type
    from unnest($1::int4[], $2::text[], $3::uuid[]) as wanted(workspace_id, once_key, event_id)
    join event_once_keys c using (workspace_id, once_key)
    left join events e on e.id = c.event_id
    where c.event_id <> wanted.event_id";

/// Claims of keys by events, as the columns that the statements take.
///
/// They are ordered, so that two instances never wait for each other in a circle.
pub(in crate::bus) struct Claims<'a> {
    workspaces: Vec<WorkspaceId>,
    once_keys: Vec<&'a str>,
    event_ids: Vec<Uuid>,
}

impl<'a> Claims<'a> {
    pub fn new(mut claims: Vec<(WorkspaceId, &'a str, Uuid)>) -> Self {
        claims.sort_unstable();
        Self {
            workspaces: claims.iter().map(|claim| claim.0).collect(),
            once_keys: claims.iter().map(|claim| claim.1).collect(),
            event_ids: claims.iter().map(|claim| claim.2).collect(),
        }
    }
}

/// Runs [`CLAIM`], given as itself or prepared; whether all were fresh.
pub(in crate::bus) async fn claim<S: ToStatement + ?Sized + Sync>(
    client: &Client,
    statement: &S,
    claims: &Claims<'_>,
) -> Result<bool, DbError> {
    let Claims {
        workspaces,
        once_keys,
        event_ids,
    } = claims;
    let claimed = client
        .execute(statement, &[workspaces, once_keys, event_ids])
        .await?;
    Ok(usize::try_from(claimed).is_ok_and(|claimed| claimed == event_ids.len()))
}

/// Runs [`FIRSTS`], given as itself or prepared. A claim that had to wait for another transaction sees its result in this
/// later statement.
pub(in crate::bus) async fn firsts<S: ToStatement + ?Sized + Sync>(
    client: &Client,
    statement: &S,
    claims: &Claims<'_>,
) -> Result<HashMap<(WorkspaceId, String), First>, DbError> {
    let Claims {
        workspaces,
        once_keys,
        event_ids,
    } = claims;
    let rows = client
        .query(statement, &[workspaces, once_keys, event_ids])
        .await?;
    let firsts = rows.iter().map(|row| {
        let first = First {
            id: row.get(2),
            label: row.get::<_, Option<&str>>(3).map(Arc::from),
        };
        ((row.get(0), row.get(1)), first)
    });
    Ok(firsts.collect())
}

/// The newest id behind `after` of an event that has one of these ordering keys.
pub(in crate::bus) const LATEST_OF_KEYS: &str = "
    select latest.id from unnest($1::int4[], $2::text[]) as wanted(workspace_id, ordering_key)
    cross join lateral (
        select e.id from events e
        where e.workspace_id = wanted.workspace_id and e.ordering_key = wanted.ordering_key and e.id > $3
        order by e.id desc limit 1
    ) latest
    order by latest.id desc limit 1";

/// Runs [`LATEST_OF_KEYS`] for the keys of `events`; nothing where none of them has a key.
pub(in crate::bus) async fn latest_of_keys(
    client: &Client,
    statement: &Statement,
    events: &[Event],
) -> Result<Option<Uuid>, DbError> {
    let keyed = events.iter().filter_map(|event| {
        let key = event.content.ordering_key.as_deref()?;
        Some((event.content.workspace, key))
    });
    let (workspaces, keys): (Vec<WorkspaceId>, Vec<&str>) = keyed.unzip();
    let Some(first) = events.first().filter(|_| !keys.is_empty()) else {
        return Ok(None);
    };
    let row = client
        .query_opt(statement, &[&workspaces, &keys, &first.id])
        .await?;
    Ok(row.map(|row| row.get(0)))
}

/// Those of `ids` that are stored.
pub(in crate::bus) async fn existing(client: &Client, ids: &[Uuid]) -> Result<Vec<Uuid>, DbError> {
    let rows = client
        .query("select id from events where id = any($1)", &[&ids])
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Up to `count` events of `owner` from `from` to `until`, oldest first; fewer where those before weigh `bytes` together.
pub(in crate::bus) async fn owned(
    client: &Client,
    owner: i32,
    from: Uuid,
    until: Uuid,
    count: i64,
    bytes: i64,
) -> Result<Vec<Event>, DbError> {
    let rows = client
        .query(
            "select id, workspace_id, type, client_id, occurred_at, data, ordering_key from (
                 select *, sum(octet_length(data)) over (order by id) - octet_length(data) as before from (
                     select id, workspace_id, type, client_id, occurred_at, data, ordering_key from events
                     where id between $2 and $3 and owner = $1 order by id limit $4
                 ) as first
             ) as weighed
             where before < $5 order by id",
            &[&owner, &from, &until, &count, &bytes],
        )
        .await?;
    Ok(rows.iter().map(event).collect())
}

/// Reads the events of a range, oldest first.
///
/// The sum keeps the planner from an index that begins with the workspace, where it would pass over all the workspace ever
/// had, and the offset from any plan that does not look up each span in the index of ids; spans are narrow.
pub const IN_RANGE: &str = "
    select e.* from unnest($2::uuid[], $3::uuid[]) as span(first_id, last_id)
    cross join lateral (
        select id, workspace_id, type, client_id, occurred_at, data, ordering_key from events
        where id between span.first_id and span.last_id and owner = $1
            and workspace_id + 0 = any($4)
        offset 0
    ) e
    order by e.id";

/// Runs [`IN_RANGE`].
pub(in crate::bus) async fn in_range(
    client: &Client,
    owner: i32,
    spans: &[(Uuid, Uuid)],
    workspaces: &[WorkspaceId],
) -> Result<Vec<Event>, DbError> {
    let (firsts, lasts): (Vec<Uuid>, Vec<Uuid>) = spans.iter().copied().unzip();
    let rows = client
        .query(IN_RANGE, &[&owner, &firsts, &lasts, &workspaces])
        .await?;
    Ok(rows.iter().map(event).collect())
}

fn event(row: &Row) -> Event {
    Event {
        id: row.get(0),
        content: NewEvent {
            workspace: row.get(1),
            label: Arc::from(row.get::<_, &str>(2)),
            client_id: row.get::<_, Option<&str>>(3).map(Box::from),
            // Claimed already.
            once_key: None,
            occurred_at: row.get(4),
            ordering_key: row.get::<_, Option<&str>>(6).map(Box::from),
            data: Bytes::copy_from_slice(row.get::<_, &str>(5).as_bytes()),
        },
    }
}
