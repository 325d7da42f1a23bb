//! A report, read from its body (JSON, a form) and from the parameters of its query.
//!
//! Each source is read whole, so that every fault is told; then the body wins, field by field.

mod body;
mod form;
mod json;
mod meta;

use serde_json::value::RawValue;

use super::model::State;
use crate::base::clock::Millis;
use crate::http::call::Call;
use crate::http::fields::Faults;
use crate::http::form::urlencoded;
use crate::http::problem::Problem;

pub const MAX_MESSAGE_CHARS: usize = 80;
pub const MAX_NOTE_CHARS: usize = 4_000;

/// What a report says.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Absent: the reported state stays as it is.
    pub state: Option<State>,
    pub user_message: Option<String>,
    pub history_note: Option<String>,
    pub private_entry: bool,
    pub meta: Option<Meta>,
}

/// Further facts: an object as it was sent, and what was understood of it.
#[derive(Debug, Clone)]
pub struct Meta {
    pub text: Box<RawValue>,
    pub latest_record_at: Option<Millis>,
}

/// An object without members.
pub fn no_meta() -> Box<RawValue> {
    // The text is valid, so the other arm is never taken.
    RawValue::from_string("{}".to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// What one source says; `Some(None)` is a message that is empty.
#[derive(Debug, Default)]
struct Said {
    state: Option<State>,
    user_message: Option<Option<String>>,
    history_note: Option<Option<String>>,
    private_entry: Option<bool>,
    meta: Option<Meta>,
}

impl Said {
    /// Both, of which `self` wins.
    fn over(self, other: Self) -> Report {
        Report {
            state: self.state.or(other.state),
            user_message: self.user_message.or(other.user_message).flatten(),
            history_note: self.history_note.or(other.history_note).flatten(),
            private_entry: self.private_entry.or(other.private_entry).unwrap_or_default(),
            meta: self.meta.or(other.meta),
        }
    }
}

/// Reads the report that a request makes, and what is wrong with it. Errors: 413, 415, 400.
pub async fn read(call: &mut Call) -> Result<(Report, Faults), Problem> {
    let mut faults = Faults::default();
    let of_body = body::read(call, &mut faults).await?;
    let query = call.path.split_once('?').map_or("", |(_, query)| query);
    let pairs = urlencoded::pairs(query.as_bytes());
    let of_query = form::read(pairs, form::Place::Query, &mut faults);
    Ok((of_body.over(of_query), faults))
}

/// A message's own limits: none if it is blank.
fn message(text: &str) -> Result<Option<String>, (&'static str, String)> {
    if text.chars().count() > MAX_MESSAGE_CHARS {
        return Err((
            "invalid_length",
            format!("expected at most {MAX_MESSAGE_CHARS} characters"),
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(("control_character", "must not hold control characters".to_owned()));
    }
    Ok(given(text))
}

/// A note's own limits: none if it is blank. It may be a piece of a log, so any character may stand in it but U+0000.
fn note(text: &str) -> Result<Option<String>, (&'static str, String)> {
    match text.chars().count() > MAX_NOTE_CHARS {
        true => Err((
            "invalid_length",
            format!("expected at most {MAX_NOTE_CHARS} characters"),
        )),
        false => Ok(given(text)),
    }
}

fn given(text: &str) -> Option<String> {
    (!text.trim().is_empty()).then(|| text.to_owned())
}
