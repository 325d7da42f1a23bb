//! The SQL of lists of deliveries.
//!
//! A page costs the same however many deliveries are stored: it is read from indexes in their order, and of an index that
//! also has others than are wanted only so many entries are looked at. Such a page may end early, with a cursor to go on.

use tokio_postgres::{Client, Row};
use uuid::Uuid;

use super::filter::Filter;
use super::model::Delivery;
use super::store::delivery;
use super::ways::{Bound, DAY_MILLIS, GIVEN, Way, ways};
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::{DeliveryId, uuid_floor, uuid_millis};
use crate::base::page::{Listing, Page};
use crate::db::DbError;
use crate::delivery::schedule::store::{JOIN_SCHEDULED, NEXT_ATTEMPT_AT};

const COLUMNS: &str = "d.id, d.event_id, e.client_id, d.webhook_id, d.type, d.status, d.redelivery_of,
    d.attempt_count, d.test_body is not null, d.last_status_code, d.last_error";

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
    // Mostly the newest days have a page full, and planning for all days costs more than reading these.
    let recent = search.recent(high);
    if recent > low {
        let found = search.rows(recent, high).await?;
        if found.len() > page.limit as usize {
            return Ok(page.listing(found, position));
        }
    }
    let mut found = search.rows(low, high).await?;
    if found.len() <= page.limit as usize
        && let Some(oldest) = search.oldest(low, high).await?
    {
        // What is older may have gaps: the next page has it.
        found.retain(|delivery| delivery.id.uuid() >= oldest);
        let end = DeliveryId::from_uuid(oldest).to_string();
        return Ok(page.listing_until(found, position, &end));
    }
    Ok(page.listing(found, position))
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
    /// From where on ids are recent: the day of the highest one and the day before.
    fn recent(&self, high: Uuid) -> Uuid {
        let newest = Millis(uuid_millis(high)).min(Millis::now());
        uuid_floor((newest.0.div_euclid(DAY_MILLIS) - 1) * DAY_MILLIS)
    }

    async fn rows(&self, low: Uuid, high: Uuid) -> Result<Vec<Delivery>, DbError> {
        let rows = self.query(&rows_of(&self.ways), low, high).await?;
        Ok(rows.iter().map(delivery).collect())
    }

    /// The newest of the oldest entries that the ways looked at, if one of them has more.
    async fn oldest(&self, low: Uuid, high: Uuid) -> Result<Option<Uuid>, DbError> {
        let oldest: Vec<&str> = self.ways.iter().filter_map(|way| way.oldest.as_deref()).collect();
        if oldest.is_empty() {
            return Ok(None);
        }
        let any = oldest.join(" union all ");
        let statement = format!("with {GIVEN} select id from ({any}) old order by id desc limit 1");
        let rows = self.query(&statement, low, high).await?;
        Ok(rows.first().map(|row| row.get(0)))
    }

    async fn query(&self, statement: &str, low: Uuid, high: Uuid) -> Result<Vec<Row>, DbError> {
        let bound = Bound::of(self.workspace, self.filter, low, high, self.count);
        Ok(self.client.query(statement, &bound.parameters()).await?)
    }
}

fn position(delivery: &Delivery) -> String {
    delivery.id.to_string()
}

fn rows_of(ways: &[Way]) -> String {
    let rows: Vec<&str> = ways.iter().map(|way| way.rows.as_str()).collect();
    format!(
        "with {GIVEN} select {COLUMNS}, {NEXT_ATTEMPT_AT} from (
             select * from ({}) any_way order by id desc limit $4
         ) d
         left join events e on e.id = d.event_id
         {JOIN_SCHEDULED}
         order by d.id desc",
        rows.join(" union all ")
    )
}
