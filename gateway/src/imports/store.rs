//! The SQL of jobs, their chunks and their reports.

use std::time::SystemTime;

use serde_json::value::RawValue;
use tokio_postgres::{Client, GenericClient, Row, Transaction};

use super::model::{ImportRequest, Job, JobError, Starter};
use crate::base::caller::{Caller, WorkspaceId};
use crate::base::id::{ImportId, InstanceId};
use crate::base::page::Page;
use crate::db::{DbError, ToSql};

/// The first half of the two-part advisory lock that an undo or a purge holds; the second is the job's number.
pub(super) const LOCK_CLASS: i32 = 0x696d_706f;

pub(super) const COLUMNS: &str = "number, columns, id, object, filename, mode, dry_run, events, date_order, status,
    rows_created, rows_updated, rows_unchanged, rows_failed, bytes_read, bytes_total, encoding, delimiter,
    mapping::text, unmapped_headers::text, error_code, error_message, created_at, finished_at, key_id, key_name,
    undo::text, traces_kept";

/// The most bytes of one column of a job that a list shows.
const LISTED_BYTES: usize = 16 << 10;

/// What the header told of a file.
pub struct Opened {
    pub encoding: String,
    pub delimiter: String,
    pub mapping: String,
    pub unmapped_headers: String,
    pub columns: String,
    pub bytes_total: Option<i64>,
}

/// Writes a job that has begun on an instance; gives its number.
pub async fn insert(
    transaction: &Transaction<'_>,
    caller: &Caller,
    instance: InstanceId,
    id: ImportId,
    request: &ImportRequest,
    opened: &Opened,
) -> Result<i32, DbError> {
    let events = if request.emits_each { "each" } else { "summary" };
    let row = transaction
        .query_one(
            "insert into imports (id, workspace_id, object, filename, mode, dry_run, events, date_order, encoding,
                 delimiter, mapping, unmapped_headers, columns, bytes_total, key_id, key_name, created_at, instance)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, ($11::text)::json, ($12::text)::json, $13, $14, $15,
                 $16, now(), $17)
             returning number",
            &[
                &id,
                &caller.workspace,
                &request.reading.object.name,
                &request.filename,
                &request.reading.mode.word(),
                &request.is_dry,
                &events,
                &request.date_order,
                &opened.encoding,
                &opened.delimiter,
                &opened.mapping,
                &opened.unmapped_headers,
                &opened.columns,
                &opened.bytes_total,
                &caller.key_id,
                &&*caller.key_name,
                &instance,
            ],
        )
        .await?;
    Ok(row.get(0))
}

/// Takes the lock on a job for the session, if nobody holds it.
pub async fn try_lock(client: &Client, number: i32) -> Result<bool, DbError> {
    let statement = "select pg_try_advisory_lock($1, $2)";
    let row = client.query_one(statement, &[&LOCK_CLASS, &number]).await?;
    Ok(row.get(0))
}

/// Gives the lock on a job back.
pub async fn unlock(client: &Client, number: i32) -> Result<(), DbError> {
    let statement = "select pg_advisory_unlock($1, $2)";
    client.execute(statement, &[&LOCK_CLASS, &number]).await?;
    Ok(())
}

/// One job of a workspace.
pub async fn find(client: &Client, workspace: WorkspaceId, id: ImportId) -> Result<Option<Job>, DbError> {
    find_in(client, workspace, id).await
}

/// The same, within a transaction.
pub async fn find_in(
    client: &impl GenericClient,
    workspace: WorkspaceId,
    id: ImportId,
) -> Result<Option<Job>, DbError> {
    let statement = format!("select {COLUMNS} from imports where workspace_id = $1 and id = $2");
    let row = client.query_opt(&statement, &[&workspace, &id]).await?;
    Ok(row.as_ref().map(job))
}

/// A job's columns in a list: those that may have a megabyte are left out where they are large, since a page has 200 jobs.
fn list_columns() -> String {
    let mut columns = COLUMNS.replacen(" columns,", " '' as columns,", 1);
    for name in ["mapping", "unmapped_headers", "undo"] {
        let short = format!("case when octet_length({name}::text) <= {LISTED_BYTES} then {name}::text end");
        columns = columns.replacen(&format!("{name}::text"), &short, 1);
    }
    columns
}

/// Brings a job that was running up to date, without what is known from its start and may be large; whether it changed.
pub async fn refresh(client: &Client, job: &mut Job) -> Result<bool, DbError> {
    let statement = "select status, rows_created, rows_updated, rows_unchanged, rows_failed, bytes_read
                     from imports where number = $1";
    let row = client.query_one(statement, &[&job.number]).await?;
    let (status, bytes_read): (String, i64) = (row.get(0), row.get(5));
    let counts = [1, 2, 3, 4].map(|column| row.get::<_, i64>(column));
    let is_changed = status != job.status || bytes_read != job.bytes_read || counts != job.counts();
    job.set_counts(counts);
    (job.status, job.bytes_read) = (status, bytes_read);
    Ok(is_changed)
}

/// A page of jobs, newest first.
pub async fn list(client: &Client, workspace: WorkspaceId, page: &Page) -> Result<Vec<Job>, DbError> {
    let after = page.after.as_deref().and_then(ImportId::parse);
    let statement = format!(
        "select {} from imports where workspace_id = $1 and ($2::uuid is null or id < $2)
         order by id desc limit $3",
        list_columns()
    );
    let rows = client
        .query(&statement, &[&workspace, &after, &page.fetch_count()])
        .await?;
    Ok(rows.iter().map(job).collect())
}

/// A job that runs, on whatever instance.
pub struct RunningJob {
    pub number: i32,
    pub workspace: WorkspaceId,
    pub instance: Option<InstanceId>,
    /// The last heartbeat of its instance, if that is known.
    pub heartbeat: Option<SystemTime>,
}

/// The jobs that run.
pub async fn running(client: &Client) -> Result<Vec<RunningJob>, DbError> {
    let statement = "select j.number, j.workspace_id, j.instance, i.heartbeat_at
                     from imports j left join instances i on i.id = j.instance
                     where j.status = 'running' order by j.number";
    let rows = client.query(statement, &[]).await?;
    let job = |row: &Row| RunningJob {
        number: row.get(0),
        workspace: row.get(1),
        instance: row.get(2),
        heartbeat: row.get(3),
    };
    Ok(rows.iter().map(job).collect())
}

/// Whether a job goes on.
pub async fn is_running(client: &Client, number: i32) -> Result<bool, DbError> {
    let statement = "select exists (select from imports where number = $1 and status = 'running')";
    let row = client.query_one(statement, &[&number]).await?;
    Ok(row.get(0))
}

/// Notes a chunk with its undo log, and adds its counts to a job that runs. It comes last in a chunk's transaction,
/// because other writers wait for the job's row.
pub const NOTE_CHUNK: &str = "
    with noted as (insert into import_chunks (import_no, chunk, undo) values ($1, $2, $3))
    update imports set rows_created = rows_created + $4, rows_updated = rows_updated + $5,
        rows_unchanged = rows_unchanged + $6, rows_failed = rows_failed + $7,
        bytes_read = greatest(bytes_read, $8)
    where number = $1 and status = 'running'";

/// How many chunks of a job are committed.
pub async fn chunk_count(transaction: &Transaction<'_>, import_no: i32) -> Result<i64, DbError> {
    let statement = "select count(*) from import_chunks where import_no = $1";
    let row = transaction.query_one(statement, &[&import_no]).await?;
    Ok(row.get(0))
}

/// Whether a chunk was committed.
pub async fn has_chunk(client: &Client, import_no: i32, chunk: i32) -> Result<bool, DbError> {
    let statement = "select exists (select from import_chunks where import_no = $1 and chunk = $2)";
    let row = client.query_one(statement, &[&import_no, &chunk]).await?;
    Ok(row.get(0))
}

/// How a job ends.
#[derive(Debug, Clone)]
pub struct Ending {
    pub status: &'static str,
    pub error: Option<(&'static str, String)>,
    /// What is known of the body by now.
    pub bytes_read: Option<u64>,
    pub encoding: Option<String>,
    pub delimiter: Option<String>,
    /// The chunks that were written. Fewer: the database lost some in a crash.
    pub chunk_count: Option<i64>,
}

impl Ending {
    /// An end of which nothing else is known.
    pub const fn of(status: &'static str, error: Option<(&'static str, String)>) -> Self {
        Self {
            status,
            error,
            bytes_read: None,
            encoding: None,
            delimiter: None,
            chunk_count: None,
        }
    }
}

/// Ends a job that runs; `None` if it has ended already.
pub async fn finish(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    number: i32,
    ending: &Ending,
) -> Result<Option<Job>, DbError> {
    let statement = format!(
        "update imports set status = $3, error_code = $4, error_message = $5, finished_at = now(),
             bytes_read = greatest(bytes_read, $6), encoding = coalesce($7, encoding), delimiter = coalesce($8, delimiter)
         where workspace_id = $1 and number = $2 and status = 'running'
         returning {COLUMNS}"
    );
    let error = ending.error.as_ref();
    let row = transaction
        .query_opt(
            &statement,
            &[
                &workspace,
                &number,
                &ending.status,
                &error.map(|(code, _)| *code),
                &error.map(|(_, message)| message),
                &ending.bytes_read.map(signed),
                &ending.encoding,
                &ending.delimiter,
            ],
        )
        .await?;
    Ok(row.as_ref().map(job))
}

/// A stretch of a job's report: failed rows behind `after`, in the file's order, at most so many, and no further one when
/// they have so many bytes.
pub async fn failures(
    client: &Client,
    import_no: i32,
    after: i64,
    count: i64,
    bytes: i64,
    with_cells: bool,
) -> Result<Vec<Row>, DbError> {
    let cells = if with_cells { "cells" } else { "null::text" };
    // The first is given whatever its size; of texts that are stored apart the length is known without reading them.
    let statement = format!(
        "select row_number, line_number, message, cells from (
             select *, sum(octet_length(message) + octet_length(coalesce(cells, ''))) over (order by row_number)
                 - octet_length(message) - octet_length(coalesce(cells, '')) as bytes_before
             from (select row_number, line_number, message, {cells} as cells from import_failures
                   where import_no = $1 and row_number > $2 order by row_number limit $3) page) counted
         where bytes_before < $4 order by row_number"
    );
    let parameters: [&(dyn ToSql + Sync); 4] = [&import_no, &after, &count, &bytes];
    Ok(client.query(&statement, &parameters).await?)
}

/// The last chunk that is not undone yet, with what it did.
pub async fn last_chunk(
    transaction: &Transaction<'_>,
    import_no: i32,
) -> Result<Option<(i32, Option<Vec<u8>>)>, DbError> {
    let statement = "select chunk, undo from import_chunks where import_no = $1 order by chunk desc limit 1";
    let row = transaction.query_opt(statement, &[&import_no]).await?;
    Ok(row.map(|row| (row.get(0), row.get(1))))
}

/// Notes that a chunk is undone, and what the undo has come to so far.
pub async fn note_undone(
    transaction: &Transaction<'_>,
    import_no: i32,
    chunk: Option<i32>,
    undo: &str,
) -> Result<(), DbError> {
    let gone = "delete from import_chunks where import_no = $1 and chunk = $2";
    transaction.execute(gone, &[&import_no, &chunk]).await?;
    let statement = "update imports set undo = ($2::text)::json where number = $1";
    transaction.execute(statement, &[&import_no, &undo]).await?;
    Ok(())
}

/// The job of a row of [`COLUMNS`].
pub(super) fn job(row: &Row) -> Job {
    let count = |column: usize| row.get::<_, i64>(column);
    let raw = |column: usize| {
        let text: Option<String> = row.get(column);
        // The column's type is json, so the text is valid.
        text.and_then(|text| RawValue::from_string(text).ok())
    };
    let code: Option<String> = row.get(20);
    let mut job = Job {
        number: row.get(0),
        columns: row.get(1),
        id: row.get(2),
        object: row.get(3),
        filename: row.get(4),
        mode: row.get(5),
        dry_run: row.get(6),
        events: row.get(7),
        date_order: row.get(8),
        status: row.get(9),
        rows_total: 0,
        rows_created: 0,
        rows_updated: 0,
        rows_unchanged: 0,
        rows_failed: 0,
        success_rate: 1.0,
        bytes_read: count(14),
        bytes_total: row.get(15),
        encoding: row.get(16),
        delimiter: row.get(17),
        mapping: raw(18).unwrap_or_else(|| RawValue::NULL.to_owned()),
        unmapped_headers: raw(19).unwrap_or_else(|| RawValue::NULL.to_owned()),
        error: code.map(|code| JobError {
            code,
            message: row.get::<_, Option<String>>(21).unwrap_or_default(),
        }),
        created_at: row.get(22),
        finished_at: row.get(23),
        created_by: Starter {
            key_id: row.get(24),
            name: row.get(25),
        },
        undo: raw(26),
        keeps_traces: row.get(27),
    };
    job.set_counts([10, 11, 12, 13].map(count));
    job
}

/// Counts as the database has them.
pub fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
