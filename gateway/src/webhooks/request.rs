//! The request of an attempt: the event's body, signed, with the headers that the endpoint asks for.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, Request};
use http_body_util::Full;

use super::sign::{Signer, hub_signature, standard_signature};
use crate::base::clock::Millis;
use crate::base::id::DeliveryId;
use crate::delivery::engine::job::Job;
use crate::outbound::target::Target;

/// What requests are sent as.
pub const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("Sentinel-Gateway/", env!("CARGO_PKG_VERSION")));

const EVENT: HeaderName = HeaderName::from_static("x-sentinel-event");
const DELIVERY: HeaderName = HeaderName::from_static("x-sentinel-delivery");
const ATTEMPT: HeaderName = HeaderName::from_static("x-sentinel-attempt");
/// Holds the signature of the body.
pub const SIGNATURE: HeaderName = HeaderName::from_static("x-sentinel-signature");
const STANDARD_ID: HeaderName = HeaderName::from_static("webhook-id");
const STANDARD_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
/// Holds the signature of Standard Webhooks.
pub const STANDARD_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// What an endpoint adds to the event: where it goes, the headers it asks for, and who signs.
pub(super) struct Addressed<'a> {
    pub target: &'a Target,
    pub headers: &'a HeaderMap,
    pub signers: &'a [Signer],
}

impl Addressed<'_> {
    /// The request of attempt `number`, begun at `at`.
    pub fn request(&self, job: &Job, number: u16, at: Millis) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(job.payload.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target.path.clone().into();
        *request.headers_mut() = self.headers(job, number, at);
        request
    }

    fn headers(&self, job: &Job, number: u16, at: Millis) -> HeaderMap {
        let payload = &job.payload;
        let body = &payload.body;
        let signers = self.signers;
        let mut headers = HeaderMap::with_capacity(16);
        headers.insert(HOST, self.target.authority.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, AGENT);
        for (name, value) in self.headers {
            headers.insert(name, value.clone());
        }
        let timestamp = timestamp(at);
        let signatures = [
            (SIGNATURE, hub_signature(signers, body)),
            (
                STANDARD_SIGNATURE,
                standard_signature(signers, &payload.event_id, &timestamp, body),
            ),
        ];
        let told = told(&payload.label, job.delivery, &payload.event_id, number, at);
        for (name, value) in told.into_iter().chain(signatures) {
            // Ids, types, numbers and signatures are all visible ASCII.
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
        headers
    }
}

/// The headers that tell which attempt of what a request is.
pub fn told(
    label: &str,
    delivery: DeliveryId,
    event_id: &str,
    number: u16,
    at: Millis,
) -> [(HeaderName, String); 5] {
    [
        (EVENT, label.to_owned()),
        (DELIVERY, delivery.to_string()),
        (ATTEMPT, number.to_string()),
        (STANDARD_ID, event_id.to_owned()),
        (STANDARD_TIMESTAMP, timestamp(at)),
    ]
}

fn timestamp(at: Millis) -> String {
    (at.0 / 1000).to_string()
}
