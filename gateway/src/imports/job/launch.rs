//! The start of an import whose request was read: it runs in a task of its own, and the client waits for what it comes to.

use http::header::{CONNECTION, HeaderValue};
use http::{HeaderMap, StatusCode};
use metrics::counter;
use tokio::sync::mpsc;

use super::runner::{Progress, Runner, Start};
use super::source::Upload;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::imports::Imports;
use crate::telemetry::names;

/// Whether `Prefer: respond-async` (RFC 7240) is among the headers.
pub fn answers_early(headers: &HeaderMap) -> bool {
    headers.get_all("prefer").iter().any(|value| {
        let mut parts = value.to_str().unwrap_or_default().split(',');
        parts.any(|part| part.trim().eq_ignore_ascii_case("respond-async"))
    })
}

/// Runs an import; the reply for the client that waits.
pub async fn run(imports: Imports, start: Start, upload: Upload) -> Result<Reply, Problem> {
    let place = imports.places.of(start.caller.workspace).try_take();
    let place = place.ok_or_else(|| {
        counter!(names::IMPORTS_REFUSED).increment(1);
        let detail = "As many imports run as may (imports.max_running, all but one for one workspace).";
        Problem::unavailable(detail).closing()
    })?;
    let (progress, mut waiting) = mpsc::channel(4);
    let tasks = imports.running.tasks.clone();
    let runner = Runner {
        imports,
        start,
        progress,
    };
    tasks.spawn(async move {
        let _place = place;
        Box::pin(runner.run(upload)).await;
    });
    match waiting.recv().await {
        Some(Progress::Refused(problem)) => Err(problem),
        Some(Progress::Replayed(reply)) => Ok(reply),
        Some(Progress::Accepted(job)) => Reply::json(StatusCode::ACCEPTED, &*job),
        // A job that ended early leaves a body behind that nobody reads.
        Some(Progress::Ended(job)) => {
            let reply = Reply::json(StatusCode::CREATED, &*job)?;
            Ok(match job.status.as_str() {
                "completed" => reply,
                _ => reply.with_header(CONNECTION, HeaderValue::from_static("close")),
            })
        }
        None => Err(Problem::unavailable(
            "The gateway stopped before the import ended.",
        )),
    }
}
