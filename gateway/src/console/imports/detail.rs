//! `/integrations/imports/{id}`: an import that runs or has ended, or a check.

use askama::Template;

use super::mapping::{self, Choice, LEFT_OUT};
use super::options::Asked;
use super::undone::Undone;
use super::{name, percent};
use crate::audit::{self, Entry, Filter};
use crate::base::id::ImportId;
use crate::base::scope::Scope;
use crate::console::Visit;
use crate::console::alert::Alert;
use crate::console::form::{Form, new_id};
use crate::console::frame::{Frame, Section};
use crate::console::page;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::imports::causes::model::Fault;
use crate::imports::kept::CheckedColumn;
use crate::imports::model::Job;
use crate::imports::shown_store::{self, UndoState};
use crate::imports::{Imports, api};
use crate::records::Object;

const ENTRY_COUNT: i64 = 20;
/// Examples of a cause that the page shows; the API gives more.
const EXAMPLE_COUNT: usize = 5;

#[derive(Template)]
#[template(path = "imports/detail.html")]
struct DetailPage {
    frame: Frame,
    success_rate: String,
    rows_per_second: i64,
    /// What can be chosen for the columns of a file that is kept.
    choices: Vec<Choice>,
    /// How the file is to be read when it is checked again.
    asked: Asked,
    fields: Vec<&'static str>,
    /// The columns of a file that is not kept.
    columns: Vec<CheckedColumn>,
    unmapped: Vec<String>,
    causes: Vec<Fault>,
    is_kept: bool,
    undo: UndoState,
    undone: Option<Undone>,
    /// `None`: the session may not see them.
    entries: Option<Vec<Entry>>,
    may_write: bool,
    has_failures: bool,
    form_id: String,
    alert: Option<Alert>,
    job: Job,
}

impl DetailPage {
    /// Rows that would not fail.
    fn good_count(&self) -> i64 {
        self.job.rows_total - self.job.rows_failed
    }

    fn may_undo(&self) -> bool {
        let job = &self.job;
        let is_open = matches!(self.undo, UndoState::None | UndoState::BrokenOff);
        self.may_write && !job.is_running() && !job.dry_run && job.keeps_traces && is_open
    }

    fn shows_undo(&self) -> bool {
        self.undo != UndoState::None
    }

    /// Whether the file can be checked again and imported here.
    fn may_run(&self) -> bool {
        self.job.dry_run && !self.job.is_running() && self.is_kept && self.may_write
    }
}

/// `GET /integrations/imports/{id}`.
pub async fn show_import(imports: Imports, mut visit: Visit) -> Result<Reply, Problem> {
    visit.take_query().finish()?;
    show(&imports, &visit, None).await
}

/// Shows an import, after a form of its page that was wrong too.
pub(super) async fn show(
    imports: &Imports,
    visit: &Visit,
    wrong: Option<(&Form, Alert)>,
) -> Result<Reply, Problem> {
    let id: ImportId = visit.call.id()?;
    let workspace = visit.call.caller.workspace;
    let client = imports.db.client().await?;
    let found = shown_store::find(&client, workspace, id).await?;
    let found = found.ok_or_else(Problem::not_found)?;
    let entries = match visit.may(Scope::AuditRead) {
        false => None,
        true => {
            let filter = Filter {
                target: Some(id.to_string()),
                ..Filter::default()
            };
            Some(audit::list(&client, workspace, &filter, ENTRY_COUNT).await?)
        }
    };
    drop(client);
    let job = found.job;
    let object = Object::named(&job.object);
    let end = job.finished_at.unwrap_or_else(crate::base::clock::Millis::now);
    let millis = (end.0 - job.created_at.0).max(1);
    let status = wrong
        .as_ref()
        .map_or(http::StatusCode::OK, |(_, alert)| alert.status);
    let form = wrong.as_ref().map(|(form, _)| *form);
    let kept = found.kept.as_ref();
    let detail = DetailPage {
        frame: visit.frame(&name(&job), Section::Imports),
        success_rate: percent(job.success_rate),
        rows_per_second: job.rows_total.saturating_mul(1000) / millis,
        choices: mapping::choices(&job, kept, form),
        asked: match (form, kept) {
            (Some(form), _) => Asked::again(form),
            (None, Some(kept)) => Asked(kept.parameters.clone()),
            (None, None) => Asked::default(),
        },
        fields: object.map_or_else(Vec::new, choosable),
        columns: mapping::of_mapping(&job),
        unmapped: serde_json::from_str(job.unmapped_headers.get()).unwrap_or_default(),
        causes: found.causes,
        is_kept: kept.is_some(),
        undo: found.undo,
        undone: Undone::of(&job),
        entries,
        may_write: visit.may(Scope::ImportsWrite)
            && object.is_some_and(|object| visit.may(object.write_scope)),
        has_failures: job.rows_failed > 0 && job.keeps_traces,
        form_id: form.map_or_else(new_id, Form::id_text),
        alert: wrong.map(|(_, alert)| alert),
        job,
    };
    page::html(status, &detail)
}

/// What a column can feed, by the names that a mapping takes.
fn choosable(object: &'static Object) -> Vec<&'static str> {
    let fields = object.fields.iter().map(|field| field.name);
    fields
        .chain(object.helpers.iter().map(|helper| helper.name))
        .collect()
}

/// `GET /integrations/imports/{id}/events`, for the script of the page.
pub async fn watch_import(imports: Imports, visit: Visit) -> Result<Reply, Problem> {
    api::watch_import(imports, visit.call).await
}

/// `GET /integrations/imports/{id}/errors.csv`.
pub async fn get_errors(imports: Imports, visit: Visit) -> Result<Reply, Problem> {
    api::get_errors(imports, visit.call).await
}
