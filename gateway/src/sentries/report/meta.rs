//! `meta`: its limits, and the two names in it that are understood.

use serde_json::value::RawValue;

use super::Meta;
use crate::base::clock::Millis;
use crate::http::fields::Faults;
use crate::http::json::Node;

pub(super) const MAX_BYTES: usize = 16 * 1024;
pub(super) const MAX_NAMES: usize = 100;
/// `meta` itself is the first.
pub(super) const MAX_LEVELS: usize = 5;

/// Numbers from here on are milliseconds.
const FIRST_MILLIS: f64 = 1e11;
/// The last millisecond of the year 9999.
const LAST_MILLIS: f64 = 253_402_300_799_999.0;

/// How counts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    /// In JSON.
    Numbers,
    /// In forms, which have only text.
    Digits,
}

/// Checks an object at `place` that was sent as `text`.
pub(super) fn check(
    text: &str,
    node: &Node,
    place: &str,
    counts: Counts,
    faults: &mut Faults,
) -> Option<Meta> {
    let Node::Object(members) = node else {
        faults.add(place, "invalid_type", "expected an object");
        return None;
    };
    let mut is_good = true;
    let mut refuse = |faults: &mut Faults, code, message: String| {
        faults.add(place, code, message);
        is_good = false;
    };
    if text.len() > MAX_BYTES {
        refuse(
            faults,
            "invalid_length",
            format!("expected at most {MAX_BYTES} bytes"),
        );
    }
    if name_count(node) > MAX_NAMES {
        refuse(
            faults,
            "too_many_names",
            format!("expected at most {MAX_NAMES} names"),
        );
    }
    if level_count(node) > MAX_LEVELS {
        refuse(
            faults,
            "too_deep",
            format!("expected at most {MAX_LEVELS} levels"),
        );
    }
    let member = |name: &str| {
        members
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, node)| node)
    };
    let latest_record_at = match member("latest_record_at") {
        None | Some(Node::Null) => None,
        Some(node) => {
            let moment = read_moment(node);
            if moment.is_none() {
                let message = "expected an RFC 3339 time, or Unix seconds or milliseconds";
                faults.add(format!("{place}.latest_record_at"), "invalid_time", message);
                is_good = false;
            }
            moment
        }
    };
    match member("counts") {
        None | Some(Node::Null) => {}
        Some(Node::Object(members)) => {
            for (name, node) in members {
                if !is_count(node, counts) {
                    let shown: String = name.chars().take(100).collect();
                    faults.add(
                        format!("{place}.counts.{shown}"),
                        "invalid_number",
                        "expected a number",
                    );
                    is_good = false;
                }
            }
        }
        Some(_) => {
            let message = "expected an object of numbers";
            faults.add(format!("{place}.counts"), "invalid_type", message);
            is_good = false;
        }
    }
    let text = RawValue::from_string(text.to_owned()).ok()?;
    is_good.then_some(Meta {
        text,
        latest_record_at,
    })
}

/// Names at all levels. The recursion is as deep as the value, which JSON limits.
fn name_count(node: &Node) -> usize {
    match node {
        Node::Object(members) => members.iter().map(|(_, node)| 1 + name_count(node)).sum(),
        Node::List(items) => items.iter().map(name_count).sum(),
        _ => 0,
    }
}

/// Objects and arrays within each other.
fn level_count(node: &Node) -> usize {
    match node {
        Node::Object(members) => {
            1 + members
                .iter()
                .map(|(_, node)| level_count(node))
                .max()
                .unwrap_or(0)
        }
        Node::List(items) => 1 + items.iter().map(level_count).max().unwrap_or(0),
        _ => 0,
    }
}

fn read_moment(node: &Node) -> Option<Millis> {
    match node {
        Node::Number(text) => read_unix(text),
        Node::Text(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            read_unix(text)
        }
        Node::Text(text) => Millis::parse(text),
        _ => None,
    }
}

fn read_unix(text: &str) -> Option<Millis> {
    let number: f64 = text.parse().ok()?;
    let millis = match number >= FIRST_MILLIS {
        true => number,
        false => number * 1_000.0,
    };
    // Both bounds are exact, and so is every whole number between them.
    (0.0..=LAST_MILLIS)
        .contains(&millis)
        .then_some(Millis(millis as i64))
}

fn is_count(node: &Node, counts: Counts) -> bool {
    match (node, counts) {
        (Node::Null, _) => true,
        (Node::Number(text), _) => text.parse::<f64>().is_ok_and(f64::is_finite),
        (Node::Text(text), Counts::Digits) => is_digits(text),
        _ => false,
    }
}

/// `-?digits[.digits]`.
fn is_digits(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let is_run = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once('.') {
        Some((whole, fraction)) => is_run(whole) && is_run(fraction),
        None => is_run(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::json;

    fn faults(text: &str, counts: Counts) -> Vec<String> {
        let mut faults = Faults::default();
        let node = json::parse(text.as_bytes()).expect("JSON");
        let meta = check(text, &node, "body.meta", counts, &mut faults);
        let faults = faults.into_vec();
        assert_eq!(meta.is_some(), faults.is_empty());
        faults.into_iter().map(|fault| fault.location).collect()
    }

    #[test]
    fn limits_are_exact() {
        let padded = |length: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(length - 8));
        assert!(faults(&padded(MAX_BYTES), Counts::Numbers).is_empty());
        assert_eq!(faults(&padded(MAX_BYTES + 1), Counts::Numbers), ["body.meta"]);
        let named = |count: usize| {
            let names: Vec<String> = (0..count).map(|number| format!("\"n{number}\":1")).collect();
            format!("{{{}}}", names.join(","))
        };
        assert!(faults(&named(100), Counts::Numbers).is_empty());
        assert_eq!(faults(&named(101), Counts::Numbers), ["body.meta"]);
        assert!(faults(r#"{"a":{"b":[{"c":{"d":1}}]}}"#, Counts::Numbers).is_empty());
        assert_eq!(
            faults(r#"{"a":{"b":[{"c":{"d":[]}}]}}"#, Counts::Numbers),
            ["body.meta"]
        );
        assert_eq!(faults("[]", Counts::Numbers), ["body.meta"]);
    }

    #[test]
    fn moments_in_their_forms() {
        let moment = |text: &str| read_moment(&json::parse(text.as_bytes()).expect("JSON"));
        for (text, millis) in [
            ("\"2023-11-14T22:13:20Z\"", 1_700_000_000_000),
            ("1700000000", 1_700_000_000_000),
            ("\"1700000000\"", 1_700_000_000_000),
            ("1700000000123", 1_700_000_000_123),
            ("1700000000.5", 1_700_000_000_500),
            ("99999999999", 99_999_999_999_000),
            ("100000000000", 100_000_000_000),
            ("0", 0),
            ("253402300799999", 253_402_300_799_999),
        ] {
            assert_eq!(moment(text), Some(Millis(millis)), "{text}");
        }
        for bad in [
            "-1",
            "\"-1\"",
            "253402300800000",
            "\"\"",
            "\"soon\"",
            "true",
            "[]",
            "\"2023-11-14T22:13:20\"",
            "1e400",
            "\"1700000000.5\"",
        ] {
            assert_eq!(moment(bad), None, "{bad}");
        }
    }

    #[test]
    fn counts_are_numbers_and_in_forms_digits() {
        assert!(faults(r#"{"counts":{"a":1,"b":-2.5,"c":1e3}}"#, Counts::Numbers).is_empty());
        let bad = faults(r#"{"counts":{"a":"1","b":true,"c":1e400}}"#, Counts::Numbers);
        assert_eq!(
            bad,
            ["body.meta.counts.a", "body.meta.counts.b", "body.meta.counts.c"]
        );
        assert!(faults(r#"{"counts":{"a":"1","b":"-2.50"}}"#, Counts::Digits).is_empty());
        let bad = faults(
            r#"{"counts":{"a":"","b":"1.","c":".5","d":"+1","e":"1e3","f":"٣"}}"#,
            Counts::Digits,
        );
        assert_eq!(bad.len(), 6);
        assert_eq!(faults(r#"{"counts":[1]}"#, Counts::Numbers), ["body.meta.counts"]);
    }
}
