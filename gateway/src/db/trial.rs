//! What `check-config` asks of the database: all that a start would, and it changes nothing.

use std::cmp::Ordering;
use std::time::Duration;

use super::abandon::within;
use super::error::DbError;
use super::migrate::{
    self, SchemaError, needed_version, refuse_encoding, refuse_foreign, refuse_transaction_pooler,
    refuse_unfit,
};
use super::pool::Db;
use super::session::Purpose;

/// Somebody waits for it at a terminal.
const LIMIT: Duration = Duration::from_secs(10);

/// Finds out what would keep a gateway that migrates, or one that does not, from starting on this database.
pub async fn try_start(db: &Db, migrates: bool) -> Result<(), SchemaError> {
    let mut found = Ok(());
    let trying = async {
        found = ask(db, migrates).await;
        Ok(())
    };
    within(LIMIT, trying).await?;
    found
}

async fn ask(db: &Db, migrates: bool) -> Result<(), SchemaError> {
    refuse_transaction_pooler(db).await?;
    let mut client = db.connect_for(Purpose::Migration).await?;
    refuse_encoding(&client).await?;
    refuse_foreign(&client).await?;
    let (found, needed) = (migrate::version(&client).await?, needed_version());
    let write = match found.cmp(&needed) {
        Ordering::Less if !migrates => return Err(SchemaError::TooOld { found, needed }),
        Ordering::Less => "create table gateway_trial ()",
        Ordering::Equal | Ordering::Greater => "delete from bus_owners where false",
    };
    if found > needed {
        refuse_unfit(&client, found, needed).await?;
    }
    // Refused where the role may not write, or nobody may.
    let trial = client.transaction().await.map_err(DbError::from)?;
    trial.batch_execute(write).await.map_err(DbError::from)?;
    trial.rollback().await.map_err(DbError::from)?;
    Ok(())
}
