//! Seals all connections' fields and tokens again under the present key, so that the previous one can be thrown away.
//!
//! Like `webhooks/reseal`: it changes no secret, can be interrupted and run again, and running instances need not be told.

use uuid::Uuid;

use super::store::{self, Sealed};
use crate::base::id::ConnectionId;
use crate::base::seal::SealError;
use crate::db::{self, Db, DbError};
use crate::vault::Vault;

/// Connections that share a transaction.
const GROUP: i64 = 200;

/// What was done.
#[derive(Debug, Default, serde::Serialize)]
pub struct Resealed {
    /// Connections of which something was sealed again.
    pub resealed: u64,
    /// Connections that were sealed with the present key already.
    pub unchanged: u64,
    /// Connections that none of the keys opens.
    pub failed: Vec<ConnectionId>,
}

/// Seals all again.
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
                    tracing::error!(connection = %sealed.id, %fault, "not sealed again");
                    done.failed.push(sealed.id);
                }
            }
        }
        db::commit(transaction).await?;
    }
}

fn again(vault: &Vault, sealed: &Sealed) -> Result<Sealed, SealError> {
    Ok(Sealed {
        id: sealed.id,
        fields: vault.seal_again(sealed.id, &sealed.fields)?,
        tokens: match &sealed.tokens {
            Some(tokens) => Some(vault.seal_again(sealed.id, tokens)?),
            None => None,
        },
    })
}
