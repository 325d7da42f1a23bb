//! The calibrator of accepted events: reads the whole body, keeps nothing, answers 202.

use crate::server::{self, Listen};
use anyhow::Result;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};

const REPLY: &[u8] = br#"{"id":"evt_0199d1c2-7a30-7c41-9f0e-3b5f8f1d2a64","type":"deal.won","accepted_at":"2026-01-01T00:00:00.000Z"}"#;

pub async fn serve(listen: Listen) -> Result<()> {
    server::serve(listen, || {
        |request| async {
            let mut response = Response::new(Full::new(Bytes::from_static(REPLY)));
            *response.status_mut() = match request.into_body().collect().await {
                Ok(_) => StatusCode::ACCEPTED,
                Err(_) => StatusCode::BAD_REQUEST,
            };
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Ok(response)
        }
    })
    .await
}
