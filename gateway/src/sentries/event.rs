//! `sentry.state_changed`.

use bytes::Bytes;
use serde::Serialize;

use super::model::{Reason, Sentry, State};
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::{HootId, SentryId};
use crate::bus::NewEvent;
use crate::events::types::TypeNames;

#[derive(Serialize)]
struct Data<'a> {
    sentry_id: SentryId,
    name: &'a str,
    state: Option<State>,
    previous_state: Option<State>,
    reason: Option<Reason>,
    user_message: Option<&'a str>,
    latest_record_at: Option<Millis>,
    hoots: &'a [HootId],
}

/// The event of a change from one state to another; none if it is the same.
pub fn state_changed(
    workspace: WorkspaceId,
    previous_state: Option<State>,
    after: &Sentry,
    hoots: &[HootId],
) -> Option<NewEvent> {
    if after.state == previous_state {
        return None;
    }
    let data = Data {
        sentry_id: after.id,
        name: &after.name,
        state: after.state,
        previous_state,
        reason: after.reason,
        user_message: after.user_message.as_deref(),
        latest_record_at: after.latest_record_at,
        hoots,
    };
    // Texts and numbers cannot fail to serialise.
    let data = Bytes::from(serde_json::to_vec(&data).unwrap_or_default());
    let label = TypeNames::default().label("sentry.state_changed")?;
    Some(NewEvent::own(workspace, label, data))
}
