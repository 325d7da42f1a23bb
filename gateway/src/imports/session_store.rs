//! A connection that writes records in bulk: the SQL of a lane and of an undo.
//!
//! New records go by COPY straight into their table. Changed ones go by COPY into a temporary table and from there by
//! one UPDATE, which finds each row by the place where it was read (`ctid`): if anyone has changed it since, it is not
//! there any more, and the chunk is planned again. So reading takes no locks, and a row that changes nothing costs no
//! write at all.
//!
//! A dry run writes to a temporary copy of the table, which lies over the real one for its reads.

use tokio_postgres::Statement;
use tokio_postgres::types::{FromSql, Type, accepts};

use super::writer_store::Writer;
use crate::base::caller::WorkspaceId;
use crate::db::{Db, DbError, Dedicated};
use crate::records::Object;
use crate::records::store::columns;

/// The place of a row's version in its table.
#[derive(Debug, Clone, Copy)]
pub struct RowPlace {
    pub block: u32,
    pub offset: u16,
}

impl<'a> FromSql<'a> for RowPlace {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        let (block, offset) = raw.split_at_checked(4).ok_or("a tid has six bytes")?;
        Ok(Self {
            block: u32::from_be_bytes(block.try_into()?),
            offset: u16::from_be_bytes(offset.try_into()?),
        })
    }
    accepts!(TID);
}

/// What is known of a stored record beside its content.
#[derive(Debug, Clone, Copy)]
pub struct Version {
    pub place: RowPlace,
    pub import_no: Option<i32>,
}

/// Taken by a chunk on its object and lane, for the rest of its transaction.
const LOCK: &str = "select pg_advisory_xact_lock($1::int4, hashtext($2::text))";

/// See the module.
pub struct Session {
    client: Dedicated,
    object: &'static Object,
    workspace: WorkspaceId,
    is_dry: bool,
    lookup: Statement,
    by_id: Statement,
    copy_new: Statement,
    copy_staged: Statement,
    update: Statement,
    copy_failures: Statement,
    lock: Statement,
    note: Statement,
}

impl Session {
    /// Opens a connection for records of one object.
    pub async fn open(
        db: &Db,
        object: &'static Object,
        workspace: WorkspaceId,
        is_dry: bool,
    ) -> Result<Self, DbError> {
        let client = db.connect().await?;
        client.batch_execute(&setup(object, is_dry)).await?;
        let fields: Vec<&str> = object.fields.iter().map(|field| field.name).collect();
        let fields = fields.join(", ");
        let set: Vec<String> = object
            .fields
            .iter()
            .map(|field| format!("{0} = s.{0}", field.name))
            .collect();
        let table = match is_dry {
            true => "overlay",
            false => object.plural,
        };
        let own = format!("workspace_id, id, import_no, updated_at, key, words, extra, {fields}");
        Ok(Self {
            lookup: client.prepare(&lookup(object, is_dry)).await?,
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
            update: client
                .prepare(&format!(
                    "update {} t set import_no = s.import_no, updated_at = s.updated_at, words = s.words,
                         extra = s.extra, {}
                     from staged s where t.ctid = s.place and t.id = s.id and t.workspace_id = s.workspace_id",
                    object.plural,
                    set.join(", ")
                ))
                .await?,
            copy_failures: client
                .prepare("copy import_failures (import_no, row_number, line_number, message, cells) from stdin")
                .await?,
            lock: client.prepare(LOCK).await?,
            note: client.prepare(super::store::NOTE_CHUNK).await?,
            client,
            object,
            workspace,
            is_dry,
        })
    }

    /// The connection, for transactions and short statements.
    pub const fn client(&mut self) -> &mut Dedicated {
        &mut self.client
    }

    /// What the statements need beside a transaction on the connection.
    pub fn split(&mut self) -> (&mut tokio_postgres::Client, Writer<'_>) {
        let writer = Writer {
            object: self.object,
            workspace: self.workspace,
            is_dry: self.is_dry,
            lookup: &self.lookup,
            by_id: &self.by_id,
            copy_new: &self.copy_new,
            copy_staged: &self.copy_staged,
            update: &self.update,
            copy_failures: &self.copy_failures,
            lock: &self.lock,
            note: &self.note,
        };
        (&mut self.client, writer)
    }
}

/// What the session is told at its start. The planner knows nothing of tables that have just been filled, and a
/// sequential scan for each chunk would be its worst guess.
fn setup(object: &Object, is_dry: bool) -> String {
    let table = object.plural;
    let mut setup = format!(
        "set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off; set jit = off;
         create temp table staged (place tid, like {table}) on commit delete rows;"
    );
    if is_dry {
        setup.push_str(&format!(
            "create temp table overlay (like {table});
             create unique index on overlay (id);
             create unique index on overlay (workspace_id, key);"
        ));
    }
    setup
}

fn lookup(object: &Object, is_dry: bool) -> String {
    let columns = columns(object);
    let table = object.plural;
    let stored = format!(
        "select key, ctid, import_no, {columns} from {table} t
         where workspace_id = $1 and key = any($2::text[])"
    );
    match is_dry {
        false => stored,
        true => format!(
            "{stored} and not exists (select from overlay o where o.id = t.id)
             union all
             select key, ctid, import_no, {columns} from overlay
             where workspace_id = $1 and key = any($2::text[])"
        ),
    }
}
