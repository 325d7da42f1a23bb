//! A wait that a vendor asked for: until it is over, nothing more goes out to it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::base::clock::Millis;

/// Closed until some time, or open.
#[derive(Debug, Default)]
pub struct Gate {
    until: AtomicI64,
}

impl Gate {
    /// Closes it for so long; a later end stays.
    pub fn close(&self, wait: Duration) {
        let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        let until = Millis::now().0.saturating_add(wait);
        self.until.fetch_max(until, Ordering::Relaxed);
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        match self.until.load(Ordering::Relaxed) {
            0 => false,
            until => until > Millis::now().0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shorter_wait_ends_no_longer_one() {
        let gate = Gate::default();
        assert!(!gate.is_closed());
        gate.close(Duration::from_secs(60));
        gate.close(Duration::ZERO);
        assert!(gate.is_closed());
    }
}
