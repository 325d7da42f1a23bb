//! The SQL of the history: written with the sentry that it is about, read newest first.

use futures_util::{TryStreamExt, pin_mut};
use serde_json::value::RawValue;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row, Transaction};

use super::{Entry, Filter, Point, Source};
use crate::base::clock::{Micros, Millis};
use crate::base::id::{HistoryId, KeyId, SentryId};
use crate::db::{DbError, ToSql};
use crate::sentries::model::{Reason, Reporter, Sentry, State};
use crate::sentries::store::Kept;

/// What [`entry`] reads.
pub(in crate::sentries) const COLUMNS: &str =
    "at, id, source, reported_state::text, state::text, reason, user_message, history_note, private_entry,
     meta::text, latest_record_at, key_id, key_name";

/// Writes a sentry after a report, with its entry.
pub async fn record_report(
    transaction: &Transaction<'_>,
    before: &Kept,
    after: &Sentry,
    now: Micros,
    reporter: Option<&Reporter>,
) -> Result<(), DbError> {
    let key_name = reporter.map(|reporter| &reporter.key_name);
    transaction
        .execute_typed(
            "with written as (
                 update sentries set state = $4::text::sentry_state, reason = $5,
                     reported_state = $6::text::sentry_state, user_message = $7, history_note = $8,
                     private_entry = $9, meta = $10::text::json, latest_record_at = $11, last_report_at = $2,
                     sick_at = $12, timed_out = false, last_entry_at = $2
                 where id = $1
             )
             insert into sentry_history (sentry_id, at, id, source, reported_state, state, previous_state, reason,
                 user_message, history_note, private_entry, meta, latest_record_at, key_id, key_name)
             values ($1, $2, $3, 'report', $6::text::sentry_state, $4::text::sentry_state,
                 $13::text::sentry_state, $5, $7, $8, $9, $10::text::json, $11, $14, $15)",
            &[
                (&after.id, Type::UUID),
                (&now, Type::TIMESTAMPTZ),
                (&HistoryId::generate(), Type::UUID),
                (&after.state.map(State::name), Type::TEXT),
                (&after.reason.map(Reason::name), Type::TEXT),
                (&after.reported_state.map(State::name), Type::TEXT),
                (&after.user_message, Type::TEXT),
                (&after.history_note, Type::TEXT),
                (&after.private_entry, Type::BOOL),
                (&after.meta.get(), Type::TEXT),
                (&after.latest_record_at, Type::TIMESTAMPTZ),
                (&after.sick_at, Type::TIMESTAMPTZ),
                (&before.sentry.state.map(State::name), Type::TEXT),
                (&reporter.map(|reporter| reporter.key_id), Type::UUID),
                (&key_name, Type::TEXT),
            ],
        )
        .await?;
    Ok(())
}

/// Turns sentries that are locked sick for lack of a report, each with its entry.
pub async fn record_timeouts(transaction: &Transaction<'_>, ids: &[SentryId]) -> Result<(), DbError> {
    let entry_ids: Vec<HistoryId> = ids.iter().map(|_| HistoryId::generate()).collect();
    transaction
        .execute(
            "with told as (
                 select * from unnest($1::uuid[], $2::uuid[]) as told(id, entry_id)
             ), before as (
                 select id, state from sentries where id = any($1)
             ), written as (
                 update sentries set state = 'sick', reason = 'timeout', user_message = null, timed_out = true,
                     last_entry_at = greatest(clock_timestamp(), last_entry_at + interval '1 microsecond')
                 where id = any($1)
                 returning id, last_entry_at, reported_state, latest_record_at
             )
             insert into sentry_history (sentry_id, at, id, source, reported_state, state, previous_state, reason,
                 private_entry, meta, latest_record_at)
             select id, last_entry_at, entry_id, 'timeout', reported_state, 'sick'::sentry_state, before.state, 'timeout', false,
                 '{}'::json, latest_record_at
             from written join told using (id) join before using (id)",
            &[&ids, &entry_ids],
        )
        .await?;
    Ok(())
}

/// A page of entries, newest first, with where each stands in time.
pub(super) async fn list(
    client: &Client,
    id: SentryId,
    filter: &Filter,
    after: Option<Micros>,
    count: i64,
) -> Result<Vec<(Micros, Entry)>, DbError> {
    let state = filter.state.flatten().map(State::name);
    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&id, &count];
    let mut conditions = String::new();
    if let Some(after) = &after {
        parameters.push(after);
        conditions.push_str(&format!(" and at < ${}", parameters.len()));
    }
    if let Some(since) = &filter.since {
        parameters.push(since);
        conditions.push_str(&format!(" and at >= ${}", parameters.len()));
    }
    if let Some(until) = &filter.until {
        parameters.push(until);
        conditions.push_str(&format!(" and at < ${}", parameters.len()));
    }
    match filter.state {
        Some(None) => conditions.push_str(" and state is null"),
        Some(Some(_)) => {
            parameters.push(&state);
            conditions.push_str(&format!(" and state = ${}::text::sentry_state", parameters.len()));
        }
        None => {}
    }
    let statement = format!(
        "select {COLUMNS}
         from sentry_history where sentry_id = $1{conditions} order by at desc limit $2"
    );
    let rows = client.query(&statement, &parameters).await?;
    Ok(rows.iter().map(|row| entry(row, 0)).collect())
}

/// Reads the [`COLUMNS`] that begin at column `first`.
pub(in crate::sentries) fn entry(row: &Row, first: usize) -> (Micros, Entry) {
    let at: Micros = row.get(first);
    let state = |column: usize| row.get::<_, Option<&str>>(first + column).and_then(State::parse);
    let meta: String = row.get(first + 9);
    let key_id: Option<KeyId> = row.get(first + 11);
    let entry = Entry {
        id: row.get(first + 1),
        at: at.millis(),
        source: Source::of(row.get(first + 2)),
        reported_state: state(3),
        state: state(4),
        reason: row.get::<_, Option<&str>>(first + 5).and_then(Reason::parse),
        user_message: row.get(first + 6),
        history_note: row.get(first + 7),
        private_entry: row.get(first + 8),
        // The column's type is json, so the text is valid.
        meta: RawValue::from_string(meta).unwrap_or_else(|_| RawValue::NULL.to_owned()),
        latest_record_at: row.get(first + 10),
        actor: key_id.map(|key_id| Reporter {
            key_id,
            key_name: row.get::<_, Option<String>>(first + 12).unwrap_or_default(),
        }),
    };
    (at, entry)
}

/// Gives `each` every entry from `since` to `until`, oldest first, without holding them.
pub(super) async fn walk(
    client: &Client,
    id: SentryId,
    since: Millis,
    until: Millis,
    mut each: impl FnMut(Point),
) -> Result<(), DbError> {
    let statement = "select at, source, state::text, previous_state::text, latest_record_at,
                         (meta->'counts')::text
                     from sentry_history where sentry_id = $1 and at >= $2 and at < $3 order by at";
    let parameters: [&(dyn ToSql + Sync); 3] = [&id, &since, &until];
    let rows = client.query_raw(statement, parameters).await?;
    pin_mut!(rows);
    while let Some(row) = rows.try_next().await? {
        let state = |column: usize| row.get::<_, Option<&str>>(column).and_then(State::parse);
        each(Point {
            at: row.get(0),
            source: Source::of(row.get(1)),
            state: state(2),
            previous_state: state(3),
            latest_record_at: row.get(4),
            counts: row.get(5),
        });
    }
    Ok(())
}
