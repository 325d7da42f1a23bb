//! `/integrations/imports/{id}`: an import that runs or has ended, or a check.

use askama::Template;
use serde::Deserialize;

use super::{name, percent};
use crate::audit::{self, Entry, Filter};
use crate::base::id::ImportId;
use crate::base::scope::Scope;
use crate::console::Visit;
use crate::console::alert::Alert;
use crate::console::form::new_id;
use crate::console::frame::{Frame, Section};
use crate::console::page;
use crate::http::json::RawMembers;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::imports::causes::model::Example;
use crate::imports::model::Job;
use crate::imports::{Imports, api, store};
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
    columns: Vec<Column>,
    fields: Vec<&'static str>,
    causes: Vec<Cause>,
    is_kept: bool,
    /// `None`: the session may not see them.
    entries: Option<Vec<Entry>>,
    may_write: bool,
    has_failures: bool,
    form_id: String,
    alert: Option<Alert>,
    job: Job,
}

/// A column of the file and the field that it goes to.
pub(super) struct Column {
    /// What its choice is called on the form.
    control: String,
    header: String,
    field: String,
}

/// Why rows failed.
#[derive(Deserialize)]
struct Cause {
    code: String,
    field: Option<String>,
    message: String,
    count: i64,
    examples: Option<Vec<Vec<Example>>>,
}

impl Cause {
    fn examples(&self) -> Vec<&Example> {
        let mut all: Vec<&Example> = self.examples.iter().flatten().flatten().collect();
        all.sort_unstable_by_key(|example| example.row_number);
        all.truncate(EXAMPLE_COUNT);
        all
    }
}

impl DetailPage {
    /// Rows that would not fail.
    fn good_count(&self) -> i64 {
        self.job.rows_total - self.job.rows_failed
    }

    fn may_undo(&self) -> bool {
        let job = &self.job;
        self.may_write && !job.is_running() && !job.dry_run && job.keeps_traces && job.undo.is_none()
    }
}

/// The columns of a job in the order of its mapping.
pub(super) fn columns(job: &Job) -> Vec<Column> {
    // A mapping is null where it was too large to be kept.
    let members = RawMembers::parse(job.mapping.get()).map_or_else(|_| Vec::new(), |RawMembers(all)| all);
    let columns = members.into_iter().enumerate();
    let columns = columns.map(|(place, (header, field))| Column {
        control: format!("column-{place}"),
        header,
        field: serde_json::from_str::<Option<String>>(field.get())
            .ok()
            .flatten()
            .unwrap_or_default(),
    });
    columns.collect()
}

impl Column {
    /// What its choice is called on the form, and the header.
    pub(super) fn into_names(self) -> (String, String) {
        (self.control, self.header)
    }
}

/// `GET /integrations/imports/{id}`.
pub async fn show_import(imports: Imports, mut visit: Visit) -> Result<Reply, Problem> {
    visit.take_query().finish()?;
    show(&imports, &visit, new_id(), None).await
}

/// Shows an import, after a form of its page that was wrong too.
pub(super) async fn show(
    imports: &Imports,
    visit: &Visit,
    form_id: String,
    alert: Option<Alert>,
) -> Result<Reply, Problem> {
    let id: ImportId = visit.call.id()?;
    let workspace = visit.call.caller.workspace;
    let client = imports.db.client().await?;
    let found = store::find_with_causes(&client, workspace, id).await?;
    let (job, causes, is_kept) = found.ok_or_else(Problem::not_found)?;
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
    let causes = causes
        .map(|text: String| serde_json::from_str::<Vec<Cause>>(&text))
        .transpose();
    let object = Object::named(&job.object);
    let fields = object.iter().flat_map(|object| object.fields);
    let end = job.finished_at.unwrap_or_else(crate::base::clock::Millis::now);
    let millis = (end.0 - job.created_at.0).max(1);
    let status = alert.as_ref().map_or(http::StatusCode::OK, |alert| alert.status);
    let detail = DetailPage {
        frame: visit.frame(&name(&job), Section::Imports),
        success_rate: percent(job.success_rate),
        rows_per_second: job.rows_total.saturating_mul(1000) / millis,
        columns: columns(&job),
        fields: fields.map(|field| field.name).collect(),
        causes: causes
            .map_err(|fault| Problem::internal(&fault))?
            .unwrap_or_default(),
        is_kept,
        entries,
        may_write: visit.may(Scope::ImportsWrite)
            && object.is_some_and(|object| visit.may(object.write_scope)),
        has_failures: job.rows_failed > 0 && job.keeps_traces,
        form_id,
        alert,
        job,
    };
    page::html(status, &detail)
}

/// `GET /integrations/imports/{id}/events`, for the script of the page.
pub async fn watch_import(imports: Imports, visit: Visit) -> Result<Reply, Problem> {
    api::watch_import(imports, visit.call).await
}

/// `GET /integrations/imports/{id}/errors.csv`.
pub async fn get_errors(imports: Imports, visit: Visit) -> Result<Reply, Problem> {
    api::get_errors(imports, visit.call).await
}
