//! `POST /integrations/imports/{id}/run`: checks or imports what a check has kept.

use std::collections::BTreeMap;

use http::header::{HeaderName, HeaderValue};
use serde_json::json;

use super::detail::{self, columns};
use super::{AWAITED_BYTES, find, lead_to_import};
use crate::console::Visit;
use crate::console::alert::Alert;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::imports::{Imports, kept};

/// Checks the kept file again, or imports it, with the mapping that was chosen.
pub async fn run_import(imports: Imports, mut visit: Visit) -> Result<Reply, Problem> {
    let form = visit.form().await?;
    let job = find(&imports, &visit).await?;
    let names = columns(&job).into_iter().map(detail::Column::into_names);
    let mapping: BTreeMap<String, Option<&str>> = names
        .map(|(control, header)| (header, form.filled(&control)))
        .collect();
    let is_check = form.filled("check").is_some();
    let mut body = json!({"dry_run": is_check, "keep": is_check});
    // A job without columns to choose from is read as it was.
    if !mapping.is_empty() {
        body["mapping"] = json!(mapping);
    }
    let done = match visit.api_call(&form, &body) {
        Err(problem) => Err(problem),
        Ok(mut call) => {
            if u64::try_from(job.bytes_read).unwrap_or(0) > AWAITED_BYTES {
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
            let alert = Alert::of(problem, &[])?;
            detail::show(&imports, &visit, form.id_text(), Some(alert)).await
        }
    }
}
