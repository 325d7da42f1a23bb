//! Values as they are written in templates, and as text.

use std::borrow::Cow;

use crate::http::json::{self, Node};

/// `'text'`, `"text"`, a number, `true`, `false` or `null`.
pub(super) fn literal(text: &str) -> Option<Node> {
    for quote in ['\'', '"'] {
        let inner = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        if let Some(inner) = inner.filter(|inner| !inner.contains(quote)) {
            return Some(Node::Text(inner.to_owned()));
        }
    }
    let starts_like_one = text.starts_with(|first: char| first.is_ascii_digit() || first == '-');
    match text {
        "true" => Some(Node::Bool(true)),
        "false" => Some(Node::Bool(false)),
        "null" => Some(Node::Null),
        _ if starts_like_one => json::parse(text.as_bytes())
            .ok()
            .filter(|node| matches!(node, Node::Number(_))),
        _ => None,
    }
}

/// A value as text: strings as they are, all else as compact JSON.
pub fn plain(value: &Node) -> Cow<'_, str> {
    match value {
        Node::Text(text) | Node::Number(text) => Cow::Borrowed(text),
        Node::Null => Cow::Borrowed(""),
        Node::Bool(true) => Cow::Borrowed("true"),
        Node::Bool(false) => Cow::Borrowed("false"),
        // Numbers come from a parser, so each is JSON and writing them cannot fail.
        Node::List(_) | Node::Object(_) => Cow::Owned(serde_json::to_string(value).unwrap_or_default()),
    }
}

/// About the bytes that a value takes when it is written.
pub(super) fn size(value: &Node) -> usize {
    match value {
        Node::Null | Node::Bool(_) => 5,
        Node::Number(text) | Node::Text(text) => text.len() + 2,
        Node::List(items) => items.iter().map(|item| size(item) + 1).sum::<usize>() + 2,
        Node::Object(members) => {
            let members = members.iter().map(|(key, value)| key.len() + size(value) + 4);
            members.sum::<usize>() + 2
        }
    }
}
