//! Filters: which events of its types an endpoint wants, by the fields of their `data`.
//!
//! A filter is read and compiled once, when its endpoint is prepared. An event's data is taken apart lazily and once for
//! all endpoints of its workspace, one level at a time and only where a filter looks; without filters it is never read.
//! Whether a filter holds depends on the event alone, so an event that is dispatched again, by this instance or by a
//! successor, is judged the same. docs/filters.md is the users' page.

mod data;
mod decimal;
mod read;
mod rule;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use self::rule::Rule;
use crate::http::fields::Faults;
use crate::http::json::{self, Node};

pub use data::Data;

/// A filter, ready to judge events.
#[derive(Debug)]
pub struct Filter(Rule);

impl Filter {
    /// Compiles what a request sent; what is wrong with it is noted under `place`.
    pub fn read(node: &Node, place: &str, faults: &mut Faults) -> Option<Self> {
        read::filter(node, place, faults).map(Self)
    }

    /// Compiles a stored filter.
    pub fn stored(text: &FilterText) -> Option<Self> {
        let node = json::parse(text.as_str().as_bytes()).ok()?;
        Self::read(&node, "filter", &mut Faults::default())
    }

    /// Whether an event with this data is wanted.
    pub fn holds(&self, data: &Data) -> bool {
        match data.root() {
            Some(root) => self.0.holds(root),
            // Nothing was accepted that cannot be read; if it was, sending too much loses nothing.
            None => true,
        }
    }
}

/// A filter as it was sent, without the blanks; shown and stored like this.
#[derive(Debug, Clone)]
pub struct FilterText(Box<RawValue>);

impl FilterText {
    /// The text of a filter.
    pub fn of(node: &Node) -> Option<Self> {
        serde_json::value::to_raw_value(node).ok().map(Self)
    }

    /// A text from the store; `None` if it is no JSON.
    pub fn parse(text: String) -> Option<Self> {
        RawValue::from_string(text).ok().map(Self)
    }

    /// The JSON.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for FilterText {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Serialize for FilterText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[cfg(test)]
mod tests;
