//! The database's clock.

use std::time::Instant;

use tokio_postgres::GenericClient;

use super::error::DbError;
use crate::base::clock::{self, Millis};

/// The database's clock: in a transaction, the moment at which it began.
pub async fn now(client: &impl GenericClient) -> Result<Millis, DbError> {
    Ok(client.query_one("select now()", &[]).await?.get(0))
}

/// Has this process follow the database's clock, before it stores or compares a time.
pub(super) async fn follow(client: &impl GenericClient) -> Result<(), DbError> {
    let asked = Instant::now();
    clock::correct(now(client).await?, asked);
    Ok(())
}
