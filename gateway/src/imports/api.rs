//! Handlers of `/v1/imports`.

use std::sync::Arc;

use http::StatusCode;

use super::causes::store as cause_store;
use super::job::packing::Packing;
use super::job::runner::Start;
use super::job::source::Upload;
use super::job::{launch, lifecycle, once, report};
use super::kept::{Keeper, Keeping, kept_parameters};
use super::model::{FORM_FIELDS, ImportRequest, Job};
use super::write::undo;
use super::{Imports, store};
use crate::audit::{Actor, Begun, Reservation, Work};
use crate::base::caller::{Caller, WorkspaceId};
use crate::base::id::ImportId;
use crate::base::page;
use crate::db::{self, DbError};
use crate::http::body::MAX_JSON_BYTES;
use crate::http::call::Call;
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;
use crate::records::Object;

/// `POST /v1/imports`.
pub async fn create_import(imports: Imports, call: Call) -> Result<Reply, Problem> {
    create(imports, call, &mut |_, _| true).await
}

/// The same for an upload of which `takes` sees each field, and says whether it counts.
pub async fn create(
    imports: Imports,
    mut call: Call,
    takes: &mut (dyn FnMut(&str, &str) -> bool + Send),
) -> Result<Reply, Problem> {
    check_scope(&call.caller, call.query.peek("object").and_then(Object::named))?;
    let keeps = call.query.peek("keep") == Some("true");
    if keeps {
        call.body.refuse_beyond(imports.settings.keep_max_bytes).await?;
    }
    let packing = Packing::of(&call)?;
    let actor = actor(&call);
    let bytes_total = call.body.declared_len();
    let key = Reservation::of(&call, imports.instance);
    call.body.require_rate();
    let keeper = keeps.then(|| Arc::new(Keeper::new(imports.db.clone(), imports.settings.keep_max_bytes)));
    let upload = Upload::begin(call.body, &packing, keeper.clone()).await;
    let mut upload = upload.map_err(|fault| fault.problem())?;
    for (name, value) in upload.take_fields() {
        if takes(&name, &value) {
            call.query.add_form_field(name, value, &FORM_FIELDS);
        }
    }
    check_scope(&call.caller, call.query.peek("object").and_then(Object::named))?;
    let parameters = kept_parameters(&call.query);
    let charset = upload.charset().or(packing.charset.as_deref());
    let request = ImportRequest::read(call.query, imports.limits(), charset)?;
    let start = Start {
        answers_early: launch::answers_early(&call.headers),
        caller: call.caller,
        actor,
        bytes_total,
        key,
        keeping: keeper.map(|keeper| Keeping::of_upload(keeper, packing, parameters)),
        request,
    };
    launch::run(imports, start, upload).await
}

/// `GET /v1/imports`.
pub async fn list_imports(imports: Imports, mut call: Call) -> Result<Reply, Problem> {
    let list = format!("imports {:?}", call.caller.workspace);
    let page = call.query.page(page::DEFAULT_LIMIT, list);
    call.query.finish()?;
    let client = imports.db.client().await?;
    let found = store::list(&client, call.caller.workspace, &page).await?;
    Reply::ok(&page.listing(found, |job| job.id.to_string()))
}

/// `GET /v1/imports/{id}`.
pub async fn get_import(imports: Imports, call: Call) -> Result<Reply, Problem> {
    let job = find(&imports, &call).await?;
    call.query.finish()?;
    Reply::ok(&job)
}

/// `GET /v1/imports/{id}/events`.
pub async fn watch_import(imports: Imports, call: Call) -> Result<Reply, Problem> {
    // Before the job is read, which may be large.
    let place = imports.watchers.place()?;
    let job = find(&imports, &call).await?;
    call.query.finish()?;
    let Imports { watchers, db, .. } = imports;
    Ok(watchers.watch(place, db, call.caller.workspace, job))
}

/// `GET /v1/imports/{id}/errors.csv`.
pub async fn get_errors(imports: Imports, mut call: Call) -> Result<Reply, Problem> {
    let job = find(&imports, &call).await?;
    let with_cells = call.query.read("original", |text| match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    });
    call.query.finish()?;
    check_failures_kept(&job)?;
    Ok(report::errors_csv(imports.db, &job, with_cells.unwrap_or(false)))
}

/// `GET /v1/imports/{id}/faults`.
pub async fn get_faults(imports: Imports, call: Call) -> Result<Reply, Problem> {
    let job = find(&imports, &call).await?;
    call.query.finish()?;
    check_failures_kept(&job)?;
    let client = imports.db.client().await?;
    let data = cause_store::faults(&client, job.number).await?;
    Reply::ok(&serde_json::json!({ "data": data }))
}

/// `POST /v1/imports/{id}/cancel`. The job ends here and now; its runner notices.
pub async fn cancel_import(imports: Imports, mut call: Call) -> Result<Reply, Problem> {
    // It says nothing, but a repeat must have the same.
    call.body.read(MAX_JSON_BYTES).await?;
    let id: ImportId = call.id()?;
    let workspace = call.caller.workspace;
    let mut client = imports.db.client().await?;
    let mut work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let job = store::find_in(work.transaction(), workspace, id).await?;
    let job = job.ok_or_else(Problem::not_found)?;
    call.query.finish()?;
    if job.is_running()
        && let Some(job) = lifecycle::cancel(&imports, &mut work, job.number).await?
    {
        let reply = work.commit(StatusCode::OK, &job).await?;
        lifecycle::announce(&imports, &job);
        return Ok(reply);
    }
    // It has ended by now.
    let job = store::find_in(work.transaction(), workspace, id).await?;
    work.commit(StatusCode::OK, &job.ok_or_else(Problem::not_found)?)
        .await
}

/// `POST /v1/imports/{id}/undo`.
pub async fn undo_import(imports: Imports, mut call: Call) -> Result<Reply, Problem> {
    call.body.read(MAX_JSON_BYTES).await?;
    let job = find(&imports, &call).await?;
    let object = Object::named(&job.object).ok_or_else(Problem::not_found)?;
    check_scope(&call.caller, Some(object))?;
    let workspace = call.caller.workspace;
    let actor = actor(&call);
    let body_digest = call.body.digest();
    let key = Reservation::of(&call, imports.instance);
    call.query.finish()?;
    // The undo goes on when the client goes away.
    let tasks = imports.running.tasks.clone();
    let undoing = tasks.spawn(async move {
        let undoing = undo_job(&imports, object, workspace, &actor, &job);
        once::hold(&imports, key, body_digest, Box::pin(undoing)).await
    });
    undoing.await.map_err(|fault| Problem::internal(&fault))?
}

async fn undo_job(
    imports: &Imports,
    object: &'static Object,
    workspace: WorkspaceId,
    actor: &Actor,
    job: &Job,
) -> Result<Job, Problem> {
    if job.is_running() {
        return Err(still_running());
    }
    let keeper = db::detach(imports.db.client().await?);
    if !store::try_lock(&keeper, job.number).await? {
        return Err(still_running());
    }
    // Another undo may have ended just now.
    let job = store::find(&keeper, workspace, job.id).await?;
    let job = job.ok_or_else(Problem::not_found)?;
    if !job.keeps_traces {
        return Err(purged(
            "What it did to the records is no longer kept (imports.retention_days), so it cannot be taken back.",
        ));
    }
    undo::undo(&imports.db, object, workspace, actor, &job)
        .await
        .map_err(broke_off)?;
    let job = store::find(&keeper, workspace, job.id).await?;
    job.ok_or_else(Problem::not_found)
}

/// An undo is one transaction for each chunk: of those before the last nobody may say that nothing was done.
fn broke_off(fault: DbError) -> Problem {
    let problem = Problem::from(fault);
    match (problem.code(), problem.cause()) {
        (Code::Unavailable, Some(cause)) => {
            let detail =
                "The undo broke off, and a part of it may be done. Ask for it again: it goes on from there.";
            Problem::unavailable(detail).caused_by(&cause)
        }
        _ => problem,
    }
}

fn still_running() -> Problem {
    Problem::new(
        Code::ImportRunning,
        "The import, or an undo of it, is still running.",
    )
}

/// Where nothing failed, an empty report is the truth.
fn check_failures_kept(job: &Job) -> Result<(), Problem> {
    match !job.keeps_traces && job.rows_failed > 0 {
        true => Err(purged(
            "Its failed rows are no longer kept (imports.retention_days).",
        )),
        false => Ok(()),
    }
}

fn purged(detail: &'static str) -> Problem {
    Problem::new(Code::ImportPurged, detail)
}

async fn find(imports: &Imports, call: &Call) -> Result<Job, Problem> {
    let id: ImportId = call.id()?;
    let client = imports.db.client().await?;
    let found = store::find(&client, call.caller.workspace, id).await?;
    found.ok_or_else(Problem::not_found)
}

/// Who makes a request, for a trail that is written when it is gone.
pub fn actor(call: &Call) -> Actor {
    Actor::Key {
        id: call.caller.key_id,
        name: Arc::clone(&call.caller.key_name),
        request_id: call.request_id.as_str().to_owned(),
        ip: call.ip,
    }
}

/// 403 unless the key may write the object's records.
pub fn check_scope(caller: &Caller, object: Option<&Object>) -> Result<(), Problem> {
    let needed = match object {
        None => return Ok(()),
        Some(object) => object.write_scope,
    };
    match caller.scopes.contains(needed) {
        true => Ok(()),
        false => Err(Problem::scope_missing(needed.name()).closing()),
    }
}
