//! The API's JSON: strict (no doubled keys, no lone surrogates, at most 128 levels) and exact (numbers keep
//! their text and never become floats).

use std::fmt;

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::ser::{self, Serialize, Serializer};
use serde_json::value::RawValue;

/// How deep a body may be nested.
pub const MAX_DEPTH: usize = 128;

/// Why a body is not acceptable JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("the body is empty")]
    Empty,
    #[error("the body is not UTF-8")]
    NotUtf8,
    #[error("not JSON: {0}")]
    Syntax(String),
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    #[error("a string holds a lone surrogate")]
    LoneSurrogate,
    #[error("the key {0:?} occurs twice in one object")]
    DoubledKey(String),
}

/// A JSON value whose numbers are still text.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// Writes numbers and the order of members as they were read.
impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(text) => {
                let raw = RawValue::from_string(text.clone()).map_err(ser::Error::custom)?;
                raw.serialize(serializer)
            }
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(members) => serializer.collect_map(members.iter().map(|(key, value)| (key, value))),
        }
    }
}

/// The members of an object, with values as they were written.
pub struct RawMembers<'a>(pub Vec<(String, &'a RawValue)>);

/// Checks what serde_json does not: UTF-8, depth and surrogates of the whole text, and gives it as text.
pub fn checked_text(bytes: &[u8]) -> Result<&str, Malformed> {
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed::NotUtf8)?;
    if text.trim_ascii().is_empty() {
        return Err(Malformed::Empty);
    }
    check_depth(text.as_bytes())?;
    if has_lone_surrogate(text.as_bytes()) {
        return Err(Malformed::LoneSurrogate);
    }
    Ok(text)
}

/// Reads a whole body.
pub fn parse(bytes: &[u8]) -> Result<Node, Malformed> {
    let text = checked_text(bytes)?;
    let raw: &RawValue = serde_json::from_str(text).map_err(syntax)?;
    parse_raw(raw)
}

/// Reads one value. Its depth must have been checked: the recursion is as deep as the value.
pub fn parse_raw(raw: &RawValue) -> Result<Node, Malformed> {
    let text = raw.get();
    Ok(match text.as_bytes().first() {
        Some(b'n') => Node::Null,
        Some(b't') => Node::Bool(true),
        Some(b'f') => Node::Bool(false),
        Some(b'"') => Node::Text(serde_json::from_str(text).map_err(syntax)?),
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).map_err(syntax)?;
            Node::List(items.into_iter().map(parse_raw).collect::<Result<_, _>>()?)
        }
        Some(b'{') => {
            let RawMembers(members) = RawMembers::parse(text)?;
            let members = members
                .into_iter()
                .map(|(key, value)| Ok((key, parse_raw(value)?)));
            Node::Object(members.collect::<Result<_, _>>()?)
        }
        _ => Node::Number(text.to_owned()),
    })
}

impl<'a> RawMembers<'a> {
    /// Splits an object into its members; a key that stands twice is refused.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        let members: Self = serde_json::from_str(text).map_err(syntax)?;
        let mut keys: Vec<&str> = members.0.iter().map(|(key, _)| key.as_str()).collect();
        keys.sort_unstable();
        match keys.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Malformed::DoubledKey(pair[0].to_owned())),
            None => Ok(members),
        }
    }
}

impl<'de: 'a, 'a> de::Deserialize<'de> for RawMembers<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = RawMembers<'de>;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(8);
                while let Some(member) = map.next_entry::<String, &'de RawValue>()? {
                    members.push(member);
                }
                Ok(RawMembers(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

fn syntax(fault: serde_json::Error) -> Malformed {
    Malformed::Syntax(fault.to_string())
}

/// Counts brackets outside strings. Unbalanced ones are left to the parser.
fn check_depth(bytes: &[u8]) -> Result<(), Malformed> {
    let mut depth = 0_usize;
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' => rest = after_string(rest),
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(Malformed::TooDeep);
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

fn after_string(mut rest: &[u8]) -> &[u8] {
    while let Some(at) = memchr::memchr2(b'"', b'\\', rest) {
        let skip = if rest[at] == b'"' { 1 } else { 2 };
        let is_end = rest[at] == b'"';
        rest = rest.get(at + skip..).unwrap_or_default();
        if is_end {
            return rest;
        }
    }
    &[]
}

/// Whether a `\uD800`–`\uDFFF` escape stands without its other half. Backslashes stand in strings alone.
fn has_lone_surrogate(bytes: &[u8]) -> bool {
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', bytes.get(at..).unwrap_or_default()) {
        at += found;
        match escaped_unit(bytes, at) {
            Some(0xD800..=0xDBFF) => match escaped_unit(bytes, at + 6) {
                Some(0xDC00..=0xDFFF) => at += 12,
                _ => return true,
            },
            Some(0xDC00..=0xDFFF) => return true,
            _ => at += 2,
        }
    }
    false
}

fn escaped_unit(bytes: &[u8], at: usize) -> Option<u32> {
    let escape = bytes.get(at..at + 6)?;
    let digits = escape.strip_prefix(b"\\u")?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_as_sent() {
        let node = parse(br#"{"a":12345678901234567890,"b":1e400,"c":1.10}"#).expect("valid");
        let Node::Object(members) = node else {
            panic!("an object")
        };
        let texts: Vec<_> = members.into_iter().map(|(_, value)| value).collect();
        let number = |text: &str| Node::Number(text.into());
        assert_eq!(
            texts,
            [number("12345678901234567890"), number("1e400"), number("1.10")]
        );
    }

    #[test]
    fn what_is_written_is_what_was_read() {
        let text = r#"{"b":[1.10,null,true,"\"é"],"a":{"n":12345678901234567890,"m":1e400}}"#;
        let node = parse(text.as_bytes()).expect("valid");
        assert_eq!(serde_json::to_string(&node).expect("JSON"), text);
    }

    #[test]
    fn depth_is_counted_outside_strings() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse(nested(128).as_bytes()).is_ok());
        assert_eq!(parse(nested(129).as_bytes()), Err(Malformed::TooDeep));
        let text = format!("{:?}", "[\"".repeat(500));
        assert!(parse(text.as_bytes()).is_ok());
        let bomb = "[".repeat(200_000);
        assert_eq!(parse(bomb.as_bytes()), Err(Malformed::TooDeep));
    }

    #[test]
    fn surrogates_need_their_other_half() {
        assert!(parse(br#""\ud83d\ude00""#).is_ok());
        for bad in [
            r#""\ud83d""#,
            r#""\ude00""#,
            r#""\ud83dx""#,
            r#"{"a":{"\ud800":1}}"#,
        ] {
            assert_eq!(parse(bad.as_bytes()), Err(Malformed::LoneSurrogate), "{bad}");
        }
        assert!(parse(br#""\\ud83d""#).is_ok());
    }

    #[test]
    fn what_is_not_json_is_named() {
        assert_eq!(parse(b" \n"), Err(Malformed::Empty));
        assert_eq!(parse(b"\"\xff\""), Err(Malformed::NotUtf8));
        let doubled = parse(br#"{"a":{"b":1,"b":2}}"#);
        assert_eq!(doubled, Err(Malformed::DoubledKey("b".into())));
        for bad in [
            "{",
            "{\"a\":1,}",
            "[1 2]",
            "nul",
            "01",
            "{\"a\":1} x",
            "'a'",
            "NaN",
        ] {
            assert!(
                matches!(parse(bad.as_bytes()), Err(Malformed::Syntax(_))),
                "{bad}"
            );
        }
    }
}
