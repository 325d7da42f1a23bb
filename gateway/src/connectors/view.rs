//! What conditions and templates see of a request and of an answer.

use http::HeaderMap;

use super::template::plain;
use crate::http::json::{self, Node};

/// Most bytes of an answer that count as its `text`.
const MAX_TEXT_BYTES: usize = 64 * 1024;

/// The headers: names in lower case, values of one name joined by a comma and a blank, bytes that are no UTF-8 replaced.
pub fn headers(headers: &HeaderMap) -> Node {
    let members = headers.keys().map(|name| {
        let values: Vec<_> = headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        (name.as_str().to_owned(), Node::Text(values.join(", ")))
    });
    Node::Object(members.collect())
}

/// The parameters of a query. Dots in names lead into objects, so that conditions, which cannot name a dot, reach
/// `hub.mode`. Of a name that comes twice the first counts.
pub fn query(pairs: impl IntoIterator<Item = (String, String)>) -> Node {
    let mut members = Vec::new();
    for (name, value) in pairs {
        let names: Vec<&str> = name.split('.').collect();
        put(&mut members, &names, value);
    }
    Node::Object(members)
}

fn put(members: &mut Vec<(String, Node)>, names: &[&str], value: String) {
    let Some((first, rest)) = names.split_first() else {
        return;
    };
    let at = members.iter().position(|(name, _)| name == first);
    match (at, rest.is_empty()) {
        (Some(at), false) => {
            if let Node::Object(inner) = &mut members[at].1 {
                put(inner, rest, value);
            }
        }
        (Some(_), true) => {}
        (None, true) => members.push(((*first).to_owned(), Node::Text(value))),
        (None, false) => {
            let mut inner = Vec::new();
            put(&mut inner, rest, value);
            members.push(((*first).to_owned(), Node::Object(inner)));
        }
    }
}

/// `{status, headers, body, text}`; `body` is null where the answer is no JSON.
pub fn answer(status: u16, headers: &HeaderMap, body: &[u8]) -> Node {
    let text = &body[..body.len().min(MAX_TEXT_BYTES)];
    object([
        ("status", Node::Number(status.to_string())),
        ("headers", self::headers(headers)),
        ("body", json::parse(body).unwrap_or(Node::Null)),
        ("text", Node::Text(String::from_utf8_lossy(text).into_owned())),
    ])
}

/// An object of these members.
pub fn object<'n>(members: impl IntoIterator<Item = (&'n str, Node)>) -> Node {
    let members = members.into_iter();
    Node::Object(members.map(|(name, node)| (name.to_owned(), node)).collect())
}

/// The JSON of a node, for conditions to look at.
pub fn written(view: &Node) -> String {
    // Numbers come from a parser, so each is JSON and writing them cannot fail.
    serde_json::to_string(view).unwrap_or_default()
}

/// A member's value as text, where it is there and not null.
pub fn text_of(view: &Node, name: &str) -> Option<String> {
    let Node::Object(members) = view else { return None };
    let (_, value) = members.iter().find(|(key, _)| key == name)?;
    (*value != Node::Null).then(|| plain(value).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Data;

    #[test]
    fn names_with_dots_lead_into_objects() {
        let pairs = [
            ("hub.mode", "subscribe"),
            ("hub.mode", "other"),
            ("hub.challenge", "7"),
            ("hub", "x"),
            ("a..b", "1"),
        ];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let expected = r#"{"hub":{"mode":"subscribe","challenge":"7"},"a":{"":{"b":"1"}}}"#;
        assert_eq!(written(&query(pairs)), expected);
    }

    #[test]
    fn an_answer_is_json_or_text() {
        let mut sent = HeaderMap::new();
        sent.append("Retry-After", "3".parse().expect("a value"));
        let view = answer(200, &sent, br#"{"ok":true}"#);
        let text = written(&view);
        assert_eq!(
            text,
            r#"{"status":200,"headers":{"retry-after":"3"},"body":{"ok":true},"text":"{\"ok\":true}"}"#
        );
        let table: toml::Table = "\"body.ok\" = true\n\"headers.retry-after\" = \"3\""
            .parse()
            .expect("TOML");
        let condition = crate::connectors::definition::Condition::try_from(table).expect("a filter");
        assert!(condition.holds(&Data::of(text.as_bytes())));
        assert_eq!(
            text_of(&answer(404, &sent, b"no_\xffservice"), "text").as_deref(),
            Some("no_\u{fffd}service")
        );
        assert_eq!(text_of(&answer(404, &sent, b"no"), "body"), None);
    }
}
