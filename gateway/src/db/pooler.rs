//! Detects a pooler between the gateway and the server. One that gives each transaction another session (`PgBouncer`'s
//! `pool_mode = transaction` or `statement`) is refused, because it breaks everything that a session holds: prepared
//! statements, LISTEN, and the locks by which instances know that others live. `pool_mode = session` works.

use tokio_postgres::{Client, SimpleQueryMessage};

use super::abandon::within;
use super::dial::{CONNECT_TIMEOUT, drive};
use super::error::DbError;
use super::pool::Db;
use super::session::MARK;

/// Others may take the session that would give a pooler away, so it is looked at more than once.
const ROUNDS: usize = 3;

/// What two clients find out about what lies between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Between {
    Nothing,
    TransactionPooler,
}

/// Looks, by two clients whose transactions alternate: a client that keeps its session is always answered by one process,
/// which never answers the other. Also finds out whether the options of the start-up packet arrive.
pub(super) async fn look(db: &Db) -> Result<Between, DbError> {
    within(CONNECT_TIMEOUT * 2, async {
        let (one, one_connection) = db.dialer().open_bare().await?;
        let one_driver = drive(one_connection);
        let (other, other_connection) = db.dialer().open_bare().await?;
        let other_driver = drive(other_connection);
        let mark = value(&one, &format!("select current_setting('{MARK}', true)")).await?;
        if mark != "on" {
            db.dialer().note_dropped_options();
        }
        let mut between = Between::Nothing;
        for _ in 0..ROUNDS {
            let first = value(&one, PROCESS).await?;
            // Refused where each statement may get another session.
            match other.simple_query("begin").await.map_err(DbError::from) {
                Ok(_) => {}
                Err(DbError::Refused(_)) => return Ok(Between::TransactionPooler),
                Err(away) => return Err(away),
            }
            let others = value(&other, PROCESS).await?;
            let again = value(&one, PROCESS).await?;
            other.simple_query("rollback").await?;
            if first == others || first != again {
                between = Between::TransactionPooler;
            }
        }
        one_driver.abort();
        other_driver.abort();
        Ok(between)
    })
    .await
    .map_err(DbError::before_a_connection)
}

const PROCESS: &str = "select pg_backend_pid()";

/// Asked without preparing anything, which such a pooler may not survive.
async fn value(client: &Client, statement: &str) -> Result<String, DbError> {
    let messages = client.simple_query(statement).await?;
    let value = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    Ok(value.unwrap_or_default().to_owned())
}
