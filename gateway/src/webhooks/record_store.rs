//! The SQL of the recorder: one transaction for all outcomes of a group.

use tokio_postgres::{Statement, Transaction};
use uuid::Uuid;

use super::notices::Notices;
use super::outcome::{NewDelivery, Outcome, Parking, Verdict};
use crate::base::clock::Millis;
use crate::bus::{Bus, Emission};
use crate::db::{CopyRows, Db, DbError, Dedicated};
use crate::deliveries::Attempt;

/// The database's numbers for a delivery's status.
pub const PENDING: i16 = 0;
pub const SUCCEEDED: i16 = 1;
pub const FAILED: i16 = 2;

const COPY_DELIVERIES: &str = "copy deliveries (id, workspace_id, webhook_id, event_id, type, status,
                                   attempt_count, attempts) from stdin (format binary)";
const COPY_SCHEDULE: &str = "copy scheduled_deliveries (delivery_id, workspace_id, webhook_id, event_id,
                                 type, attempt_count, due_at, owner, fence, order_key) from stdin (format binary)";

/// Whoever's fence is older has lost the row, and changes nothing. A retry counts the fence up, so that a group that is
/// written again, because its commit was not answered, does not add its attempts twice.
const AGAIN: &str = "
    with ended as (
        select * from unnest($1::uuid[], $2::int4[], $3::int2[], $4::int2[], $5::text[], $6::timestamptz[])
            as t(id, fence, status, attempt_count, attempt, due_at)
    ), held as materialized (
        select ended.* from ended
        join scheduled_deliveries s on s.delivery_id = ended.id and s.fence = ended.fence
        for update of s
    ), gone as (
        delete from scheduled_deliveries s using held
        where s.delivery_id = held.id and held.status <> 0
    ), again as (
        update scheduled_deliveries s
        set due_at = held.due_at, attempt_count = held.attempt_count, owner = null, fence = s.fence + 1
        from held where s.delivery_id = held.id and held.status = 0
    )
    update deliveries d
    set status = held.status, attempt_count = held.attempt_count,
        attempts = case d.attempts when '' then held.attempt else d.attempts || e'\\n' || held.attempt end
    from held where d.id = held.id";

const RELEASE: &str = "
    update scheduled_deliveries s set due_at = null, owner = null
    from unnest($1::uuid[], $2::int4[]) as t(id, fence)
    where s.delivery_id = t.id and s.fence = t.fence";

/// A connection with the statements prepared.
pub struct Session {
    client: Dedicated,
    copy_deliveries: Statement,
    copy_schedule: Statement,
    again: Statement,
    release: Statement,
}

impl Session {
    /// Opens a connection.
    pub async fn open(db: &Db) -> Result<Self, DbError> {
        let client = db.connect().await?;
        Ok(Self {
            copy_deliveries: client.prepare(COPY_DELIVERIES).await?,
            copy_schedule: client.prepare(COPY_SCHEDULE).await?,
            again: client.prepare(AGAIN).await?,
            release: client.prepare(RELEASE).await?,
            client,
        })
    }

    /// Whether the connection is gone.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }
}

/// Writes a group of outcomes and the bus's position.
pub async fn write(
    session: &mut Session,
    group: &[Outcome],
    bus: &dyn Bus,
    owner: i32,
    notices: &Notices,
) -> Result<(), DbError> {
    match try_write(session, group, bus, owner, notices, &[]).await {
        Err(fault) if fault.is_unique_violation() => {
            // Another instance took these over and has recorded them: its word stands.
            let ids: Vec<Uuid> = news(group).map(|new| new.delivery.uuid()).collect();
            let rows = session
                .client
                .query("select id from deliveries where id = any($1)", &[&ids])
                .await?;
            let known: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
            try_write(session, group, bus, owner, notices, &known).await
        }
        written => written,
    }
}

async fn try_write(
    session: &mut Session,
    group: &[Outcome],
    bus: &dyn Bus,
    owner: i32,
    notices: &Notices,
    known: &[Uuid],
) -> Result<(), DbError> {
    let Session {
        client,
        copy_deliveries,
        copy_schedule,
        again,
        release,
    } = session;
    let transaction = client.transaction().await?;
    let gap = clock_gap(&transaction, group).await?;
    let (deliveries, schedule) = copies(group, owner, known, gap);
    if let Some(rows) = deliveries {
        rows.send(transaction.client(), copy_deliveries).await?;
    }
    if let Some(rows) = schedule {
        rows.send(transaction.client(), copy_schedule).await?;
    }
    write_again(&transaction, again, group, gap).await?;
    write_released(&transaction, release, group).await?;
    let emission = match notices.failed(group) {
        none if none.is_empty() => Emission::nothing(),
        failed => bus.emit(&transaction, failed).await?,
    };
    bus.acknowledge(&transaction).await?;
    transaction.commit().await?;
    emission.committed();
    Ok(())
}

/// How far the database's clock is ahead of this machine's.
#[derive(Clone, Copy)]
struct Gap(i64);

impl Gap {
    /// The moment by the database's clock.
    const fn across(self, moment: Millis) -> Millis {
        Millis(moment.0.saturating_add(self.0))
    }
}

/// The gap at this moment; it is not asked for where nothing becomes due.
async fn clock_gap(transaction: &Transaction<'_>, group: &[Outcome]) -> Result<Gap, DbError> {
    let is_due = |outcome: &Outcome| match outcome {
        Outcome::First { verdict, .. } | Outcome::Again { verdict, .. } => {
            matches!(verdict, Verdict::Retry(_))
        }
        Outcome::Park { parking, .. } => matches!(parking, Parking::Leased(_)),
        Outcome::Drop { .. } | Outcome::Release { .. } => false,
    };
    if !group.iter().any(is_due) {
        return Ok(Gap(0));
    }
    // Asked before, so that what a slow answer adds makes nothing early.
    let ours = Millis::now();
    let row = transaction.query_one("select clock_timestamp()", &[]).await?;
    let theirs: Millis = row.get(0);
    Ok(Gap(theirs.0.saturating_sub(ours.0)))
}

fn news(group: &[Outcome]) -> impl Iterator<Item = &NewDelivery> {
    group.iter().filter_map(|outcome| match outcome {
        Outcome::First { new, .. } | Outcome::Park { new, .. } => Some(new),
        _ => None,
    })
}

fn copies(group: &[Outcome], owner: i32, known: &[Uuid], gap: Gap) -> (Option<CopyRows>, Option<CopyRows>) {
    let (mut deliveries, mut schedule) = (None, None);
    for outcome in group {
        let (new, attempt, status, due) = match outcome {
            Outcome::First {
                new,
                attempt,
                verdict,
            } => match verdict {
                Verdict::Succeeded => (new, Some(attempt), SUCCEEDED, None),
                Verdict::Failed => (new, Some(attempt), FAILED, None),
                Verdict::Retry(at) => (new, Some(attempt), PENDING, Some((Some(gap.across(*at)), None))),
            },
            Outcome::Park { new, parking } => {
                let due = match parking {
                    Parking::Waiting => (None, None),
                    Parking::Leased(until) => (Some(gap.across(*until)), Some(owner)),
                };
                (new, None, PENDING, Some(due))
            }
            _ => continue,
        };
        if known.contains(&new.delivery.uuid()) {
            continue;
        }
        let rows = deliveries.get_or_insert_with(|| CopyRows::new(8));
        put_delivery(rows, new, attempt, status);
        if let Some((due_at, holder)) = due {
            let rows = schedule.get_or_insert_with(|| CopyRows::new(10));
            put_schedule(rows, new, i16::from(attempt.is_some()), due_at, holder);
        }
    }
    (deliveries, schedule)
}

fn put_delivery(rows: &mut CopyRows, new: &NewDelivery, attempt: Option<&Attempt>, status: i16) {
    rows.row()
        .uuid(new.delivery.uuid())
        .int4(new.payload.workspace.0)
        .uuid(new.webhook.uuid())
        .uuid(new.payload.event)
        .bytes(new.payload.label.as_bytes())
        .int2(status)
        .int2(i16::from(attempt.is_some()))
        .bytes(attempt.map(line).unwrap_or_default().as_bytes());
}

fn put_schedule(
    rows: &mut CopyRows,
    new: &NewDelivery,
    attempt_count: i16,
    due_at: Option<Millis>,
    holder: Option<i32>,
) {
    rows.row()
        .uuid(new.delivery.uuid())
        .int4(new.payload.workspace.0)
        .uuid(new.webhook.uuid())
        .uuid(new.payload.event)
        .bytes(new.payload.label.as_bytes())
        .int2(attempt_count)
        .maybe(due_at, CopyRows::moment)
        .maybe(holder, CopyRows::int4)
        .int4(i32::from(holder.is_some()))
        .maybe(new.order_key(), |rows, key| rows.bytes(key.as_bytes()));
}

async fn write_again(
    transaction: &Transaction<'_>,
    statement: &Statement,
    group: &[Outcome],
    gap: Gap,
) -> Result<(), DbError> {
    let mut ids: Vec<Uuid> = Vec::new();
    let mut fences: Vec<i32> = Vec::new();
    let mut statuses: Vec<i16> = Vec::new();
    let mut counts: Vec<i16> = Vec::new();
    let mut attempts: Vec<String> = Vec::new();
    let mut dues: Vec<Option<Millis>> = Vec::new();
    for outcome in group {
        let Outcome::Again {
            delivery,
            fence,
            attempt,
            verdict,
            ..
        } = outcome
        else {
            continue;
        };
        let (status, due) = match verdict {
            Verdict::Succeeded => (SUCCEEDED, None),
            Verdict::Failed => (FAILED, None),
            Verdict::Retry(at) => (PENDING, Some(gap.across(*at))),
        };
        ids.push(delivery.uuid());
        fences.push(*fence);
        statuses.push(status);
        counts.push(i16::try_from(attempt.number).unwrap_or(i16::MAX));
        attempts.push(line(attempt));
        dues.push(due);
    }
    if !ids.is_empty() {
        transaction
            .execute(statement, &[&ids, &fences, &statuses, &counts, &attempts, &dues])
            .await?;
    }
    Ok(())
}

async fn write_released(
    transaction: &Transaction<'_>,
    statement: &Statement,
    group: &[Outcome],
) -> Result<(), DbError> {
    let released = group.iter().filter_map(|outcome| match outcome {
        Outcome::Release { delivery, fence } => Some((delivery.uuid(), *fence)),
        _ => None,
    });
    let (ids, fences): (Vec<Uuid>, Vec<i32>) = released.unzip();
    if !ids.is_empty() {
        transaction.execute(statement, &[&ids, &fences]).await?;
    }
    Ok(())
}

/// An attempt as one line of JSON.
fn line(attempt: &Attempt) -> String {
    // Strings and finite numbers always serialise.
    serde_json::to_string(attempt).unwrap_or_default()
}
