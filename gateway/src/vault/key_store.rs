//! The SQL of the sealing key that the gateway keeps in the database if the operator gives none.

use crate::db::{Db, DbError};

/// The sealing key that is kept in the database; the first instance's `fresh` one stays.
pub async fn kept_sealing_key(db: &Db, fresh: &[u8]) -> Result<Vec<u8>, DbError> {
    let client = db.client().await?;
    client
        .execute(
            "insert into gateway_secrets (name, value) values ('webhooks', $1) on conflict do nothing",
            &[&fresh],
        )
        .await?;
    let row = client
        .query_one("select value from gateway_secrets where name = 'webhooks'", &[])
        .await?;
    Ok(row.get(0))
}

/// The sealing key that is kept in the database, if there is one.
pub async fn find_kept_sealing_key(db: &Db) -> Result<Option<Vec<u8>>, DbError> {
    let statement = "select value from gateway_secrets where name = 'webhooks'";
    let row = db.client().await?.query_opt(statement, &[]).await?;
    Ok(row.map(|row| row.get(0)))
}
