//! The history of a sentry: its entries, and pages of them.

pub mod analytics;
pub mod retention_store;
pub mod store;
mod thinning;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::model::{Reason, Reporter, State};
use crate::base::clock::{Micros, Millis};
use crate::base::id::{HistoryId, SentryId};
use crate::base::page::{Listing, Page};
use crate::db::{Client, DbError};

/// What made an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Report,
    Timeout,
}

impl Source {
    /// The public name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Timeout => "timeout",
        }
    }

    /// The source of that name; no others are stored.
    pub fn of(name: &str) -> Self {
        match name {
            "timeout" => Self::Timeout,
            _ => Self::Report,
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// One entry.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(as = SentryHistoryEntry)]
pub struct Entry {
    #[schema(value_type = String)]
    pub id: HistoryId,
    #[schema(value_type = String, format = DateTime)]
    pub at: Millis,
    /// `report` or `timeout`.
    #[schema(value_type = String)]
    pub source: Source,
    #[schema(value_type = Option<String>)]
    pub reported_state: Option<State>,
    #[schema(value_type = Option<String>)]
    pub state: Option<State>,
    #[schema(value_type = Option<String>)]
    pub reason: Option<Reason>,
    pub user_message: Option<String>,
    pub history_note: Option<String>,
    pub private_entry: bool,
    #[schema(value_type = Object)]
    pub meta: Box<RawValue>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub latest_record_at: Option<Millis>,
    /// The key that reported; null for a time-out.
    pub actor: Option<Reporter>,
}

/// What analytics read of an entry.
#[derive(Debug)]
pub struct Point {
    pub at: Micros,
    pub source: Source,
    pub state: Option<State>,
    pub previous_state: Option<State>,
    pub latest_record_at: Option<Millis>,
    /// The JSON of `meta.counts`.
    pub counts: Option<String>,
}

/// Which entries are wanted.
#[derive(Debug, Default)]
pub struct Filter {
    /// Inclusive.
    pub since: Option<Millis>,
    /// Exclusive.
    pub until: Option<Millis>,
    /// The effective state; `Some(None)` is none.
    pub state: Option<Option<State>>,
}

/// A page of a sentry's entries, newest first.
pub async fn list(
    client: &Client,
    id: SentryId,
    filter: &Filter,
    page: &Page,
) -> Result<Listing<Entry>, DbError> {
    let after = page
        .after
        .as_deref()
        .and_then(|text| text.parse().ok())
        .map(Micros);
    let entries = store::list(client, id, filter, after, page.fetch_count()).await?;
    let listing = page.listing(entries, |(at, _)| at.0.to_string());
    Ok(Listing {
        data: listing.data.into_iter().map(|(_, entry)| entry).collect(),
        next_cursor: listing.next_cursor,
    })
}
