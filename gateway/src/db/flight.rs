//! Transactions whose first and last statements share a round trip with their BEGIN and COMMIT.
//!
//! The driver sends what is polled, in the order of the first polls, and does not wait for answers in between. The server
//! runs it in that order: after a statement that failed, those behind it fail too, and a COMMIT rolls back.

use std::future::Future;

use futures_util::future::try_join;
use tokio_postgres::Client;

use super::error::DbError;

/// Begins a transaction and runs `first` in it, in one flight. After a fault the transaction is still open, and must be
/// ended by [`roll_back`].
pub async fn begin_with<T>(
    client: &Client,
    first: impl Future<Output = Result<T, DbError>>,
) -> Result<T, DbError> {
    let begin = async { Ok(client.batch_execute("begin").await?) };
    let ((), first) = try_join(begin, first).await?;
    Ok(first)
}

/// Runs `last` and commits, in one flight; all that `last` sends must be sent when it is first polled, or be part of a
/// COPY that has begun, for which the driver holds everything else back.
pub async fn commit_with<T>(
    client: &Client,
    last: impl Future<Output = Result<T, DbError>>,
) -> Result<T, DbError> {
    let commit = async {
        let committed = client.batch_execute("commit").await;
        committed.map_err(|fault| DbError::from(fault).of_a_commit())
    };
    let (last, ()) = try_join(last, commit).await?;
    Ok(last)
}

/// Ends a transaction of which nothing is to be kept.
pub async fn roll_back(client: &Client) -> Result<(), DbError> {
    Ok(client.batch_execute("rollback").await?)
}
