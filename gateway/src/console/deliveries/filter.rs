//! The filters of lists of deliveries, as a form sends them: with empty fields, and with times as people write them.

use url::form_urlencoded::{Serializer, parse};

use crate::base::clock::Millis;
use crate::http::query::Query;

/// The API's names of the filters, which are those of the form, and their labels.
pub const FIELDS: &[(&str, &str)] = &[
    ("status", "Status"),
    ("type", "Type"),
    ("webhook_id", "Webhook"),
    ("event_id", "Event"),
    ("status_code", "HTTP status"),
    ("error_code", "Error"),
    ("since", "From"),
    ("until", "To"),
];

/// What was asked for.
pub struct Asked {
    pairs: Vec<(String, String)>,
}

impl Asked {
    /// Reads the query of a URL.
    pub fn read(query: Option<&str>) -> Self {
        let pairs = parse(query.unwrap_or_default().as_bytes());
        let filled = pairs
            .map(|(name, value)| (name.into_owned(), value.trim().to_owned()))
            .filter(|(_, value)| !value.is_empty());
        Self {
            pairs: filled.collect(),
        }
    }

    /// What stands in a field.
    pub fn value(&self, name: &str) -> &str {
        let found = self.pairs.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// Whether anything is left out.
    pub fn is_filtered(&self) -> bool {
        FIELDS.iter().any(|(name, _)| !self.value(name).is_empty())
    }

    /// The filters alone, as a query.
    pub fn to_query(&self) -> String {
        let mut text = Serializer::new(String::new());
        for (name, value) in &self.pairs {
            if FIELDS.iter().any(|(known, _)| known == name) {
                text.append_pair(name, value);
            }
        }
        text.finish()
    }

    /// The filters and the position as the API takes them.
    pub fn query(&self) -> Query {
        let mut text = Serializer::new(String::new());
        for (name, value) in &self.pairs {
            let is_time = matches!(name.as_str(), "since" | "until");
            match is_time.then(|| moment(value)).flatten() {
                Some(moment) => text.append_pair(name, &moment.to_string()),
                None => text.append_pair(name, value),
            };
        }
        Query::parse(Some(&text.finish()))
    }
}

/// A time with an offset, or one of UTC without: a day, or a day and a time.
fn moment(text: &str) -> Option<Millis> {
    let text = text.trim_end_matches(" UTC").replacen(' ', "T", 1);
    let with_seconds = || Millis::parse(&format!("{text}Z"));
    let with_minutes = || Millis::parse(&format!("{text}:00Z"));
    let whole_day = || Millis::parse(&format!("{text}T00:00:00Z"));
    Millis::parse(&text)
        .or_else(with_seconds)
        .or_else(with_minutes)
        .or_else(whole_day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_without_an_offset_are_of_utc() {
        let expected = Millis::parse("2026-11-30T17:25:00Z");
        for text in [
            "2026-11-30T17:25",
            "2026-11-30 17:25",
            "2026-11-30 17:25:00 UTC",
            "2026-11-30T18:25:00+01:00",
        ] {
            assert_eq!(moment(text), expected, "{text}");
        }
        assert_eq!(moment("2026-11-30"), Millis::parse("2026-11-30T00:00:00Z"));
        assert_eq!(moment("yesterday"), None);
    }

    #[test]
    fn empty_fields_filter_nothing() {
        let asked = Asked::read(Some("status=failed&type=&since=+&cursor=x"));
        assert_eq!(asked.to_query(), "status=failed");
        assert!(asked.is_filtered() && !Asked::read(Some("type=")).is_filtered());
    }
}
