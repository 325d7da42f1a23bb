//! What can go wrong with the database, sorted by what a caller can do about it.

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
    #[error("the database refused: {0}")]
    Refused(#[source] tokio_postgres::Error),
}

impl DbError {
    /// The SQLSTATE of a refusal.
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Refused(fault) => fault.code().map(tokio_postgres::error::SqlState::code),
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

    /// Whether the server can not serve at the moment: shutting down, starting, out of disk, memory or places.
    fn is_passing(&self) -> bool {
        // Classes 53 (resources), 57 (operator intervention), 58 (system), and 25006 (read-only after failover).
        self.sqlstate().is_some_and(|state| {
            ["53", "57", "58"].iter().any(|class| state.starts_with(class)) || state == "25006"
        })
    }
}

impl From<tokio_postgres::Error> for DbError {
    fn from(fault: tokio_postgres::Error) -> Self {
        match fault.as_db_error() {
            // The server ends the session with these: 57P01 to 57P05 (shutdown, crash, start, idle), 25P03 (idle in a
            // transaction).
            Some(refusal) if ends_session(refusal.code().code()) => Self::Away(describe(&fault)),
            Some(_) => Self::Refused(fault),
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

/// The driver keeps the telling part in the source.
fn describe(fault: &tokio_postgres::Error) -> String {
    match std::error::Error::source(fault) {
        Some(source) => format!("{fault}: {source}"),
        None => fault.to_string(),
    }
}

impl From<DbError> for Problem {
    fn from(fault: DbError) -> Self {
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
