//! The SQL that sends many deliveries again: what failed for a destination, or all that ended and match a filter.
//!
//! They go into the schedule chunk by chunk, one state and type after the other, so that no statement is larger than its
//! chunk; and in one transaction with the audit entry and the reply, so that a request that breaks off has done nothing, and
//! one that is repeated under its key does nothing again. Whatever else is done to the destinations goes on meanwhile, but
//! for deleting them, and another recovery.

use std::collections::HashSet;

use tokio_postgres::{GenericClient, Row, Transaction};
use uuid::Uuid;

use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::db::DbError;
use crate::delivery::log::ways::{Bound, GIVEN, all_of, conditions, of_events, of_type, types_of};
use crate::delivery::log::{Filter, Status};

/// Deliveries that one statement looks at.
const CHUNK: i64 = 5_000;

/// Which of the deliveries that match a filter are sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// What failed, except what was sent again since.
    Failed,
    /// What ended.
    Ended,
}

impl Again {
    fn statuses(self, filter: &Filter) -> Vec<Status> {
        let is_meant = |status: &Status| match self {
            Self::Failed => *status == Status::Failed,
            Self::Ended => *status != Status::Pending,
        };
        filter.possible_statuses().into_iter().filter(is_meant).collect()
    }
}

/// New ids are made in the database: the time of now, and random bits as gen_random_uuid gives them.
const MAKE: &str = "
    with made as materialized (
        select d.id as old_id, d.workspace_id, d.webhook_id, d.event_id, d.type, d.test_body, d.revision,
               (lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0')
                || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14, 19))::uuid as id
        from deliveries d where d.id = any($1)
    ), logged as (
        insert into deliveries (id, workspace_id, webhook_id, event_id, type, status,
                                attempt_count, redelivery_of, test_body, attempts, revision)
        select id, workspace_id, webhook_id, event_id, type, 0, 0, old_id, test_body, '', revision from made
    )
    insert into scheduled_deliveries (delivery_id, workspace_id, webhook_id, event_id, type, attempt_count)
    select id, workspace_id, webhook_id, event_id, type, 0 from made";

/// Schedules deliveries again; the number of new ones.
pub async fn recover(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    filter: &Filter,
    again: Again,
) -> Result<u64, DbError> {
    let statement = "select id from destinations where workspace_id = $1";
    let rows = transaction.query(statement, &[&workspace]).await?;
    let walk = Walk {
        transaction,
        workspace,
        again,
        destinations: rows.iter().map(|row| row.get(0)).collect(),
    };
    walk.all(filter).await
}

/// How many would be scheduled again, and when that was so by the database's clock.
#[derive(Debug, Clone, Copy)]
pub struct Counted {
    pub count: u64,
    pub at: Millis,
}

/// Counts what would be scheduled again, by one statement: pages ask too, and have few.
pub async fn count(
    client: &impl GenericClient,
    workspace: WorkspaceId,
    filter: &Filter,
    again: Again,
) -> Result<Counted, DbError> {
    let statuses = again.statuses(filter);
    if statuses.is_empty() {
        let at = Millis::now();
        return Ok(Counted { count: 0, at });
    }
    let (low, high) = filter.ids();
    let bound = Bound::of(workspace, filter, low, high, i64::MAX);
    let not_again = match again {
        Again::Ended => "",
        Again::Failed => {
            "and not exists (
                 select from deliveries again where again.event_id = d.event_id and again.redelivery_of = d.id)"
        }
    };
    let statement = format!(
        "with {GIVEN} select count(*), now() from ({}) d
         where exists (select from destinations w where w.workspace_id = $1 and w.id = d.webhook_id) {not_again}",
        all_of(filter, &statuses)
    );
    let row = client.query_one(&statement, &bound.parameters()).await?;
    Ok(Counted {
        count: u64::try_from(row.get::<_, i64>(0)).unwrap_or_default(),
        at: row.get(1),
    })
}

/// A way through all that match, chunk by chunk.
///
/// The ids of a chunk come here and go back as values: the planner knows how many they are, while it takes what a join
/// finds for one row, and would read all that was made so far for each.
struct Walk<'a> {
    transaction: &'a Transaction<'a>,
    workspace: WorkspaceId,
    again: Again,
    /// A destination that was deleted takes nothing more.
    destinations: HashSet<Uuid>,
}

impl Walk<'_> {
    async fn all(&self, filter: &Filter) -> Result<u64, DbError> {
        let statuses = self.again.statuses(filter);
        if statuses.is_empty() {
            return Ok(0);
        }
        let wanted = conditions(filter, &statuses);
        if filter.events.is_some() {
            return self.chunks(filter, &of_events(&wanted).rows, &wanted).await;
        }
        let mut count = 0;
        for status in statuses {
            let (low, high) = filter.ids();
            let bound = Bound::of(self.workspace, filter, low, high, CHUNK);
            let types = format!("with {GIVEN} select key from ({}) kind", types_of(filter, status));
            let types = self.transaction.query(&types, &bound.parameters()).await?;
            for label in types.iter().map(|row| row.get(0)) {
                let label = Some(label);
                let of_label = Filter {
                    label,
                    ..filter.clone()
                };
                count += self.chunks(&of_label, &of_type(filter, status), &wanted).await?;
            }
        }
        Ok(count)
    }

    async fn chunks(&self, filter: &Filter, found: &str, wanted: &str) -> Result<u64, DbError> {
        let (low, mut high) = filter.ids();
        let statement = format!(
            "with {GIVEN} select d.id, d.event_id, d.webhook_id, ({wanted}) is true from ({found}) d"
        );
        let mut count = 0;
        loop {
            let bound = Bound::of(self.workspace, filter, low, high, CHUNK);
            let rows = self.transaction.query(&statement, &bound.parameters()).await?;
            let is_live =
                |row: &&Row| row.get::<_, bool>(3) && self.destinations.contains(&row.get::<_, Uuid>(2));
            let live = rows.iter().filter(is_live);
            let ids_of = |row: &Row| (row.get::<_, Uuid>(0), row.get::<_, Uuid>(1));
            let (mut ids, events): (Vec<Uuid>, Vec<Uuid>) = live.map(ids_of).unzip();
            if self.again == Again::Failed {
                let known = self.sent_again(&events).await?;
                ids.retain(|id| !known.contains(id));
            }
            count += ids.len() as u64;
            if !ids.is_empty() {
                self.transaction.execute(MAKE, &[&ids]).await?;
            }
            match rows.iter().map(|row| row.get::<_, Uuid>(0)).min() {
                Some(lowest) if i64::try_from(rows.len()) == Ok(CHUNK) => high = lowest,
                _ => return Ok(count),
            }
        }
    }

    /// The deliveries of these events that were sent again.
    async fn sent_again(&self, events: &[Uuid]) -> Result<HashSet<Uuid>, DbError> {
        if events.is_empty() {
            return Ok(HashSet::new());
        }
        let statement =
            "select redelivery_of from deliveries where event_id = any($1) and redelivery_of is not null";
        let rows = self.transaction.query(statement, &[&events]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}
