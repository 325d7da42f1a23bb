//! The SQL of sentries and of what they are connected with.

use serde_json::value::RawValue;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row, Transaction};

use super::effect::Upstreams;
use super::model::{Reason, Sentry, State, TimeoutHours};
use crate::base::caller::WorkspaceId;
use crate::base::clock::{Micros, Millis};
use crate::base::id::{HootId, SentryId};
use crate::base::page::Page;
use crate::db::{DbError, ToSql};
use crate::records::search;

/// What a [`Kept`] is read from.
pub(super) const COLUMNS: &str = "s.id, s.name, s.description, s.enabled, s.state::text, s.reason, s.reported_state::text,
    s.user_message, s.history_note, s.private_entry, s.latest_record_at, s.meta::text, s.last_report_at,
    s.timeout_hundredths, s.sick_at, s.created_at, s.updated_at, s.timed_out, s.last_entry_at, s.workspace_id";

/// The ids that a sentry is connected with.
pub(super) const CONNECTED: &str =
    "array(select upstream_id from sentry_upstreams u where u.sentry_id = s.id order by u.position),
    array(select hoot_id from hoot_sentries h where h.sentry_id = s.id order by h.of_sentry, h.hoot_id)";

/// A sentry as it is kept.
#[derive(Debug, Clone)]
pub struct Kept {
    pub sentry: Sentry,
    pub workspace: WorkspaceId,
    /// Whether the time-out at `sick_at` has been written down.
    pub timed_out: bool,
    pub last_entry_at: Option<Micros>,
}

/// What is around a sentry at one moment.
#[derive(Debug)]
pub struct Surroundings {
    /// The database's clock, later than the sentry's last entry.
    pub now: Micros,
    pub upstream: Vec<SentryId>,
    pub hoots: Vec<HootId>,
    pub upstreams: Upstreams,
}

/// Which sentries are wanted.
#[derive(Debug, Default)]
pub struct Filter {
    /// `Some(None)` is those without a state.
    pub state: Option<Option<State>>,
    pub enabled: Option<bool>,
    /// A `tsquery`.
    pub words: Option<String>,
    /// No sentry can be found.
    pub is_impossible: bool,
}

fn kept(row: &Row) -> Kept {
    let state = |column: usize| row.get::<_, Option<&str>>(column).and_then(State::parse);
    let meta: String = row.get(11);
    let sentry = Sentry {
        id: row.get(0),
        name: row.get(1),
        description: row.get(2),
        enabled: row.get(3),
        state: state(4),
        reason: row.get::<_, Option<&str>>(5).and_then(Reason::parse),
        reported_state: state(6),
        user_message: row.get(7),
        history_note: row.get(8),
        private_entry: row.get(9),
        latest_record_at: row.get(10),
        // The column's type is json, so the text is valid.
        meta: RawValue::from_string(meta).unwrap_or_else(|_| RawValue::NULL.to_owned()),
        last_report_at: row.get(12),
        timeout_hours: row.get::<_, Option<i32>>(13).map(TimeoutHours),
        sick_at: row.get(14),
        upstream: Vec::new(),
        hoots: Vec::new(),
        api_url: String::new(),
        created_at: row.get(15),
        updated_at: row.get(16),
    };
    Kept {
        sentry,
        timed_out: row.get(17),
        last_entry_at: row.get(18),
        workspace: row.get(19),
    }
}

/// Reads [`COLUMNS`] and [`CONNECTED`], which begin the row.
pub(super) fn connected(row: &Row) -> Sentry {
    let mut sentry = kept(row).sentry;
    sentry.upstream = row.get(20);
    sentry.hoots = row.get(21);
    sentry
}

/// One sentry of a workspace, with what it is connected with.
pub async fn find(client: &Client, workspace: WorkspaceId, id: SentryId) -> Result<Option<Sentry>, DbError> {
    let statement =
        format!("select {COLUMNS}, {CONNECTED} from sentries s where workspace_id = $1 and id = $2");
    let row = client.query_opt(&statement, &[&workspace, &id]).await?;
    Ok(row.as_ref().map(connected))
}

/// One sentry of a workspace, locked until the transaction ends. Its lists are empty: they are read after the lock, by
/// [`look_around`].
pub async fn lock(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    id: SentryId,
) -> Result<Option<Kept>, DbError> {
    let statement =
        format!("select {COLUMNS} from sentries s where workspace_id = $1 and id = $2 for no key update");
    // With its types said it takes one round trip instead of two, as the others on the way of a report.
    let parameters: [(&(dyn ToSql + Sync), Type); 2] = [(&workspace, Type::INT4), (&id, Type::UUID)];
    let row = transaction.query_typed_opt(&statement, &parameters).await?;
    Ok(row.as_ref().map(kept))
}

/// Sentries whose time-out has come and is not written down, locked until the transaction ends; those that others hold are
/// left to them.
pub async fn lock_due(transaction: &Transaction<'_>, count: i64) -> Result<Vec<Kept>, DbError> {
    let statement = format!(
        "select {COLUMNS} from sentries s
         where sick_at <= now() and sick_at is not null and not timed_out
         order by sick_at limit $1 for no key update skip locked"
    );
    let rows = transaction.query(&statement, &[&count]).await?;
    Ok(rows.iter().map(kept).collect())
}

/// What is around a sentry that is locked.
pub async fn look_around(transaction: &Transaction<'_>, kept: &Kept) -> Result<Surroundings, DbError> {
    let row = transaction
        .query_typed_one(
            "select greatest(clock_timestamp(), $2::timestamptz + interval '1 microsecond'),
                 array(select upstream_id from sentry_upstreams where sentry_id = $1 order by position),
                 array(select hoot_id from hoot_sentries where sentry_id = $1 order by of_sentry, hoot_id),
                 worst::text, newest
             from (select max(s.state) as worst, max(s.latest_record_at) as newest
                   from sentry_upstreams u join sentries s on s.id = u.upstream_id
                   where u.sentry_id = $1 and s.enabled) as above",
            &[
                (&kept.sentry.id, Type::UUID),
                (&kept.last_entry_at, Type::TIMESTAMPTZ),
            ],
        )
        .await?;
    Ok(Surroundings {
        now: row.get(0),
        upstream: row.get(1),
        hoots: row.get(2),
        upstreams: Upstreams {
            worst: row.get::<_, Option<&str>>(3).and_then(State::parse),
            newest_record_at: row.get(4),
        },
    })
}

fn words(workspace: WorkspaceId, sentry: &Sentry) -> String {
    let mut words = String::new();
    search::push_words(workspace, &sentry.name, &mut words);
    search::push_words(
        workspace,
        sentry.description.as_deref().unwrap_or_default(),
        &mut words,
    );
    words
}

/// Writes a new sentry.
pub async fn insert(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    sentry: &Sentry,
) -> Result<(), DbError> {
    transaction
        .execute(
            "insert into sentries (id, workspace_id, name, description, timeout_hundredths, sick_at, words,
                 created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7::text::tsvector, $8, $8)",
            &[
                &sentry.id,
                &workspace,
                &sentry.name,
                &sentry.description,
                &sentry.timeout_hours.map(|hours| hours.0),
                &sentry.sick_at,
                &words(workspace, sentry),
                &sentry.created_at,
            ],
        )
        .await?;
    Ok(())
}

/// Writes what a client can change.
pub async fn update(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    sentry: &Sentry,
    timed_out: bool,
) -> Result<(), DbError> {
    transaction
        .execute(
            "update sentries set name = $3, description = $4, timeout_hundredths = $5, sick_at = $6, enabled = $7,
                 words = $8::text::tsvector, updated_at = $9, timed_out = $10
             where workspace_id = $1 and id = $2",
            &[
                &workspace,
                &sentry.id,
                &sentry.name,
                &sentry.description,
                &sentry.timeout_hours.map(|hours| hours.0),
                &sentry.sick_at,
                &sentry.enabled,
                &words(workspace, sentry),
                &sentry.updated_at,
                &timed_out,
            ],
        )
        .await?;
    Ok(())
}

/// Removes a sentry; hoots and downstream sentries lose it.
pub async fn delete(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    id: SentryId,
) -> Result<(), DbError> {
    let statement = "delete from sentries where workspace_id = $1 and id = $2";
    transaction.execute(statement, &[&workspace, &id]).await?;
    Ok(())
}

/// A page of sentries, newest first.
pub async fn list(
    client: &Client,
    workspace: WorkspaceId,
    filter: &Filter,
    page: &Page,
) -> Result<Vec<Sentry>, DbError> {
    let after = page.after.as_deref().and_then(SentryId::parse);
    let count = page.fetch_count();
    let state = filter.state.flatten().map(State::name);
    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&workspace, &after, &count];
    let mut conditions = String::new();
    match filter.state {
        Some(None) => conditions.push_str(" and s.state is null"),
        Some(Some(_)) => {
            parameters.push(&state);
            conditions.push_str(&format!(
                " and s.state = ${}::text::sentry_state",
                parameters.len()
            ));
        }
        None => {}
    }
    if let Some(enabled) = &filter.enabled {
        parameters.push(enabled);
        conditions.push_str(&format!(" and s.enabled = ${}", parameters.len()));
    }
    if let Some(words) = &filter.words {
        parameters.push(words);
        conditions.push_str(&format!(" and s.words @@ ${}::text::tsquery", parameters.len()));
    }
    let statement = format!(
        "select {COLUMNS}, {CONNECTED} from sentries s
         where s.workspace_id = $1 and ($2::uuid is null or s.id < $2){conditions}
         order by s.id desc limit $3"
    );
    let rows = client.query(&statement, &parameters).await?;
    Ok(rows.iter().map(connected).collect())
}

/// How many sentries that are enabled are sick, in all workspaces.
pub async fn sick_count(client: &Client) -> Result<i64, DbError> {
    let statement = "select count(*) from sentries where state = 'sick' and enabled";
    Ok(client.query_one(statement, &[]).await?.get(0))
}

/// A moment by the database's clock.
pub async fn clock(transaction: &Transaction<'_>) -> Result<Micros, DbError> {
    Ok(transaction
        .query_one("select clock_timestamp()", &[])
        .await?
        .get(0))
}

/// The same for readers, in milliseconds.
pub async fn now(client: &Client) -> Result<Millis, DbError> {
    Ok(client.query_one("select clock_timestamp()", &[]).await?.get(0))
}
