//! A connection that writes records in bulk: that of a writer and that of an undo.
//!
//! New records go by COPY straight into their table. Changed ones go by COPY into a temporary table and from there by
//! one UPDATE, which finds each row by the place where it was read (`ctid`): if anyone has changed it since, it is not
//! there any more, and the chunk is planned again. So reading takes no locks, and a row that changes nothing costs no
//! write at all.
//!
//! A dry run writes to a temporary copy of the table, which lies over the real one for its reads.

use super::statements::{Statements, Turn};
use crate::base::caller::WorkspaceId;
use crate::db::{Db, DbError, Dedicated, Purpose};
use crate::records::Object;

/// See the module.
pub struct Session {
    client: Dedicated,
    statements: Statements,
}

impl Session {
    /// Opens a connection for records of one object.
    pub async fn open(
        db: &Db,
        object: &'static Object,
        workspace: WorkspaceId,
        turn: Turn,
        is_dry: bool,
    ) -> Result<Self, DbError> {
        let client = db.connect_for(Purpose::Import).await?;
        client.batch_execute(&setup(object, is_dry)).await?;
        let statements = Statements::prepare(&client, object, workspace, turn, is_dry).await?;
        Ok(Self { client, statements })
    }

    /// The connection, for transactions and short statements.
    pub const fn client(&mut self) -> &mut Dedicated {
        &mut self.client
    }

    /// The connection for a transaction, and the statements to run in it.
    pub fn split(&mut self) -> (&mut tokio_postgres::Client, &Statements) {
        (&mut self.client, &self.statements)
    }
}

/// The settings and tables of a session. The planner knows nothing of tables that have just been filled, and a
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
             create unique index on overlay (workspace_id, key);
             create unique index on overlay (workspace_id, external_id);"
        ));
    }
    setup
}
