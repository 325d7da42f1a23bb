//! What a request sets of a hoot.

use url::Url;

use super::model::{Faq, HootState, Link, Override};
use crate::base::id::SentryId;
use crate::http::fields::{self, Faults, Fields};
use crate::http::json::Node;
use crate::sentries::draft::{MAX_DESCRIPTION_CHARS, MAX_NAME_CHARS, ids};

const MAX_MESSAGE_CHARS: usize = 80;
const MAX_URL_CHARS: usize = 2_048;
const MAX_LINKS: usize = 20;
const MAX_LABEL_CHARS: usize = 200;
const MAX_FAQS: usize = 50;
const MAX_QUESTION_CHARS: usize = 500;
const MAX_ANSWER_CHARS: usize = 4_000;

/// `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Default)]
pub struct HootDraft {
    pub name: Option<String>,
    pub description: Option<Option<String>>,
    pub resource_url: Option<Option<String>>,
    pub public: Option<bool>,
    pub sentries: Option<Vec<SentryId>>,
    pub message: Option<Option<String>>,
    pub links: Option<Vec<Link>>,
    pub faqs: Option<Vec<Faq>>,
    pub enabled: Option<bool>,
    pub override_: Option<Option<Override>>,
    pub faults: Faults,
}

impl HootDraft {
    /// Reads a creation.
    pub fn of_creation(body: Node) -> Self {
        let mut fields = Fields::of(body);
        Self {
            name: fields.required("name", fields::line(1, MAX_NAME_CHARS)),
            description: Some(fields.optional("description", fields::prose(0, MAX_DESCRIPTION_CHARS))),
            resource_url: Some(fields.optional("resource_url", read_url)),
            public: fields.optional("public", fields::boolean),
            sentries: fields.optional("sentries", ids()),
            message: Some(given(fields.optional("message", read_message))),
            links: fields.optional("links", read_links),
            faqs: fields.optional("faqs", read_faqs),
            enabled: None,
            override_: None,
            faults: fields.finish_faults(),
        }
    }

    /// Reads a change.
    pub fn of_change(body: Node) -> Self {
        let mut fields = Fields::of(body);
        Self {
            name: fields.set("name", fields::line(1, MAX_NAME_CHARS)),
            description: fields.patched("description", fields::prose(0, MAX_DESCRIPTION_CHARS)),
            resource_url: fields.patched("resource_url", read_url),
            public: fields.set("public", fields::boolean),
            sentries: fields.set("sentries", ids()),
            message: fields.patched("message", read_message).map(given),
            links: fields.set("links", read_links),
            faqs: fields.set("faqs", read_faqs),
            enabled: fields.set("enabled", fields::boolean),
            override_: fields.patched("override", read_override),
            faults: fields.finish_faults(),
        }
    }
}

fn read_message(fields: &mut Fields, name: &str, node: Node) -> Option<String> {
    fields::line(0, MAX_MESSAGE_CHARS)(fields, name, node)
}

/// A blank message is none.
fn given(message: Option<String>) -> Option<String> {
    message.filter(|message| !message.trim().is_empty())
}

fn read_url(fields: &mut Fields, name: &str, node: Node) -> Option<String> {
    let text = fields::line(1, MAX_URL_CHARS)(fields, name, node)?;
    if !is_web_url(&text) {
        fields.fault(name, "invalid_url", "expected an http or https URL");
        return None;
    }
    Some(text)
}

/// The parser forgives blanks and line breaks that a browser would forgive too; a link must not need that.
fn is_web_url(text: &str) -> bool {
    let is_plain = !text
        .chars()
        .any(|letter| letter.is_whitespace() || letter.is_control());
    is_plain && Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

fn read_links(fields: &mut Fields, name: &str, node: Node) -> Option<Vec<Link>> {
    read_objects(fields, name, node, MAX_LINKS, |inner| {
        let label = inner.required("label", fields::line(1, MAX_LABEL_CHARS));
        let url = inner.required("url", read_url);
        Some(Link {
            label: label?,
            url: url?,
        })
    })
}

fn read_faqs(fields: &mut Fields, name: &str, node: Node) -> Option<Vec<Faq>> {
    read_objects(fields, name, node, MAX_FAQS, |inner| {
        let question = inner.required("question", fields::line(1, MAX_QUESTION_CHARS));
        let answer = inner.required("answer", fields::prose(1, MAX_ANSWER_CHARS));
        Some(Faq {
            question: question?,
            answer: answer?,
        })
    })
}

/// Reads a list of objects, each by its own fields.
fn read_objects<T>(
    fields: &mut Fields,
    name: &str,
    node: Node,
    most: usize,
    read: impl Fn(&mut Fields) -> Option<T>,
) -> Option<Vec<T>> {
    let Node::List(items) = node else {
        fields.fault(name, "invalid_type", "expected a list of objects");
        return None;
    };
    if items.len() > most {
        fields.fault(name, "invalid_length", format!("expected at most {most} items"));
        return None;
    }
    let items = items.into_iter().enumerate();
    // All of them are read, so that every fault is told.
    let read: Vec<Option<T>> = items
        .map(|(index, item)| read_object(fields, &format!("{name}[{index}]"), item, &read))
        .collect();
    read.into_iter().collect()
}

fn read_object<T>(
    fields: &mut Fields,
    place: &str,
    node: Node,
    read: impl Fn(&mut Fields) -> Option<T>,
) -> Option<T> {
    let mut inner = Fields::of(node);
    let value = read(&mut inner);
    let faults = inner.finish_faults().into_vec();
    let is_good = faults.is_empty();
    for fault in faults {
        let member = fault.location.strip_prefix("body").unwrap_or_default();
        // U+0000 was told of when the whole was opened.
        if fault.code != "nul" {
            fields.fault(&format!("{place}{member}"), fault.code, fault.message);
        }
    }
    value.filter(|_| is_good)
}

fn read_override(fields: &mut Fields, name: &str, node: Node) -> Option<Override> {
    read_object(fields, name, node, |inner| {
        let state = inner.required("state", |inner, name, node| {
            let state = match &node {
                Node::Text(text) => HootState::parse_override(text),
                _ => None,
            };
            if state.is_none() {
                inner.fault(name, "invalid_choice", "expected happy, sad, sick or neutral");
            }
            state
        });
        let message = given(inner.optional("message", read_message));
        let until = inner.optional("until", fields::moment);
        Some(Override {
            state: state?,
            message,
            until,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::json;

    fn faults(text: &str) -> Vec<String> {
        let node = json::parse(text.as_bytes()).expect("JSON");
        let draft = HootDraft::of_change(node);
        draft
            .faults
            .into_vec()
            .into_iter()
            .map(|fault| fault.location)
            .collect()
    }

    #[test]
    fn faults_name_their_place_within_lists() {
        let bad = r#"{"links":[{"label":"a","url":"https://a/"},{"label":"","url":"javascript:x","x":1},3],
            "faqs":[{"question":"q"}],"override":{"state":"disabled","until":"soon"},"resource_url":"ftp://a/"}"#;
        let mut found = faults(bad);
        found.sort();
        assert_eq!(
            found,
            [
                "body.faqs[0].answer",
                "body.links[1].label",
                "body.links[1].url",
                "body.links[1].x",
                "body.links[2]",
                "body.links[2].label",
                "body.links[2].url",
                "body.override.state",
                "body.override.until",
                "body.resource_url",
            ]
        );
        assert!(
            faults(r#"{"message":null,"resource_url":null,"description":null,"override":null}"#).is_empty()
        );
        assert_eq!(faults(r#"{"links":null}"#), ["body.links"]);
    }

    #[test]
    fn a_url_is_what_it_seems() {
        for good in ["http://a", "https://a.example/x?y#z"] {
            assert!(is_web_url(good), "{good}");
        }
        for bad in [
            "//a",
            "a",
            "mailto:a@b.c",
            "https://",
            "https://a\u{9}b",
            " https://a",
            "data:text/html,x",
        ] {
            assert!(!is_web_url(bad), "{bad}");
        }
    }
}
