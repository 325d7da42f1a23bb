//! Handlers of `/v1/event-types`.

use std::sync::Arc;

use http::StatusCode;

use super::Events;
use super::type_store::{self, EventType};
use super::types::{self, BUILT_IN};
use crate::audit::{Begun, Changes, Target, Work};
use crate::feed::{self, ChangeKind};
use crate::http::call::Call;
use crate::http::fields::{self, Fields};
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;

/// Types that one workspace may add.
const MAX_ADDED: usize = 1_000;

/// The body of `POST /v1/event-types`.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct CreateEventType {
    /// Lower-case words joined by dots.
    #[schema(
        pattern = r"^[a-z0-9_]+(\.[a-z0-9_]+)+$",
        max_length = 100,
        example = "order.shipped"
    )]
    name: String,
    #[schema(max_length = 4000)]
    description: String,
}

/// `GET /v1/event-types`: those that the workspace added, then the 15 that it always has.
pub async fn list_event_types(events: Arc<Events>, mut call: Call) -> Result<Reply, Problem> {
    let workspace = call.caller.workspace;
    let list = format!("event-types {workspace:?}");
    let page = call.query.page(crate::base::page::MAX_LIMIT, list);
    call.query.finish()?;
    let client = events.db.client().await?;
    let mut all = type_store::list_added(&client, workspace).await?;
    let mut of_sources = type_store::list_of_sources(&client, workspace).await?;
    of_sources.retain(|of_source| all.iter().all(|added| added.name != of_source.name));
    all.extend(of_sources);
    all.extend(BUILT_IN.iter().map(|(name, description)| EventType {
        name: (*name).to_owned(),
        description: (*description).to_owned(),
        built_in: true,
    }));
    let after = page.after.as_deref();
    let from = after.and_then(|after| all.iter().position(|known| known.name == after));
    let rest = all.split_off(from.map_or(0, |at| at + 1));
    Reply::ok(&page.listing(rest, |known| known.name.clone()))
}

/// `POST /v1/event-types`.
pub async fn create_event_type(events: Arc<Events>, mut call: Call) -> Result<Reply, Problem> {
    let body = call.body.read_json().await?;
    let mut client = events.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let mut fields = Fields::of(body);
    let name = fields.required("name", fields::text(1, 100)).unwrap_or_default();
    if !name.is_empty() && !types::is_valid_name(&name) {
        let message = "expected lower-case words of a-z 0-9 _ joined by dots, such as order.shipped";
        fields.fault("name", "invalid_name", message);
    }
    let description = fields.required("description", fields::text(0, 4_000));
    fields.finish()?;
    call.query.finish()?;
    let description = description.unwrap_or_default();
    let is_built_in = BUILT_IN.iter().any(|(known, _)| *known == name) || types::is_operational(&name);
    let taken = || Problem::new(Code::TypeTaken, format!("The type {name} exists."));
    if is_built_in {
        return Err(taken());
    }
    if type_store::list_added(work.transaction().client(), work.workspace())
        .await?
        .len()
        >= MAX_ADDED
    {
        let mut faults = fields::Faults::default();
        faults.add(
            "body.name",
            "too_many",
            format!("a workspace may add {MAX_ADDED} types"),
        );
        faults.into_result()?;
    }
    let inserted = type_store::insert(work.transaction(), work.workspace(), &name, &description).await?;
    let id = inserted.ok_or_else(taken)?;
    let target = Target::new("event_type", &name, Some(&name));
    work.audit("event_type.created", &target, &Changes::default())
        .await?;
    work.changed(ChangeKind::EventType, id).await?;
    let workspace = work.workspace();
    let shown = EventType {
        name,
        description,
        built_in: false,
    };
    let reply = work.commit(StatusCode::CREATED, &shown).await?;
    feed::left_to_feed(events.types.refresh(&client, Some(vec![workspace])).await);
    Ok(reply)
}
