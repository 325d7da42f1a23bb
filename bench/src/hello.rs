//! The calibrator of `GET /v1/whoami`: the same amount of JSON, with no key looked up.

use crate::server::{self, Listen};
use anyhow::Result;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper::header::{CONTENT_TYPE, HeaderValue};

/// About what whoami answers for a key with every scope listed short.
const REPLY: &[u8] = br#"{"key_id":"key_0199d1c2-7a30-7c41-9f0e-3b5f8f1d2a64","name":"bench","workspace":"default","scopes":["crm:read","crm:write","commerce:read","commerce:write","events:read","events:write","webhooks:read","webhooks:write","audit:read"],"expires_at":null}"#;

pub async fn serve(listen: Listen) -> Result<()> {
    server::serve(listen, || {
        |_request| async {
            let mut response = Response::new(Full::new(Bytes::from_static(REPLY)));
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Ok(response)
        }
    })
    .await
}
