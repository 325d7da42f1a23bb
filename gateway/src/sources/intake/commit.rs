//! Has the events of a request become durable, together with their claims, before its reply.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::event::Made;
use crate::base::id::EventId;
use crate::bus::{Accepted, NewEvent, PublishError};
use crate::db::DbError;
use crate::http::problem::Problem;
use crate::sources::Sources;
use crate::sources::label::{self, Types};
use crate::sources::live::Live;
use crate::sources::store;

/// Vendors wait for three seconds and repeat.
const WITHIN: Duration = Duration::from_millis(2_500);

/// What was committed.
pub struct Committed {
    pub event_ids: Vec<String>,
    /// Every event had come before.
    pub is_repeat: bool,
}

/// Commits all events of a request: 503 unless all of them are stored in time.
pub async fn commit(sources: &Sources, live: &Live, made: Vec<Made>) -> Result<Committed, Problem> {
    let committing = async {
        let mut events = Vec::with_capacity(made.len());
        for made in made {
            let label = label_of(sources, live, &made.label).await.map_err(|_| away())?;
            events.push(NewEvent {
                workspace: live.workspace,
                label,
                client_id: None,
                once_key: made.once_key,
                occurred_at: made.occurred_at,
                ordering_key: None,
                data: made.data,
            });
        }
        let published = events.into_iter().map(|event| sources.bus.publish(event));
        let published = join_all(published).await.into_iter();
        published
            .collect::<Result<Vec<Accepted>, PublishError>>()
            .map_err(unavailable)
    };
    let accepted = match tokio::time::timeout(WITHIN, committing).await {
        Ok(committed) => committed?,
        Err(_) => return Err(away()),
    };
    let is_repeat = accepted.iter().all(|accepted| accepted.is_repeat);
    let ids = accepted
        .iter()
        .map(|accepted| EventId::from_uuid(accepted.id).to_string());
    Ok(Committed {
        event_ids: ids.collect(),
        is_repeat,
    })
}

/// The shared text of a type. One that is new is written down first, so that lists of events know it.
async fn label_of(sources: &Sources, live: &Live, name: &str) -> Result<Arc<str>, DbError> {
    if let Some(known) = live.types.find(name) {
        return Ok(known);
    }
    let other = label::other(&live.connector.name);
    let is_other = name == other;
    if !live.types.is_full() || is_other {
        let mut client = sources.db.client().await?;
        if store::add_type(&mut client, live.workspace, live.id, name, is_other).await? {
            let label: Arc<str> = name.into();
            live.types.add([label.clone()]);
            return Ok(label);
        }
    }
    other_label(sources, live, &live.types, &other).await
}

async fn other_label(
    sources: &Sources,
    live: &Live,
    types: &Types,
    other: &str,
) -> Result<Arc<str>, DbError> {
    if let Some(known) = types.find(other) {
        return Ok(known);
    }
    let mut client = sources.db.client().await?;
    store::add_type(&mut client, live.workspace, live.id, other, true).await?;
    let label: Arc<str> = other.into();
    types.add([label.clone()]);
    Ok(label)
}

fn away() -> Problem {
    Problem::unavailable("Whether the request was stored is not known. Send it again: it is taken once.")
}

fn unavailable(fault: PublishError) -> Problem {
    match fault {
        PublishError::Full => {
            Problem::unavailable("More requests arrive than can be stored; this one was not taken.")
        }
        PublishError::Closed => {
            Problem::unavailable("The gateway is shutting down; this request was not taken.")
        }
        PublishError::Away | PublishError::Unwritable(_) | PublishError::NotLed => away(),
    }
}
