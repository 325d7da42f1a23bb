//! `/integrations/sentries/{id}`.

use askama::Template;
use http::StatusCode;

use super::drawing;
use super::report_form::{Asked, Reporting};
use super::snippets::{self, Snippet};
use super::trend::Trend;
use crate::base::scope::Scope;
use crate::console::alert::Alert;
use crate::console::chart::Chart;
use crate::console::form::new_id;
use crate::console::frame::{Frame, Section};
use crate::console::{Visit, page};
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::sentries::Sentries;
use crate::sentries::around_store::{NamedHoot, Upstream, find_surrounded};
use crate::sentries::history::Entry;
use crate::sentries::history::analytics::{Analytics, Range, analyse_until};
use crate::sentries::model::Sentry;
use crate::sentries::report::MAX_MESSAGE_CHARS;

const ENTRY_COUNT: i64 = 20;

#[derive(Template)]
#[template(path = "sentries/detail.html")]
struct DetailPage {
    frame: Frame,
    sentry: Sentry,
    explained: String,
    upstream: Vec<Upstream>,
    hoots: Vec<NamedHoot>,
    entries: Vec<Entry>,
    range: &'static str,
    ranges: [Range; 4],
    told: Analytics,
    states: Option<Chart>,
    trends: Vec<Trend>,
    snippets: Vec<Snippet>,
    may_write: bool,
    form_id: String,
    alert: Option<Alert>,
    asked: Asked,
    max_message_chars: usize,
}

/// `GET /integrations/sentries/{id}`; `?range=` is that of the charts.
pub async fn show_sentry(sentries: Sentries, mut visit: Visit) -> Result<Reply, Problem> {
    let range = visit.call.query.read("range", |text| {
        Range::parse(text).ok_or_else(|| "expected 24h, 7d, 30d or 90d".into())
    });
    visit.take_query().finish()?;
    let reporting = Reporting {
        form_id: new_id(),
        alert: None,
        asked: Asked::default(),
    };
    show(&sentries, &visit, reporting, range).await
}

/// The page with the form as it was filled in.
pub async fn show(
    sentries: &Sentries,
    visit: &Visit,
    reporting: Reporting,
    range: Option<Range>,
) -> Result<Reply, Problem> {
    let id = visit.call.id()?;
    let workspace = visit.call.caller.workspace;
    let client = sentries.db.client().await?;
    let found = find_surrounded(&client, workspace, id, ENTRY_COUNT).await?;
    let found = found.ok_or_else(Problem::not_found)?;
    let range = range.unwrap_or(Range::Week);
    let told = analyse_until(&client, &found.sentry, range, found.now).await?;
    drop(client);
    let sentry = found.sentry.at(&sentries.origin(&visit.call));
    let status = reporting.alert.as_ref().map(|alert| alert.status);
    let shown = DetailPage {
        frame: visit.frame(&sentry.name, Section::Sentries),
        explained: explain(&sentry),
        upstream: found.upstream,
        hoots: found.hoots,
        entries: found.entries,
        range: range.name(),
        ranges: Range::ALL,
        states: drawing::states(&told),
        trends: drawing::lag(&told)
            .into_iter()
            .chain(drawing::counts(&told))
            .collect(),
        told,
        snippets: snippets::all(&sentry.api_url),
        may_write: visit.may(Scope::SentriesWrite),
        form_id: reporting.form_id,
        alert: reporting.alert,
        asked: reporting.asked,
        max_message_chars: MAX_MESSAGE_CHARS,
        sentry,
    };
    match status {
        Some(status) => page::html(status, &shown),
        None => page::html(StatusCode::OK, &shown),
    }
}

/// Why it is in its state, in words.
fn explain(sentry: &Sentry) -> String {
    let reason = sentry.reason.map(|reason| reason.name());
    let mut said = match (reason, sentry.reported_state) {
        (None, _) => "Nothing was reported yet.".to_owned(),
        (Some("timeout"), _) => "No report came in time.".to_owned(),
        (Some("upstream"), Some(reported)) => format!(
            "It reported {}; an upstream sentry was worse at that moment.",
            reported.name()
        ),
        (Some("upstream"), None) => "An upstream sentry is worse.".to_owned(),
        (Some(_), _) => "It was reported so.".to_owned(),
    };
    if !sentry.enabled {
        said.push_str(" It is disabled: reports go into its history, and its state stays as it was.");
    }
    said
}
