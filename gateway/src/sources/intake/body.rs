//! Reads a body by the forms that its connector names, once its signature holds.
//!
//! JSON is kept to the byte. A form is an object of strings, in which one field may hold JSON and then stands for the whole.
//! Text is `{"text": …}`, bytes that are not UTF-8 `{"base64": …}`, and nothing `{}`.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use crate::connectors::definition::BodyKind;
use crate::http::form::urlencoded;
use crate::http::json::{self, Malformed, Node, RawMembers};

/// Most items of one body.
const MAX_ITEMS: usize = 1_000;

/// Why a body is not what its connector reads.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error(transparent)]
    Json(#[from] Malformed),
    #[error("the form is not UTF-8, or one of its fields stands twice")]
    Form,
    #[error("more than {MAX_ITEMS} items")]
    TooMany,
}

/// A body that was read.
#[derive(Debug)]
pub struct Read<'a> {
    /// As JSON, to the byte where it was JSON.
    pub json: Cow<'a, str>,
    pub node: Node,
    /// As text, where it is.
    pub text: Option<String>,
}

/// Reads a body.
pub fn read<'a>(kinds: &[BodyKind], content_type: &str, body: &'a [u8]) -> Result<Read<'a>, Unreadable> {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let media_type = media_type.to_ascii_lowercase();
    let takes_all = kinds.is_empty() || kinds.contains(&BodyKind::Any);
    let takes_text = takes_all || kinds.contains(&BodyKind::Text);
    if body.is_empty() && takes_text {
        return made(Node::Object(Vec::new()), None);
    }
    let fitting = kinds.iter().find(|kind| fits(kind, &media_type));
    match fitting {
        Some(BodyKind::Json) => read_json(body),
        Some(BodyKind::Form { json_field }) => read_form(body, json_field.as_deref()),
        Some(BodyKind::Text) => read_text(body),
        Some(BodyKind::Any) | None if takes_all && is_json(&media_type) => read_json(body),
        Some(BodyKind::Any) | None if takes_text => read_text(body),
        // What is signed and mislabelled is read as the first form.
        Some(BodyKind::Any) | None => match kinds.first() {
            Some(BodyKind::Form { json_field }) => read_form(body, json_field.as_deref()),
            _ => read_json(body),
        },
    }
}

fn fits(kind: &BodyKind, media_type: &str) -> bool {
    match kind {
        BodyKind::Json => is_json(media_type),
        BodyKind::Form { .. } => media_type == "application/x-www-form-urlencoded",
        BodyKind::Text => media_type.starts_with("text/"),
        BodyKind::Any => true,
    }
}

fn is_json(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/json" | "text/json" | "application/cloudevents-batch+json"
    ) || media_type.ends_with("+json")
}

fn read_json(body: &[u8]) -> Result<Read<'_>, Unreadable> {
    let text = json::checked_text(body)?.trim_ascii();
    let node = json::parse(text.as_bytes())?;
    Ok(Read {
        json: Cow::Borrowed(text),
        node,
        text: Some(text.to_owned()),
    })
}

fn read_form<'a>(body: &'a [u8], json_field: Option<&str>) -> Result<Read<'a>, Unreadable> {
    let mut members: Vec<(String, Node)> = Vec::new();
    for (name, value) in urlencoded::pairs(body) {
        let value = value.ok_or(Unreadable::Form)?;
        if members.iter().any(|(known, _)| *known == name) {
            return Err(Unreadable::Form);
        }
        members.push((name, Node::Text(value)));
    }
    let text = str::from_utf8(body).ok().map(str::to_owned);
    let field = json_field.and_then(|field| members.iter().find(|(name, _)| name == field));
    if let Some((_, Node::Text(value))) = field {
        let value = json::checked_text(value.as_bytes())?.trim_ascii();
        let node = json::parse(value.as_bytes())?;
        return Ok(Read {
            json: Cow::Owned(value.to_owned()),
            node,
            text,
        });
    }
    made(Node::Object(members), text)
}

fn read_text<'a>(body: &[u8]) -> Result<Read<'a>, Unreadable> {
    let (name, value) = match str::from_utf8(body) {
        Ok(text) => ("text", text.to_owned()),
        Err(_) => ("base64", STANDARD.encode(body)),
    };
    let text = (name == "text").then(|| value.clone());
    made(Node::Object(vec![(name.to_owned(), Node::Text(value))]), text)
}

fn made<'a>(node: Node, text: Option<String>) -> Result<Read<'a>, Unreadable> {
    // Texts cannot fail to serialise.
    let json = serde_json::to_string(&node).unwrap_or_else(|_| "{}".to_owned());
    Ok(Read {
        json: Cow::Owned(json),
        node,
        text,
    })
}

/// One item of a body.
#[derive(Debug)]
pub struct Item<'a> {
    /// To the byte as sent.
    pub json: &'a str,
    pub node: Node,
}

impl Read<'_> {
    /// The items at the first of these paths that leads to some; a path begins with `body`, and lists on it stand for all
    /// their members. Where no path leads to a list, the body is the one item.
    pub fn items<'p>(&self, paths: impl Iterator<Item = &'p [String]>) -> Result<Vec<Item<'_>>, Unreadable> {
        for path in paths {
            let mut found = Vec::new();
            let is_list = collect(&self.json, path.get(1..).unwrap_or_default(), &mut found)?;
            if is_list {
                let items = found.into_iter().map(|raw| {
                    let node = json::parse_raw(raw)?;
                    let json = raw.get();
                    Ok(Item { json, node })
                });
                return items.collect();
            }
        }
        let node = self.node.clone();
        let json = &self.json;
        Ok(vec![Item { json, node }])
    }
}

/// Adds the members of the lists at a path, as they were written; whether there is a list.
fn collect<'a>(text: &'a str, path: &[String], found: &mut Vec<&'a RawValue>) -> Result<bool, Unreadable> {
    let syntax = |fault: serde_json::Error| Malformed::Syntax(fault.to_string());
    if text.starts_with('[') {
        let members: Vec<&RawValue> = serde_json::from_str(text).map_err(syntax)?;
        if path.is_empty() {
            found.extend(members);
            return match found.len() > MAX_ITEMS {
                true => Err(Unreadable::TooMany),
                false => Ok(true),
            };
        }
        let mut is_list = false;
        for member in members {
            is_list |= collect(member.get(), path, found)?;
        }
        return Ok(is_list);
    }
    let Some((first, rest)) = path.split_first().filter(|_| text.starts_with('{')) else {
        return Ok(false);
    };
    let RawMembers(members) = RawMembers::parse(text)?;
    match members.into_iter().find(|(name, _)| name == first) {
        Some((_, raw)) => collect(raw.get(), rest, found),
        None => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &[BodyKind] = &[BodyKind::Json];

    fn items(body: &str, paths: &[&str]) -> Vec<String> {
        let read = read(JSON, "application/json", body.as_bytes()).expect("JSON");
        let paths: Vec<Vec<String>> = paths
            .iter()
            .map(|path| path.split('.').map(str::to_owned).collect())
            .collect();
        let items = read.items(paths.iter().map(Vec::as_slice)).expect("items");
        items.into_iter().map(|item| item.json.to_owned()).collect()
    }

    #[test]
    fn items_are_kept_to_the_byte_wherever_their_lists_stand() {
        assert_eq!(items(r#" {"a": 1.10} "#, &[]), [r#"{"a": 1.10}"#]);
        assert_eq!(items(r#"[{"a" :1}, 2.0]"#, &["body"]), [r#"{"a" :1}"#, "2.0"]);
        assert_eq!(items(r#"{"a":1}"#, &["body"]), [r#"{"a":1}"#]);
        let nested = r#"{"entry":[{"changes":[1,2]},{"messaging":[ 3 ]},{"changes":[4]}]}"#;
        assert_eq!(items(nested, &["body.entry.changes"]), ["1", "2", "4"]);
        assert_eq!(
            items(nested, &["body.entry.standby", "body.entry.messaging"]),
            ["3"]
        );
        assert_eq!(items(nested, &["body.other"]), [nested]);
        assert_eq!(items(r#"{"value":[]}"#, &["body.value"]), [""; 0]);
    }

    #[test]
    fn a_thousand_items_are_the_most() {
        let read = |count: usize| {
            let body = format!("[{}1]", "1,".repeat(count - 1));
            let path = ["body".to_owned()];
            let read = read(JSON, "application/json", body.as_bytes()).expect("JSON");
            read.items(std::iter::once(&path[..])).map(|items| items.len())
        };
        assert_eq!(read(1_000), Ok(1_000));
        assert_eq!(read(1_001), Err(Unreadable::TooMany));
    }

    #[test]
    fn a_body_is_read_by_its_kind() {
        let all = ["json", "form:payload", "text", "any"].map(|kind| BodyKind::try_from(kind.to_owned()));
        let all: Vec<BodyKind> = all.into_iter().map(|kind| kind.expect("a kind")).collect();
        let json = |kinds: &[BodyKind], content_type: &str, body: &[u8]| {
            read(kinds, content_type, body).map(|read| read.json.into_owned())
        };
        let form = "application/x-www-form-urlencoded";
        for (content_type, body, expected) in [
            (
                "application/json; charset=utf-8",
                &b" {\"a\":1} "[..],
                r#"{"a":1}"#,
            ),
            ("application/vnd.x+json", b"[1]", "[1]"),
            (form, b"a=1+2&b=", r#"{"a":"1 2","b":""}"#),
            (form, b"payload=%7B%22n%22%3A1.0%7D&x=1", r#"{"n":1.0}"#),
            ("text/plain", b"a\"b", r#"{"text":"a\"b"}"#),
            ("image/png", b"\xff\x00", r#"{"base64":"/wA="}"#),
            ("", b"hello", r#"{"text":"hello"}"#),
            ("application/json", b"", "{}"),
        ] {
            assert_eq!(
                json(&all, content_type, body).as_deref(),
                Ok(expected),
                "{content_type}"
            );
        }
        // What is signed and mislabelled is read as the vendor sends it.
        assert_eq!(json(JSON, "text/plain", b"{}").as_deref(), Ok("{}"));
        for body in [&b""[..], b"{", b"\xff", b"{\"a\":1,\"a\":2}"] {
            assert!(json(JSON, "application/json", body).is_err(), "{body:?}");
        }
        assert_eq!(json(&all, form, b"a=1&a=2"), Err(Unreadable::Form));
        assert_eq!(json(&all, form, b"a=%ff"), Err(Unreadable::Form));
    }
}
