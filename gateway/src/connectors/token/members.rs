//! Members of JSON objects.

use crate::http::json::Node;

pub(super) fn member<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let Node::Object(members) = node else { return None };
    members
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value)
}

pub(super) fn member_text<'n>(node: &'n Node, name: &str) -> Option<&'n str> {
    match member(node, name)? {
        Node::Text(text) => Some(text),
        _ => None,
    }
}
