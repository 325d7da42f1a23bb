//! How a source is doing.

use serde::Serialize;

use super::connector::{Connector, Options};
use crate::base::clock::Millis;
use crate::connectors::definition::SecretFrom;

/// Refusals in a row that make a source failing; one acceptance ends it.
const FAILING_AFTER: u32 = 20;

/// How a source is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SourceStatus)]
pub enum Status {
    /// Something is missing before a request can be taken.
    Pending,
    Ready,
    /// The last requests were all refused.
    Failing,
}

/// How requests went of late.
#[derive(Debug, Clone, Default)]
pub struct Activity {
    pub last_accepted_at: Option<Millis>,
    pub last_refused_at: Option<Millis>,
    pub last_refusal: Option<String>,
    pub refused_in_row: u32,
    pub accepted_24h: u64,
    pub refused_24h: u64,
}

/// What is missing before requests of a source can be verified, in words for its owner.
pub fn missing(connector: &Connector, options: &Options, is_held: impl Fn(&str) -> bool) -> Option<String> {
    let lacking = connector
        .source
        .secrets
        .iter()
        .find(|(name, field)| !field.optional && !is_held(name));
    if let Some((name, field)) = lacking {
        return Some(match field.from {
            SecretFrom::Handshake => format!("The vendor has not sent its handshake with {name} yet."),
            SecretFrom::Vendor | SecretFrom::Gateway => format!("The secret {name} is not set."),
        });
    }
    let keys = connector.verifying(options);
    if !keys.is_empty() && !keys.iter().any(|key| is_held(key)) {
        return Some(format!("None of the secrets {} is set.", keys.join(", ")));
    }
    None
}

/// The status and, unless all is well, its cause.
pub fn status(
    connector: Option<&Connector>,
    options: &Options,
    is_held: impl Fn(&str) -> bool,
    waits_for_confirmation: bool,
    activity: &Activity,
) -> (Status, Option<String>) {
    let Some(connector) = connector else {
        let detail = "Its connector is not there any more, or cannot be a source of this version.";
        return (Status::Failing, Some(detail.to_owned()));
    };
    if waits_for_confirmation {
        let detail = "The handshake has handed out a secret: give it to the vendor, then confirm.";
        return (Status::Pending, Some(detail.to_owned()));
    }
    if let Some(what) = missing(connector, options, is_held) {
        return (Status::Pending, Some(what));
    }
    if activity.refused_in_row >= FAILING_AFTER {
        let last = activity.last_refusal.as_deref().unwrap_or("unknown");
        let detail = format!(
            "The last {} requests were refused, the last one with {last}.",
            activity.refused_in_row
        );
        return (Status::Failing, Some(detail));
    }
    (Status::Ready, None)
}
