//! The request of an attempt: the event's body, signed, with the headers that the endpoint asks for.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, Request};
use http_body_util::Full;

use super::sign::{Signer, hub_signature, standard_signature};
use crate::base::clock::Millis;
use crate::delivery::engine::job::Job;
use crate::outbound::target::Target;

const AGENT: HeaderValue = HeaderValue::from_static(concat!("Sentinel-Gateway/", env!("CARGO_PKG_VERSION")));

const EVENT: HeaderName = HeaderName::from_static("x-sentinel-event");
const DELIVERY: HeaderName = HeaderName::from_static("x-sentinel-delivery");
const ATTEMPT: HeaderName = HeaderName::from_static("x-sentinel-attempt");
const SIGNATURE: HeaderName = HeaderName::from_static("x-sentinel-signature");
const STANDARD_ID: HeaderName = HeaderName::from_static("webhook-id");
const STANDARD_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const STANDARD_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

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
        let timestamp = (at.0 / 1000).to_string();
        let signers = self.signers;
        let mut headers = HeaderMap::with_capacity(16);
        headers.insert(HOST, self.target.authority.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, AGENT);
        for (name, value) in self.headers {
            headers.insert(name, value.clone());
        }
        let standard = standard_signature(signers, &payload.event_id, &timestamp, body);
        let ours = [
            (EVENT, payload.label.to_string()),
            (DELIVERY, job.delivery.to_string()),
            (ATTEMPT, number.to_string()),
            (SIGNATURE, hub_signature(signers, body)),
            (STANDARD_ID, payload.event_id.clone()),
            (STANDARD_TIMESTAMP, timestamp),
            (STANDARD_SIGNATURE, standard),
        ];
        for (name, value) in ours {
            // Ids, types, numbers and signatures are all visible ASCII.
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
        headers
    }
}
