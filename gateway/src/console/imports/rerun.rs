//! `POST /integrations/imports/{id}/run`: checks or imports what a check has kept.

use http::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::mapping::{choices, mapping};
use super::options::{Asked, FIELDS};
use super::{AWAITED_BYTES, detail, lead_to_import};
use crate::base::id::ImportId;
use crate::console::Visit;
use crate::console::alert::Alert;
use crate::console::form::Form;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::imports::model::Job;
use crate::imports::shown_store::{self, KeptUpload};
use crate::imports::{Imports, kept};

/// Checks the kept file again, or imports it, with the mapping and the options that were chosen.
pub async fn run_import(imports: Imports, mut visit: Visit) -> Result<Reply, Problem> {
    let form = visit.form().await?;
    let id: ImportId = visit.call.id()?;
    let client = imports.db.client().await?;
    let found = shown_store::find(&client, visit.call.caller.workspace, id).await?;
    drop(client);
    let found = found.ok_or_else(Problem::not_found)?;
    let is_check = form.filled("check").is_some();
    let body = order(&found.job, found.kept.as_ref(), &form, is_check);
    let done = match visit.api_call(&form, &body) {
        Err(problem) => Err(problem),
        Ok(mut call) => {
            if u64::try_from(found.job.bytes_read).unwrap_or(0) > AWAITED_BYTES {
                let early = HeaderValue::from_static("respond-async");
                call.headers.insert(HeaderName::from_static("prefer"), early);
            }
            kept::api::run_import(imports.clone(), call).await
        }
    };
    match done {
        Ok(made) => {
            let notice = if is_check {
                "The file was checked again."
            } else {
                "The import has begun."
            };
            lead_to_import(&visit, &made, notice)
        }
        Err(problem) => {
            let alert = Alert::of(problem, FIELDS)?;
            detail::show(&imports, &visit, Some((&form, alert))).await
        }
    }
}

/// The body that the API takes.
fn order(job: &Job, kept: Option<&KeptUpload>, form: &Form, is_check: bool) -> Value {
    let mut body = json!({"dry_run": is_check, "keep": is_check});
    let before = kept.map_or_else(Asked::default, |kept| Asked(kept.parameters.clone()));
    let asked = Asked::again(form);
    for (name, value) in &asked.0 {
        // What is left empty is to be found out.
        body[name] = json!(Some(value).filter(|value| !value.is_empty()));
    }
    if asked.cuts_otherwise(&before) {
        // The headers that were chosen for may be no headers now.
        body["mapping"] = Value::Null;
    } else if let Some(mapping) = mapping(&choices(job, kept, Some(form)), &before) {
        body["mapping"] = json!(mapping);
    }
    body
}
