//! Filters of deliveries as the API takes them: as parameters of a list, and as fields of a body.

use uuid::Uuid;

use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::{EventId, WebhookId};
use crate::db::{DbError, GenericClient};
use crate::delivery::log::{ErrorCode, Filter, Status};
use crate::events::{model::is_client_id, store as event_store, types};
use crate::http::fields::{self, Fields};
use crate::http::json::Node;
use crate::http::query::Query;
use crate::webhooks::endpoint::destination_of;

const AFTER_SINCE: &str = "expected a time that is not before since";

/// A filter whose event is still a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryQuery {
    pub webhook: Option<WebhookId>,
    /// Any of these; empty is all.
    pub statuses: Vec<Status>,
    pub label: Option<String>,
    /// An event's id, which may be the client's own.
    pub event: Option<String>,
    pub status_code: Option<u16>,
    pub error: Option<ErrorCode>,
    pub since: Option<Millis>,
    /// Exclusive.
    pub until: Option<Millis>,
}

impl DeliveryQuery {
    /// Takes the parameters of a list; what is wrong is noted there.
    pub fn take(query: &mut Query) -> Self {
        Self {
            webhook: query.read("webhook_id", read_webhook),
            statuses: query.read("status", read_statuses).unwrap_or_default(),
            event: query.read("event_id", read_event),
            ..Self::take_narrow(query)
        }
    }

    /// Takes those parameters that narrow what failed at one endpoint.
    pub fn take_narrow(query: &mut Query) -> Self {
        let found = Self {
            label: query.read("type", read_label),
            status_code: query.read("status_code", read_status_code),
            error: query.read("error_code", read_error),
            since: query.moment("since"),
            until: query.moment("until"),
            ..Self::default()
        };
        if found.is_backward() {
            query.fault("until", "invalid", AFTER_SINCE);
        }
        found
    }

    /// Takes the fields of a body.
    pub fn take_fields(fields: &mut Fields) -> Self {
        let found = Self {
            webhook: fields.optional("webhook_id", text_by(read_webhook)),
            statuses: fields
                .optional("status", text_by(read_statuses))
                .unwrap_or_default(),
            event: fields.optional("event_id", text_by(read_event)),
            ..Self::take_narrow_fields(fields)
        };
        Self {
            since: fields.optional("since", fields::moment),
            until: fields.optional("until", fields::moment),
            ..found
        }
        .noting_backward(fields)
    }

    /// Takes those fields of a body that narrow what failed at one endpoint.
    pub fn take_narrow_fields(fields: &mut Fields) -> Self {
        Self {
            label: fields.optional("type", text_by(read_label)),
            status_code: fields
                .optional("status_code", fields::integer(100, 999))
                .and_then(|code| u16::try_from(code).ok()),
            error: fields.optional("error_code", text_by(read_error)),
            ..Self::default()
        }
    }

    fn noting_backward(self, fields: &mut Fields) -> Self {
        if self.is_backward() {
            fields.fault("until", "invalid", AFTER_SINCE);
        }
        self
    }

    fn is_backward(&self) -> bool {
        matches!((self.since, self.until), (Some(since), Some(until)) if until < since)
    }

    /// The filter, with the event looked up.
    pub async fn filter(
        &self,
        client: &impl GenericClient,
        workspace: WorkspaceId,
    ) -> Result<Filter, DbError> {
        let events = match &self.event {
            Some(name) => Some(events_named(client, workspace, name).await?),
            None => None,
        };
        Ok(Filter {
            destination: self.webhook.map(destination_of),
            statuses: self.statuses.clone(),
            label: self.label.clone(),
            events,
            status_code: self.status_code,
            error: self.error,
            since: self.since,
            until: self.until,
        })
    }
}

/// The events of that name: ours, and the one that a client has named so.
async fn events_named(
    client: &impl GenericClient,
    workspace: WorkspaceId,
    name: &str,
) -> Result<Vec<Uuid>, DbError> {
    let ours = EventId::parse(name).map(EventId::uuid);
    let named = event_store::find_client_id(client, workspace, name).await?;
    Ok(ours.into_iter().chain(named).collect())
}

/// Reads a string of a body by what reads a parameter.
fn text_by<T>(
    read: impl FnOnce(&str) -> Result<T, String>,
) -> impl FnOnce(&mut Fields, &str, Node) -> Option<T> {
    move |fields, name, node| {
        let Node::Text(text) = node else {
            fields.fault(name, "invalid_type", "expected a string");
            return None;
        };
        match read(&text) {
            Ok(value) => Some(value),
            Err(message) => {
                fields.fault(name, "invalid", message);
                None
            }
        }
    }
}

fn read_webhook(text: &str) -> Result<WebhookId, String> {
    WebhookId::parse(text).ok_or_else(|| "expected the id of a webhook, as wh_…".into())
}

fn read_statuses(text: &str) -> Result<Vec<Status>, String> {
    let mut statuses = Vec::new();
    for name in text.split(',') {
        match Status::parse(name) {
            Some(status) if !statuses.contains(&status) => statuses.push(status),
            Some(_) => {}
            None => return Err("expected some of pending,succeeded,failed".into()),
        }
    }
    statuses.sort_by_key(|status| status.number());
    Ok(statuses)
}

fn read_label(text: &str) -> Result<String, String> {
    match types::could_be_name(text) {
        true => Ok(text.to_owned()),
        false => Err("expected an event type, such as deal.won".into()),
    }
}

fn read_event(text: &str) -> Result<String, String> {
    match is_client_id(text) {
        true => Ok(text.to_owned()),
        false => Err("expected the id of an event".into()),
    }
}

fn read_status_code(text: &str) -> Result<u16, String> {
    let code = text.parse().ok().filter(|code| (100..=999).contains(code));
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    code.filter(|_| is_plain)
        .ok_or_else(|| "expected a status code from 100 to 999".into())
}

fn read_error(text: &str) -> Result<ErrorCode, String> {
    ErrorCode::parse(text).ok_or_else(|| {
        let known: Vec<&str> = ErrorCode::ALL.into_iter().map(ErrorCode::name).collect();
        format!("expected one of {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (DeliveryQuery, bool) {
        let mut query = Query::parse(Some(text));
        let found = DeliveryQuery::take(&mut query);
        (found, query.finish().is_ok())
    }

    #[test]
    fn every_parameter_is_read_and_checked() {
        let id = WebhookId::generate();
        let (found, is_good) = read(&format!(
            "webhook_id={id}&status=failed,pending&type=deal.won&event_id=evt_x&status_code=503&error_code=timeout\
             &since=2026-01-01T00:00:00Z&until=2026-01-01T00:00:00Z"
        ));
        assert!(is_good);
        assert_eq!(found.webhook, Some(id));
        assert_eq!(found.statuses, [Status::Pending, Status::Failed]);
        assert_eq!(
            (found.status_code, found.error),
            (Some(503), Some(ErrorCode::Timeout))
        );
        for bad in [
            "webhook_id=wh_1",
            "webhook_id=",
            "status=",
            "type=Deal Won",
            "type=",
            "event_id=a b",
            "status_code=99",
            "status_code=1000",
            "status_code=%2B503",
            "status_code=5xx",
            "error_code=http_503",
            "error_code=",
            "since=yesterday",
            "since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z",
        ] {
            assert!(!read(bad).1, "{bad}");
        }
        for unknown in ["type=no.such", "type=nothing", "event_id=never-seen"] {
            assert!(read(unknown).1, "{unknown}");
        }
    }
}
