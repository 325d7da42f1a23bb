//! The SQL of what a page shows around sentries: names of what they are connected with, and what may be chosen.

use tokio_postgres::{Client, Row};

use super::history::Entry;
use super::history::store as history_store;
use super::model::{Sentry, State};
use super::store::{COLUMNS, CONNECTED, connected};
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::{HootId, SentryId};
use crate::db::DbError;

/// A sentry that stands above another.
#[derive(Debug)]
pub struct Upstream {
    pub id: SentryId,
    pub name: String,
    pub state: Option<State>,
    pub enabled: bool,
}

/// A hoot that shows a sentry.
#[derive(Debug)]
pub struct NamedHoot {
    pub id: HootId,
    pub name: String,
}

/// A sentry with all that its page shows.
#[derive(Debug)]
pub struct Surrounded {
    pub sentry: Sentry,
    /// By the database's clock.
    pub now: Millis,
    pub upstream: Vec<Upstream>,
    pub hoots: Vec<NamedHoot>,
    /// The newest, newest first.
    pub entries: Vec<Entry>,
}

/// One sentry of a workspace with its newest entries, in one query.
pub async fn find_surrounded(
    client: &Client,
    workspace: WorkspaceId,
    id: SentryId,
    entry_count: i64,
) -> Result<Option<Surrounded>, DbError> {
    // Columns of the sentry are 0 to 21.
    let statement = format!(
        "select {COLUMNS}, {CONNECTED}, clock_timestamp(),
             array(select above.name from sentry_upstreams u join sentries above on above.id = u.upstream_id
                   where u.sentry_id = s.id order by u.position),
             array(select above.state::text from sentry_upstreams u join sentries above on above.id = u.upstream_id
                   where u.sentry_id = s.id order by u.position),
             array(select above.enabled from sentry_upstreams u join sentries above on above.id = u.upstream_id
                   where u.sentry_id = s.id order by u.position),
             array(select hoot.name from hoot_sentries h join hoots hoot on hoot.id = h.hoot_id
                   where h.sentry_id = s.id order by h.of_sentry, h.hoot_id),
             e.*
         from sentries s left join lateral (
             select {} from sentry_history where sentry_id = s.id order by at desc limit $3
         ) e on true
         where s.workspace_id = $1 and s.id = $2 order by e.at desc",
        history_store::COLUMNS
    );
    let rows = client.query(&statement, &[&workspace, &id, &entry_count]).await?;
    Ok(rows.first().map(|first| surrounded(first, &rows)))
}

const FIRST_OF_ENTRY: usize = 27;

fn surrounded(first: &Row, rows: &[Row]) -> Surrounded {
    let sentry = connected(first);
    let names: Vec<String> = first.get(23);
    let states: Vec<Option<String>> = first.get(24);
    let enabled: Vec<bool> = first.get(25);
    let hoot_names: Vec<String> = first.get(26);
    let upstream = sentry.upstream.iter().zip(names).zip(states).zip(enabled);
    let is_entry = |row: &&Row| row.get::<_, Option<Millis>>(FIRST_OF_ENTRY).is_some();
    Surrounded {
        now: first.get(22),
        upstream: upstream
            .map(|(((id, name), state), enabled)| Upstream {
                id: *id,
                name,
                state: state.as_deref().and_then(State::parse),
                enabled,
            })
            .collect(),
        hoots: named(&sentry.hoots, hoot_names),
        entries: rows
            .iter()
            .filter(is_entry)
            .map(|row| history_store::entry(row, FIRST_OF_ENTRY).1)
            .collect(),
        sentry,
    }
}

fn named(ids: &[HootId], names: Vec<String>) -> Vec<NamedHoot> {
    let pairs = ids.iter().zip(names);
    pairs.map(|(id, name)| NamedHoot { id: *id, name }).collect()
}

/// These hoots of a workspace with their names, in no order.
pub async fn hoots_of(
    client: &Client,
    workspace: WorkspaceId,
    ids: &[HootId],
) -> Result<Vec<NamedHoot>, DbError> {
    let statement = "select id, name from hoots where workspace_id = $1 and id = any($2)";
    let rows = client.query(statement, &[&workspace, &ids]).await?;
    let named = rows.iter().map(|row| NamedHoot {
        id: row.get(0),
        name: row.get(1),
    });
    Ok(named.collect())
}

/// The newest sentries and the newest hoots of a workspace, at most `count` of each.
pub async fn choices(
    client: &Client,
    workspace: WorkspaceId,
    count: i64,
) -> Result<(Vec<(SentryId, String)>, Vec<NamedHoot>), DbError> {
    let statement = "
        (select true, id, name from sentries where workspace_id = $1 order by id desc limit $2)
        union all
        (select false, id, name from hoots where workspace_id = $1 order by id desc limit $2)";
    let rows = client.query(statement, &[&workspace, &count]).await?;
    let (sentries, hoots): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.get(0));
    let sentries = sentries.iter().map(|row| (row.get(1), row.get(2)));
    let hoots = hoots.iter().map(|row| NamedHoot {
        id: row.get(1),
        name: row.get(2),
    });
    Ok((sentries.collect(), hoots.collect()))
}
