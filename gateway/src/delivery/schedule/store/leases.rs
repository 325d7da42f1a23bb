//! Leases on scheduled deliveries.
//!
//! If the database dies between a commit and its answer, this instance may hold leases without knowing it, and would have to
//! wait until they expire. So a lease is taken in two steps: its deliveries are known before the commit, and given back if
//! the commit gets no answer.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::base::clock::Millis;
use crate::base::id::{DeliveryId, DestinationId, EventId, uuid_millis};
use crate::db::{self, Db, DbError};
use crate::delivery::budget::Budget;
use crate::delivery::engine::job::{Payload, body};

/// A scheduled delivery that this instance holds.
pub struct Leased {
    pub delivery: DeliveryId,
    pub destination: DestinationId,
    pub attempt_count: u16,
    pub fence: i32,
    /// When it is or was due; absent if it waited for its destination.
    pub due: Option<Instant>,
    pub leased_at: Instant,
    pub is_test: bool,
    /// Absent if the event is no longer kept.
    pub payload: Option<Payload>,
}

/// Moves the lease's end into `due_at` and counts the fence up; the rest is what an attempt needs.
///
/// The array has the rows found by their key: the join alone would have the planner read a schedule of 100,000 from end to
/// end to find a thousand.
pub(super) const LEASE_PICKED: &str = "
    update scheduled_deliveries s
    set due_at = now() + make_interval(secs => $2), owner = $1, fence = s.fence + 1
    from sized picked
    left join events e on e.id = picked.event_id
    left join deliveries d on d.id = picked.delivery_id
    where s.delivery_id = picked.delivery_id and s.delivery_id = any(array(select delivery_id from sized))
    returning s.delivery_id, s.webhook_id, s.attempt_count, s.fence,
              extract(epoch from picked.due_at - now())::float8,
              s.workspace_id, s.event_id, s.type, e.client_id, e.occurred_at, e.data, d.test_body, s.order_key";

/// The first of `picked` before which there are fewer than so many bytes of events, the number of which is the statement's
/// `parameter`. The length of a long text is known without reading it.
pub(super) fn sized(parameter: usize) -> String {
    format!(
        "sized as materialized (
             select delivery_id, event_id, due_at from (
                 select p.delivery_id, p.event_id, p.due_at,
                        sum(coalesce(octet_length(e.data), 0)) over (order by p.due_at, p.delivery_id)
                            - coalesce(octet_length(e.data), 0) as before
                 from picked p left join events e on e.id = p.event_id
             ) as weighed where before < ${parameter}::int8
         )"
    )
}

/// A delivery, the fence of its lease, and when it is due.
type Held = (DeliveryId, i32, Instant);

/// Takes leases, and gives them back.
pub struct Leases {
    db: Db,
    budget: Arc<Budget>,
    /// Leases that commits without an answer may have taken.
    doubtful: Mutex<Vec<Held>>,
}

impl Leases {
    /// No lease yet.
    pub const fn new(db: Db, budget: Arc<Budget>) -> Self {
        Self {
            db,
            budget,
            doubtful: Mutex::new(Vec::new()),
        }
    }

    /// Leases up to `count` deliveries that are due within `ahead`, the longest due first.
    pub async fn take_due(
        &self,
        owner: i32,
        ahead: Duration,
        lease: Duration,
        count: i64,
    ) -> Result<Vec<Leased>, DbError> {
        let statement = pick("due_at <= now() + make_interval(secs => $3)", "due_at");
        let (lease, ahead) = (lease.as_secs_f64(), ahead.as_secs_f64());
        let bytes = self.leasable();
        self.take(&statement, &[&owner, &lease, &ahead, &count, &bytes])
            .await
    }

    /// Leases up to `count` deliveries that wait for a destination, oldest first.
    pub async fn take_waiting(
        &self,
        owner: i32,
        destination: DestinationId,
        lease: Duration,
        count: i64,
    ) -> Result<Vec<Leased>, DbError> {
        let statement = pick(
            "webhook_id = $3 and due_at is null and order_key is null",
            "delivery_id",
        );
        let lease = lease.as_secs_f64();
        let bytes = self.leasable();
        self.take(&statement, &[&owner, &lease, &destination, &count, &bytes])
            .await
    }

    /// Leases with `statement`, which ends with [`LEASE_PICKED`].
    pub(super) async fn take(
        &self,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Leased>, DbError> {
        self.settle().await?;
        if self.leasable() == 0 {
            return Ok(Vec::new());
        }
        let mut client = self.db.client().await?;
        let statement = client.prepare_cached(statement).await?;
        let transaction = db::begin(&mut client).await?;
        let leased_at = Instant::now();
        let rows = transaction.query(&statement, parameters).await?;
        let leased: Vec<Leased> = rows
            .iter()
            .map(|row| leased(row, leased_at, &self.budget))
            .collect();
        if let Err(fault) = db::commit(transaction).await {
            let held = leased
                .iter()
                .map(|leased| (leased.delivery, leased.fence, leased.due.unwrap_or(leased_at)));
            self.doubtful.lock().extend(held);
            return Err(fault);
        }
        Ok(leased)
    }

    /// How many bytes of events a statement may lease now.
    pub(super) fn leasable(&self) -> i64 {
        self.budget.leasable()
    }

    /// Gives back the leases that this instance may hold without knowing it.
    async fn settle(&self) -> Result<(), DbError> {
        let doubtful = std::mem::take(&mut *self.doubtful.lock());
        let given = self.give_back(&doubtful).await;
        if given.is_err() {
            self.doubtful.lock().extend(doubtful);
        }
        given
    }

    /// Gives leases back at the time for which they were due. One that is not held any more, or never was, stays as it is.
    pub async fn give_back(&self, held: &[Held]) -> Result<(), DbError> {
        if held.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> = held.iter().map(|(id, _, _)| id.uuid()).collect();
        let fences: Vec<i32> = held.iter().map(|(_, fence, _)| *fence).collect();
        let now = Instant::now();
        let waits: Vec<f64> = held
            .iter()
            .map(|(_, _, due)| due.saturating_duration_since(now).as_secs_f64())
            .collect();
        let statement = "
            update scheduled_deliveries s set due_at = now() + make_interval(secs => t.wait), owner = null
            from unnest($1::uuid[], $2::int4[], $3::float8[]) as t(id, fence, wait)
            where s.delivery_id = t.id and s.fence = t.fence and s.owner is not null";
        let client = self.db.client().await?;
        client.execute(statement, &[&ids, &fences, &waits]).await?;
        Ok(())
    }
}

/// A statement that leases the first rows of a condition on `$3`.
fn pick(condition: &str, order: &str) -> String {
    format!(
        "with picked as materialized (
             select delivery_id, event_id, due_at from scheduled_deliveries
             where {condition} order by {order} limit $4 for update skip locked
         ), {} {LEASE_PICKED}",
        sized(5)
    )
}

fn leased(row: &Row, leased_at: Instant, budget: &Arc<Budget>) -> Leased {
    let count: i16 = row.get(2);
    let due_in: Option<f64> = row.get(4);
    // From the answer on, so that a slow one makes nothing early.
    let now = Instant::now();
    let due = due_in.map(|seconds| {
        let distance = Duration::try_from_secs_f64(seconds.abs()).unwrap_or_default();
        let moment = match seconds < 0.0 {
            true => now.checked_sub(distance),
            false => now.checked_add(distance),
        };
        moment.unwrap_or(now)
    });
    Leased {
        delivery: row.get(0),
        destination: row.get(1),
        attempt_count: u16::try_from(count).unwrap_or_default(),
        fence: row.get(3),
        due,
        leased_at,
        is_test: row.get::<_, Option<&str>>(11).is_some(),
        payload: payload(row, budget),
    }
}

fn payload(row: &Row, budget: &Arc<Budget>) -> Option<Payload> {
    let event: Uuid = row.get(6);
    let label: &str = row.get(7);
    let client_id: Option<String> = row.get(8);
    let event_id = client_id.unwrap_or_else(|| EventId::from_uuid(event).to_string());
    let test_body: Option<&str> = row.get(11);
    let body = match test_body {
        Some(text) => bytes::Bytes::copy_from_slice(text.as_bytes()),
        None => {
            let data: Option<&str> = row.get(10);
            let occurred_at: Option<Millis> = row.get(9);
            let timestamp = occurred_at.unwrap_or(Millis(uuid_millis(event)));
            body(&event_id, label, timestamp, data?.as_bytes())
        }
    };
    Some(Payload {
        event,
        event_id,
        workspace: row.get(5),
        label: label.into(),
        ordering_key: row.get::<_, Option<&str>>(12).map(Box::from),
        body: budget.hold(body),
    })
}
