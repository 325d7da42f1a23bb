//! The SQL of the recorder: one transaction for all outcomes of a group.

use tokio_postgres::{Statement, Transaction};
use uuid::Uuid;

use super::outcome::{NewDelivery, Outcome, Parking, Told, Verdict};
use crate::base::clock::Millis;
use crate::base::fail_point::{self, Point};
use crate::bus::{Bus, Emission, NewEvent};
use crate::db::{self, CopyRows, Db, DbError, Dedicated};
use crate::delivery::log::{Attempt, Status};
use crate::delivery::schedule::store::outcomes::{self, Gap};

const COPY_DELIVERIES: &str = "copy deliveries (id, workspace_id, webhook_id, event_id, type, status,
                                   attempt_count, attempts, last_status_code, last_error, revision,
                                   result)
                               from stdin (format binary)";
/// A connection with the statements prepared.
pub struct Session {
    client: Dedicated,
    copy_deliveries: Statement,
    schedule: outcomes::Statements,
}

impl Session {
    /// Opens a connection.
    pub async fn open(db: &Db) -> Result<Self, DbError> {
        let client = db.connect().await?;
        Ok(Self {
            copy_deliveries: client.prepare(COPY_DELIVERIES).await?,
            schedule: outcomes::Statements::prepare(&client).await?,
            client,
        })
    }

    /// Whether the connection is gone.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }
}

/// Writes a group of outcomes, the events that tell of them, and the bus's position.
pub async fn write(
    session: &mut Session,
    group: &[Outcome],
    bus: &dyn Bus,
    owner: i32,
    notices: &[NewEvent],
) -> Result<(), DbError> {
    match try_write(session, group, bus, owner, notices, &[]).await {
        Err(fault) if fault.is_unique_violation() => {
            // Another instance took these over and has recorded them: its rows stay.
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
    notices: &[NewEvent],
    known: &[Uuid],
) -> Result<(), DbError> {
    let Session {
        client,
        copy_deliveries,
        schedule: statements,
    } = session;
    let transaction = client.transaction().await?;
    let gap = clock_gap(&transaction, group).await?;
    let (deliveries, schedule) = copies(group, owner, known, gap);
    if let Some(rows) = deliveries {
        rows.send(transaction.client(), copy_deliveries).await?;
    }
    if let Some(rows) = schedule {
        rows.send(transaction.client(), &statements.copy).await?;
    }
    outcomes::write_again(&transaction, statements, group, gap).await?;
    outcomes::write_released(&transaction, statements, group).await?;
    outcomes::write_postponed(&transaction, group, gap).await?;
    let emission = match notices {
        [] => Emission::nothing(),
        notices => bus.emit(&transaction, notices.to_vec()).await?,
    };
    bus.acknowledge(&transaction).await?;
    db::commit(transaction).await?;
    emission.committed();
    Ok(())
}

/// The gap at this moment; it is not asked for where nothing becomes due.
async fn clock_gap(transaction: &Transaction<'_>, group: &[Outcome]) -> Result<Gap, DbError> {
    let is_due = |outcome: &Outcome| match outcome {
        Outcome::First { verdict, .. } | Outcome::Again { verdict, .. } => {
            matches!(verdict, Verdict::Retry(_))
        }
        Outcome::Park { parking, .. } => !matches!(parking, Parking::Waiting),
        Outcome::Postpone { until, .. } => until.is_some(),
        Outcome::Drop { .. } | Outcome::Release { .. } => false,
    };
    if !group.iter().any(is_due) {
        return Ok(Gap(0));
    }
    // Read before the query, so that a slow answer makes nothing early.
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
        let (new, attempt, status, due, told) = match outcome {
            Outcome::First {
                new,
                attempt,
                verdict,
            } => match verdict {
                Verdict::Succeeded => (new, Some(attempt), Status::Succeeded, None, None),
                Verdict::Failed => (new, Some(attempt), Status::Failed, None, None),
                Verdict::Retry(at) => (
                    new,
                    Some(attempt),
                    Status::Pending,
                    Some((Some(gap.across(*at)), None)),
                    None,
                ),
            },
            Outcome::Park { new, parking, told } => {
                let due = match parking {
                    Parking::Waiting => (None, None),
                    Parking::Leased(until) => (Some(gap.across(*until)), Some(owner)),
                    Parking::Due(at) => (Some(gap.across(*at)), None),
                };
                (new, None, Status::Pending, Some(due), *told)
            }
            _ => continue,
        };
        if known.contains(&new.delivery.uuid()) {
            continue;
        }
        let rows = deliveries.get_or_insert_with(|| CopyRows::new(12));
        put_delivery(rows, new, attempt, status, told);
        if let Some((due_at, holder)) = due {
            let rows = schedule.get_or_insert_with(outcomes::rows);
            outcomes::put(rows, new, i16::from(attempt.is_some()), due_at, holder);
        }
    }
    (deliveries, schedule)
}

fn put_delivery(
    rows: &mut CopyRows,
    new: &NewDelivery,
    attempt: Option<&Attempt>,
    status: Status,
    told: Option<Told>,
) {
    let (told_status, told_error) = Told::numbers(told);
    fail_point::reach_at(Point::Outcome, &new.payload.label);
    rows.row()
        .uuid(new.delivery.uuid())
        .int4(new.payload.workspace.0)
        .uuid(new.destination.uuid())
        .uuid(new.payload.event)
        .bytes(new.payload.label.as_bytes())
        .int2(status.number())
        .int2(i16::from(attempt.is_some()))
        .bytes(attempt.map(Attempt::line).unwrap_or_default().as_bytes())
        .maybe(
            attempt.and_then(Attempt::status_number).or(told_status),
            CopyRows::int2,
        )
        .maybe(
            attempt.and_then(Attempt::error_number).or(told_error),
            CopyRows::int2,
        )
        .maybe(new.revision, CopyRows::int4)
        .maybe(
            attempt.and_then(|attempt| attempt.result.as_deref()),
            |rows, result| rows.bytes(result.as_bytes()),
        );
}
