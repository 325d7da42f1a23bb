//! Takes an import back: removes what it created, restores what it replaced, the last chunk first.
//!
//! Each chunk is one transaction that also forgets the chunk's undo log, so an undo that broke off goes on where it
//! stopped, and a second one finds nothing to do. A record that anyone has touched since is left, and listed.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::session::Session;
use super::statements::Statements;
use super::undo_log::{Replaced, UndoLog};
use super::version::Version;
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::db::{self, Db, DbError, Transaction};
use crate::imports::model::Job;
use crate::imports::store;
use crate::records::Object;
use crate::records::model::record::{Record, public_id};

/// Records that are listed as left; more are only counted.
const MAX_LISTED: usize = 10_000;
/// So often a chunk is tried again because others change the same records.
const MAX_TRIES: u32 = 20;

/// A record that was left as it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Left {
    id: String,
    reason: String,
}

/// What an undo came to.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Undone {
    removed: u64,
    restored: u64,
    left: Vec<Left>,
    /// Beyond those that are listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    left_more: u64,
    at: String,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Undone {
    fn leave(&mut self, object: &Object, id: Uuid, reason: &str) {
        if self.left.len() >= MAX_LISTED {
            self.left_more += 1;
            return;
        }
        self.left.push(Left {
            id: public_id(object, id),
            reason: reason.to_owned(),
        });
    }

    fn to_text(&self) -> String {
        // Texts and numbers cannot fail to serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Undoes a job that has ended. The caller holds the lock on it.
pub async fn undo(
    db: &Db,
    object: &'static Object,
    workspace: WorkspaceId,
    job: &Job,
) -> Result<(), DbError> {
    let mut undone: Undone = match &job.undo {
        Some(kept) => serde_json::from_str(kept.get()).unwrap_or_default(),
        None => Undone::default(),
    };
    if job.undo.is_none() {
        undone.at = Millis::now().to_string();
    }
    let mut session = Session::open(db, object, workspace, false).await?;
    let mut tries = 0;
    loop {
        let (client, statements) = session.split();
        let transaction = client.transaction().await?;
        let undoing = Undoing {
            object,
            import_no: job.number,
            transaction: &transaction,
            statements,
        };
        match undoing.undo_last(&undone).await {
            Ok(Step::Undone(next)) => {
                db::commit(transaction).await?;
                undone = next;
                tries = 0;
            }
            Ok(Step::Finished) => {
                if job.undo.is_none() {
                    store::note_undone(&transaction, job.number, None, &undone.to_text()).await?;
                    db::commit(transaction).await?;
                }
                return Ok(());
            }
            Ok(Step::Again) if tries < MAX_TRIES => tries += 1,
            Ok(Step::Again) => return Err(DbError::Contended),
            Err(fault) if tries < MAX_TRIES && fault.sqlstate() == Some("40P01") => tries += 1,
            Err(fault) => return Err(fault),
        }
    }
}

enum Step {
    Undone(Undone),
    /// Others changed a record between the look and the write.
    Again,
    Finished,
}

struct Undoing<'u> {
    object: &'static Object,
    import_no: i32,
    transaction: &'u Transaction<'u>,
    statements: &'u Statements,
}

impl Undoing<'_> {
    async fn undo_last(&self, so_far: &Undone) -> Result<Step, DbError> {
        let Some((chunk, kept)) = store::last_chunk(self.transaction, self.import_no).await? else {
            return Ok(Step::Finished);
        };
        let mut undone = so_far.clone();
        let log = match kept {
            None => UndoLog::default(),
            Some(kept) => UndoLog::decode(&kept)
                .map_err(|fault| DbError::Internal(format!("a chunk's undo log is damaged: {fault}")))?,
        };
        if !self.restore(&log.replaced, &mut undone).await? {
            return Ok(Step::Again);
        }
        self.remove(&log.created, &mut undone).await?;
        store::note_undone(self.transaction, self.import_no, Some(chunk), &undone.to_text()).await?;
        Ok(Step::Undone(undone))
    }

    /// `false`: a record was changed between the look and the write.
    async fn restore(&self, replaced: &[Replaced], undone: &mut Undone) -> Result<bool, DbError> {
        if replaced.is_empty() {
            return Ok(true);
        }
        let ids: Vec<Uuid> = replaced.iter().map(Replaced::id).collect();
        let (stored, versions) = self.statements.find_ids(self.transaction, &ids).await?;
        let found = stored.into_iter().zip(versions);
        let mut found: HashMap<Uuid, (Record, Version)> = found
            .map(|(stored, version)| (stored.record.id, (stored.record, version)))
            .collect();
        let mut restored = Vec::with_capacity(replaced.len());
        for old in replaced {
            match found.remove(&old.id()) {
                None => undone.leave(self.object, old.id(), DELETED),
                Some((_, version)) if version.import_no != Some(self.import_no) => {
                    undone.leave(self.object, old.id(), CHANGED);
                }
                Some((mut record, version)) => {
                    old.restore(&mut record);
                    restored.push((version, record, old.import_no));
                }
            }
        }
        undone.restored += restored.len() as u64;
        let changed = restored
            .iter()
            .map(|(version, record, import_no)| (*version, record, *import_no));
        self.statements.change(self.transaction, changed).await
    }

    async fn remove(&self, created: &[Uuid], undone: &mut Undone) -> Result<(), DbError> {
        if created.is_empty() {
            return Ok(());
        }
        let removed = self
            .statements
            .remove(self.transaction, created, self.import_no)
            .await?;
        undone.removed += removed.len() as u64;
        if removed.len() == created.len() {
            return Ok(());
        }
        let removed: std::collections::HashSet<Uuid> = removed.into_iter().collect();
        let rest: Vec<Uuid> = created
            .iter()
            .copied()
            .filter(|id| !removed.contains(id))
            .collect();
        let (stored, _) = self.statements.find_ids(self.transaction, &rest).await?;
        let there: std::collections::HashSet<Uuid> = stored.iter().map(|stored| stored.record.id).collect();
        for id in rest {
            let reason = if there.contains(&id) { CHANGED } else { DELETED };
            undone.leave(self.object, id, reason);
        }
        Ok(())
    }
}

const CHANGED: &str = "It was changed since.";
const DELETED: &str = "It was deleted since.";
