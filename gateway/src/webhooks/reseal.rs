//! Seals all secrets again under the current key, so that the previous key can be thrown away.
//!
//! The secrets themselves do not change, and running instances need not be notified as long as they know both keys. It can
//! be interrupted and run again: it skips secrets that are already sealed with the current key.

use uuid::Uuid;

use super::store;
use super::stored::Sealed;
use crate::base::id::WebhookId;
use crate::base::seal::SealError;
use crate::db::{self, Db, DbError};
use crate::vault::Vault;

/// Endpoints that share a transaction.
const GROUP: i64 = 200;

/// What was done.
#[derive(Debug, Default, serde::Serialize)]
pub struct Resealed {
    /// Endpoints of which something was sealed again.
    pub resealed: u64,
    /// Endpoints that were sealed with the present key already.
    pub unchanged: u64,
    /// Endpoints that none of the keys opens.
    pub failed: Vec<WebhookId>,
}

/// Seals all endpoints' secrets and headers again under the vault's present key.
pub async fn reseal(db: &Db, vault: &Vault) -> Result<Resealed, DbError> {
    let mut done = Resealed::default();
    let mut client = db.client().await?;
    let mut after = Uuid::nil();
    loop {
        let transaction = db::begin(&mut client).await?;
        let group = store::lock_sealed(&transaction, after, GROUP).await?;
        let Some(last) = group.last() else {
            return Ok(done);
        };
        after = last.id.uuid();
        for sealed in &group {
            match again(vault, sealed) {
                Ok(fresh) if fresh == *sealed => done.unchanged += 1,
                Ok(fresh) => {
                    store::put_sealed(&transaction, &fresh).await?;
                    done.resealed += 1;
                }
                Err(fault) => {
                    tracing::error!(webhook = %sealed.id, %fault, "not sealed again");
                    done.failed.push(sealed.id);
                }
            }
        }
        db::commit(transaction).await?;
    }
}

fn again(vault: &Vault, sealed: &Sealed) -> Result<Sealed, SealError> {
    let value = |old: &Vec<u8>| vault.seal_again(sealed.id, old);
    Ok(Sealed {
        id: sealed.id,
        headers: sealed.headers.as_ref().map(value).transpose()?,
        secret: value(&sealed.secret)?,
        previous_secret: sealed.previous_secret.as_ref().map(value).transpose()?,
    })
}
