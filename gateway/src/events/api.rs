//! Handlers of `/v1/events`.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;
use uuid::Uuid;

use super::Events;
use super::model::{AcceptedEvent, EventFault, ShownEvent, UnmatchedWebhook, is_client_id, read_event};
use super::query::{EventQuery, add_deliveries};
use super::{store, type_store, types};
use crate::audit::{Begun, PublishedOnce, Work, publish_once, request_key};
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::{EventId, WebhookId, uuid_millis};
use crate::base::page::{DEFAULT_LIMIT, Listing};
use crate::bus::{Accepted, NewEvent, PublishError};
use crate::db::{Connection, DbError};
use crate::http::body;
use crate::http::call::Call;
use crate::http::problem::Problem;
use crate::http::reply::Reply;

/// An event that is older and not stored never will be.
const NEW_MILLIS: i64 = 10_000;
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// `POST /v1/events`: 202 after the commit, and never before.
pub async fn create_event(events: Arc<Events>, mut call: Call) -> Result<Reply, Problem> {
    let bytes = call.body.read_json_bytes().await?;
    let workspace = call.caller.workspace;
    let names = events.types.names(workspace);
    let event = read_event(&bytes, workspace, &names);
    if call.headers.contains_key("idempotency-key") {
        // Apart on the heap, so that the usual way stays small.
        return Box::pin(create_once(events, call, event)).await;
    }
    let event = event.map_err(refusal)?;
    call.query.finish()?;
    publish(&events, event).await?.reply()
}

/// The way of requests with an `Idempotency-Key`: the bus keeps the reply in the commit of the event, where it can.
async fn create_once(
    events: Arc<Events>,
    call: Call,
    event: Result<NewEvent, EventFault>,
) -> Result<Reply, Problem> {
    let event = match event {
        Err(EventFault::Malformed(fault)) => return Err(body::malformed(fault)),
        other => other,
    };
    let request = match &event {
        Ok(event) => request_key(&call, event, Published::kept),
        Err(_) => None,
    };
    match (events.bus.reply_keeper(), request, event) {
        (Some(keeper), Some(request), Ok(event)) => {
            call.query.finish()?;
            let client_id = event.client_id.clone();
            match publish_once(keeper, request, event).await? {
                PublishedOnce::Accepted(accepted) => Published::new(accepted, client_id).reply(),
                PublishedOnce::Repeated(reply) => Ok(reply),
                PublishedOnce::Refused(fault) => Err(unavailable(fault)),
            }
        }
        // The key is checked before the event's faults are told.
        (_, _, event) => create_in_work(&events, call, event).await,
    }
}

/// The slower way: the reply is kept in a transaction of its own.
///
/// An event without an id of the client's gets one that follows from the key, so that a request which is repeated after
/// a crash between the two commits is still accepted once.
async fn create_in_work(
    events: &Events,
    call: Call,
    event: Result<NewEvent, EventFault>,
) -> Result<Reply, Problem> {
    let mut client = events.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let mut event = event.map_err(refusal)?;
    let key = call.headers.get("idempotency-key");
    call.query.finish()?;
    if event.once_key.is_none() {
        // A blank is in no client's id.
        let key = key.map(|key| String::from_utf8_lossy(key.as_bytes()));
        event.once_key = key.map(|key| format!("idempotency {key}").into());
    }
    let published = publish(events, event).await?;
    work.commit(StatusCode::ACCEPTED, &published.shown()).await
}

/// The result of a publish, and the client's id.
struct Published {
    accepted: Accepted,
    id: String,
}

impl Published {
    fn new(accepted: Accepted, client_id: Option<Box<str>>) -> Self {
        let id = match client_id {
            Some(id) => id.into(),
            None => EventId::from_uuid(accepted.id).to_string(),
        };
        Self { accepted, id }
    }

    /// The reply's bytes, as they are kept for repeats.
    fn kept(accepted: &Accepted, client_id: Option<&str>) -> Vec<u8> {
        let published = Self::new(accepted.clone(), client_id.map(Box::from));
        // Texts and a time are always written.
        serde_json::to_vec(&published.shown()).unwrap_or_default()
    }

    fn shown(&self) -> AcceptedEvent<'_> {
        AcceptedEvent {
            id: &self.id,
            r#type: &self.accepted.label,
            accepted_at: Millis(uuid_millis(self.accepted.id)),
        }
    }

    fn reply(&self) -> Result<Reply, Problem> {
        Reply::json(StatusCode::ACCEPTED, &self.shown())
    }
}

async fn publish(events: &Events, event: NewEvent) -> Result<Published, Problem> {
    let client_id = event.client_id.clone();
    let accepted = events.bus.publish(event).await.map_err(unavailable)?;
    Ok(Published::new(accepted, client_id))
}

fn refusal(fault: EventFault) -> Problem {
    match fault {
        EventFault::Malformed(fault) => body::malformed(fault),
        EventFault::Invalid(problem) => *problem,
    }
}

fn unavailable(fault: PublishError) -> Problem {
    Problem::unavailable(match fault {
        PublishError::Full => "More events arrive than can be stored; this one was not accepted.",
        PublishError::Away => {
            "Whether the event was stored is not known. Send it again: with its `id` or Idempotency-Key it is accepted once."
        }
        PublishError::Unwritable(reason) => {
            return Problem::unavailable(format!(
                "Whether the event was stored is not known, for {reason}. Send it again: with its `id` or Idempotency-Key \
                 it is accepted once."
            ));
        }
        PublishError::NotLed => {
            "The Kafka partition that keeps the order of this event's key has no leader; the event was not accepted. Send it again."
        }
        PublishError::Closed => "The gateway is shutting down; this event was not accepted.",
    })
}

/// `GET /v1/events`.
pub async fn list_events(events: Arc<Events>, mut call: Call) -> Result<Reply, Problem> {
    let workspace = call.caller.workspace;
    let names = events.types.names(workspace);
    let wanted = EventQuery::take(&mut call.query, &names);
    let page = call
        .query
        .page(DEFAULT_LIMIT, format!("events {workspace:?} {wanted:?}"));
    call.query.finish()?;
    let client = events.db.client().await?;
    // Asked of the database, which has types that another instance added just now.
    let added = match wanted.label {
        Some(_) => Vec::new(),
        None => {
            let mut added = type_store::list_added(&client, workspace).await?;
            let mut of_sources = type_store::list_of_sources(&client, workspace).await?;
            // One that a workspace added may have the name of one that came.
            of_sources.retain(|of_source| added.iter().all(|added| added.name != of_source.name));
            added.append(&mut of_sources);
            added
        }
    };
    let added = added.into_iter().map(|added| added.name);
    let types: Vec<String> = types::every_own().map(str::to_owned).chain(added).collect();
    let found = wanted.page(&client, workspace, &types, &page).await?;
    Reply::ok(&Listing {
        data: found.data.into_iter().map(|(_, event)| event).collect::<Vec<_>>(),
        next_cursor: found.next_cursor,
    })
}

/// `GET /v1/events/{id}`.
pub async fn get_event(events: Arc<Events>, call: Call) -> Result<Reply, Problem> {
    let text = call.parameters.first().map(String::as_str).unwrap_or_default();
    let event = find_event(&events, call.caller.workspace, text).await?;
    call.query.finish()?;
    Reply::ok(&event)
}

/// An event by an id of ours or of the client's, with its deliveries and the webhooks that got none.
pub async fn find_event(events: &Events, workspace: WorkspaceId, text: &str) -> Result<ShownEvent, Problem> {
    let client = events.db.client().await?;
    let mut sought = look_up(&client, workspace, text).await?;
    // A bus may store an event a moment after it was accepted; a client that asks at once must not get 404.
    let until = Instant::now() + events.bus.settles_within();
    while let Sought::NotYet = sought
        && Instant::now() < until
    {
        tokio::time::sleep(LOOK_AGAIN).await;
        sought = look_up(&client, workspace, text).await?;
    }
    let Sought::Found(found) = sought else {
        return Err(Problem::not_found());
    };
    let mut found = [*found];
    add_deliveries(&client, workspace, &mut found).await?;
    let [(_, mut event)] = found;
    event.unmatched = Some(unmatched(events, workspace, &event));
    Ok(event)
}

/// The webhooks without a delivery of the event, and why.
fn unmatched(events: &Events, workspace: WorkspaceId, event: &ShownEvent) -> Vec<UnmatchedWebhook> {
    let found = events
        .destinations
        .unmatched(workspace, &event.r#type, event.data.get(), event.accepted_at);
    let webhooks = found.into_iter().map(|(id, reason)| UnmatchedWebhook {
        webhook_id: WebhookId::from_uuid(id.uuid()),
        reason,
    });
    let has_none = |webhook: &UnmatchedWebhook| {
        let mut deliveries = event.deliveries.iter();
        !deliveries.any(|delivery| delivery.webhook_id == Some(webhook.webhook_id))
    };
    webhooks.filter(has_none).collect()
}

/// The result of a look-up of an event.
enum Sought {
    Found(Box<(Uuid, ShownEvent)>),
    /// It is not stored, but was perhaps accepted just now.
    NotYet,
    Unknown,
}

async fn look_up(client: &Connection, workspace: WorkspaceId, text: &str) -> Result<Sought, DbError> {
    let ours = EventId::parse(text).map(|id| id.uuid());
    // A client may name its events as we would.
    let named = is_client_id(text).then_some(text);
    if let Some(found) = store::find(client, workspace, ours, named).await? {
        return Ok(Sought::Found(Box::new(found)));
    }
    let named = match named {
        Some(name) => store::find_client_id(client, workspace, name).await?,
        None => None,
    };
    let is_new = |id: Uuid| Millis::now().0 - uuid_millis(id) < NEW_MILLIS;
    Ok(match ours.or(named).is_some_and(is_new) {
        true => Sought::NotYet,
        false => Sought::Unknown,
    })
}
