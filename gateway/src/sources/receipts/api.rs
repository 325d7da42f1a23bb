//! Handlers of receipts.

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;

use super::model::{KEPT, Kept, Outcome, ShownReceipt};
use super::store;
use crate::audit::{Begun, Changes, Target, Work};
use crate::base::id::{ReceiptId, SourceId};
use crate::http::call::Call;
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;
use crate::sources::Sources;
use crate::sources::intake::retry::retry;
use crate::sources::store as source_store;

/// The newest receipts, which are all in one page.
#[derive(Serialize)]
struct Listing {
    data: Vec<ShownReceipt>,
    next_cursor: Option<String>,
}

/// `GET /v1/sources/{id}/receipts`.
pub async fn list_receipts(sources: Sources, mut call: Call) -> Result<Reply, Problem> {
    let id: SourceId = call.id()?;
    let outcome = call.query.read("outcome", |name| {
        Outcome::parse(name)
            .ok_or_else(|| "expected accepted, repeat, handshake, filtered or a code".to_owned())
    });
    call.query.finish()?;
    sources.journal.settle().await;
    let client = sources.db.client().await?;
    let found = source_store::find(&**client, call.caller.workspace, id).await?;
    found.ok_or_else(Problem::not_found)?;
    let mut data = store::list(&client, id, outcome).await?;
    data.truncate(KEPT);
    Reply::ok(&Listing {
        data,
        next_cursor: None,
    })
}

/// `POST /v1/receipts/{id}/retry`.
pub async fn retry_receipt(sources: Sources, mut call: Call) -> Result<Reply, Problem> {
    call.body.read_optional_json().await?;
    let id: ReceiptId = call.id()?;
    sources.journal.settle().await;
    let mut client = sources.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let found = store::lock(work.transaction(), work.workspace(), id).await?;
    let mut found = found.ok_or_else(Problem::not_found)?;
    call.query.finish()?;
    let purged = || {
        let detail = "Only refused requests whose body is kept can be tried again.";
        Problem::new(Code::ReceiptPurged, detail)
    };
    let (Some(body), Some(sealed), true) = (found.body, found.sealed, found.is_refused) else {
        return Err(purged());
    };
    let live = sources.registry.of_id(found.source).ok_or_else(purged)?;
    let opened = sources.registry.vault().open_value(found.source, &sealed);
    let opened = opened.map_err(|fault| Problem::internal(&fault))?;
    let kept: Kept = serde_json::from_slice(opened.expose()).map_err(|_| purged())?;
    // The events commit first. If this does not, a further retry finds them: they are taken once.
    let (outcome, event_ids) = retry(&sources, &live, &kept, &Bytes::from(body), found.shown.at).await;
    store::put_outcome(work.transaction(), id, outcome, &event_ids).await?;
    let mut changes = Changes::default();
    changes.note("outcome", &found.shown.outcome.as_str(), &outcome.name());
    let target = Target::new("source", found.source, None);
    work.audit("source.receipt_retried", &target, &changes).await?;
    found.shown.outcome = outcome.name().to_owned();
    found.shown.event_ids = event_ids;
    if !outcome.is_refused() {
        found.shown.body = None;
    }
    work.commit(StatusCode::OK, &found.shown).await
}
