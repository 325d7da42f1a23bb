//! The console's settings.

use std::time::Duration;

use super::Reader;
use super::values::parsed;

/// The pages under `/integrations`.
#[derive(Debug, Clone)]
pub struct Console {
    /// `false`: there are no pages.
    pub is_enabled: bool,
    /// A session that is not used for so long ends.
    pub idle: Duration,
    /// The longest that a session may last.
    pub session: Duration,
    /// Plain http is refused beyond loopback.
    pub requires_https: bool,
}

impl Console {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            is_enabled: reader.get("console", "enabled", true, parsed("true or false")),
            idle: reader.get("console", "idle_minutes", Duration::from_secs(7200), minutes),
            session: reader.get("console", "session_hours", Duration::from_secs(43_200), hours),
            requires_https: reader.get("console", "require_https", false, parsed("true or false")),
        }
    }
}

fn minutes(text: &str) -> Result<Duration, String> {
    const DAY: f64 = 1440.0;
    positive(text, DAY, 60.0).ok_or_else(|| format!("a number of minutes above 0 and at most {DAY}"))
}

fn hours(text: &str) -> Result<Duration, String> {
    const WEEK: f64 = 168.0;
    positive(text, WEEK, 3600.0).ok_or_else(|| format!("a number of hours above 0 and at most {WEEK}"))
}

fn positive(text: &str, most: f64, unit_seconds: f64) -> Option<Duration> {
    let number: f64 = text.trim().parse().ok()?;
    // Shorter than a millisecond is nothing.
    let seconds = Some(number * unit_seconds).filter(|seconds| number <= most && *seconds >= 0.001)?;
    Some(Duration::from_secs_f64(seconds))
}
