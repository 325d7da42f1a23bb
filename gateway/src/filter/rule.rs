//! The rules of a compiled filter.

use std::borrow::Cow;
use std::collections::HashSet;

use super::data::Field;
use super::decimal::Decimal;

/// One rule, or several joined.
#[derive(Debug)]
pub(super) enum Rule {
    All(Vec<Rule>),
    Any(Vec<Rule>),
    Not(Box<Rule>),
    Field(Box<[Box<str>]>, Test),
}

/// What is asked of a field.
#[derive(Debug)]
pub(super) enum Test {
    /// It has one of these values.
    In(HashSet<Scalar<'static>>),
    /// It is a string that begins so.
    Prefix(Box<str>),
    /// It is there and not null, or else absent or null.
    Exists(bool),
}

/// A value that can be compared. A string is never equal to a number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    Number(Decimal),
    Text(Cow<'a, str>),
}

impl Rule {
    pub fn holds(&self, data: &Field<'_>) -> bool {
        match self {
            Self::All(rules) => rules.iter().all(|rule| rule.holds(data)),
            Self::Any(rules) => rules.iter().any(|rule| rule.holds(data)),
            Self::Not(rule) => !rule.holds(data),
            Self::Field(path, test) => test.holds(path, data),
        }
    }
}

impl Test {
    fn holds(&self, path: &[Box<str>], data: &Field<'_>) -> bool {
        match self {
            Self::In(values) => data.any(path, &|raw| is_among(values, raw)),
            Self::Prefix(prefix) => data.any(path, &|raw| match Scalar::of(raw) {
                Some(Scalar::Text(text)) => text.starts_with(&**prefix),
                _ => false,
            }),
            Self::Exists(wanted) => data.any(path, &|raw| raw != "null") == *wanted,
        }
    }
}

fn is_among<'a>(values: &HashSet<Scalar<'a>>, raw: &'a str) -> bool {
    Scalar::of(raw).is_some_and(|value| values.contains(&value))
}

impl<'a> Scalar<'a> {
    /// Reads a value as it was written; lists and objects are none.
    fn of(raw: &'a str) -> Option<Self> {
        match raw.as_bytes().first()? {
            b'n' => Some(Self::Null),
            b't' => Some(Self::Bool(true)),
            b'f' => Some(Self::Bool(false)),
            b'"' if !raw.contains('\\') => Some(Self::Text(raw.get(1..raw.len() - 1)?.into())),
            b'"' => serde_json::from_str::<String>(raw)
                .ok()
                .map(|text| Self::Text(text.into())),
            b'[' | b'{' => None,
            _ => Decimal::parse(raw).map(Self::Number),
        }
    }
}
