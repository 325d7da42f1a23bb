//! What can go wrong with the database, sorted by what a caller can do about it.

use tokio_postgres::error::SqlState;

use super::writing::Unwritable;
use crate::http::problem::Problem;

/// A failed database operation.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// There was no connection: the database was asked for nothing.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// The connection broke. Nothing of a transaction that was not committed took effect; whether a statement outside of
    /// one did is not known.
    #[error("the database is away: {0}")]
    Away(String),
    /// The connection broke in a COMMIT: whether its transaction took effect is not known.
    #[error("how a commit ended is not known: {0}")]
    Unheard(String),
    /// Others changed the same rows so often that the transaction was given up.
    #[error("others keep changing the same rows")]
    Contended,
    /// A fault of ours, such as a stored form that cannot be read. Trying again does not help.
    #[error("{0}")]
    Internal(String),
    /// The server refused the statement, or the driver its parameters; nothing of its transaction took effect.
    #[error("the database refused: {}", refusal(.0))]
    Refused(#[source] tokio_postgres::Error),
}

impl DbError {
    /// The SQLSTATE of a refusal.
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Refused(fault) => fault.code().map(SqlState::code),
            Self::Unreachable(_) | Self::Away(_) | Self::Unheard(_) | Self::Contended | Self::Internal(_) => {
                None
            }
        }
    }

    /// Whether there is no connection, or no longer one.
    pub const fn is_away(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Away(_) | Self::Unheard(_))
    }

    /// The same fault of a connection that was not had yet.
    pub(super) fn before_a_connection(self) -> Self {
        match self {
            Self::Away(cause) => Self::Unreachable(cause),
            other => other,
        }
    }

    /// The same fault in a COMMIT.
    pub(super) fn of_a_commit(self) -> Self {
        match self {
            Self::Away(cause) => Self::Unheard(cause),
            other => other,
        }
    }

    /// Whether, and why, the server takes no writes.
    pub fn unwritable(&self) -> Option<Unwritable> {
        self.sqlstate().and_then(Unwritable::of)
    }

    /// Whether a unique constraint refused.
    pub fn is_unique_violation(&self) -> bool {
        self.sqlstate() == Some("23505")
    }

    /// What to tell a client whose statement ran into a limit of its session.
    fn limit(&self) -> Option<&'static str> {
        match self.sqlstate()? {
            "55P03" => Some("Something else in the database holds what this needs; nothing was done."),
            "57014" => Some("The database took too long and the statement was ended; nothing was done."),
            _ => None,
        }
    }

    /// Whether the server cannot serve at the moment: it is away, shutting down, starting, or out of disk, memory or places.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Refused(fault) => fault.code().is_some_and(is_passing),
            _ => self.is_away(),
        }
    }
}

/// Classes 53 (resources), 57 (operator intervention), 58 (system), and 25006 (read-only after failover).
pub(super) fn is_passing(state: &SqlState) -> bool {
    ["53", "57", "58"]
        .iter()
        .any(|class| state.code().starts_with(class))
        || *state == SqlState::READ_ONLY_SQL_TRANSACTION
}

impl From<tokio_postgres::Error> for DbError {
    fn from(fault: tokio_postgres::Error) -> Self {
        match fault.as_db_error() {
            // The server ends the session with these: 57P01 to 57P05 (shutdown, crash, start, idle), 25P03 (idle in a
            // transaction).
            Some(refusal) if ends_session(refusal.code().code()) => Self::Away(describe(&fault)),
            Some(refusal) => {
                if let Some(reason) = Unwritable::of(refusal.code().code()) {
                    reason.note();
                }
                Self::Refused(fault)
            }
            // Our fault, found before anything was sent: trying again would not help.
            None if is_wrongly_typed(&fault) => Self::Refused(fault),
            None => Self::Away(describe(&fault)),
        }
    }
}

fn ends_session(state: &str) -> bool {
    state.starts_with("57P") || state == "25P03"
}

fn is_wrongly_typed(fault: &tokio_postgres::Error) -> bool {
    std::error::Error::source(fault).is_some_and(|source| source.is::<tokio_postgres::types::WrongType>())
}

/// What the server said, its SQLSTATE, and what to do about the usual ones.
pub(super) fn refusal(fault: &tokio_postgres::Error) -> String {
    let Some(refusal) = fault.as_db_error() else {
        return describe(fault);
    };
    let (message, state) = (refusal.message(), refusal.code().code());
    match cure(state) {
        Some(cure) => format!("{message} (SQLSTATE {state}): {cure}"),
        None => format!("{message} (SQLSTATE {state})"),
    }
}

fn cure(state: &str) -> Option<&'static str> {
    Some(match state {
        "28P01" | "28000" => "look at user and password in database.url, and at the server's pg_hba.conf",
        "3D000" => "make the database with `createdb`, or name another in database.url",
        "42501" => {
            "the role lacks a privilege; for the schema: grant usage, create on schema public to ROLE, or make the role \
             the owner of the database"
        }
        "3F000" => {
            "no schema of the search_path exists: make it with `create schema`, or name another in database.url"
        }
        "53300" => "the server has no free connection: raise max_connections or lower database.pool_size",
        "53100" => "the server's disk is full",
        "25006" => {
            "the server takes no writes: database.url must lead to the primary, and default_transaction_read_only must be off"
        }
        _ => return None,
    })
}

/// The driver keeps the telling part in the source.
fn describe(fault: &tokio_postgres::Error) -> String {
    match std::error::Error::source(fault) {
        Some(source) => format!("{fault}: {source}"),
        None => fault.to_string(),
    }
}

impl From<DbError> for Problem {
    fn from(fault: DbError) -> Self {
        if let Some(reason) = fault.unwritable() {
            // The log tells it once, by the health of the database.
            return Self::unavailable(format!("At the moment {reason}; nothing was done."));
        }
        match &fault {
            DbError::Unreachable(_) => {
                Self::unavailable("The database is not available; nothing was done.").caused_by(&fault)
            }
            // Requests change things in transactions alone, and each of those ends with `db::commit`.
            DbError::Away(_) => {
                Self::unavailable("The connection to the database broke before the commit; nothing was done.")
                    .caused_by(&fault)
            }
            DbError::Unheard(_) => {
                Self::outcome_unknown("The connection to the database broke in the commit").caused_by(&fault)
            }
            DbError::Contended => {
                Self::unavailable("Others keep changing the same records; nothing was done.")
                    .caused_by(&fault)
            }
            DbError::Refused(_) if fault.limit().is_some() => {
                Self::unavailable(fault.limit().unwrap_or_default()).caused_by(&fault)
            }
            DbError::Refused(_) if fault.is_passing() => {
                Self::unavailable("The database cannot serve at the moment; nothing was done.")
                    .caused_by(&fault)
            }
            DbError::Refused(source) => Self::internal(&describe(source)),
            DbError::Internal(_) => Self::internal(&fault),
        }
    }
}
