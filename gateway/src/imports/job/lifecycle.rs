//! Ends jobs, each exactly once and with its event; also those whose instance died.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::StatusCode;
use metrics::counter;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::audit::{Actor, Changes, Reservation, Target, Work};
use crate::base::caller::WorkspaceId;
use crate::bus::NewEvent;
use crate::bus::silence::Silence;
use crate::db::DbError;
use crate::events::types::TypeNames;
use crate::imports::Imports;
use crate::imports::model::Job;
use crate::imports::store::{self, Ending};
use crate::records::objects::OBJECTS;
use crate::telemetry::names;

/// Between two looks for jobs whose instance died.
const SWEEP: Duration = Duration::from_millis(500);
/// A job is lost after this long without a heartbeat of its instance, also if that is not known.
const DEAD: Duration = Duration::from_secs(5);

/// Ends a job that runs; `None` if it has ended already. With the key of its request, the job is the reply of repeats.
pub async fn end_job(
    imports: &Imports,
    workspace: WorkspaceId,
    number: i32,
    ending: &Ending,
    key: Option<&Reservation>,
) -> Result<Option<Job>, DbError> {
    let mut client = imports.db.client().await?;
    let mut work = Work::begin_as(&mut client, workspace, Actor::System).await?;
    let Some(job) = finish(imports, &mut work, number, ending).await? else {
        return Ok(None);
    };
    if let Some(key) = key {
        key.settle(work.transaction(), StatusCode::CREATED, &job).await?;
    }
    work.commit_silently().await?;
    announce(imports, &job);
    Ok(Some(job))
}

/// Cancels a job that runs, within the work that a client asked for; `None` if it has ended already. It is to be announced
/// when that is committed.
pub async fn cancel(imports: &Imports, work: &mut Work<'_>, number: i32) -> Result<Option<Job>, DbError> {
    let job = finish(imports, work, number, &Ending::of("cancelled", None)).await?;
    if let Some(job) = &job {
        let target = Target::new("import", job.id, job.filename.as_deref());
        work.audit("import.cancelled", &target, &Changes::default())
            .await?;
    }
    Ok(job)
}

/// Tells the runner of a job that it has ended, and counts it.
pub fn announce(imports: &Imports, job: &Job) {
    imports.running.ring(job.number);
    counter!(names::IMPORTS, "object" => job.object.clone(), "status" => job.status.clone()).increment(1);
}

async fn finish(
    imports: &Imports,
    work: &mut Work<'_>,
    number: i32,
    ending: &Ending,
) -> Result<Option<Job>, DbError> {
    // A server that is set not to flush its commits loses the last ones in a crash: then the job is not complete.
    let lost = match (ending.status, ending.chunk_count) {
        ("completed", Some(written)) => store::chunk_count(work.transaction(), number).await? != written,
        _ => false,
    };
    let message = "The database lost rows in a crash; what the counts say is there.".to_owned();
    let ending = &match lost {
        true => Ending::of("failed", Some(("database_away", message))),
        false => ending.clone(),
    };
    let workspace = work.workspace();
    let job = store::finish(work.transaction(), workspace, number, ending).await?;
    if let Some(job) = &job {
        work.emit(&*imports.bus, completed(workspace, job)).await?;
    }
    Ok(job)
}

/// Shows the counters of imports from the start, so that the first failure counts as an increase.
pub fn show_counters() {
    counter!(names::IMPORTS_REFUSED).increment(0);
    counter!(names::IMPORT_RETRIES).increment(0);
    for object in OBJECTS {
        for status in ["completed", "cancelled", "failed"] {
            counter!(names::IMPORTS, "object" => object.name, "status" => status).increment(0);
        }
    }
}

/// The event of a job's end; a dry run has none.
fn completed(workspace: WorkspaceId, job: &Job) -> Vec<NewEvent> {
    let label = TypeNames::default().label("import.completed");
    let Some(label) = label.filter(|_| !job.dry_run) else {
        return Vec::new();
    };
    // Texts and numbers cannot fail to serialise.
    let data = Bytes::from(serde_json::to_vec(job).unwrap_or_default());
    vec![NewEvent::own(workspace, label, data)]
}

/// Looks for jobs whose instance died, at the start and from then on.
pub async fn sweep(imports: Imports, stop: CancellationToken) {
    let mut silence = Silence::default();
    loop {
        imports.running.observe();
        if let Err(fault) = fail_orphans(&imports, &mut silence).await {
            tracing::debug!(%fault, "no sweep for imports of dead instances");
        }
        tokio::select! {
            () = tokio::time::sleep(SWEEP) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// A job is lost when its instance is dead. Its heartbeats decide that, counted while the database answers; a
/// broken session or a restart of the database does not.
async fn fail_orphans(imports: &Imports, silence: &mut Silence) -> Result<(), DbError> {
    let client = imports.db.client().await?;
    let mut jobs = store::running(&client).await?;
    drop(client);
    // A job that this instance runs needs no heartbeat. One of this instance that it does not run was cut off at its start.
    jobs.retain(|job| !imports.running.contains(job.number));
    let heartbeats: Vec<(i32, SystemTime)> = jobs
        .iter()
        .map(|job| {
            let heartbeat = job.heartbeat.filter(|_| job.instance != Some(imports.instance));
            (job.number, heartbeat.unwrap_or(SystemTime::UNIX_EPOCH))
        })
        .collect();
    silence.note(&heartbeats, Instant::now());
    for (number, _) in silence.of(DEAD) {
        let Some(job) = jobs.iter().find(|job| job.number == number) else {
            continue;
        };
        let reason = "The gateway ended before the import did.".to_owned();
        let ending = Ending::of("failed", Some(("interrupted", reason)));
        let ended = end_job(imports, job.workspace, number, &ending, None).await?;
        if ended.is_some() {
            tracing::warn!(
                import = number,
                "an import was found without its instance; it is failed"
            );
        }
    }
    Ok(())
}
