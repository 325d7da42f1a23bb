//! The ways to the deliveries that a filter wants: texts of SQL, each of which reads one index from its newest entry on.
//!
//! Every text names these parameters: `$1` the workspace, `$2` the lowest id and `$3` the one before which ids must be, `$4`
//! how many are wanted, `$5` a destination, `$6` a type, `$7` events, `$8` and `$9` the same as `$2` and `$3` widened to whole
//! days, which are partitions. Numbers that partial indexes depend on stand in the text.
//!
//! The planner must read an index in its order, and not sort what it takes for few rows, or walk down the primary key for
//! what statistics call frequent. So the order names the columns behind the scope, conditions on these compare rows, and
//! what they are compared with is hidden from it by `offset 0`.

use uuid::Uuid;

use super::filter::Filter;
use super::model::Status;
use crate::base::caller::WorkspaceId;
use crate::base::id::{DestinationId, uuid_floor, uuid_millis};
use crate::db::ToSql;

/// Gives every parameter its type, whichever of them a text needs.
pub const GIVEN: &str = "given as (
    select $1::int4, $2::uuid, $3::uuid, $4::int8, $5::uuid, $6::text, $7::uuid[], $8::uuid, $9::uuid)";
pub(super) const DAY_MILLIS: i64 = 86_400_000;

/// The values of the parameters.
pub struct Bound {
    workspace: WorkspaceId,
    low: Uuid,
    high: Uuid,
    count: i64,
    destination: Option<Uuid>,
    label: Option<String>,
    events: Option<Vec<Uuid>>,
    first_day: Uuid,
    after_last_day: Uuid,
}

impl Bound {
    /// For up to `count` rows with ids from `low` on and before `high`.
    pub fn of(workspace: WorkspaceId, filter: &Filter, low: Uuid, high: Uuid, count: i64) -> Self {
        let day = |id: Uuid| uuid_millis(id).div_euclid(DAY_MILLIS);
        Self {
            workspace,
            low,
            high,
            count,
            destination: filter.destination.map(DestinationId::uuid),
            label: filter.label.clone(),
            events: filter.events.clone(),
            first_day: uuid_floor(day(low) * DAY_MILLIS),
            after_last_day: match high.is_max() {
                true => high,
                false => uuid_floor((day(high) + 1) * DAY_MILLIS),
            },
        }
    }

    /// In their order.
    pub fn parameters(&self) -> [&(dyn ToSql + Sync); 9] {
        [
            &self.workspace,
            &self.low,
            &self.high,
            &self.count,
            &self.destination,
            &self.label,
            &self.events,
            &self.first_day,
            &self.after_last_day,
        ]
    }
}

/// What is read of each delivery.
const READ: &str =
    "d.id, d.workspace_id, d.webhook_id, d.event_id, d.type, d.status, d.redelivery_of, d.attempt_count,
    d.test_body, d.last_status_code, d.last_error, d.revision, d.result";
/// Entries that are looked at for a page along an index that has others too.
pub(super) const EXAMINED: u32 = 5_000;
/// The same for each type, where an index is by type.
const EXAMINED_OF_TYPE: u32 = 500;
/// Status codes of successes without an entry in `deliveries_by_status_code`.
const USUAL: [u16; 4] = [200, 201, 202, 204];
const HAS_ENTRY: &str = "d.last_status_code is not null
    and (d.status <> 1 or d.last_status_code not in (200, 201, 202, 204))";

/// One way.
pub struct Way {
    /// The newest deliveries that match, by `limit $4`.
    pub rows: String,
    /// The oldest entries that were looked at, of parts that have more; absent where none is looked at in vain.
    pub oldest: Option<String>,
}

/// The types of the deliveries of one state that `filter` wants.
pub fn types_of(filter: &Filter, status: Status) -> String {
    types_within(filter, &of(status), scope(filter))
}

/// The newest deliveries of one state and the type `$6`, of the workspace or destination of `filter`; other conditions are
/// not looked at.
pub fn of_type(filter: &Filter, status: Status) -> String {
    let entries = entries(READ, &of(status), scope(filter), "type", "$4");
    format!("select d.* from (select $6::text as key offset 0) kind cross join lateral ({entries}) d")
}

/// Every delivery of these states that matches, in no order; `$4` is the most of each type that are looked at.
pub fn all_of(filter: &Filter, statuses: &[Status]) -> String {
    let wanted = conditions(filter, statuses);
    let of_status = |status: &Status| {
        let entries = entries(READ, &of(*status), scope(filter), "type", "$4");
        let kinds = types_of(filter, *status);
        format!("(select d.* from ({kinds}) kind cross join lateral ({entries}) d)")
    };
    let found = match filter.events {
        Some(_) => of_events(&wanted).rows,
        None => statuses
            .iter()
            .map(of_status)
            .collect::<Vec<_>>()
            .join(" union all "),
    };
    format!("select d.* from ({found}) d where {wanted}")
}

fn of(status: Status) -> String {
    format!("d.status = {}", status.number())
}

const fn scope(filter: &Filter) -> &'static str {
    match filter.destination {
        Some(_) => "d.webhook_id = $5",
        None => "d.workspace_id = $1",
    }
}

/// All ways to what `filter` wants: together they find every delivery once.
pub(super) fn ways(filter: &Filter) -> Vec<Way> {
    let statuses = filter.possible_statuses();
    if statuses.is_empty() {
        return Vec::new();
    }
    let all = conditions(filter, &statuses);
    if filter.events.is_some() {
        return vec![of_events(&all)];
    }
    match (filter.status_code, filter.error) {
        (Some(code), _) => {
            let key = format!("{code}::int2");
            let mut ways = Vec::new();
            let by_code = |all: &str| along("last_status_code", &key, HAS_ENTRY, all);
            if !USUAL.contains(&code) {
                return vec![by_code(&all)];
            }
            let others: Vec<Status> = statuses
                .iter()
                .copied()
                .filter(|s| *s != Status::Succeeded)
                .collect();
            if !others.is_empty() {
                ways.push(by_code(&conditions(filter, &others)));
            }
            if statuses.contains(&Status::Succeeded) {
                ways.push(of_status(filter, Status::Succeeded, &all));
            }
            ways
        }
        (None, Some(error)) => {
            let key = format!("{}::int2", error.number());
            vec![along("last_error", &key, "d.last_error is not null", &all)]
        }
        (None, None) => {
            let way = |status: &Status| of_status(filter, *status, &all);
            statuses.iter().map(way).collect()
        }
    }
}

/// All conditions but those on ids.
pub fn conditions(filter: &Filter, statuses: &[Status]) -> String {
    let mut all = "d.workspace_id = $1".to_owned();
    if filter.destination.is_some() {
        all.push_str(" and d.webhook_id = $5");
    }
    if filter.label.is_some() {
        all.push_str(" and d.type = $6");
    }
    if statuses.len() < Status::ALL.len() {
        let numbers: Vec<String> = statuses.iter().map(|s| s.number().to_string()).collect();
        all.push_str(&format!(" and d.status in ({})", numbers.join(", ")));
    }
    if let Some(code) = filter.status_code {
        all.push_str(&format!(" and d.last_status_code = {code}"));
    }
    if let Some(error) = filter.error {
        all.push_str(&format!(" and d.last_error = {}", error.number()));
    }
    all
}

/// Entries of an index whose next column, behind its scope, is `column`: those with the key `kind.key`, newest first.
fn entries(what: &str, predicate: &str, scope: &str, column: &str, limit: &str) -> String {
    format!(
        "select {what} from deliveries d
         where {predicate} and {scope} and (d.{column}, d.id) >= (kind.key, $2::uuid)
           and (d.{column}, d.id) < (kind.key, $3::uuid) and d.id >= $2 and d.id < $3
         order by d.{column} desc, d.id desc limit {limit}"
    )
}

/// Along an index of workspace, `column` and id, in which not every entry with that key matches.
fn along(column: &str, key: &str, predicate: &str, all: &str) -> Way {
    let kinds = format!("select {key} as key offset 0");
    let examined = EXAMINED.to_string();
    let entries = |what: &str| entries(what, predicate, "d.workspace_id = $1", column, &examined);
    Way {
        rows: examining(&kinds, &entries(READ), column, all),
        oldest: Some(oldest(&kinds, &entries("d.id"), EXAMINED)),
    }
}

/// Of the entries of each kind the newest that match all conditions.
fn examining(kinds: &str, entries: &str, column: &str, all: &str) -> String {
    format!(
        "(select found.* from ({kinds}) kind cross join lateral (
             select * from ({entries}) d where {all} order by d.{column} desc, d.id desc limit $4
         ) found)"
    )
}

/// The last entry of each kind that has as many as are examined.
fn oldest(kinds: &str, entries: &str, examined: u32) -> String {
    format!(
        "(select old.id from ({kinds}) kind cross join lateral ({entries} offset {}) old)",
        examined - 1
    )
}

/// The deliveries of one state, of the workspace or of one destination: for each type its newest.
fn of_status(filter: &Filter, status: Status, all: &str) -> Way {
    let (predicate, scope) = (of(status), scope(filter));
    let kinds = types_within(filter, &predicate, scope);
    // Every entry with that status, scope and type matches, unless something else is asked for too.
    let is_exact = filter.status_code.is_none() && filter.error.is_none();
    let examined = EXAMINED_OF_TYPE.to_string();
    let limit = if is_exact { "$4" } else { examined.as_str() };
    let entries = |what: &str| entries(what, &predicate, scope, "type", limit);
    Way {
        rows: examining(&kinds, &entries(READ), "type", all),
        oldest: (!is_exact).then(|| oldest(&kinds, &entries("d.id"), EXAMINED_OF_TYPE)),
    }
}

/// The types of which there are deliveries on these days: one step in the index for each, however many deliveries they have.
fn types_within(filter: &Filter, predicate: &str, scope: &str) -> String {
    let deliveries = format!("from deliveries d where {predicate} and {scope} and d.id >= $8 and d.id < $9");
    // A destination's deliveries are all of its workspace: one tells of all, so that a foreign one is not read through.
    let owner = match filter.destination {
        Some(_) => format!("(select d.workspace_id {deliveries} order by d.type limit 1) = $1"),
        None => "true".to_owned(),
    };
    if filter.label.is_some() {
        return format!("select $6::text as key where {owner} offset 0");
    }
    let next = |after: &str| format!("(select d.type {deliveries} {after} order by d.type limit 1)");
    format!(
        "with recursive kinds as (
             select {} as key where {owner}
             union all
             select {} from kinds where kinds.key is not null
         ) select key from kinds where key is not null",
        next(""),
        next("and d.type > kinds.key")
    )
}

/// The deliveries of events: first ones stand in their event's range of ids, the others have an index of their own.
/// `offset 0` keeps the planner from making one join of the ranges.
pub fn of_events(all: &str) -> Way {
    let within = "d.id >= $2 and d.id < $3";
    Way {
        rows: format!(
            "(select {READ} from (
                 select first.* from unnest($7::uuid[]) as wanted(event_id)
                 cross join lateral (
                     select * from deliveries d
                     where d.id >= (left(wanted.event_id::text, 18) || '-0000-000000000000')::uuid
                       and d.id <= (left(wanted.event_id::text, 18) || '-ffff-ffffffffffff')::uuid
                       and d.event_id = wanted.event_id and d.redelivery_of is null and d.test_body is null
                     offset 0
                 ) first
                 union all
                 select * from deliveries d
                 where d.event_id = any($7) and (d.redelivery_of is not null or d.test_body is not null)
             ) d where {all} and {within} order by d.id desc limit $4)"
        ),
        oldest: None,
    }
}
