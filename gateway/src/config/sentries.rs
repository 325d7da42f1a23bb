//! Limits and retention of sentries, and the limit of hoots' public pages.

use super::Reader;
use super::values::between;

/// Sentries.
#[derive(Debug, Clone)]
pub struct Sentries {
    /// What one sentry may report steadily, on each instance; at once it is 60.
    pub max_reports_per_second: u32,
    /// How long entries of the history are kept.
    pub history_days: u32,
}

/// Hoots.
#[derive(Debug, Clone)]
pub struct Hoots {
    /// Public requests from one network (IPv4 /24, IPv6 /48), on each instance.
    pub max_per_second: u32,
}

impl Sentries {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            max_reports_per_second: reader.get(
                "sentries",
                "max_reports_per_second",
                10,
                between(1, 1_000_000),
            ),
            history_days: reader.get("sentries", "history_days", 400, between(1, 3650)),
        }
    }
}

impl Hoots {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            max_per_second: reader.get("hoots", "max_per_second", 50, between(1, 1_000_000)),
        }
    }
}
