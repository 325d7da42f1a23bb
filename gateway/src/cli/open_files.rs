//! Raises the limit of open files. Debian's default of 1,024 is used up by a thousand clients.

use crate::config::Server;

/// What is open beside clients: endpoints, sessions of the database, brokers.
const OTHERS: u64 = 1_000;

/// Asks for as many as the system grants, and says so if that is too few for the connections that are allowed.
pub(super) fn raise(settings: &Server) {
    let wanted = settings.max_connections as u64 + OTHERS;
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(granted) if granted < wanted => tracing::warn!(
            granted,
            wanted,
            "too few open files are granted for server.max_connections; raise the hard limit (LimitNOFILE, ulimits)"
        ),
        Ok(_) => {}
        Err(fault) => tracing::warn!(%fault, "the limit on open files could not be raised"),
    }
}
