//! What outcomes change in the schedule; each runs in the recorder's transaction.

use tokio_postgres::{Client, Statement, Transaction};
use uuid::Uuid;

use crate::base::clock::Millis;
use crate::base::fail_point::{self, Point};
use crate::db::{CopyRows, DbError, ToSql};
use crate::delivery::engine::outcome::{NewDelivery, Outcome, Told, Verdict};
use crate::delivery::log::Status;

const COPY: &str = "copy scheduled_deliveries (delivery_id, workspace_id, webhook_id, event_id,
                                 type, attempt_count, due_at, owner, fence, order_key) from stdin (format binary)";

/// An outcome with an older fence has lost the row, and changes nothing. A retry counts the fence up, so that a group that is
/// written again, because its commit was not answered, does not add its attempts twice.
const AGAIN: &str = "
    with ended as (
        select * from unnest($1::uuid[], $2::int4[], $3::int2[], $4::int2[], $5::text[], $6::timestamptz[],
                             $7::int2[], $8::int2[], $9::int4[], $10::text[])
            as t(id, fence, status, attempt_count, attempt, due_at, status_code, error, revision, result)
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
        last_status_code = held.status_code, last_error = held.error,
        revision = coalesce(held.revision, d.revision), result = held.result,
        attempts = case d.attempts when '' then held.attempt else d.attempts || e'\\n' || held.attempt end
    from held where d.id = held.id";

const RELEASE: &str = "
    update scheduled_deliveries s set due_at = null, owner = null
    from unnest($1::uuid[], $2::int4[]) as t(id, fence)
    where s.delivery_id = t.id and s.fence = t.fence";

/// Nothing is added to the attempts: none is used up.
const POSTPONE: &str = "
    with told as (
        select * from unnest($1::uuid[], $2::int4[], $3::timestamptz[], $4::int2[], $5::int2[])
            as t(id, fence, due_at, status_code, error)
    ), waiting as (
        update scheduled_deliveries s set due_at = told.due_at, owner = null, fence = s.fence + 1
        from told where s.delivery_id = told.id and s.fence = told.fence
        returning s.delivery_id
    )
    update deliveries d set last_status_code = told.status_code, last_error = told.error
    from told join waiting on waiting.delivery_id = told.id where d.id = told.id";

/// The statements, prepared on the recorder's session.
pub struct Statements {
    pub copy: Statement,
    again: Statement,
    release: Statement,
}

impl Statements {
    /// Prepares them.
    pub async fn prepare(client: &Client) -> Result<Self, DbError> {
        Ok(Self {
            copy: client.prepare(COPY).await?,
            again: client.prepare(AGAIN).await?,
            release: client.prepare(RELEASE).await?,
        })
    }
}

/// How far the database's clock is ahead of this machine's.
#[derive(Clone, Copy)]
pub struct Gap(pub i64);

impl Gap {
    /// The moment by the database's clock.
    pub const fn across(self, moment: Millis) -> Millis {
        Millis(moment.0.saturating_add(self.0))
    }
}

/// Rows to be copied into the schedule.
pub fn rows() -> CopyRows {
    CopyRows::new(10)
}

/// Adds the row of a new delivery.
pub fn put(
    rows: &mut CopyRows,
    new: &NewDelivery,
    attempt_count: i16,
    due_at: Option<Millis>,
    holder: Option<i32>,
) {
    rows.row()
        .uuid(new.delivery.uuid())
        .int4(new.payload.workspace.0)
        .uuid(new.destination.uuid())
        .uuid(new.payload.event)
        .bytes(new.payload.label.as_bytes())
        .int2(attempt_count)
        .maybe(due_at, CopyRows::moment)
        .maybe(holder, CopyRows::int4)
        .int4(i32::from(holder.is_some()))
        .maybe(new.order_key(), |rows, key| rows.bytes(key.as_bytes()));
}

/// Writes how attempts of scheduled deliveries ended, where the fence is still theirs.
pub async fn write_again(
    transaction: &Transaction<'_>,
    statements: &Statements,
    group: &[Outcome],
    gap: Gap,
) -> Result<(), DbError> {
    let mut ids: Vec<Uuid> = Vec::new();
    let mut fences: Vec<i32> = Vec::new();
    let mut statuses: Vec<i16> = Vec::new();
    let mut counts: Vec<i16> = Vec::new();
    let mut attempts: Vec<String> = Vec::new();
    let mut dues: Vec<Option<Millis>> = Vec::new();
    let mut codes: Vec<Option<i16>> = Vec::new();
    let mut errors: Vec<Option<i16>> = Vec::new();
    let mut revisions: Vec<Option<i32>> = Vec::new();
    let mut results: Vec<Option<&str>> = Vec::new();
    for outcome in group {
        let Outcome::Again {
            delivery,
            payload,
            fence,
            attempt,
            verdict,
            ..
        } = outcome
        else {
            continue;
        };
        fail_point::reach_at(Point::Outcome, &payload.label);
        let (status, due) = match verdict {
            Verdict::Succeeded => (Status::Succeeded, None),
            Verdict::Failed => (Status::Failed, None),
            Verdict::Retry(at) => (Status::Pending, Some(gap.across(*at))),
        };
        ids.push(delivery.uuid());
        fences.push(*fence);
        statuses.push(status.number());
        counts.push(i16::try_from(attempt.number).unwrap_or(i16::MAX));
        attempts.push(attempt.line());
        dues.push(due);
        codes.push(attempt.status_number());
        errors.push(attempt.error_number());
        revisions.push(attempt.revision);
        results.push(attempt.result.as_deref());
    }
    if !ids.is_empty() {
        transaction
            .execute(
                &statements.again,
                &[
                    &ids, &fences, &statuses, &counts, &attempts, &dues, &codes, &errors, &revisions,
                    &results,
                ],
            )
            .await?;
    }
    Ok(())
}

/// Gives back deliveries that were not attempted, where the row still has the fence of their lease.
pub async fn write_released(
    transaction: &Transaction<'_>,
    statements: &Statements,
    group: &[Outcome],
) -> Result<(), DbError> {
    let released = group.iter().filter_map(|outcome| match outcome {
        Outcome::Release { delivery, fence } => Some((delivery.uuid(), *fence)),
        _ => None,
    });
    let (ids, fences): (Vec<Uuid>, Vec<i32>) = released.unzip();
    if !ids.is_empty() {
        transaction.execute(&statements.release, &[&ids, &fences]).await?;
    }
    Ok(())
}

/// Gives back deliveries that wait for what their log tells, where the row still has the fence of their lease.
pub async fn write_postponed(
    transaction: &Transaction<'_>,
    group: &[Outcome],
    gap: Gap,
) -> Result<(), DbError> {
    let (mut ids, mut fences): (Vec<Uuid>, Vec<i32>) = (Vec::new(), Vec::new());
    let (mut dues, mut codes, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    for outcome in group {
        let Outcome::Postpone {
            delivery,
            fence,
            until,
            told,
        } = outcome
        else {
            continue;
        };
        let (code, error) = Told::numbers(Some(*told));
        ids.push(delivery.uuid());
        fences.push(*fence);
        dues.push(until.map(|until| gap.across(until)));
        codes.push(code);
        errors.push(error);
    }
    if !ids.is_empty() {
        let parameters: [&(dyn ToSql + Sync); 5] = [&ids, &fences, &dues, &codes, &errors];
        transaction.execute(POSTPONE, &parameters).await?;
    }
    Ok(())
}
