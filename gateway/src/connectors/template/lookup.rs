//! Finds values by their path.

use crate::http::json::Node;

/// The value at `names` below `value`. A name is a member's key or the place in a list; keys that hold dots themselves,
/// such as `hub.mode`, are found too, the shortest that is there first.
pub(super) fn member<'n>(value: &'n Node, names: &[String]) -> Option<&'n Node> {
    let Some((first, rest)) = names.split_first() else {
        return Some(value);
    };
    match value {
        Node::List(items) => member(items.get(first.parse::<usize>().ok()?)?, rest),
        Node::Object(members) => {
            let (taken, found) = (1..=names.len()).find_map(|taken| {
                let key = names[..taken].join(".");
                let found = members.iter().find(|(name, _)| *name == key)?;
                Some((taken, &found.1))
            })?;
            member(found, &names[taken..])
        }
        Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) => None,
    }
}

/// A header's value, whatever the case of its name.
pub(super) fn header<'n>(headers: &'n Node, names: &[String]) -> Option<&'n Node> {
    let names: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
    member(headers, &names)
}
