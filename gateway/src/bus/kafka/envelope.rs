//! Events as a message of the topic: JSON objects one after the other, which other consumers of the topic can read too.
//!
//! `{"id":"<uuid>","workspace":1,"type":"deal.won","client_id":"a","occurred_at":1700000000000,"ordering_key":"k",
//! "stored":true,"data":{…}}`, of which `client_id`, `occurred_at` (milliseconds since 1970), `ordering_key` and `stored`
//! (it is in the database already) may be absent. `data` stands there to the byte as it was sent.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::uuid_millis;
use crate::bus::{Event, NewEvent};

/// Longer names than this are none of ours.
const MAX_LABEL: usize = 255;
const MAX_CLIENT_ID: usize = 255;
/// 255 characters of up to four bytes.
const MAX_KEY: usize = 1_020;

/// An id this far ahead of the clock would have to be stored in a day that is not prepared, and so would one of this long
/// ago; no gateway makes either.
const MAX_AHEAD_MILLIS: i64 = 24 * 60 * 60 * 1_000;
const MAX_AGE_MILLIS: i64 = 366 * MAX_AHEAD_MILLIS;

#[derive(Serialize)]
struct Head<'a> {
    id: Uuid,
    workspace: i32,
    r#type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    occurred_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ordering_key: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stored: bool,
}

#[derive(Deserialize)]
struct Whole<'a> {
    id: Uuid,
    workspace: i32,
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow, default)]
    client_id: Option<Cow<'a, str>>,
    #[serde(default)]
    occurred_at: Option<i64>,
    #[serde(borrow, default)]
    ordering_key: Option<Cow<'a, str>>,
    #[serde(default)]
    stored: bool,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// A message that was read.
#[derive(Debug, Clone)]
pub(super) struct Delivered {
    pub event: Event,
    /// The event was written to the database before it came to the topic.
    pub is_stored: bool,
}

/// Why a message is none of the gateway's.
#[derive(Debug, thiserror::Error)]
pub(super) enum Damaged {
    #[error("it is no event: {0}")]
    NotAnEvent(#[from] serde_json::Error),
    #[error("its {0}")]
    Implausible(&'static str),
}

/// Adds an event to a message.
pub(super) fn write(message: &mut Vec<u8>, event: &Event, is_stored: bool) {
    let content = &event.content;
    let head = Head {
        id: event.id,
        workspace: content.workspace.0,
        r#type: &content.label,
        client_id: content.client_id.as_deref(),
        occurred_at: content.occurred_at.map(|at| at.0),
        ordering_key: content.ordering_key.as_deref(),
        stored: is_stored,
    };
    message.reserve(content.data.len() + 192);
    // Numbers and strings always serialise, and a vector takes them.
    let _ = serde_json::to_writer(&mut *message, &head);
    message.pop();
    message.extend_from_slice(b",\"data\":");
    message.extend_from_slice(&content.data);
    message.extend_from_slice(b"}\n");
}

/// Reads the events of a message one after the other, at `now`. Whatever follows one that is damaged is not read.
///
/// A panic makes a message a damaged one: each instance that gets its partition would end of it.
pub(super) fn read_all(
    message: &Bytes,
    now: Millis,
) -> impl Iterator<Item = Result<Delivered, Damaged>> + '_ {
    let mut lines = serde_json::Deserializer::from_slice(message).into_iter::<Whole<'_>>();
    let mut is_first = true;
    std::iter::from_fn(move || {
        let reading = AssertUnwindSafe(|| {
            let read = lines.next()?.map_err(Damaged::NotAnEvent);
            Some(read.and_then(|whole| check(message, whole, now)))
        });
        let next = match catch_unwind(reading) {
            Ok(None) if is_first => Some(Err(Damaged::Implausible("message is empty"))),
            Ok(read) => read,
            Err(_) => Some(Err(Damaged::Implausible("reading panics"))),
        };
        is_first = false;
        next
    })
}

/// An event whose `data` shares the message's memory.
fn check(message: &Bytes, whole: Whole<'_>, now: Millis) -> Result<Delivered, Damaged> {
    let data = whole.data.get();
    if !data.starts_with('{') {
        return Err(Damaged::Implausible("data is no object"));
    }
    if whole.r#type.is_empty() || whole.r#type.len() > MAX_LABEL {
        return Err(Damaged::Implausible("type has an impossible length"));
    }
    if whole
        .client_id
        .as_ref()
        .is_some_and(|id| id.len() > MAX_CLIENT_ID)
    {
        return Err(Damaged::Implausible("client_id is too long"));
    }
    if whole.ordering_key.as_ref().is_some_and(|key| key.len() > MAX_KEY) {
        return Err(Damaged::Implausible("ordering_key is too long"));
    }
    if whole.id.get_version_num() != 7 {
        return Err(Damaged::Implausible("id is no UUIDv7"));
    }
    let made_at = uuid_millis(whole.id);
    if made_at > now.0.saturating_add(MAX_AHEAD_MILLIS) {
        return Err(Damaged::Implausible("id is more than a day ahead of the clock"));
    }
    if made_at < now.0.saturating_sub(MAX_AGE_MILLIS) {
        return Err(Damaged::Implausible("id is more than a year old"));
    }
    let event = Event {
        id: whole.id,
        content: NewEvent {
            workspace: WorkspaceId(whole.workspace),
            label: Arc::from(&*whole.r#type),
            client_id: whole.client_id.map(|id| Box::from(&*id)),
            // Claimed before it was sent.
            once_key: None,
            occurred_at: whole.occurred_at.map(Millis),
            ordering_key: whole.ordering_key.map(|key| Box::from(&*key)),
            data: message.slice_ref(data.as_bytes()),
        },
    };
    Ok(Delivered {
        event,
        is_stored: whole.stored,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(data: &'static str, client_id: Option<&str>) -> Event {
        Event {
            id: Uuid::now_v7(),
            content: NewEvent {
                workspace: WorkspaceId(3),
                label: "deal.won".into(),
                client_id: client_id.map(Box::from),
                once_key: None,
                occurred_at: client_id.map(|_| Millis(1_700_000_000_123)),
                ordering_key: client_id.map(|_| "\"k\" é".into()),
                data: Bytes::from_static(data.as_bytes()),
            },
        }
    }

    fn one(event: &Event, is_stored: bool) -> Vec<u8> {
        let mut message = Vec::new();
        write(&mut message, event, is_stored);
        message
    }

    #[test]
    fn events_come_back_as_they_went_to_the_byte() {
        let sent = [
            event(r#"{"b":1.10, "a":12345678901234567890,"b":1e400}"#, Some("mine")),
            event("{}", None),
            event("{\n  \"a\": \"\\n\"\r\n}", None),
        ];
        let mut message = Vec::new();
        for (nth, event) in sent.iter().enumerate() {
            write(&mut message, event, nth == 1);
        }
        let message = Bytes::from(message);
        let read: Vec<Delivered> = read_all(&message, Millis::now())
            .collect::<Result<_, _>>()
            .expect("events");
        assert_eq!(read.len(), 3);
        for (nth, (sent, read)) in sent.into_iter().zip(read).enumerate() {
            assert_eq!(read.is_stored, nth == 1);
            assert_eq!(read.event.id, sent.id);
            let (ours, theirs) = (sent.content, read.event.content);
            assert_eq!(ours.data, theirs.data);
            assert_eq!(
                (ours.workspace, ours.label, ours.client_id, ours.occurred_at),
                (
                    theirs.workspace,
                    theirs.label,
                    theirs.client_id,
                    theirs.occurred_at
                )
            );
            assert_eq!(ours.ordering_key, theirs.ordering_key);
        }
    }

    #[test]
    fn an_id_of_a_day_that_cannot_be_is_damaged() {
        let message = Bytes::from(one(&event("{}", None), false));
        let is_taken_at = |now: i64| read_all(&message, Millis(now)).all(|read| read.is_ok());
        let now = Millis::now().0;
        assert!(is_taken_at(now - MAX_AHEAD_MILLIS + 60_000));
        assert!(!is_taken_at(now - MAX_AHEAD_MILLIS - 60_000), "ahead");
        assert!(is_taken_at(now + MAX_AGE_MILLIS - 60_000));
        assert!(!is_taken_at(now + MAX_AGE_MILLIS + 60_000), "old");
    }

    #[test]
    fn what_is_no_event_is_said_to_be_none() {
        let good = String::from_utf8(one(&event("{}", None), false)).expect("UTF-8");
        for message in [
            String::new(),
            "null".into(),
            "{}".into(),
            "\u{0}\u{1}".into(),
            good.replace("\"data\":{}", "\"data\":[]"),
            good.replace("deal.won", ""),
            good.replace("\"workspace\":3", "\"workspace\":\"3\""),
            good.replace("-7", "-4"),
        ] {
            let message = Bytes::from(message);
            let read: Result<Vec<Delivered>, Damaged> = read_all(&message, Millis::now()).collect();
            assert!(read.is_err(), "{message:?}");
        }
        let mixed = Bytes::from(format!("{good}{good}nonsense\n{good}"));
        let read: Vec<bool> = read_all(&mixed, Millis::now()).map(|read| read.is_ok()).collect();
        assert_eq!(read[..3], [true, true, false], "the good ones before are taken");
    }
}
