//! The SQL of receipts and counts.

use std::collections::HashMap;
use std::net::IpAddr;

use tokio_postgres::{Client, Row};
use uuid::Uuid;

use super::model::{KEPT, KEPT_BODIES, Outcome, ShownReceipt};
use super::pending::Pending;
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::{ReceiptId, SourceId};
use crate::db::{self, DbError, Transaction, purge_slowly};

/// Writes what was gathered. Of sources that were deleted meanwhile nothing is written.
pub async fn write(client: &mut db::Client, gathered: &HashMap<Uuid, Pending>) -> Result<(), DbError> {
    let transaction = db::begin(client).await?;
    let mut asked: Vec<Uuid> = gathered.keys().copied().collect();
    asked.sort_unstable();
    let statement = "select id from sources where id = any($1) order by id for key share";
    let rows = transaction.query(statement, &[&asked]).await?;
    let present: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
    let of_each: Vec<(Uuid, &Pending)> = present
        .iter()
        .filter_map(|id| Some((*id, gathered.get(id)?)))
        .collect();
    write_activity(&transaction, &of_each).await?;
    write_counts(&transaction, &of_each).await?;
    write_receipts(&transaction, &of_each).await?;
    trim(&transaction, &present).await?;
    db::commit(transaction).await
}

async fn write_activity(transaction: &Transaction<'_>, of_each: &[(Uuid, &Pending)]) -> Result<(), DbError> {
    let ids: Vec<Uuid> = of_each.iter().map(|(id, _)| *id).collect();
    let accepted: Vec<Option<Millis>> = of_each.iter().map(|(_, one)| one.last_accepted_at).collect();
    let refused: Vec<Option<Millis>> = of_each.iter().map(|(_, one)| one.last_refused_at).collect();
    let why: Vec<Option<&str>> = of_each.iter().map(|(_, one)| one.last_refusal).collect();
    let row: Vec<i32> = of_each.iter().map(|(_, one)| small(one.row)).collect();
    let broken: Vec<bool> = of_each.iter().map(|(_, one)| one.is_row_broken).collect();
    let statement = "
        insert into source_activity as a (source_id, last_accepted_at, last_refused_at, last_refusal, refused_in_row)
        select id, accepted, refused, why, in_row
        from unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::text[], $5::int4[])
            as told(id, accepted, refused, why, in_row)
        on conflict (source_id) do update set
            last_accepted_at = greatest(a.last_accepted_at, excluded.last_accepted_at),
            last_refused_at = greatest(a.last_refused_at, excluded.last_refused_at),
            last_refusal = coalesce(excluded.last_refusal, a.last_refusal),
            refused_in_row = case when excluded.source_id = any($6) then excluded.refused_in_row
                else least(a.refused_in_row::bigint + excluded.refused_in_row, 1000000)::int4 end";
    let ended = of_each.iter().zip(&broken).filter(|(_, broken)| **broken);
    let ended: Vec<Uuid> = ended.map(|((id, _), _)| *id).collect();
    transaction
        .execute(statement, &[&ids, &accepted, &refused, &why, &row, &ended])
        .await?;
    Ok(())
}

async fn write_counts(transaction: &Transaction<'_>, of_each: &[(Uuid, &Pending)]) -> Result<(), DbError> {
    let ids: Vec<Uuid> = of_each.iter().map(|(id, _)| *id).collect();
    let accepted: Vec<i64> = of_each.iter().map(|(_, one)| large(one.accepted)).collect();
    let refused: Vec<i64> = of_each.iter().map(|(_, one)| large(one.refused)).collect();
    let statement = "
        insert into source_counts as c (source_id, since, accepted, refused)
        select id, date_bin('10 minutes', now(), 'epoch'), accepted, refused
        from unnest($1::uuid[], $2::int8[], $3::int8[]) as told(id, accepted, refused)
        on conflict (source_id, since) do update set
            accepted = c.accepted + excluded.accepted, refused = c.refused + excluded.refused";
    transaction
        .execute(statement, &[&ids, &accepted, &refused])
        .await?;
    Ok(())
}

async fn write_receipts(transaction: &Transaction<'_>, of_each: &[(Uuid, &Pending)]) -> Result<(), DbError> {
    let statement = transaction
        .prepare(
            "insert into source_receipts (id, source_id, at, method, outcome, is_refused, event_ids, bytes,
                 remote_ip, headers, body, sealed)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text::json, $11, $12)
             on conflict (id) do nothing",
        )
        .await?;
    for (source, pending) in of_each {
        for receipt in pending.taken.iter().chain(&pending.turned_away) {
            transaction
                .execute(
                    &statement,
                    &[
                        &receipt.id,
                        source,
                        &receipt.at,
                        &receipt.method,
                        &receipt.outcome.name(),
                        &receipt.outcome.is_refused(),
                        &receipt.event_ids,
                        &large(receipt.byte_count),
                        &receipt.remote_ip,
                        &receipt.headers,
                        &receipt.body.as_deref(),
                        &receipt.sealed,
                    ],
                )
                .await?;
        }
    }
    Ok(())
}

/// Forgets all but the newest receipts, bodies and counts of these sources.
async fn trim(transaction: &Transaction<'_>, sources: &[Uuid]) -> Result<(), DbError> {
    let statement = "
        delete from source_receipts r using (
            select last.id, last.source_id, wanted.is_refused
            from unnest($1::uuid[]) as s(id) cross join (values (true), (false)) as wanted(is_refused)
            cross join lateral (
                select id, source_id from source_receipts
                where source_id = s.id and is_refused = wanted.is_refused order by id desc offset $2 limit 1
            ) last
        ) as old
        where r.source_id = old.source_id and r.is_refused = old.is_refused and r.id <= old.id";
    let kept = i64::try_from(KEPT).unwrap_or(i64::MAX);
    transaction.execute(statement, &[&sources, &kept]).await?;
    let statement = "
        update source_receipts r set body = null, sealed = null from unnest($1::uuid[]) as s(id)
        cross join lateral (
            select id from source_receipts where source_id = s.id and is_refused order by id desc offset $2 limit 1
        ) last
        where r.source_id = s.id and r.is_refused and r.id <= last.id and r.body is not null";
    let kept = i64::try_from(KEPT_BODIES).unwrap_or(i64::MAX);
    transaction.execute(statement, &[&sources, &kept]).await?;
    Ok(())
}

const SHOWN: &str =
    "r.id, r.at, r.method, r.outcome, r.event_ids, r.bytes, r.remote_ip, r.headers::text, r.body";

/// The newest receipts of a source, of one outcome or of all.
pub async fn list(
    client: &Client,
    source: SourceId,
    outcome: Option<Outcome>,
) -> Result<Vec<ShownReceipt>, DbError> {
    let statement = format!(
        "select {SHOWN} from source_receipts r
         where r.source_id = $1 and ($2::text is null or r.outcome = $2) order by r.id desc limit $3"
    );
    let kept = i64::try_from(KEPT).unwrap_or(i64::MAX);
    let name = outcome.map(Outcome::name);
    let rows = client.query(&statement, &[&source, &name, &kept]).await?;
    Ok(rows.iter().map(shown).collect())
}

/// A receipt of a workspace, and what a retry needs.
#[derive(Debug)]
pub struct Found {
    pub source: SourceId,
    pub shown: ShownReceipt,
    pub is_refused: bool,
    pub body: Option<Vec<u8>>,
    pub sealed: Option<Vec<u8>>,
}

/// One receipt of a workspace, locked until the transaction ends.
pub async fn lock(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    id: ReceiptId,
) -> Result<Option<Found>, DbError> {
    let statement = format!(
        "select {SHOWN}, r.source_id, r.is_refused, r.sealed from source_receipts r
         join sources s on s.id = r.source_id where s.workspace_id = $1 and r.id = $2 for no key update of r"
    );
    let row = transaction.query_opt(&statement, &[&workspace, &id]).await?;
    Ok(row.as_ref().map(|row| Found {
        source: row.get(9),
        shown: shown(row),
        is_refused: row.get(10),
        body: row.get(8),
        sealed: row.get(11),
    }))
}

/// Writes what a retry came to.
pub async fn put_outcome(
    transaction: &Transaction<'_>,
    id: ReceiptId,
    outcome: Outcome,
    event_ids: &[String],
) -> Result<(), DbError> {
    transaction
        .execute(
            "update source_receipts set outcome = $2, is_refused = $3, event_ids = $4,
                 body = case when $3 then body end, sealed = case when $3 then sealed end
             where id = $1",
            &[&id, &outcome.name(), &outcome.is_refused(), &event_ids],
        )
        .await?;
    Ok(())
}

/// Forgets counts that no list tells any more.
pub async fn purge(client: &Client) -> Result<(), DbError> {
    let statement = "delete from source_counts where ctid = any(array(
                         select ctid from source_counts where since < now() - interval '25 hours' limit 10000))";
    purge_slowly(client, statement, &[]).await
}

fn shown(row: &Row) -> ShownReceipt {
    let body: Option<&[u8]> = row.get(8);
    let ip: IpAddr = row.get(6);
    ShownReceipt {
        id: row.get(0),
        at: row.get(1),
        method: row.get(2),
        outcome: row.get(3),
        event_ids: row.get(4),
        bytes: u64::try_from(row.get::<_, i64>(5)).unwrap_or_default(),
        remote_ip: ip.to_string(),
        // Only JSON of ours is stored.
        headers: serde_json::from_str(row.get(7)).unwrap_or_default(),
        body: body.map(|body| String::from_utf8_lossy(body).into_owned()),
    }
}

fn large(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn small(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
