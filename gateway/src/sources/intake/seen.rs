//! A request as conditions and templates see it: query, headers and, once it may be read, the body.

use http::HeaderMap;

use super::body::Read;
use crate::connectors::template::Scope;
use crate::http::form::urlencoded;
use crate::http::json::Node;

/// What is seen of a request.
#[derive(Debug)]
pub struct Seen {
    pub query: Node,
    /// Names in lower case.
    pub headers: Node,
    pub body: Node,
    pub text: Node,
    /// The options of the source.
    options: Node,
}

impl Seen {
    /// What stands in the head of a request; its body is not there.
    pub fn head(query: &str, headers: &HeaderMap, options: Node) -> Self {
        let pairs = urlencoded::pairs(query.as_bytes());
        let mut members: Vec<(String, Node)> = Vec::new();
        for (name, value) in pairs {
            // Of a name that stands twice the first counts.
            if let Some(value) = value
                && !members.iter().any(|(known, _)| *known == name)
            {
                members.push((name, Node::Text(value)));
            }
        }
        Self {
            query: Node::Object(members),
            headers: Node::Object(shown(headers)),
            body: Node::Null,
            text: Node::Null,
            options,
        }
    }

    /// Adds the body, now that it may be read.
    pub fn add_body(&mut self, read: &Read<'_>) {
        self.body = read.node.clone();
        self.text = read.text.clone().map_or(Node::Null, Node::Text);
    }

    /// What templates see.
    pub fn scope(&self) -> Scope<'_> {
        self.scope_of(&self.body)
    }

    /// What templates see of one item.
    pub fn scope_of<'a>(&'a self, item: &'a Node) -> Scope<'a> {
        Scope::new([
            ("body", &self.body),
            ("query", &self.query),
            ("headers", &self.headers),
            ("text", &self.text),
            ("item", item),
            ("options", &self.options),
        ])
    }

    /// What conditions see, as JSON. `body` is its JSON, where it may be read.
    pub fn judged(&self, body: Option<&str>) -> String {
        let write = |node: &Node| serde_json::to_string(node).unwrap_or_default();
        let query = write(&nested(&self.query));
        let headers = write(&self.headers);
        let body = body.unwrap_or("null");
        format!(r#"{{"query":{query},"headers":{headers},"body":{body}}}"#)
    }
}

/// A name that holds dots is found by them as a path is: `hub.mode` is `mode` in `hub`.
fn nested(query: &Node) -> Node {
    let Node::Object(members) = query else {
        return query.clone();
    };
    let mut nested: Vec<(String, Node)> = Vec::new();
    for (name, value) in members {
        let parts: Vec<&str> = name.split('.').collect();
        put(&mut nested, &parts, value);
    }
    Node::Object(nested)
}

fn put(members: &mut Vec<(String, Node)>, path: &[&str], value: &Node) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    let at = match members.iter().position(|(name, _)| name == first) {
        Some(at) => at,
        None => {
            members.push(((*first).to_owned(), Node::Object(Vec::new())));
            members.len() - 1
        }
    };
    let member = &mut members[at].1;
    match (rest.is_empty(), &mut *member) {
        (true, Node::Object(inner)) if inner.is_empty() => *member = value.clone(),
        (false, Node::Object(inner)) => put(inner, rest, value),
        // A value is there already, or would be in the way: the first counts.
        _ => {}
    }
}

/// Names in lower case, each once: values of a header that came several times are joined as HTTP has it.
fn shown(headers: &HeaderMap) -> Vec<(String, Node)> {
    let values = headers.keys().map(|name| {
        let all = headers.get_all(name).iter();
        let all: Vec<_> = all
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        (name.as_str().to_owned(), Node::Text(all.join(", ")))
    });
    values.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_dots_are_paths_and_the_first_of_two_counts() {
        let seen = Seen::head(
            "hub.mode=subscribe&hub.challenge=1&a=1&a=2&a.b=3&x.=y",
            &HeaderMap::new(),
            Node::Null,
        );
        assert_eq!(
            seen.judged(None),
            r#"{"query":{"hub":{"mode":"subscribe","challenge":"1"},"a":"1","x":{"":"y"}},"headers":{},"body":null}"#
        );
    }
}
