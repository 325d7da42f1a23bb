//! Handlers that try a rule: what it would send, and sending it once.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::Serialize;
use uuid::Uuid;

use super::Rules;
use super::api::{lock, target_of};
use super::draft::{read_connection, read_input};
use super::model::destination_of;
use super::view::View;
use crate::audit::{Begun, Changes, Work};
use crate::base::clock::Millis;
use crate::base::id::{DeliveryId, EventId, RuleId};
use crate::connectors::template::RenderFault;
use crate::db::DbError;
use crate::delivery::engine::job::body;
use crate::delivery::log::SentRequest;
use crate::delivery::log::store::Repeated;
use crate::events::model::ShownEvent;
use crate::events::{examples, store as event_store, types};
use crate::http::call::Call;
use crate::http::fields::{self, Faults, Fields};
use crate::http::json::Node;
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;
use crate::webhooks::deliveries::api::{DeliveryStarted, start};

/// The body of `POST /v1/rules/preview`.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct PreviewRule {
    #[schema(
        pattern = "^[a-z][a-z0-9_]*\\.[a-z][a-z0-9_]*$",
        max_length = 200,
        example = "http.request"
    )]
    action: String,
    #[schema(value_type = Object)]
    input: BTreeMap<String, String>,
    #[schema(pattern = "^conn_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
    connection_id: Option<String>,
    event: PreviewEvent,
}

/// The event of a preview.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct PreviewEvent {
    #[schema(nullable = false, pattern = "^[a-z0-9_.]{1,100}$", example = "deal.won")]
    r#type: Option<String>,
    /// What templates read as `data`.
    #[schema(value_type = Object)]
    data: BTreeMap<String, String>,
    #[schema(nullable = false, max_length = 128)]
    id: Option<String>,
    #[schema(nullable = false, format = DateTime)]
    timestamp: Option<String>,
}

/// What a rule would send.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Preview {
    /// Secrets are masked.
    request: SentRequest,
}

/// The body of `POST /v1/rules/{id}/test`: a type or an event; the rule's first type if both are absent.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct TestRule {
    /// An event type, of which an example is sent.
    r#type: Option<String>,
    /// An event of the workspace, which is sent as it is.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,128}$")]
    event_id: Option<String>,
}

/// `POST /v1/rules/preview`.
pub async fn preview_rule(rules: Rules, mut call: Call) -> Result<Reply, Problem> {
    let body = call.body.read_json().await?;
    let mut fields = Fields::of(body);
    let action = fields.required("action", fields::text(1, 200));
    let input = fields.required("input", read_input);
    let connection = fields.optional("connection_id", read_connection);
    let event = fields.required("event", read_event);
    let mut faults = fields.finish_faults();
    call.query.finish()?;
    let plan = match (&action, &input) {
        (Some(action), Some(input)) => {
            rules.compile(call.caller.workspace, action, connection, input, &mut faults)
        }
        _ => None,
    };
    faults.into_result()?;
    let (Some(plan), Some(event)) = (plan, event) else {
        return Err(Problem::not_found());
    };
    let view = View::of_event(event, DeliveryId::generate(), Millis::now());
    let needs = rules.registry.needs();
    let live = connection.and_then(|id| needs.credentials.find(call.caller.workspace, id));
    let credential = live.and_then(|live| live.credential());
    match plan.make(&view, credential.as_ref(), &needs.elsewhere) {
        Ok(sending) => Reply::ok(&Preview {
            request: sending.shown,
        }),
        Err(fault) => Err(of_fault(&fault)),
    }
}

/// 422 at the input whose value did not fit.
fn of_fault(fault: &RenderFault) -> Problem {
    let name = fault
        .path
        .strip_prefix("input.")
        .and_then(|rest| rest.split('.').next());
    let place = match name {
        Some(name) => format!("body.input.{name}"),
        None => "body.input".to_owned(),
    };
    let mut faults = Faults::default();
    faults.add(place, "template_failed", fault.message.clone());
    Problem::invalid(faults.into_vec())
}

/// An event as templates see it; what is left out is made up.
fn read_event(fields: &mut Fields, name: &str, node: Node) -> Option<Node> {
    let Node::Object(mut members) = node else {
        fields.fault(name, "invalid_type", "expected an object");
        return None;
    };
    let mut faults = Faults::default();
    for (key, value) in &members {
        let is_fitting = match (key.as_str(), value) {
            ("type", Node::Text(text)) => types::could_be_name(text),
            ("data", Node::Object(_)) => true,
            ("id", Node::Text(text)) => text.len() <= 128,
            ("timestamp", Node::Text(text)) => Millis::parse(text).is_some(),
            _ => false,
        };
        if !is_fitting {
            let shown: String = key.chars().take(100).collect();
            let message = "an event has type, data, id and timestamp";
            faults.add(format!("body.{name}.{shown}"), "invalid", message);
        }
    }
    if !members.iter().any(|(key, _)| key == "data") {
        faults.add(format!("body.{name}.data"), "required", "is required");
    }
    if !faults.is_empty() {
        fields.faults.extend(faults);
        return None;
    }
    let absent = [
        ("id", EventId::generate().to_string()),
        ("type", "example.event".to_owned()),
        ("timestamp", Millis::now().to_string()),
    ];
    for (key, value) in absent {
        if !members.iter().any(|(known, _)| known == key) {
            members.push((key.to_owned(), Node::Text(value)));
        }
    }
    Some(Node::Object(members))
}

/// An event by its id, which may be the client's own.
async fn find_event(work: &Work<'_>, name: &str) -> Result<Option<(Uuid, ShownEvent)>, DbError> {
    let (client, workspace) = (work.transaction().client(), work.workspace());
    let id = EventId::parse(name).map(EventId::uuid);
    event_store::find(client, workspace, id, Some(name)).await
}

/// `POST /v1/rules/{id}/test`.
pub async fn test_rule(rules: Rules, mut call: Call) -> Result<Reply, Problem> {
    let request = call.body.read_optional_json().await?;
    let id: RuleId = call.id()?;
    let mut client = rules.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let stored = lock(&work, id).await?;
    let names = rules.types.names(work.workspace());
    let mut fields = Fields::of(request);
    let wanted = fields.optional("type", fields::text(1, 100));
    let event = fields.optional("event_id", fields::text(1, 128));
    if wanted.as_deref().is_some_and(|name| !names.contains(name)) {
        fields.fault("type", "unknown_type", "is no event type of this workspace");
    }
    if wanted.is_some() && event.is_some() {
        fields.fault("event_id", "invalid", "has either a type or an event");
    }
    let found = match &event {
        Some(event) => find_event(&work, event).await?,
        None => None,
    };
    if event.is_some() && found.is_none() {
        fields.fault("event_id", "unknown_event", "is no event of this workspace");
    }
    fields.finish()?;
    call.query.finish()?;
    if !stored.shown.enabled {
        return Err(Problem::new(
            Code::RuleDisabled,
            "A disabled rule does nothing, tests neither.",
        ));
    }
    let (event, label, sent) = match found {
        Some((id, found)) => {
            let timestamp = found.occurred_at.unwrap_or(found.accepted_at);
            let sent = body(&found.id, &found.r#type, timestamp, found.data.get().as_bytes());
            (id, found.r#type, sent)
        }
        None => {
            let mut selected = stored.shown.events.iter();
            let label = wanted
                .or_else(|| selected.find_map(|selector| names.first_of(selector)))
                .unwrap_or_else(|| "contact.created".to_owned());
            let event = EventId::generate();
            let data = examples::data(&label);
            let sent = body(&event.to_string(), &label, Millis::now(), data.as_bytes());
            (event.uuid(), label, sent)
        }
    };
    let repeated = Repeated {
        destination: destination_of(id),
        event,
        label,
        test_body: Some(String::from_utf8_lossy(&sent).into_owned()),
        revision: Some(stored.shown.revision),
    };
    let new = DeliveryId::generate();
    start(&work, new, &repeated, None).await?;
    work.audit("rule.tested", &target_of(&stored.shown), &Changes::default())
        .await?;
    let reply = DeliveryStarted { delivery_id: new };
    let reply = work.commit(StatusCode::ACCEPTED, &reply).await?;
    rules.wake.notify_one();
    Ok(reply)
}
