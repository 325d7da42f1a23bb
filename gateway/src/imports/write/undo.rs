//! Takes an import back: removes what it created, restores what it replaced, the last chunk first.
//!
//! Each chunk is one transaction that also forgets the chunk's undo log, so an undo that broke off goes on where it
//! stopped, and a second one finds nothing to do. A record that anyone has touched since is left, and listed.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::part::LookupKeys;
use super::session::Session;
use super::statements::{Found, Statements, Turn};
use super::undo_log::{Replaced, UndoLog};
use super::version::Version;
use super::writer::is_conflict;
use crate::audit::{self, Actor, Changes, Target};
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::db::{self, Db, DbError, Transaction};
use crate::imports::model::Job;
use crate::imports::store;
use crate::records::Object;
use crate::records::model::record::{Record, public_id};

/// Records that are listed as left; more are only counted.
const MAX_LISTED: usize = 10_000;
/// Tries of a chunk while others change the same records.
const MAX_TRIES: u32 = 20;

/// A record that was left as it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Left {
    id: String,
    reason: String,
}

/// The result of an undo.
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

/// Undoes a job that has ended, and says so in the audit trail in the transaction of the first change. The caller holds the
/// lock on the job.
pub async fn undo(
    db: &Db,
    object: &'static Object,
    workspace: WorkspaceId,
    actor: &Actor,
    job: &Job,
) -> Result<(), DbError> {
    let mut undone: Undone = match &job.undo {
        Some(kept) => serde_json::from_str(kept.get()).unwrap_or_default(),
        None => Undone::default(),
    };
    if job.undo.is_none() {
        undone.at = Millis::now().to_string();
    }
    let mut session = Session::open(db, object, workspace, Turn::Whole, false).await?;
    let target = Target::new("import", job.id, job.filename.as_deref());
    let mut is_begun = job.undo.is_some();
    let mut tries = 0;
    loop {
        let (client, statements) = session.split();
        let transaction = client.transaction().await?;
        if !is_begun {
            let changes = Changes::default();
            audit::insert(&transaction, workspace, actor, "import.undone", &target, &changes).await?;
        }
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
                is_begun = true;
                tries = 0;
            }
            Ok(Step::Finished) => {
                if !is_begun {
                    store::note_undone(&transaction, job.number, None, &undone.to_text()).await?;
                    db::commit(transaction).await?;
                }
                return Ok(());
            }
            Ok(Step::Again) if tries < MAX_TRIES => tries += 1,
            Ok(Step::Again) => return Err(DbError::Contended),
            Err(fault) if tries < MAX_TRIES && is_conflict(&fault) => tries += 1,
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

/// A record as it was.
struct Restored {
    version: Version,
    record: Record,
    import_no: Option<i32>,
    gets_key_back: bool,
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
        // What was created may have a key that was another's before.
        self.remove(&log.created, &mut undone).await?;
        if !self.restore(&log.replaced, &mut undone).await? {
            return Ok(Step::Again);
        }
        store::note_undone(self.transaction, self.import_no, Some(chunk), &undone.to_text()).await?;
        Ok(Step::Undone(undone))
    }

    /// Whether nothing of the import is known of a record from before a change. Where there is, an earlier chunk decides
    /// what becomes of the record, and counts it: so each is counted and listed once.
    fn has_last_word(&self, written_before_by: Option<i32>) -> bool {
        written_before_by != Some(self.import_no)
    }

    fn leave(&self, undone: &mut Undone, id: Uuid, written_before_by: Option<i32>, reason: &str) {
        if self.has_last_word(written_before_by) {
            undone.leave(self.object, id, reason);
        }
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
                None => self.leave(undone, old.id(), old.import_no, DELETED),
                Some((_, version)) if version.import_no != Some(self.import_no) => {
                    self.leave(undone, old.id(), old.import_no, CHANGED);
                }
                Some((mut record, version)) => {
                    let before = (record.external_id().map(str::to_owned), record.natural_key());
                    old.restore(&mut record);
                    let gets_key_back =
                        before != (record.external_id().map(str::to_owned), record.natural_key());
                    restored.push(Restored {
                        version,
                        record,
                        import_no: old.import_no,
                        gets_key_back,
                    });
                }
            }
        }
        let moves_keys = restored.iter().any(|restored| restored.gets_key_back);
        if moves_keys {
            self.leave_those_whose_key_is_taken(&mut restored, undone).await?;
        }
        let restored_count = restored
            .iter()
            .filter(|one| self.has_last_word(one.import_no))
            .count();
        undone.restored += restored_count as u64;
        let changed = restored
            .iter()
            .map(|restored| (restored.version, &restored.record, restored.import_no));
        self.statements
            .change(self.transaction, moves_keys, changed)
            .await
    }

    /// Others may have taken a key that a record would get back. One that stays as it is keeps its present keys, which may
    /// be what the next would get back.
    async fn leave_those_whose_key_is_taken(
        &self,
        restored: &mut Vec<Restored>,
        undone: &mut Undone,
    ) -> Result<(), DbError> {
        let natural_keys: Vec<_> = restored
            .iter()
            .filter_map(|one| one.record.natural_key())
            .collect();
        let keys = LookupKeys {
            natural_keys: natural_keys.iter().map(String::as_str).collect(),
            external_ids: restored
                .iter()
                .filter_map(|one| one.record.external_id())
                .collect(),
        };
        let Found::Records(holders, _) = self.statements.find(self.transaction, &keys, usize::MAX).await?
        else {
            return Ok(());
        };
        let mut of_external_id = HashMap::new();
        let mut of_natural_key = HashMap::new();
        for holder in holders {
            let id = holder.record.id;
            of_external_id.extend(holder.record.external_id().map(|key| (key.to_owned(), id)));
            of_natural_key.extend(holder.natural_key.map(|key| (key, id)));
        }
        loop {
            let going: HashSet<Uuid> = restored.iter().map(|one| one.record.id).collect();
            let is_taken = |one: &Restored| {
                let by_external_id = one.record.external_id().and_then(|id| of_external_id.get(id));
                let natural_key = one.record.natural_key();
                let by_natural_key = natural_key.and_then(|key| of_natural_key.get(&key));
                let mut holders = by_external_id.into_iter().chain(by_natural_key);
                holders.any(|holder| *holder != one.record.id && !going.contains(holder))
            };
            let taken: Vec<usize> = (0..restored.len())
                .filter(|place| is_taken(&restored[*place]))
                .collect();
            if taken.is_empty() {
                return Ok(());
            }
            for place in taken.into_iter().rev() {
                let left = restored.remove(place);
                self.leave(undone, left.record.id, left.import_no, KEY_TAKEN);
            }
        }
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
        let removed: HashSet<Uuid> = removed.into_iter().collect();
        let rest: Vec<Uuid> = created
            .iter()
            .copied()
            .filter(|id| !removed.contains(id))
            .collect();
        let (stored, _) = self.statements.find_ids(self.transaction, &rest).await?;
        let there: HashSet<Uuid> = stored.iter().map(|stored| stored.record.id).collect();
        for id in rest {
            let reason = if there.contains(&id) { CHANGED } else { DELETED };
            undone.leave(self.object, id, reason);
        }
        Ok(())
    }
}

const CHANGED: &str = "It was changed since.";
const DELETED: &str = "It was deleted since.";
const KEY_TAKEN: &str = "Another record has its former key.";
