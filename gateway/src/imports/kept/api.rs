//! Handlers of kept uploads.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::{Keeping, KeptFile, kept_parameters, order, store as kept_store};
use crate::audit::Reservation;
use crate::base::id::ImportId;
use crate::db;
use crate::http::call::Call;
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;
use crate::imports::job::runner::Start;
use crate::imports::job::source::{Origin, Upload};
use crate::imports::job::{launch, once};
use crate::imports::model::{ImportRequest, Job};
use crate::imports::{Imports, api, store};
use crate::records::Object;

/// `POST /v1/imports/{id}/run`.
pub async fn run_import(imports: Imports, mut call: Call) -> Result<Reply, Problem> {
    let body = call.body.read_optional_json().await?;
    let client = imports.db.client().await?;
    let job = find(&client, &call).await?;
    let kept = kept_store::find(&client, job.number).await?;
    drop(client);
    api::check_scope(&call.caller, Object::named(&job.object))?;
    let actor = api::actor(&call);
    let key = Reservation::of(&call, imports.instance);
    let body_digest = call.body.digest();
    let Some(kept) = kept else {
        // A repeat gets the first reply for longer than the file is kept.
        return once::hold(&imports, key, body_digest, async { Err(gone()) }).await;
    };
    let mut query = order::query(body, kept.parameters.clone());
    query.faults.extend(call.query.finish_faults());
    let parameters = kept_parameters(&query);
    let upload = reopen(&imports, &kept, body_digest).await?;
    let charset = upload.charset().or(kept.packing.charset.as_deref());
    let request = ImportRequest::read(query, imports.limits(), charset)?;
    let start = Start {
        actor,
        answers_early: launch::answers_early(&call.headers),
        caller: call.caller,
        bytes_total: Some(kept.byte_count),
        key,
        keeping: request.keeps.then(|| Keeping::again(kept, parameters)),
        request,
    };
    launch::run(imports, start, upload).await
}

/// `DELETE /v1/imports/{id}/file`.
pub async fn delete_file(imports: Imports, call: Call) -> Result<Reply, Problem> {
    let mut client = imports.db.client().await?;
    let job = find(&client, &call).await?;
    call.query.finish()?;
    kept_store::drop_kept(&mut client, job.number).await?;
    Ok(Reply::no_content())
}

/// The upload as it came, but for the fields of its form: these are among the parameters.
async fn reopen(imports: &Imports, kept: &KeptFile, body_digest: [u8; 32]) -> Result<Upload, Problem> {
    let read = Arc::new(AtomicU64::new(0));
    let pieces = super::pieces(imports.db.clone(), kept, read.clone());
    let upload = Upload::of(pieces, read, &kept.packing, Origin::Kept { body_digest }).await;
    let mut upload = upload.map_err(|fault| fault.problem())?;
    upload.take_fields();
    Ok(upload)
}

async fn find(client: &db::Client, call: &Call) -> Result<Job, Problem> {
    let id: ImportId = call.id()?;
    let found = store::find(client, call.caller.workspace, id).await?;
    found.ok_or_else(Problem::not_found)
}

fn gone() -> Problem {
    let detail = "The uploaded file is not kept, or no longer. Send it again, with dry_run=true&keep=true to check it first.";
    Problem::new(Code::FileGone, detail)
}
