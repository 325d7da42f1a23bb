//! Handlers of `/v1/crm/…` and `/v1/commerce/…`: one of each kind, for all four objects.

use http::StatusCode;
use uuid::Uuid;

use super::draft::Draft;
use super::filter::Filter;
use super::model::change;
use super::model::record::{Record, parse_id, public_id};
use super::{Object, Records, store};
use crate::audit::{Begun, Changes, Target, Work};
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::page;
use crate::db::Client;
use crate::http::call::Call;
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;

/// Between an insert that found its key taken and the look at who has it, the other may go; so often it is tried again.
const TRIES: usize = 3;

/// `GET` of a list.
pub async fn list_records(
    records: Records,
    object: &'static Object,
    mut call: Call,
) -> Result<Reply, Problem> {
    let workspace = call.caller.workspace;
    let filter = Filter::read(&mut call.query, object, workspace);
    let list = format!("{} {workspace:?} {filter:?}", object.plural);
    let page = call.query.page(page::DEFAULT_LIMIT, list);
    call.query.finish()?;
    let found = match filter.is_impossible {
        true => Vec::new(),
        false => {
            let client = records.db.client().await?;
            store::list(&client, object, workspace, &filter, &page).await?
        }
    };
    Reply::ok(&page.listing(found, Record::public_id))
}

/// `GET` of one.
pub async fn get_record(records: Records, object: &'static Object, call: Call) -> Result<Reply, Problem> {
    let id = id_in(&call, object)?;
    let client = records.db.client().await?;
    let found = store::find(&client, object, call.caller.workspace, id).await?;
    let found = found.ok_or_else(Problem::not_found)?;
    call.query.finish()?;
    Reply::ok(&found)
}

/// `POST`: a new record, or with `?upsert=true` a change of the one that has its external id, else of the one that has its
/// natural key.
pub async fn create_record(
    records: Records,
    object: &'static Object,
    mut call: Call,
) -> Result<Reply, Problem> {
    let body = call.body.read_json().await?;
    let mut client = records.db.client().await?;
    let mut work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let upserts = call.query.read("upsert", |text| match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("expected true or false".into()),
    });
    let mut draft = Draft::read(body, object);
    let mut record = draft.create();
    for _ in 0..TRIES {
        let existing = match upserts {
            Some(true) => {
                let matches = store::lock_matches(work.transaction(), work.workspace(), &record).await?;
                match matches {
                    [Some(one), Some(other)] if one.id != other.id && draft.faults.is_empty() => {
                        return Err(key_taken(object, other.id));
                    }
                    [by_external_id, by_natural_key] => by_external_id.or(by_natural_key),
                }
            }
            _ => None,
        };
        match &existing {
            Some(before) => {
                record = before.clone();
                draft.apply(&mut record);
                draft.check_needs(&record);
            }
            None => draft.check_needs(&record),
        }
        let mut faults = std::mem::take(&mut draft.faults).into_vec();
        faults.extend(std::mem::take(&mut call.query.faults).into_vec());
        if !faults.is_empty() {
            return Err(Problem::invalid(faults));
        }
        if let Some(before) = existing {
            call.query.finish()?;
            let workspace = work.workspace();
            let updated = update(&records, work, before, record).await?;
            return updated.into_reply(&client, workspace).await;
        }
        if store::insert(work.transaction(), work.workspace(), &record).await? {
            call.query.finish()?;
            let events = change::events(work.workspace(), None, &record);
            work.emit(&*records.bus, events).await?;
            let action = format!("{}.created", object.name);
            work.audit(&action, &target(&record), &Changes::default()).await?;
            return work.commit(StatusCode::CREATED, &record).await;
        }
        let taken = store::other_of_keys(work.transaction().client(), work.workspace(), &record).await?;
        if let (Some(id), None | Some(false)) = (taken, upserts) {
            return Err(key_taken(object, id));
        }
    }
    Err(Problem::unavailable(
        "Others keep changing the same record; send it again.",
    ))
}

/// `PATCH`.
pub async fn update_record(
    records: Records,
    object: &'static Object,
    mut call: Call,
) -> Result<Reply, Problem> {
    let body = call.body.read_json().await?;
    let id = id_in(&call, object)?;
    let mut client = records.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let before = lock(&work, object, id).await?;
    let mut draft = Draft::read(body, object);
    let mut after = before.clone();
    draft.apply(&mut after);
    draft.check_needs(&after);
    draft.faults.into_result()?;
    call.query.finish()?;
    let workspace = work.workspace();
    let updated = update(&records, work, before, after).await?;
    updated.into_reply(&client, workspace).await
}

/// `DELETE`.
pub async fn delete_record(records: Records, object: &'static Object, call: Call) -> Result<Reply, Problem> {
    let id = id_in(&call, object)?;
    let mut client = records.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let record = lock(&work, object, id).await?;
    call.query.finish()?;
    store::delete(work.transaction(), work.workspace(), &record).await?;
    let action = format!("{}.deleted", object.name);
    work.audit(&action, &target(&record), &Changes::default()).await?;
    work.commit_silently().await?;
    Ok(Reply::no_content())
}

/// The result of an update.
enum Updated {
    Done(Reply),
    /// Another took the record's key between the look and the write.
    Taken(Record),
}

/// Writes a change, if it is one, and answers with the record.
async fn update(
    records: &Records,
    mut work: Work<'_>,
    before: Record,
    mut after: Record,
) -> Result<Updated, Problem> {
    if !change::is_changed(&before, &after) {
        return work.commit(StatusCode::OK, &before).await.map(Updated::Done);
    }
    let object = after.object;
    let workspace = work.workspace();
    after.updated_at = Millis::now();
    let has_new_key =
        before.external_id() != after.external_id() || before.natural_key() != after.natural_key();
    if has_new_key
        && let Some(id) = store::other_of_keys(work.transaction().client(), workspace, &after).await?
    {
        return Err(key_taken(object, id));
    }
    if let Err(fault) = store::update(work.transaction(), workspace, &after).await {
        return match fault.is_unique_violation() {
            true => Ok(Updated::Taken(after)),
            false => Err(fault.into()),
        };
    }
    let events = change::events(workspace, Some(&before), &after);
    work.emit(&*records.bus, events).await?;
    let action = format!("{}.updated", object.name);
    let changes = change::audited(&before, &after);
    work.audit(&action, &target(&after), &changes).await?;
    work.commit(StatusCode::OK, &after).await.map(Updated::Done)
}

impl Updated {
    /// The reply, or 409 with the record that has the key. Over the connection of the change, which has ended: who asks
    /// the pool for a second one while holding the first may wait for others who do the same.
    async fn into_reply(self, client: &Client, workspace: WorkspaceId) -> Result<Reply, Problem> {
        let record = match self {
            Self::Done(reply) => return Ok(reply),
            Self::Taken(record) => record,
        };
        match store::other_of_keys(client, workspace, &record).await? {
            Some(id) => Err(key_taken(record.object, id)),
            None => Err(Problem::unavailable(
                "Another change of the same key was under way, and nothing was done; send it again.",
            )),
        }
    }
}

fn key_taken(object: &Object, id: Uuid) -> Problem {
    let detail = format!("Another {} has this key.", object.name);
    Problem::new(Code::KeyTaken, detail).with_id(public_id(object, id))
}

fn id_in(call: &Call, object: &Object) -> Result<Uuid, Problem> {
    let text = call.parameters.first();
    text.and_then(|text| parse_id(object, text))
        .ok_or_else(Problem::not_found)
}

async fn lock(work: &Work<'_>, object: &'static Object, id: Uuid) -> Result<Record, Problem> {
    let found = store::lock(work.transaction(), object, work.workspace(), id).await?;
    found.ok_or_else(Problem::not_found)
}

fn target(record: &Record) -> Target {
    Target::new(record.object.name, record.public_id(), record.title())
}
