//! Moments as the API speaks them, and the present one.
//!
//! The present is the database's: what is stored by one instance, and what expires, such as a key, means the same to all of
//! them, whatever their own clocks show.

use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

static PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// A moment in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Millis(pub i64);

impl Millis {
    /// The present moment by the database's clock, as far as this process knows it.
    pub fn now() -> Self {
        CLOCK.now()
    }

    /// This moment and `seconds` more.
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1000)))
    }

    /// Reads RFC 3339 with an offset; a local time without one, or a year beyond 9999, is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = text.len() >= 20 && text.as_bytes()[4] == b'-' && !text.contains('[');
        let moment = is_plain.then(|| text.parse::<Timestamp>().ok()).flatten()?;
        Some(Self(moment.as_millisecond()))
    }

    /// The form for people, such as `2026-11-30 17:25:03 UTC`.
    pub fn to_utc(self) -> String {
        let moment = self.to_string();
        // The form has a fixed width up to year 9999.
        let (date, time) = moment.split_once('T').unwrap_or((&moment, ""));
        format!("{date} {} UTC", time.get(..8).unwrap_or(time))
    }

    /// Appends the RFC 3339 form with milliseconds and `Z`.
    pub fn push_to(self, text: &mut String) {
        let moment = Timestamp::from_millisecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH);
        // Writing to a String cannot fail.
        let _ = PRINTER.print_timestamp(&moment, text);
    }
}

/// A moment in microseconds since the Unix epoch: as exact as the database's, where order matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Micros(pub i64);

impl Micros {
    /// The same moment, as the API shows it.
    pub const fn millis(self) -> Millis {
        Millis(self.0.div_euclid(1000))
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(24);
        self.push_to(&mut text);
        out.write_str(&text)
    }
}

impl serde::Serialize for Millis {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Takes note of what the database's clock showed at some moment between `asked` and now.
pub fn correct(shown: Millis, asked: Instant) {
    CLOCK.correct(shown, asked, Instant::now());
}

static CLOCK: LazyLock<Clock> = LazyLock::new(Clock::new);

/// An estimate that each look at the database corrects. Between two looks it follows the monotonic clock, so a step of
/// the system's clock does not touch it. Until the first look it is the system's clock.
struct Clock {
    origin: Instant,
    /// What the database's clock showed at `origin`, in milliseconds since the Unix epoch.
    at_origin: AtomicI64,
}

impl Clock {
    fn new() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at_origin = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        Self {
            origin: Instant::now(),
            at_origin: AtomicI64::new(at_origin),
        }
    }

    fn now(&self) -> Millis {
        let at_origin = self.at_origin.load(Ordering::Relaxed);
        Millis(at_origin.saturating_add(self.since_origin(Instant::now())))
    }

    /// An estimate that agrees with what was heard stays. Another one becomes the latest that does: a key may end early
    /// by the time of one answer, and never late.
    fn correct(&self, shown: Millis, asked: Instant, heard: Instant) {
        let earliest = shown.0.saturating_sub(self.since_origin(heard));
        let latest = shown.0.saturating_sub(self.since_origin(asked));
        let estimate = self.at_origin.load(Ordering::Relaxed);
        if !(earliest..=latest).contains(&estimate) {
            self.at_origin.store(latest, Ordering::Relaxed);
        }
    }

    fn since_origin(&self, instant: Instant) -> i64 {
        let since = instant.saturating_duration_since(self.origin);
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_follows_the_database_forward_and_back() {
        let clock = Clock::new();
        let asked = clock.origin + Duration::from_secs(1);
        let heard = asked + Duration::from_millis(30);
        for shown in [5_000_000, 1_000, 9_000_000] {
            clock.correct(Millis(shown), asked, heard);
            assert_eq!(clock.at_origin.load(Ordering::Relaxed), shown - 1_000);
        }
        // A slow answer that agrees changes nothing.
        clock.correct(Millis(9_000_500), asked, asked + Duration::from_secs(2));
        assert_eq!(clock.at_origin.load(Ordering::Relaxed), 8_999_000);
    }

    #[test]
    fn prints_milliseconds_and_z() {
        assert_eq!(Millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Millis(1_700_000_000_120).to_string(), "2023-11-14T22:13:20.120Z");
    }

    #[test]
    fn input_needs_an_offset() {
        assert_eq!(Millis::parse("1970-01-01T01:00:00+01:00"), Some(Millis(0)));
        assert_eq!(Millis::parse("1970-01-01T00:00:00Z"), Some(Millis(0)));
        assert_eq!(Millis::parse("1970-01-01T00:00:00.0019Z"), Some(Millis(1)));
        for bad in [
            "1970-01-01T00:00:00",
            "1970-01-01",
            "now",
            "",
            "1970-01-01T00:00:00Z[UTC]",
            "+001970-01-01T00:00:00Z",
        ] {
            assert_eq!(Millis::parse(bad), None, "{bad}");
        }
    }
}
