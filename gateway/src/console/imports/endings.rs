//! Cancelling and undoing an import, and discarding a checked file: each asked about first.

use std::time::Duration;

use askama::Template;

use super::{LIST, find, name};
use crate::console::Visit;
use crate::console::form::new_id;
use crate::console::frame::{Frame, Section};
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;
use crate::imports::{Imports, api, kept};

/// An undo that takes longer is not waited for.
const UNDO_AWAITED: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Cancel,
    Undo,
    Discard,
}

#[derive(Template)]
#[template(path = "imports/confirm.html")]
struct ConfirmPage {
    frame: Frame,
    ending: Ending,
    form_id: String,
    action: String,
    button: &'static str,
    cancel: String,
}

/// `GET /integrations/imports/{id}/cancel`; 409 for an import that has ended.
pub async fn confirm_cancel(imports: Imports, visit: Visit) -> Result<Reply, Problem> {
    confirm(&imports, &visit, Ending::Cancel).await
}

/// `GET /integrations/imports/{id}/undo`; 409 while it runs.
pub async fn confirm_undo(imports: Imports, visit: Visit) -> Result<Reply, Problem> {
    confirm(&imports, &visit, Ending::Undo).await
}

/// `GET /integrations/imports/{id}/discard`.
pub async fn confirm_discard(imports: Imports, visit: Visit) -> Result<Reply, Problem> {
    confirm(&imports, &visit, Ending::Discard).await
}

async fn confirm(imports: &Imports, visit: &Visit, ending: Ending) -> Result<Reply, Problem> {
    let job = find(imports, visit).await?;
    if ending == Ending::Undo && job.is_running() {
        let detail = "The import is still running. Cancel it first.";
        return Err(Problem::new(Code::ImportRunning, detail));
    }
    let name = name(&job);
    let (heading, button) = match ending {
        Ending::Cancel => (format!("Cancel {name}?"), "Cancel import"),
        Ending::Undo => (format!("Undo {name}?"), "Undo import"),
        Ending::Discard => (format!("Discard {name}?"), "Discard"),
    };
    visit.show(&ConfirmPage {
        frame: visit.frame(&heading, Section::Imports),
        ending,
        form_id: new_id(),
        action: visit.uri.path().to_owned(),
        button,
        cancel: format!("{LIST}/{}", job.id),
    })
}

/// `POST /integrations/imports/{id}/cancel`.
pub async fn cancel_import(imports: Imports, mut visit: Visit) -> Result<Reply, Problem> {
    let form = visit.form().await?;
    let job = find(&imports, &visit).await?;
    let call = visit.api_call(&form, &serde_json::json!({}))?;
    api::cancel_import(imports, call).await?;
    let notice = "The import was cancelled. The rows that it wrote before stay.";
    visit.see_other(&format!("{LIST}/{}", job.id), notice)
}

/// `POST /integrations/imports/{id}/undo`. A long undo goes on by itself, and the import's page tells how far it is.
pub async fn undo_import(imports: Imports, mut visit: Visit) -> Result<Reply, Problem> {
    let form = visit.form().await?;
    let job = find(&imports, &visit).await?;
    let call = visit.api_call(&form, &serde_json::json!({}))?;
    let tasks = imports.running.tasks.clone();
    let undoing = tasks.spawn(api::undo_import(imports, call));
    let notice = match tokio::time::timeout(UNDO_AWAITED, undoing).await {
        Ok(ended) => undone(&ended.map_err(|fault| Problem::internal(&fault))??),
        Err(_) => "The undo has begun, and goes on by itself.".to_owned(),
    };
    visit.see_other(&format!("{LIST}/{}", job.id), &notice)
}

/// What is said of an undo that has ended.
fn undone(reply: &Reply) -> String {
    let job: serde_json::Value = serde_json::from_slice(reply.whole()).unwrap_or_default();
    let left_count = job["undo"]["left"].as_array().map_or(0, Vec::len);
    match left_count {
        0 => "The import was undone.".to_owned(),
        1 => "The import was undone, but for a record that was left as it is.".to_owned(),
        _ => format!("The import was undone, but for {left_count} records that were left as they are."),
    }
}

/// `POST /integrations/imports/{id}/discard`.
pub async fn discard_file(imports: Imports, mut visit: Visit) -> Result<Reply, Problem> {
    let form = visit.form().await?;
    let call = visit.api_call(&form, &serde_json::json!({}))?;
    kept::api::delete_file(imports, call).await?;
    visit.see_other(LIST, "The checked file was discarded.")
}
