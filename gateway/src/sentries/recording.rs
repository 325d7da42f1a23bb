//! Writes a report: sentry, entry, event and what hoots must hear, in the transaction of its work.

use metrics::counter;

use super::model::{Reporter, Sentry};
use super::report::Report;
use super::{Sentries, effect, event, history, store};
use crate::audit::Work;
use crate::base::id::SentryId;
use crate::feed::{self, ChangeKind};
use crate::http::fields::Faults;
use crate::http::problem::Problem;
use crate::telemetry::names;

/// Takes a report for a sentry of the work's workspace; the sentry as it is then. 404 if there is none, then what is wrong
/// with the report, then 422 if neither it nor an earlier one names a state. After the commit, see
/// [`Sentries::tell_hoots`].
pub async fn record(
    sentries: &Sentries,
    work: &mut Work<'_>,
    id: SentryId,
    report: Result<Report, Problem>,
    reporter: Option<&Reporter>,
) -> Result<Sentry, Problem> {
    let before = store::lock(work.transaction(), work.workspace(), id).await?;
    let before = before.ok_or_else(Problem::not_found)?;
    let report = report?;
    let around = store::look_around(work.transaction(), &before).await?;
    let applied = effect::apply(&before.sentry, report, around.upstreams, around.now);
    let mut after = match applied {
        Ok(after) => after,
        Err(effect::NoState) => {
            let mut faults = Faults::default();
            faults.add("body.state", "required", "is required until one was reported");
            return Err(faults.into_result().err().unwrap_or_else(Problem::not_found));
        }
    };
    history::store::record_report(work.transaction(), &before, &after, around.now, reporter).await?;
    let workspace = work.workspace();
    if after.enabled {
        let entities: Vec<_> = around.hoots.iter().map(|hoot| hoot.uuid()).collect();
        feed::record_quietly(work.transaction(), ChangeKind::Hoot, workspace, &entities).await?;
        let told = event::state_changed(workspace, before.sentry.state, &after, &around.hoots);
        if let Some(told) = told {
            work.emit(&*sentries.bus, vec![told]).await?;
        }
    }
    after.upstream = around.upstream;
    after.hoots = around.hoots;
    counter!(names::SENTRY_REPORTS).increment(1);
    Ok(after)
}
