//! The SQL that a session runs within one transaction.

use std::collections::HashSet;

use futures_util::TryStreamExt;
use tokio_postgres::{Client, Statement, Transaction};
use uuid::Uuid;

use super::chunk::{Chunk, Failure};
use super::merge::{Counts, Created, Stored};
use super::part::{LookupKeys, Part};
use super::record_line::{RecordLine, columns_of};
use super::version::{RowPlace, Version};
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::db::{CopyLines, DbError, ToSql};
use crate::imports::store::{NOTE_CHUNK, signed};
use crate::records::Object;
use crate::records::model::record::Record;
use crate::records::store::{columns, record};

/// The first half of the locks on an object's keys and on a writer's share of them ("lane").
const LANE_CLASS: i32 = 0x6c61_6e65;

/// The share of an object's keys that a writer handles. A key is always in the same share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// All of them: one row may link keys of different shares.
    Whole,
    Share(i32),
}

/// Taken by a part for the rest of its transaction, so that two imports take turns.
const LOCK_WHOLE: &str =
    "select pg_advisory_xact_lock($1::int4, hashtext($2::text)) where $3::text is not null";
const LOCK_SHARE: &str = "select pg_advisory_xact_lock_shared($1::int4, hashtext($2::text)),
                                 pg_advisory_xact_lock($1::int4, hashtext($3::text))";

/// What a look at the stored records found.
pub enum Found {
    Records(Vec<Stored>, Vec<Version>),
    /// More bytes than were asked for.
    TooMuch,
}

/// The statements of one session, prepared.
pub struct Statements {
    object: &'static Object,
    workspace: WorkspaceId,
    is_dry: bool,
    by_natural_key: Statement,
    by_external_id: Statement,
    by_id: Statement,
    copy_new: Statement,
    copy_staged: Statement,
    release_keys: Statement,
    update: Statement,
    copy_failures: Statement,
    turn: Turn,
    lock: Statement,
    note: Statement,
}

impl Statements {
    /// Prepares them on a session whose tables are there.
    pub async fn prepare(
        client: &Client,
        object: &'static Object,
        workspace: WorkspaceId,
        turn: Turn,
        is_dry: bool,
    ) -> Result<Self, DbError> {
        let lock = match turn {
            Turn::Whole => LOCK_WHOLE,
            Turn::Share(_) => LOCK_SHARE,
        };
        let set: Vec<String> = object
            .fields
            .iter()
            .map(|field| format!("{0} = s.{0}", field.name))
            .collect();
        let table = match is_dry {
            true => "overlay",
            false => object.plural,
        };
        let own = columns_of(object);
        Ok(Self {
            by_natural_key: client.prepare(&lookup(object, "key", is_dry)).await?,
            by_external_id: client.prepare(&lookup(object, "external_id", is_dry)).await?,
            by_id: client
                .prepare(&format!(
                    "select key, ctid, import_no, {} from {} where workspace_id = $1 and id = any($2::uuid[])",
                    columns(object),
                    object.plural
                ))
                .await?,
            copy_new: client.prepare(&format!("copy {table} ({own}) from stdin")).await?,
            copy_staged: client
                .prepare(&format!("copy staged (place, {own}) from stdin"))
                .await?,
            release_keys: client.prepare(&release_keys(object)).await?,
            update: client
                .prepare(&format!(
                    "update {} t set import_no = s.import_no, updated_at = s.updated_at, key = s.key,
                         words = s.words, extra = s.extra, {}
                     from staged s where t.ctid = s.place and t.id = s.id and t.workspace_id = s.workspace_id",
                    object.plural,
                    set.join(", ")
                ))
                .await?,
            copy_failures: client
                .prepare("copy import_failures (import_no, row_number, line_number, message, cells) from stdin")
                .await?,
            turn,
            lock: client.prepare(lock).await?,
            note: client.prepare(NOTE_CHUNK).await?,
            object,
            workspace,
            is_dry,
        })
    }

    /// Takes a writer's turn among all imports of the object, and the records that have one of these keys then, unless
    /// they are more than `max_bytes`.
    pub async fn begin(
        &self,
        transaction: &Transaction<'_>,
        keys: &LookupKeys<'_>,
        max_bytes: usize,
    ) -> Result<Found, DbError> {
        if self.is_dry {
            return self.find(transaction, keys, max_bytes).await;
        }
        let whole = format!("{} {}", self.object.name, self.workspace.0);
        let share = match self.turn {
            Turn::Whole => whole.clone(),
            Turn::Share(number) => format!("{whole} {number}"),
        };
        let parameters: [&(dyn ToSql + Sync); 3] = [&LANE_CLASS, &whole, &share];
        let locking = async { Ok(transaction.execute(&self.lock, &parameters).await?) };
        // Sent one behind the other without a wait; the second begins when the first has ended.
        let finding = self.find(transaction, keys, max_bytes);
        let (_, found) = futures_util::future::try_join(locking, finding).await?;
        Ok(found)
    }

    /// Notes a part of a chunk; `false` if the job has ended meanwhile, and nothing of the part may stay.
    pub async fn note(
        &self,
        transaction: &Transaction<'_>,
        import_no: i32,
        part: &Part<'_>,
        undo: Option<&[u8]>,
        counts: &Counts,
    ) -> Result<bool, DbError> {
        let parameters: [&(dyn ToSql + Sync); 8] = [
            &import_no,
            &part.number,
            &undo,
            &signed(counts.created),
            &signed(counts.updated),
            &signed(counts.unchanged),
            &signed(counts.failed),
            &signed(part.chunk.bytes_read),
        ];
        Ok(transaction.execute(&self.note, &parameters).await? == 1)
    }

    /// The records that have one of these keys, each once.
    pub async fn find(
        &self,
        transaction: &Transaction<'_>,
        keys: &LookupKeys<'_>,
        max_bytes: usize,
    ) -> Result<Found, DbError> {
        let (mut stored, mut versions) = (Vec::new(), Vec::new());
        let mut seen = HashSet::new();
        let mut bytes = 0;
        let lists = [
            (&self.by_natural_key, &keys.natural_keys),
            (&self.by_external_id, &keys.external_ids),
        ];
        let has_both = lists.iter().all(|(_, list)| !list.is_empty());
        for (statement, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            let parameters: [&(dyn ToSql + Sync); 2] = [&self.workspace, list];
            // Row by row, so that large records are not in memory by the thousand.
            let rows = transaction.query_raw(statement, parameters).await?;
            let mut rows = std::pin::pin!(rows);
            while let Some(row) = rows.try_next().await? {
                let (found, version) = self.stored(&row);
                if has_both && !seen.insert(found.record.id) {
                    continue;
                }
                bytes += found.record.text_bytes();
                if bytes > max_bytes {
                    return Ok(Found::TooMuch);
                }
                stored.push(found);
                versions.push(version);
            }
        }
        Ok(Found::Records(stored, versions))
    }

    /// The records that have one of these ids.
    pub async fn find_ids(
        &self,
        transaction: &Transaction<'_>,
        ids: &[Uuid],
    ) -> Result<(Vec<Stored>, Vec<Version>), DbError> {
        let rows = transaction.query(&self.by_id, &[&self.workspace, &ids]).await?;
        Ok(rows.iter().map(|row| self.stored(row)).unzip())
    }

    fn stored(&self, row: &tokio_postgres::Row) -> (Stored, Version) {
        let stored = Stored {
            natural_key: row.get(0),
            record: record(self.object, row, 3),
        };
        let version = Version {
            place: row.get(1),
            import_no: row.get(2),
        };
        (stored, version)
    }

    /// Writes new records. A unique violation: another took a key meanwhile.
    pub async fn create(
        &self,
        transaction: &Transaction<'_>,
        chunk: &Chunk,
        created: &[Created],
        import_no: i32,
        now: Millis,
    ) -> Result<(), DbError> {
        if created.is_empty() {
            return Ok(());
        }
        let mut copy = CopyLines::begin(transaction.client(), &self.copy_new).await?;
        let mut line = RecordLine::new(self.object, self.workspace);
        for new in created {
            match new {
                Created::Record(record) => line.put_record(copy.lines(), record, Some(import_no)),
                Created::Row(row) => line.put_row(copy.lines(), chunk, *row, import_no, now),
            }
            copy.flush().await?;
        }
        copy.finish().await
    }

    /// Writes changed records over the versions that were read; `false` if one of them is not there any more. `moves_keys`:
    /// one may get a key that another of them has until then.
    pub async fn change<'r>(
        &self,
        transaction: &Transaction<'_>,
        moves_keys: bool,
        changed: impl ExactSizeIterator<Item = (Version, &'r Record, Option<i32>)> + Clone,
    ) -> Result<bool, DbError> {
        let expected = changed.len() as u64;
        if expected == 0 {
            return Ok(true);
        }
        let statement = match self.is_dry {
            false => &self.copy_staged,
            true => {
                let ids: Vec<Uuid> = changed.clone().map(|(_, record, _)| record.id).collect();
                let gone = "delete from overlay where id = any($1)";
                transaction.execute(gone, &[&ids]).await?;
                &self.copy_new
            }
        };
        let mut copy = CopyLines::begin(transaction.client(), statement).await?;
        let mut line = RecordLine::new(self.object, self.workspace);
        for (version, record, import_no) in changed {
            let lines = copy.lines();
            if !self.is_dry {
                let RowPlace { block, offset } = version.place;
                lines.put_plain(format_args!("({block},{offset})"));
            }
            line.put_record(lines, record, import_no);
            copy.flush().await?;
        }
        copy.finish().await?;
        if moves_keys && !self.is_dry {
            transaction.execute(&self.release_keys, &[]).await?;
        }
        Ok(self.is_dry || transaction.execute(&self.update, &[]).await? == expected)
    }

    /// Removes those of the records that nobody but the import has touched; gives their ids.
    pub async fn remove(
        &self,
        transaction: &Transaction<'_>,
        ids: &[Uuid],
        import_no: i32,
    ) -> Result<Vec<Uuid>, DbError> {
        let statement = format!(
            "delete from {} where workspace_id = $1 and id = any($2) and import_no = $3 returning id",
            self.object.plural
        );
        let rows = transaction
            .query(&statement, &[&self.workspace, &ids, &import_no])
            .await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Writes the report of failed rows.
    pub async fn report(
        &self,
        transaction: &Transaction<'_>,
        import_no: i32,
        failures: [&[Failure]; 2],
    ) -> Result<(), DbError> {
        if failures.iter().all(|list| list.is_empty()) {
            return Ok(());
        }
        let mut copy = CopyLines::begin(transaction.client(), &self.copy_failures).await?;
        for failure in failures.into_iter().flatten() {
            let lines = copy.lines();
            let Failure {
                row_number,
                line_number,
                ..
            } = failure;
            lines.put_plain(format_args!("{import_no}\t{row_number}\t{line_number}"));
            lines.put(Some(&failure.message));
            lines.put(failure.cells.as_deref());
            lines.end();
            copy.flush().await?;
        }
        copy.finish().await
    }
}

/// A unique index looks at each row by itself, so records that hand keys on to each other let go of theirs first.
fn release_keys(object: &Object) -> String {
    format!(
        "with released as (
             update {} t set key = null, external_id = null from staged s
             where t.ctid = s.place and t.id = s.id and t.workspace_id = s.workspace_id
                 and (t.key is distinct from s.key or t.external_id is distinct from s.external_id)
             returning t.id, t.ctid as place)
         update staged s set place = r.place from released r where r.id = s.id",
        object.plural
    )
}

/// The records whose column `key` is one of `$2`.
fn lookup(object: &Object, key: &str, is_dry: bool) -> String {
    let columns = columns(object);
    let table = object.plural;
    let stored = format!(
        "select key, ctid, import_no, {columns} from {table} t
         where workspace_id = $1 and {key} = any($2::text[])"
    );
    match is_dry {
        false => stored,
        true => format!(
            "{stored} and not exists (select from overlay o where o.id = t.id)
             union all
             select key, ctid, import_no, {columns} from overlay
             where workspace_id = $1 and {key} = any($2::text[])"
        ),
    }
}
