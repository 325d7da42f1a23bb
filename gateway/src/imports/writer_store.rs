//! What a session writes and reads within one transaction.

use tokio_postgres::{Statement, Transaction};
use uuid::Uuid;

use super::chunk::{Chunk, Failure};
use super::merge::{Counts, Created, Stored};
use super::session_store::{RowPlace, Version};
use super::store::signed;
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::db::{CopyLines, Lines};
use crate::db::{DbError, ToSql};
use crate::records::record::Record;
use crate::records::store::{extra_text, record};
use crate::records::{Object, words};

/// The first half of the lock on a lane.
const LANE_CLASS: i32 = 0x6c61_6e65;

/// Writes records in a transaction.
pub struct Writer<'s> {
    pub(super) object: &'static Object,
    pub(super) workspace: WorkspaceId,
    pub(super) is_dry: bool,
    pub(super) lookup: &'s Statement,
    pub(super) by_id: &'s Statement,
    pub(super) copy_new: &'s Statement,
    pub(super) copy_staged: &'s Statement,
    pub(super) update: &'s Statement,
    pub(super) copy_failures: &'s Statement,
    pub(super) lock: &'s Statement,
    pub(super) note: &'s Statement,
}

impl Writer<'_> {
    /// Takes a lane's turn among all imports of the object, and the records that have one of these keys then.
    pub async fn begin(
        &self,
        transaction: &Transaction<'_>,
        lane: i32,
        keys: &[&str],
    ) -> Result<(Vec<Stored>, Vec<Version>), DbError> {
        if self.is_dry {
            return self.find(transaction, keys).await;
        }
        let turn = format!("{} {} {lane}", self.object.name, self.workspace.0);
        let parameters: [&(dyn ToSql + Sync); 2] = [&LANE_CLASS, &turn];
        let locking = async { Ok(transaction.execute(self.lock, &parameters).await?) };
        // Sent one behind the other without a wait; the second begins when the first has ended.
        let (_, found) = futures_util::future::try_join(locking, self.find(transaction, keys)).await?;
        Ok(found)
    }

    /// Notes a chunk; `false` if the job has ended meanwhile, and nothing of the chunk may stay.
    pub async fn note(
        &self,
        transaction: &Transaction<'_>,
        import_no: i32,
        chunk: &Chunk,
        undo: Option<&[u8]>,
        counts: &Counts,
    ) -> Result<bool, DbError> {
        let parameters: [&(dyn ToSql + Sync); 8] = [
            &import_no,
            &chunk.number,
            &undo,
            &signed(counts.created),
            &signed(counts.updated),
            &signed(counts.unchanged),
            &signed(counts.failed),
            &signed(chunk.bytes_read),
        ];
        Ok(transaction.execute(self.note, &parameters).await? == 1)
    }

    /// The records that have one of these keys.
    async fn find(
        &self,
        transaction: &Transaction<'_>,
        keys: &[&str],
    ) -> Result<(Vec<Stored>, Vec<Version>), DbError> {
        if keys.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let rows = transaction.query(self.lookup, &[&self.workspace, &keys]).await?;
        Ok(rows.iter().map(|row| self.stored(row)).unzip())
    }

    /// The records that have one of these ids.
    pub async fn find_ids(
        &self,
        transaction: &Transaction<'_>,
        ids: &[Uuid],
    ) -> Result<(Vec<Stored>, Vec<Version>), DbError> {
        let rows = transaction.query(self.by_id, &[&self.workspace, &ids]).await?;
        Ok(rows.iter().map(|row| self.stored(row)).unzip())
    }

    fn stored(&self, row: &tokio_postgres::Row) -> (Stored, Version) {
        let stored = Stored {
            key: row.get::<_, Option<String>>(0).unwrap_or_default(),
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
        let mut copy = CopyLines::begin(transaction.client(), self.copy_new).await?;
        let mut scratch = Scratch::default();
        for new in created {
            let lines = copy.lines();
            match new {
                Created::Record(record) => self.put_record(lines, record, Some(import_no), &mut scratch),
                Created::Row(row) => {
                    let defaults = self.object.fields;
                    let value = |index: usize| chunk.value(*row, index).or(defaults[index].default);
                    scratch.extra.clear();
                    push_extra(chunk.extras(*row), &mut scratch.extra);
                    let id = chunk.rows[*row].id;
                    self.put_line(
                        lines,
                        id,
                        Some(import_no),
                        now,
                        chunk.key(*row),
                        value,
                        &mut scratch,
                    );
                }
            }
            copy.flush().await?;
        }
        copy.finish().await
    }

    /// Writes changed records over the versions that were read; `false` if one of them is not there any more.
    pub async fn change<'r>(
        &self,
        transaction: &Transaction<'_>,
        changed: impl ExactSizeIterator<Item = (Version, &'r Record, Option<i32>)> + Clone,
    ) -> Result<bool, DbError> {
        let expected = changed.len() as u64;
        if expected == 0 {
            return Ok(true);
        }
        let statement = match self.is_dry {
            false => self.copy_staged,
            true => {
                let ids: Vec<Uuid> = changed.clone().map(|(_, record, _)| record.id).collect();
                let gone = "delete from overlay where id = any($1)";
                transaction.execute(gone, &[&ids]).await?;
                self.copy_new
            }
        };
        let mut copy = CopyLines::begin(transaction.client(), statement).await?;
        let mut scratch = Scratch::default();
        for (version, record, import_no) in changed {
            let lines = copy.lines();
            if !self.is_dry {
                let RowPlace { block, offset } = version.place;
                lines.put_plain(format_args!("({block},{offset})"));
            }
            self.put_record(lines, record, import_no, &mut scratch);
            copy.flush().await?;
        }
        copy.finish().await?;
        Ok(self.is_dry || transaction.execute(self.update, &[]).await? == expected)
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
        let mut copy = CopyLines::begin(transaction.client(), self.copy_failures).await?;
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

    fn put_record(&self, lines: &mut Lines, record: &Record, import_no: Option<i32>, scratch: &mut Scratch) {
        let key = record.key();
        scratch.extra = extra_text(&record.extra).unwrap_or_default();
        let value = |index: usize| record.value(index);
        self.put_line(
            lines,
            record.id,
            import_no,
            record.updated_at,
            key.as_deref(),
            value,
            scratch,
        );
    }

    /// One line in the order of the statements' columns.
    #[allow(clippy::too_many_arguments, reason = "the columns of a line")]
    fn put_line<'v>(
        &self,
        lines: &mut Lines,
        id: Uuid,
        import_no: Option<i32>,
        updated_at: Millis,
        key: Option<&str>,
        value: impl Fn(usize) -> Option<&'v str>,
        scratch: &mut Scratch,
    ) {
        lines.put_plain(format_args!("{}\t{}", self.workspace.0, id.hyphenated()));
        match import_no {
            Some(import_no) => lines.put_plain(format_args!("{import_no}")),
            None => lines.put(None),
        }
        lines.put_plain(format_args!("{updated_at}"));
        lines.put(key);
        scratch.words.clear();
        words::push_vector(self.object, self.workspace, &value, &mut scratch.words);
        lines.put(Some(&scratch.words));
        lines.put(Some(scratch.extra.as_str()).filter(|extra| !extra.is_empty()));
        for index in 0..self.object.fields.len() {
            lines.put(value(index));
        }
        lines.end();
    }
}

#[derive(Default)]
struct Scratch {
    words: String,
    extra: String,
}

/// Appends `extra` as it is stored; nothing where it is empty.
fn push_extra<'e>(extras: impl Iterator<Item = (&'e str, &'e str)>, out: &mut String) {
    // A name that comes twice keeps its last text, as in a record.
    let mut members: Vec<(&str, &str)> = extras.collect();
    if members.is_empty() {
        return;
    }
    members.sort_by_key(|(name, _)| *name);
    out.push('{');
    for (index, (name, text)) in members.iter().enumerate() {
        if members.get(index + 1).is_some_and(|(next, _)| next == name) {
            continue;
        }
        if out.len() > 1 {
            out.push(',');
        }
        push_json_text(name, out);
        out.push(':');
        push_json_text(text, out);
    }
    out.push('}');
}

fn push_json_text(text: &str, out: &mut String) {
    let needs_no_escape = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().all(needs_no_escape) {
        out.push('"');
        out.push_str(text);
        out.push('"');
        return;
    }
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}
