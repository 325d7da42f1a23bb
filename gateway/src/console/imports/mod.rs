//! The pages of imports: the list, an upload, one import or check, and what one can do with it.

mod create;
mod detail;
mod endings;
mod list;
mod mapping;
pub mod options;
mod rerun;
mod undone;

pub use create::{create_import, get_template, show_new};
pub use detail::{get_errors, show_import, watch_import};
pub use endings::{cancel_import, confirm_cancel, confirm_discard, confirm_undo, discard_file, undo_import};
pub use list::list_imports;
pub use rerun::run_import;

use super::Visit;
use crate::base::id::ImportId;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::imports::model::Job;
use crate::imports::{Imports, store};

const LIST: &str = "/integrations/imports";
/// A larger upload is shown while it is imported; a smaller one when it has ended.
const AWAITED_BYTES: u64 = 1 << 20;

/// What a job is called.
fn name(job: &Job) -> String {
    job.filename.clone().unwrap_or_else(|| job.id.to_string())
}

/// The import that a path names; 404 if there is none.
async fn find(imports: &Imports, visit: &Visit) -> Result<Job, Problem> {
    let id: ImportId = visit.call.id()?;
    let client = imports.db.client().await?;
    let found = store::find(&client, visit.call.caller.workspace, id).await?;
    found.ok_or_else(Problem::not_found)
}

/// A share in percent, rounded down so that 100 % means all.
fn percent(rate: f64) -> String {
    format!("{:.1} %", (rate * 1000.0).floor() / 10.0)
}

/// How far the reading of a file has come, of 100; `None` where its size is not known.
fn progress(job: &Job) -> Option<i64> {
    match job.bytes_total {
        _ if !job.is_running() => Some(100),
        Some(total) if total > 0 => Some((job.bytes_read * 100 / total).clamp(0, 100)),
        _ => None,
    }
}

/// Leads to the import that a reply of the API holds.
fn lead_to_import(visit: &Visit, made: &Reply, notice: &str) -> Result<Reply, Problem> {
    let made: serde_json::Value =
        serde_json::from_slice(made.whole()).map_err(|fault| Problem::internal(&fault))?;
    let id = made["id"].as_str().unwrap_or_default();
    visit.see_other(&format!("{LIST}/{id}"), notice)
}
