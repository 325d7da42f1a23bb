//! Wall-clock moments as the API speaks them: RFC 3339, UTC, milliseconds, `Z`.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

static PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// A moment in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Millis(pub i64);

impl Millis {
    /// The present moment by the system's clock.
    pub fn now() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
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

#[cfg(test)]
mod tests {
    use super::*;

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
