//! Deliveries as the API shows them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::base::clock::Millis;
use crate::base::id::{DeliveryId, DestinationId, RuleId, WebhookId};

/// The API's word for a delivery's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Pending,
    Succeeded,
    Failed,
}

impl Status {
    /// The states by the database's numbers.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Succeeded, Self::Failed];

    /// The state of that public name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// The public name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    /// The database's number.
    pub const fn number(self) -> i16 {
        self as i16
    }

    pub fn of(number: i16) -> Self {
        let known = usize::try_from(number).ok().and_then(|at| Self::ALL.get(at));
        known.copied().unwrap_or(Self::Pending)
    }
}

/// The API's word for how an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    DnsFailed,
    AddressForbidden,
    ConnectFailed,
    TlsFailed,
    Timeout,
    Closed,
    BadAnswer,
    /// The answer's status was no success.
    HttpStatus,
    /// A value that the request needs was not in the event, or could not be written where it belongs.
    TemplateFailed,
    /// The receiver said no for good, with a status of 4xx.
    Refused,
    /// The receiver said no in an answer whose status is a success.
    VendorError,
    /// The receiver asks to wait; no attempt was used up.
    RateLimited,
    /// The credential of the request is not usable at the moment; no attempt was used up.
    ConnectionNotReady,
    /// The event is the last of a chain in which each was caused by the one before.
    Loop,
}

impl ErrorCode {
    /// The codes by the database's numbers: none may move.
    pub const ALL: [Self; 14] = [
        Self::DnsFailed,
        Self::AddressForbidden,
        Self::ConnectFailed,
        Self::TlsFailed,
        Self::Timeout,
        Self::Closed,
        Self::BadAnswer,
        Self::HttpStatus,
        Self::TemplateFailed,
        Self::Refused,
        Self::VendorError,
        Self::RateLimited,
        Self::ConnectionNotReady,
        Self::Loop,
    ];

    /// The public name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DnsFailed => "dns_failed",
            Self::AddressForbidden => "address_forbidden",
            Self::ConnectFailed => "connect_failed",
            Self::TlsFailed => "tls_failed",
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::BadAnswer => "bad_answer",
            Self::HttpStatus => "http_status",
            Self::TemplateFailed => "template_failed",
            Self::Refused => "refused",
            Self::VendorError => "vendor_error",
            Self::RateLimited => "rate_limited",
            Self::ConnectionNotReady => "connection_not_ready",
            Self::Loop => "loop",
        }
    }

    /// The code of that public name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.name() == name)
    }

    /// The database's number.
    pub const fn number(self) -> i16 {
        self as i16
    }

    /// The code with that number.
    pub fn of(number: i16) -> Option<Self> {
        let at = usize::try_from(number).ok()?;
        Self::ALL.get(at).copied()
    }
}

/// The ids under which the API shows a destination: only rules have revisions.
pub(super) fn shown_ids(
    destination: DestinationId,
    revision: Option<i32>,
) -> (Option<WebhookId>, Option<RuleId>) {
    match revision {
        None => (Some(WebhookId::from_uuid(destination.uuid())), None),
        Some(_) => (None, Some(RuleId::from_uuid(destination.uuid()))),
    }
}

/// A delivery in the log, without bodies.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Delivery {
    #[schema(value_type = String, example = "dlv_0198c0de-0000-7000-8000-000000000001")]
    pub id: DeliveryId,
    pub event_id: String,
    /// The webhook that it is for; absent where it is a rule's.
    #[schema(value_type = Option<String>)]
    pub webhook_id: Option<WebhookId>,
    /// The rule that it is for.
    #[schema(value_type = Option<String>)]
    pub rule_id: Option<RuleId>,
    /// Which revision of the rule made it, or made its last attempt.
    pub rule_revision: Option<i32>,
    pub r#type: String,
    pub status: Status,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Millis,
    /// When the next attempt comes; absent if none does, or if it waits for its endpoint.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_attempt_at: Option<Millis>,
    /// The delivery that this one repeats.
    #[schema(value_type = Option<String>)]
    pub redelivery_of: Option<DeliveryId>,
    pub attempt_count: u16,
    /// What the last attempt was answered with; absent before the first one, and where there was no answer.
    pub last_status_code: Option<u16>,
    /// How the last attempt failed; absent before the first one, and after a success.
    pub last_error_code: Option<ErrorCode>,
    /// What the rule's action gave; absent before it succeeded, and where it gives nothing.
    #[schema(value_type = Option<Object>)]
    pub result: Option<Box<RawValue>>,
    /// Whether it was asked for as a test.
    pub test: bool,
}

/// A delivery with the body that was sent and every attempt.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct DeliveryDetail {
    #[serde(flatten)]
    pub delivery: Delivery,
    /// The exact body; absent once its event is no longer kept.
    pub request_body: Option<String>,
    #[schema(value_type = Vec<Attempt>)]
    pub attempts: Box<RawValue>,
}

/// A delivery as it stands in its event.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct EventDelivery {
    #[schema(value_type = String)]
    pub id: DeliveryId,
    /// Null where it is for a rule.
    #[schema(value_type = Option<String>)]
    pub webhook_id: Option<WebhookId>,
    /// Absent where it is for a webhook.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_id: Option<RuleId>,
    pub status: Status,
    pub attempt_count: u16,
}

/// What came of an attempt, as the log shows it. Times are in milliseconds.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Attempt {
    pub number: u16,
    #[schema(value_type = String, format = DateTime)]
    pub at: Millis,
    pub status_code: Option<u16>,
    /// Absent on success. One of `dns_failed`, `address_forbidden`, `connect_failed`, `tls_failed`, `timeout`, `closed`,
    /// `bad_answer`, `http_status`, and those of rules: `template_failed`, `refused`, `vendor_error`, `rate_limited`,
    /// `connection_not_ready`, `loop`.
    pub error_code: Option<&'static str>,
    /// Where more is known of what went wrong on the way, such as why a certificate was refused.
    #[schema(max_length = 200)]
    pub error_detail: Option<Box<str>>,
    /// The first 16 KiB of the answer.
    pub response_body: Option<String>,
    /// This and the next two are absent where an open connection was used.
    pub dns_ms: Option<f64>,
    pub connect_ms: Option<f64>,
    pub tls_ms: Option<f64>,
    pub first_byte_ms: Option<f64>,
    pub total_ms: f64,
    /// The request of a rule, which is made anew for each attempt; secrets are masked. A webhook's is the delivery's
    /// `request_body`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Box<SentRequest>>,
    /// By which revision of its destination it was made, where that has revisions.
    #[serde(skip)]
    pub revision: Option<i32>,
    /// What it gave, as JSON.
    #[serde(skip)]
    pub result: Option<Box<str>>,
}

/// A request as it was sent, with secrets masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SentRequest {
    pub method: String,
    pub url: String,
    pub headers: BTreeMap<String, String>,
    /// Its first 16 KiB, as text.
    pub body: Option<String>,
}

impl Attempt {
    /// The attempt as one line of JSON, as the log keeps it.
    pub fn line(&self) -> String {
        // Strings and finite numbers always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// An attempt that ended before anything was sent.
    pub const fn unsent(number: u16, at: Millis, error: ErrorCode, detail: Option<Box<str>>) -> Self {
        Self {
            number,
            at,
            status_code: None,
            error_code: Some(error.name()),
            error_detail: detail,
            response_body: None,
            dns_ms: None,
            connect_ms: None,
            tls_ms: None,
            first_byte_ms: None,
            total_ms: 0.0,
            request: None,
            revision: None,
            result: None,
        }
    }

    /// The status code as the database keeps it.
    pub fn status_number(&self) -> Option<i16> {
        self.status_code.and_then(|code| i16::try_from(code).ok())
    }

    /// The error code as the database keeps it.
    pub fn error_number(&self) -> Option<i16> {
        self.error_code.and_then(ErrorCode::parse).map(ErrorCode::number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_of_error_codes_agree() {
        for (number, code) in (0..).zip(ErrorCode::ALL) {
            assert_eq!((code.number(), ErrorCode::of(number)), (number, Some(code)));
            assert_eq!(ErrorCode::parse(code.name()), Some(code));
            let shown = serde_json::to_value(code).expect("JSON");
            assert_eq!(shown, code.name());
        }
        assert_eq!((ErrorCode::of(14), ErrorCode::of(-1)), (None, None));
    }
}
