//! What can go wrong with the database, sorted by what a caller can do about it.

use crate::http::problem::Problem;

/// A failed database operation.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// No connection, or it broke: whether a statement under way took effect is not known.
    #[error("the database is away: {0}")]
    Away(String),
    /// The server refused the statement, or the driver its parameters; nothing of its transaction took effect.
    #[error("the database refused: {0}")]
    Refused(#[source] tokio_postgres::Error),
}

impl DbError {
    /// The SQLSTATE of a refusal.
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Refused(fault) => fault.code().map(tokio_postgres::error::SqlState::code),
            Self::Away(_) => None,
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
            DbError::Away(_) => {
                Self::unavailable("The database is not available; nothing was done.").caused_by(&fault)
            }
            DbError::Refused(_) if fault.limit().is_some() => {
                Self::unavailable(fault.limit().unwrap_or_default()).caused_by(&fault)
            }
            DbError::Refused(_) if fault.is_passing() => {
                Self::unavailable("The database cannot serve at the moment; nothing was done.")
                    .caused_by(&fault)
            }
            DbError::Refused(source) => Self::internal(&describe(source)),
        }
    }
}
