//! Seals all that is sealed of sources again under the current key.

use uuid::Uuid;

use super::reseal_store::{self, SealedValue};
use crate::base::id::SourceId;
use crate::base::seal::SealError;
use crate::db::{self, Db, DbError};
use crate::vault::Vault;

/// Sources that share a transaction.
const GROUP: i64 = 200;

/// What was done.
#[derive(Debug, Default, serde::Serialize)]
pub struct Resealed {
    /// Sources of which something was sealed again.
    pub resealed: u64,
    /// Sources that were sealed with the present key already.
    pub unchanged: u64,
    /// Sources that none of the keys opens.
    pub failed: Vec<SourceId>,
}

/// Seals tokens, secrets and kept requests of all sources again under the vault's present key.
pub async fn reseal(db: &Db, vault: &Vault) -> Result<Resealed, DbError> {
    let mut done = Resealed::default();
    let mut client = db.client().await?;
    let mut after = Uuid::nil();
    loop {
        let transaction = db::begin(&mut client).await?;
        let group = reseal_store::lock_next(&transaction, after, GROUP).await?;
        let Some(last) = group.last() else {
            return Ok(done);
        };
        after = last.uuid();
        for id in &group {
            let mut is_changed = false;
            let mut is_whole = true;
            for sealed in reseal_store::values_of(&transaction, *id).await? {
                match again(vault, *id, &sealed) {
                    Ok(None) => {}
                    Ok(Some(fresh)) => {
                        reseal_store::put_value(&transaction, *id, &sealed, &fresh).await?;
                        is_changed = true;
                    }
                    Err(fault) => {
                        tracing::error!(source = %id, %fault, "not sealed again");
                        is_whole = false;
                    }
                }
            }
            match (is_whole, is_changed) {
                (false, _) => done.failed.push(*id),
                (true, true) => done.resealed += 1,
                (true, false) => done.unchanged += 1,
            }
        }
        db::commit(transaction).await?;
    }
}

/// The value under the present key; `None` where it is already.
fn again(vault: &Vault, id: SourceId, sealed: &SealedValue) -> Result<Option<Vec<u8>>, SealError> {
    match vault.is_present(&sealed.value) {
        true => Ok(None),
        false => vault.seal_again(id, &sealed.value).map(Some),
    }
}
