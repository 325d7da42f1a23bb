//! The SQL of deliveries that wait for their turn.
//!
//! A delivery has its turn when it is the first of its destination and key, none of them is under way or waits for a retry,
//! and no earlier event of the key is accepted but not yet in the table. One statement checks all of it, and so at one
//! moment; it locks the row in its current state, so that two instances never lease the same one.

use std::time::Duration;

use super::leases::{LEASE_PICKED, Leased, Leases, sized};
use crate::base::id::DestinationId;
use crate::db::{Db, DbError};

/// An event that the destination does not want never gets a delivery; of others there is none yet while their owner has
/// not come to them. An event's deliveries stand together in the primary key, by the first half of its id.
///
/// `offset 0` keeps the planner from making joins of the questions: each is one step in an index for each key, while a
/// join may read all deliveries of a destination where statistics are old.
const HEADS: &str = "
    with heads as materialized (
        select head.delivery_id
        from unnest($4::text[]) as wanted(order_key)
        cross join lateral (
            select s.delivery_id, s.event_id, s.workspace_id, s.webhook_id, s.order_key
            from scheduled_deliveries s
            where s.webhook_id = $3 and s.order_key = wanted.order_key and s.due_at is null
            order by s.event_id limit 1
        ) head
        where not exists (
            select from scheduled_deliveries turn
            where turn.webhook_id = $3 and turn.order_key = head.order_key and turn.due_at is not null
            offset 0
        ) and not exists (
            select from events e
            join bus_owners o on o.id = e.owner and e.id >= o.watermark
            join webhooks w on w.id = head.webhook_id and (e.type = any(w.events) or '*' = any(w.events))
            where e.workspace_id = head.workspace_id and e.ordering_key = head.order_key
              and e.id < head.event_id
              and e.id >= (select watermark from bus_owners order by watermark limit 1)
              and not exists (
                  select from deliveries d
                  where d.id >= (left(e.id::text, 18) || '-0000-000000000000')::uuid
                    and d.id <= (left(e.id::text, 18) || '-ffff-ffffffffffff')::uuid
                    and d.webhook_id = head.webhook_id and d.event_id = e.id
                  offset 0
              )
            offset 0
        )
        limit $5
    ), picked as materialized (
        select s.delivery_id, s.event_id, s.due_at
        from scheduled_deliveries s join heads on heads.delivery_id = s.delivery_id
        where s.due_at is null
        for update of s skip locked
    )";

/// Leases up to `count` deliveries to a destination whose turn it is, of these keys.
pub async fn lease_turns(
    leases: &Leases,
    owner: i32,
    destination: DestinationId,
    keys: &[Box<str>],
    lease: Duration,
    count: i64,
) -> Result<Vec<Leased>, DbError> {
    let lease = lease.as_secs_f64();
    let keys: Vec<&str> = keys.iter().map(|key| &**key).collect();
    let statement = format!("{HEADS}, {} {LEASE_PICKED}", sized(6));
    leases
        .take(
            &statement,
            &[&owner, &lease, &destination, &keys, &count, &leases.leasable()],
        )
        .await
}

/// Up to `count` keys behind `after` of which something waits for a destination: one step in the index for each, however
/// much it is.
pub async fn keys_in_line(
    db: &Db,
    destination: DestinationId,
    after: &str,
    count: i64,
) -> Result<Vec<Box<str>>, DbError> {
    let client = db.client().await?;
    let statement = client
        .prepare_cached(
            "with recursive found as (
                 (select order_key, 1 as place from scheduled_deliveries
                  where webhook_id = $1 and due_at is null and order_key > $2
                  order by order_key limit 1)
                 union all
                 select (select s.order_key from scheduled_deliveries s
                         where s.webhook_id = $1 and s.due_at is null and s.order_key > found.order_key
                         order by s.order_key limit 1), place + 1
                 from found where found.order_key is not null and place < $3::int8
             ) select order_key from found where order_key is not null order by place",
        )
        .await?;
    let rows = client.query(&statement, &[&destination, &after, &count]).await?;
    Ok(rows.iter().map(|row| row.get::<_, &str>(0).into()).collect())
}
