//! Failure notices: operational events about endpoints and deliveries, for endpoints that subscribe to them by name.
//!
//! There are no loops: a failed delivery of an operational event emits no other, and an endpoint's state emits an event
//! only when it changes.

use std::sync::Arc;

use serde_json::{Value, json};

use super::endpoint::Endpoint;
use super::registry::Registry;
use super::store::GONE;
use crate::base::caller::WorkspaceId;
use crate::base::id::{DeliveryId, DestinationId, WebhookId};
use crate::bus::NewEvent;
use crate::delivery::engine::job::Payload;
use crate::delivery::engine::outcome::{Outcome, Verdict};
use crate::delivery::log::Attempt;
use crate::events::types::is_operational;

/// Makes notices for workspaces in which some endpoint wants them.
#[derive(Clone)]
pub struct Notices {
    registry: Arc<Registry>,
}

impl Notices {
    /// Notices for the endpoints of `registry`.
    pub const fn new(registry: Arc<Registry>) -> Self {
        Self { registry }
    }

    /// An endpoint's breaker opened.
    pub fn paused(&self, endpoint: &Endpoint) -> Option<NewEvent> {
        let reason = "It failed for so long that only a probe goes out now and then.";
        let data = json!({"id": endpoint.id, "reason": reason});
        self.notice(endpoint.workspace, "webhook.paused", &data)
    }

    /// An endpoint was disabled because it is gone.
    pub fn disabled(&self, endpoint: &Endpoint) -> Option<NewEvent> {
        let data = json!({"id": endpoint.id, "reason": GONE});
        self.notice(endpoint.workspace, "webhook.disabled", &data)
    }

    /// The deliveries of a group that used up their attempts.
    pub fn failed(&self, group: &[Outcome]) -> Vec<NewEvent> {
        let failed = group.iter().filter_map(|outcome| match outcome {
            Outcome::First {
                new,
                attempt,
                verdict: Verdict::Failed,
            } => self.failed_one(new.delivery, new.destination, &new.payload, attempt),
            Outcome::Again {
                delivery,
                destination,
                payload,
                attempt,
                verdict: Verdict::Failed,
                ..
            } => self.failed_one(*delivery, *destination, payload, attempt),
            _ => None,
        });
        failed.collect()
    }

    fn failed_one(
        &self,
        delivery: DeliveryId,
        destination: DestinationId,
        payload: &Payload,
        attempt: &Attempt,
    ) -> Option<NewEvent> {
        // Only rules have revisions.
        if is_operational(&payload.label) || attempt.revision.is_some() {
            return None;
        }
        let data = json!({
            "id": delivery,
            "webhook_id": WebhookId::from_uuid(destination.uuid()),
            "event_id": payload.event_id,
            "type": &*payload.label,
            "attempt_count": attempt.number,
            "status_code": attempt.status_code,
            "error_code": attempt.error_code,
        });
        self.notice(payload.workspace, "delivery.failed", &data)
    }

    /// An event, if some endpoint of the workspace asks for it by name.
    fn notice(&self, workspace: WorkspaceId, label: &str, data: &Value) -> Option<NewEvent> {
        let subscriptions = self.registry.subscriptions(workspace)?;
        subscriptions.wanting(label).next()?;
        Some(NewEvent {
            workspace,
            label: label.into(),
            client_id: None,
            once_key: None,
            occurred_at: None,
            ordering_key: None,
            data: data.to_string().into(),
        })
    }
}
