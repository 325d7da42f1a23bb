//! The SQL of lists of deliveries.
//!
//! A page costs the same however many deliveries are stored: it is read from indexes in their order, and of an index that
//! also has others than are wanted only so many entries are looked at. Such a page may end early, with a cursor to go on.

use tokio_postgres::{Client, Row};
use uuid::Uuid;

use super::filter::Filter;
use super::model::{Delivery, Status};
use super::store::delivery;
use super::ways::{Bound, DAY_MILLIS, GIVEN, Way, ways};
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::{DeliveryId, DestinationId, uuid_floor, uuid_millis};
use crate::base::page::{Listing, Page};
use crate::db::DbError;
use crate::delivery::schedule::store::{JOIN_SCHEDULED, NEXT_ATTEMPT_AT};

const COLUMNS: &str = "d.id, d.event_id, e.client_id, d.webhook_id, d.type, d.status, d.redelivery_of,
    d.attempt_count, d.test_body is not null, d.last_status_code, d.last_error, d.revision, d.result";

/// A page of a workspace's deliveries, newest first.
pub async fn list(
    client: &Client,
    workspace: WorkspaceId,
    filter: &Filter,
    page: &Page,
) -> Result<Listing<Delivery>, DbError> {
    let after = page.after.as_deref().and_then(DeliveryId::parse);
    let (low, high) = filter.ids();
    let high = after.map_or(high, |after| high.min(after.uuid()));
    let search = Search {
        client,
        workspace,
        filter,
        ways: ways(filter),
        count: page.fetch_count(),
    };
    if search.ways.is_empty() || low >= high {
        return Ok(page.listing(Vec::new(), position));
    }
    // Mostly the newest days have a page full, and planning for all days costs more than reading these. An event never has.
    let recent = recent(high);
    if recent > low && filter.events.is_none() {
        let (found, _) = search.rows(recent, high, false).await?;
        if found.len() > page.limit as usize {
            return Ok(page.listing(found, position));
        }
    }
    let (mut found, oldest) = search.rows(low, high, true).await?;
    if let Some(oldest) = oldest {
        // What is older may have gaps: the next page has it.
        found.retain(|delivery| delivery.id.uuid() >= oldest);
        let end = DeliveryId::from_uuid(oldest).to_string();
        return Ok(page.listing_until(found, position, &end));
    }
    Ok(page.listing(found, position))
}

/// The newest deliveries to a destination, by one query; `are_recent` says that the recent days have so many.
pub async fn newest(
    client: &Client,
    workspace: WorkspaceId,
    destination: DestinationId,
    count: u32,
    are_recent: bool,
) -> Result<Vec<Delivery>, DbError> {
    let filter = Filter {
        destination: Some(destination),
        ..Filter::default()
    };
    let search = Search {
        client,
        workspace,
        filter: &filter,
        ways: ways(&filter),
        count: count.into(),
    };
    let low = if are_recent {
        recent(Uuid::max())
    } else {
        Uuid::nil()
    };
    Ok(search.rows(low, Uuid::max(), false).await?.0)
}

/// An expression: whether the destination `id` has `count` deliveries whose ids are at least `low`, the first of a day.
pub fn has_recent(id: &str, low: &str, count: &str) -> String {
    let of = |status: Status| {
        let status = status.number();
        format!(
            "(select 1 from deliveries where webhook_id = {id} and status = {status} and id >= {low} limit {count})"
        )
    };
    let all = Status::ALL.map(of).join(" union all ");
    format!("(select count(*) >= {count} from ({all}) recent)")
}

/// From where on ids are recent: the day of the highest one and the day before.
pub fn recent(high: Uuid) -> Uuid {
    let newest = Millis(uuid_millis(high)).min(Millis::now());
    uuid_floor((newest.0.div_euclid(DAY_MILLIS) - 1) * DAY_MILLIS)
}

/// What is looked for.
struct Search<'a> {
    client: &'a Client,
    workspace: WorkspaceId,
    filter: &'a Filter,
    ways: Vec<Way>,
    count: i64,
}

impl Search<'_> {
    /// The newest that match, and if that is no page full, the newest of the oldest entries that the ways looked at and
    /// that have others behind them.
    async fn rows(
        &self,
        low: Uuid,
        high: Uuid,
        tells_oldest: bool,
    ) -> Result<(Vec<Delivery>, Option<Uuid>), DbError> {
        let bound = Bound::of(self.workspace, self.filter, low, high, self.count);
        let statement = statement(&self.ways, tells_oldest);
        let rows = self.client.query(&statement, &bound.parameters()).await?;
        let oldest = rows.first().and_then(|row| row.get(14));
        // Without any there is a row of nulls, for the sake of the oldest.
        let is_found = |row: &&Row| row.get::<_, Option<Uuid>>(0).is_some();
        Ok((rows.iter().filter(is_found).map(delivery).collect(), oldest))
    }
}

fn position(delivery: &Delivery) -> String {
    delivery.id.to_string()
}

fn statement(ways: &[Way], tells_oldest: bool) -> String {
    let rows: Vec<&str> = ways.iter().map(|way| way.rows.as_str()).collect();
    let oldest: Vec<&str> = ways
        .iter()
        .filter_map(|way| way.oldest.as_deref().filter(|_| tells_oldest))
        .collect();
    let oldest = match oldest.as_slice() {
        [] => "null::uuid".to_owned(),
        some => format!(
            "(select id from ({}) old order by id desc limit 1)",
            some.join(" union all ")
        ),
    };
    format!(
        "with {GIVEN},
         found as materialized (select * from ({}) any_way order by id desc limit $4),
         examined as (select case when (select count(*) from found) < $4 then {oldest} end as oldest)
         select {COLUMNS}, {NEXT_ATTEMPT_AT}, examined.oldest
         from examined left join found d on true
         left join events e on e.id = d.event_id
         {JOIN_SCHEDULED}
         order by d.id desc",
        rows.join(" union all ")
    )
}
