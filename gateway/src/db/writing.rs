//! Whether the server takes writes. Every refusal of a write is noted here, whichever request met it, so that
//! `/readyz` shows one state and the log does not repeat it for each request.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Why the server takes no writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    #[error(
        "the database is read-only (SQLSTATE 25006): look at default_transaction_read_only and pg_is_in_recovery()"
    )]
    ReadOnly,
    #[error("the disk of the database is full (SQLSTATE 53100)")]
    Full,
}

/// So long a refusal is believed. Somebody tries to write more often than that.
const BELIEVED: Duration = Duration::from_secs(5);

static LATEST: Mutex<Option<(Unwritable, Instant)>> = Mutex::new(None);

impl Unwritable {
    /// What a SQLSTATE says about it.
    pub(super) fn of(sqlstate: &str) -> Option<Self> {
        match sqlstate {
            "25006" => Some(Self::ReadOnly),
            "53100" => Some(Self::Full),
            _ => None,
        }
    }

    /// Notes that a write was refused.
    pub(super) fn note(self) {
        *LATEST.lock() = Some((self, Instant::now()));
    }
}

/// Why writes are refused at present.
pub fn unwritable() -> Option<Unwritable> {
    let latest = *LATEST.lock();
    latest.and_then(|(reason, at)| (at.elapsed() < BELIEVED).then_some(reason))
}
