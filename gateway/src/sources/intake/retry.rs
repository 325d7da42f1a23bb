//! A kept request once more: with the present secrets, as of the time when it came.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::arrival::query_of;
use super::judge::{self, Request};
use super::{carry_out, with_keys};
use crate::base::clock::Millis;
use crate::sources::Sources;
use crate::sources::live::Live;
use crate::sources::receipts::model::{Kept, Outcome};

/// Judges a kept request again and carries out what it asks for; what it came to, and the ids of its events.
pub async fn retry(
    sources: &Sources,
    live: &Live,
    kept: &Kept,
    body: &Bytes,
    came_at: Millis,
) -> (Outcome, Vec<String>) {
    let headers = headers_of(kept);
    let method = Method::from_bytes(kept.method.as_bytes()).unwrap_or(Method::POST);
    let url = format!("{}{}", sources.base_url, kept.path_and_query);
    let request = Request {
        method: &method,
        query: query_of(&kept.path_and_query),
        url: &url,
        headers: &headers,
        body,
        url_secret: kept.url_secret.as_deref(),
    };
    let judging = async {
        let secrets = live.present_keyring(Millis::now());
        let secrets = with_keys(sources, live, &request, Cow::Owned(secrets)).await?;
        let verdict = judge::judge(live, &request, &secrets, came_at)?;
        carry_out(sources, live, verdict).await
    };
    match judging.await {
        Ok((outcome, event_ids, _)) => (outcome, event_ids),
        Err(problem) => (Outcome::Refused(problem.code()), Vec::new()),
    }
}

/// The headers as they came, those that came twice too.
fn headers_of(kept: &Kept) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(kept.headers.len());
    for (name, value) in &kept.headers {
        let bytes: Option<Vec<u8>> = value
            .chars()
            .map(|letter| u8::try_from(u32::from(letter)).ok())
            .collect();
        let value = bytes.and_then(|bytes| HeaderValue::from_bytes(&bytes).ok());
        if let (Ok(name), Some(value)) = (HeaderName::from_bytes(name.as_bytes()), value) {
            headers.append(name, value);
        }
    }
    headers
}
