//! The filters of placeholders.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jiff::fmt::strtime;
use ring::{digest, hmac};

use super::scope::{RenderFault, Scope};
use super::value::{literal, plain};
use crate::base::clock::Millis;
use crate::base::hex;
use crate::http::json::{self, Node};

/// A filter with its argument.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Filter {
    Upper,
    Lower,
    Trim,
    Truncate(usize),
    Default(Node),
    Join(String),
    First,
    Last,
    Length,
    Number,
    Text,
    Json,
    Date(String),
    FromUnix,
    FromUnixMs,
    Base64,
    Base64Url,
    Sha256Hex,
    HmacSha256Hex(String),
}

type Value<'s> = Option<Cow<'s, Node>>;

impl Filter {
    pub(super) fn compile(text: &str) -> Result<Self, String> {
        let (name, argument) = match text.strip_suffix(')').and_then(|rest| rest.split_once('(')) {
            Some((name, argument)) => (name.trim(), Some(argument.trim())),
            None => (text, None),
        };
        let plain_one = match name {
            "upper" => Some(Self::Upper),
            "lower" => Some(Self::Lower),
            "trim" => Some(Self::Trim),
            "first" => Some(Self::First),
            "last" => Some(Self::Last),
            "length" => Some(Self::Length),
            "number" => Some(Self::Number),
            "string" => Some(Self::Text),
            "json" => Some(Self::Json),
            "from_unix" => Some(Self::FromUnix),
            "from_unix_ms" => Some(Self::FromUnixMs),
            "base64" => Some(Self::Base64),
            "base64url" => Some(Self::Base64Url),
            "sha256_hex" => Some(Self::Sha256Hex),
            _ => None,
        };
        match (plain_one, argument) {
            (Some(filter), None) => Ok(filter),
            (Some(_), Some(_)) => Err(format!("the filter {name} takes no argument")),
            (None, argument) => Self::with_argument(name, argument),
        }
    }

    fn with_argument(name: &str, argument: Option<&str>) -> Result<Self, String> {
        if !matches!(name, "truncate" | "default" | "join" | "date" | "hmac_sha256_hex") {
            return Err(format!("there is no filter {name:?}"));
        }
        let argument = argument.ok_or(format!("the filter {name} needs an argument"))?;
        if name == "hmac_sha256_hex" {
            return Ok(Self::HmacSha256Hex(argument.to_owned()));
        }
        let value = literal(argument).ok_or(format!(
            "{argument} is no literal: write 'text', a number, true or false"
        ))?;
        match (name, value) {
            ("default", value) => Ok(Self::Default(value)),
            ("join", Node::Text(separator)) => Ok(Self::Join(separator)),
            ("truncate", Node::Number(count)) => {
                let count = count.parse();
                count
                    .map(Self::Truncate)
                    .map_err(|_| "truncate takes a count of characters".into())
            }
            ("date", Node::Text(format)) => match strtime::format(&format, Timestamp::UNIX_EPOCH) {
                Ok(_) => Ok(Self::Date(format)),
                Err(fault) => Err(format!("{format:?} is no form of a date: {fault}")),
            },
            (name, _) => Err(format!("the filter {name} takes another kind of argument")),
        }
    }

    /// The secret that is used.
    pub(super) fn secret(&self) -> Option<&str> {
        match self {
            Self::HmacSha256Hex(name) => Some(name),
            _ => None,
        }
    }

    /// What becomes of a value. An absent one stays absent, unless there is a default.
    pub(super) fn apply<'s>(&'s self, value: Value<'s>, scope: &Scope<'s>) -> Result<Value<'s>, RenderFault> {
        let Some(value) = value.filter(|value| **value != Node::Null) else {
            return Ok(match self {
                Self::Default(other) => Some(Cow::Borrowed(other)),
                _ => None,
            });
        };
        let text = |text: String| Some(Cow::Owned(Node::Text(text)));
        Ok(match self {
            Self::Default(_) => Some(value),
            Self::Upper => text(plain(&value).to_uppercase()),
            Self::Lower => text(plain(&value).to_lowercase()),
            Self::Trim => text(plain(&value).trim().to_owned()),
            Self::Truncate(count) => text(plain(&value).chars().take(*count).collect()),
            Self::Text => text(plain(&value).into_owned()),
            Self::Json => text(serde_json::to_string(&*value).unwrap_or_default()),
            Self::Join(separator) => text(joined(&value, separator)?),
            Self::First => list(&value, "first")?.first().cloned().map(Cow::Owned),
            Self::Last => list(&value, "last")?.last().cloned().map(Cow::Owned),
            Self::Length => Some(Cow::Owned(Node::Number(length(&value).to_string()))),
            Self::Number => Some(Cow::Owned(number(&value)?)),
            Self::Date(format) => text(date(&value, format)?),
            Self::FromUnix => text(moment(&value, 1000)?),
            Self::FromUnixMs => text(moment(&value, 1)?),
            Self::Base64 => text(STANDARD.encode(plain(&value).as_bytes())),
            Self::Base64Url => text(URL_SAFE_NO_PAD.encode(plain(&value).as_bytes())),
            Self::Sha256Hex => text(hex::encode(
                digest::digest(&digest::SHA256, plain(&value).as_bytes()).as_ref(),
            )),
            Self::HmacSha256Hex(name) => {
                let key = scope
                    .secret(name)
                    .ok_or_else(|| RenderFault::new(format!("the secret {name} is not there")))?;
                let key = hmac::Key::new(hmac::HMAC_SHA256, key);
                text(hex::encode(hmac::sign(&key, plain(&value).as_bytes()).as_ref()))
            }
        })
    }
}

fn list<'v>(value: &'v Node, filter: &str) -> Result<&'v [Node], RenderFault> {
    match value {
        Node::List(items) => Ok(items),
        _ => Err(RenderFault::new(format!("{filter} needs a list"))),
    }
}

fn joined(value: &Node, separator: &str) -> Result<String, RenderFault> {
    let items: Vec<Cow<'_, str>> = list(value, "join")?.iter().map(plain).collect();
    Ok(items.join(separator))
}

/// Characters of a text, items of a list, members of an object.
fn length(value: &Node) -> usize {
    match value {
        Node::List(items) => items.len(),
        Node::Object(members) => members.len(),
        other => plain(other).chars().count(),
    }
}

/// A number to the digit, also from a text.
fn number(value: &Node) -> Result<Node, RenderFault> {
    let parsed = match value {
        Node::Number(_) => Some(value.clone()),
        Node::Text(text) => json::parse(text.trim().as_bytes()).ok(),
        _ => None,
    };
    parsed
        .filter(|parsed| matches!(parsed, Node::Number(_)))
        .ok_or_else(|| RenderFault::new("what is no number"))
}

/// RFC 3339 with milliseconds from a count since the Unix epoch.
fn moment(value: &Node, millis_per_unit: i64) -> Result<String, RenderFault> {
    let no_moment = || RenderFault::new("what is no count since the Unix epoch");
    let text = plain(value);
    let millis = match text.parse::<i64>() {
        Ok(count) => count.checked_mul(millis_per_unit),
        // A fraction of a second, rounded down to the millisecond.
        Err(_) => fraction(&text, millis_per_unit),
    };
    let millis = millis.ok_or_else(no_moment)?;
    match Timestamp::from_millisecond(millis) {
        Ok(_) => Ok(Millis(millis).to_string()),
        Err(_) => Err(no_moment()),
    }
}

fn fraction(text: &str, millis_per_unit: i64) -> Option<i64> {
    let (whole, rest) = text.split_once('.')?;
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(rest) {
        return None;
    }
    let thousandths: i64 = format!("{rest:0<3}").get(..3)?.parse().ok()?;
    let whole = whole.parse::<i64>().ok()?.checked_mul(millis_per_unit)?;
    whole.checked_add(thousandths * millis_per_unit / 1000)
}

fn date(value: &Node, format: &str) -> Result<String, RenderFault> {
    let moment = plain(value).parse::<Timestamp>();
    let moment = moment.map_err(|_| RenderFault::new("what is no moment as in RFC 3339"))?;
    strtime::format(format, moment).map_err(|_| RenderFault::new("a moment that cannot be written so"))
}
