//! The SQL of an import's page: the job with what stands beside it, by one query.

use tokio_postgres::{Client, Row};

use super::causes::model::Fault;
use super::causes::store as causes;
use super::kept::CheckedColumn;
use super::model::Job;
use super::store::{COLUMNS, LOCK_CLASS, job};
use crate::base::caller::WorkspaceId;
use crate::base::id::ImportId;
use crate::db::DbError;

/// A job as its page shows it.
pub struct ShownImport {
    pub job: Job,
    /// What its rows fail by.
    pub causes: Vec<Fault>,
    /// What is kept of its upload.
    pub kept: Option<KeptUpload>,
    pub undo: UndoState,
}

/// An upload that is kept, without its bytes.
pub struct KeptUpload {
    /// None of an upload that a gateway of before schema version 24 kept.
    pub columns: Vec<CheckedColumn>,
    /// What it was read by.
    pub parameters: Vec<(String, String)>,
}

/// How far the undo of an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UndoState {
    None,
    Running,
    /// A part of it is done, and asked for again it goes on from there.
    BrokenOff,
    Done,
}

/// A job of a workspace as its page shows it.
pub async fn find(
    client: &Client,
    workspace: WorkspaceId,
    id: ImportId,
) -> Result<Option<ShownImport>, DbError> {
    let faults = causes::faults_of("number");
    // Who undoes a job holds its lock.
    let statement = format!(
        "select {COLUMNS},
             {faults},
             (select json_build_array(k.columns, k.parameters)::text from import_kept k
              where k.import_no = number and k.expires_at > now()),
             exists (select from import_chunks where import_no = number),
             exists (select from pg_locks
                     where locktype = 'advisory' and granted and objsubid = 2
                         and database = (select oid from pg_database where datname = current_database())
                         and classid = $3::int8::oid and objid = number::int8::oid)
         from imports where workspace_id = $1 and id = $2"
    );
    let class = i64::from(LOCK_CLASS);
    let row = client.query_opt(&statement, &[&workspace, &id, &class]).await?;
    Ok(row.as_ref().map(shown))
}

fn shown(row: &Row) -> ShownImport {
    let job = job(row);
    let kept: Option<String> = row.get(29);
    let (has_chunks, is_locked): (bool, bool) = (row.get(30), row.get(31));
    let undo = match (&job.undo, is_locked) {
        _ if job.is_running() || job.dry_run => UndoState::None,
        (_, true) => UndoState::Running,
        (None, _) => UndoState::None,
        (Some(_), _) if has_chunks => UndoState::BrokenOff,
        (Some(_), _) => UndoState::Done,
    };
    ShownImport {
        causes: causes::read(row.get(28)),
        // What the gateway has written can be read.
        kept: kept.and_then(|text| {
            let (columns, parameters) = serde_json::from_str(&text).ok()?;
            Some(KeptUpload { columns, parameters })
        }),
        undo,
        job,
    }
}
