//! The filters of lists, as a form sends them: with empty fields, and with times as people write them.

use serde_json::{Map, Value};
use url::form_urlencoded::{Serializer, parse};

use crate::base::clock::Millis;
use crate::http::query::Query;

/// The API's names of a list's filters, which are those of its form, and their labels.
pub type Fields = &'static [(&'static str, &'static str)];

/// What was asked for.
#[derive(Clone)]
pub struct Asked {
    fields: Fields,
    pairs: Vec<(String, String)>,
}

impl Asked {
    /// Reads the query of a URL of a list that has these filters.
    pub fn read(fields: Fields, query: Option<&str>) -> Self {
        let pairs = parse(query.unwrap_or_default().as_bytes());
        let filled = pairs
            .map(|(name, value)| (name.into_owned(), value.trim().to_owned()))
            .filter(|(_, value)| !value.is_empty());
        Self {
            fields,
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
        self.fields.iter().any(|(name, _)| !self.value(name).is_empty())
    }

    /// The filters alone, as a query.
    pub fn to_query(&self) -> String {
        let mut text = Serializer::new(String::new());
        for (name, value) in &self.pairs {
            if self.fields.iter().any(|(known, _)| known == name) {
                text.append_pair(name, value);
            }
        }
        text.finish()
    }

    /// A URL of the list with these filters; without any it is `path` alone.
    pub fn url(&self, path: &str) -> String {
        match self.to_query() {
            none if none.is_empty() => path.to_owned(),
            query => format!("{path}?{query}"),
        }
    }

    /// The same with a value for a filter that has none.
    pub fn or(mut self, name: &str, value: &str) -> Self {
        if self.value(name).is_empty() {
            self.pairs.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// The filters that are set: label and value.
    pub fn set(&self) -> Vec<(&'static str, &str)> {
        let all = self.fields.iter().map(|(name, label)| (*label, self.value(name)));
        all.filter(|(_, value)| !value.is_empty()).collect()
    }

    /// The filters as the body of a request. What cannot be read is sent as it is, for the API to say so.
    pub fn body(&self) -> Map<String, Value> {
        let read = |(name, value): &(String, String)| {
            let read = match name.as_str() {
                "since" | "until" => moment(value).map(|moment| Value::from(moment.to_string())),
                "status_code" => value.parse::<u64>().ok().map(Value::from),
                _ => None,
            };
            (name.clone(), read.unwrap_or_else(|| Value::from(value.as_str())))
        };
        self.pairs.iter().map(read).collect()
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
    fn a_body_has_numbers_and_whole_times() {
        const FIELDS: Fields = &[
            ("status_code", "HTTP status"),
            ("since", "From"),
            ("type", "Type"),
        ];
        let asked = Asked::read(FIELDS, Some("status_code=503&since=2026-11-30&type="));
        let asked = asked.or("since", "never").or("type", "503");
        let expected = r#"{"since":"2026-11-30T00:00:00.000Z","status_code":503,"type":"503"}"#;
        assert_eq!(Value::from(asked.body()).to_string(), expected);
        let bad = Asked::read(FIELDS, Some("status_code=5xx&since=now"));
        assert_eq!(
            Value::from(bad.body()).to_string(),
            r#"{"since":"now","status_code":"5xx"}"#
        );
        assert_eq!(bad.set(), [("HTTP status", "5xx"), ("From", "now")]);
    }

    #[test]
    fn empty_fields_filter_nothing() {
        const FIELDS: Fields = &[("status", "Status"), ("type", "Type"), ("since", "From")];
        let asked = Asked::read(FIELDS, Some("status=failed&type=&since=+&cursor=x"));
        assert_eq!(asked.to_query(), "status=failed");
        assert!(asked.is_filtered() && !Asked::read(FIELDS, Some("type=")).is_filtered());
    }
}
