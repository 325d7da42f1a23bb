//! From an item of a verified request to the event that it becomes.

use std::fmt::Write;

use bytes::Bytes;
use ring::digest::{Context, SHA256, digest};

use super::body::{Item, Unreadable};
use super::seen::Seen;
use crate::base::clock::Millis;
use crate::base::hex;
use crate::connectors::template::{RenderFault, Scope, Text};
use crate::filter::Data;
use crate::http::json::Node;
use crate::sources::connector::Dedupe;
use crate::sources::label;
use crate::sources::live::Live;

/// Why a request that is verified makes no event.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    #[error(transparent)]
    Body(#[from] Unreadable),
    #[error(transparent)]
    Value(#[from] RenderFault),
}

/// An event that a request makes, before it is committed.
#[derive(Debug)]
pub struct Made {
    pub label: String,
    /// What tells a repeat, as the vendor or the bytes say it.
    #[cfg_attr(not(test), allow(dead_code, reason = "the vectors of definitions name it"))]
    pub known_by: Option<String>,
    pub once_key: Option<Box<str>>,
    pub occurred_at: Option<Millis>,
    pub data: Bytes,
}

/// The event of one item; `None` where the source's filter does not want it. `body` is all that was sent.
pub fn make(
    live: &Live,
    seen: &Seen,
    item: &Item<'_>,
    body: &[u8],
    is_only: bool,
) -> Result<Option<Made>, Unfit> {
    let data = data_of(live, seen, item);
    if let Some(filter) = &live.filter
        && !filter.holds(&Data::of(data.as_bytes()))
    {
        return Ok(None);
    }
    let source = &live.connector.source;
    let scope = seen.scope_of(&item.node);
    let rendered = source.event_type.text(&scope)?;
    let at = source.at.as_ref();
    // A time that cannot be read is none: the event is worth more.
    let at = at.and_then(|at| at.text(&scope).ok());
    let bytes = if is_only { body } else { item.json.as_bytes() };
    let known_by = match &live.dedupe {
        Dedupe::Never => None,
        Dedupe::Parts(parts) => Some(known_by(parts, &scope, bytes)?),
    };
    Ok(Some(Made {
        label: label::type_of(&live.connector.name, &rendered),
        once_key: known_by.as_ref().map(|known_by| once_key(live, known_by)),
        known_by: known_by.map(|parts| parts.join(" ")),
        occurred_at: at.and_then(|at| Millis::parse(&at)),
        data: data.into(),
    }))
}

/// By what a repeat is known: the vendor's id where there is one, else the SHA-256 of the bytes.
fn known_by(dedupe: &[Text], scope: &Scope<'_>, bytes: &[u8]) -> Result<Vec<String>, RenderFault> {
    let parts = dedupe.iter().map(|part| part.text(scope));
    let parts = parts.collect::<Result<Vec<String>, RenderFault>>()?;
    Ok(match parts.iter().all(String::is_empty) {
        true => vec![hex::encode(digest(&SHA256, bytes).as_ref())],
        false => parts,
    })
}

/// What the bus claims. No client's id holds a blank, so none is taken for it.
fn once_key(live: &Live, known_by: &[String]) -> Box<str> {
    let mut context = Context::new(&SHA256);
    for part in known_by {
        // The length keeps `a`, `bc` apart from `ab`, `c`.
        context.update(&part.len().to_be_bytes());
        context.update(part.as_bytes());
    }
    let sum = hex::encode(context.finish().as_ref());
    format!("source {} {sum}", live.id.uuid()).into()
}

/// The event's `data`; `payload` is the item to the byte.
fn data_of(live: &Live, seen: &Seen, item: &Item<'_>) -> String {
    let mut data = String::with_capacity(item.json.len() + 160);
    // A connector's name and an id need no escapes.
    let _ = write!(
        data,
        r#"{{"connector":"{}","source_id":"{}","payload":{},"headers":{{"#,
        live.connector.name, live.id, item.json
    );
    let Node::Object(headers) = &seen.headers else {
        data.push_str("}}");
        return data;
    };
    let kept = live.connector.keep_headers.iter();
    let kept = kept.filter_map(|name| headers.iter().find(|(known, _)| known == name));
    for (at, (name, value)) in kept.enumerate() {
        let comma = if at > 0 { "," } else { "" };
        let value = serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned());
        let _ = write!(data, r#"{comma}"{name}":{value}"#);
    }
    data.push_str("}}");
    data
}
