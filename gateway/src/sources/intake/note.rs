//! Notes what became of a request: its receipt, its count, its time.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use metrics::counter;

use crate::base::clock::Millis;
use crate::base::id::ReceiptId;
use crate::connectors::definition::{Scheme, Verify};
use crate::sources::Sources;
use crate::sources::live::Live;
use crate::sources::receipts::model::{Kept, MAX_BODY_BYTES, Outcome, Receipt};
use crate::telemetry::names;

/// Headers whose value may be a credential, whatever the connector.
const CREDENTIALS: &[&str] = &["authorization", "proxy-authorization", "cookie"];
const MASK: &str = "••••";
/// The largest head that is kept, names and values together.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// What is told of a request.
pub struct Told<'a> {
    pub at: Millis,
    pub method: &'a Method,
    pub path_and_query: &'a str,
    pub url_secret: Option<&'a str>,
    pub headers: &'a HeaderMap,
    pub body: &'a Bytes,
    pub ip: IpAddr,
    pub took: Duration,
}

/// Notes the outcome of a request.
pub fn note(sources: &Sources, live: &Live, told: &Told<'_>, outcome: Outcome, event_ids: Vec<String>) {
    let connector = live.connector.name.to_string();
    counter!(names::SOURCE_REQUESTS, "connector" => connector, "outcome" => outcome.name()).increment(1);
    live.seconds.record(told.took);
    let is_kept = outcome.is_refused() && told.body.len() <= MAX_BODY_BYTES;
    let sealed = is_kept.then(|| seal(sources, live, told)).flatten();
    let receipt = Receipt {
        id: ReceiptId::generate(),
        at: told.at,
        method: told.method.to_string(),
        outcome,
        event_ids,
        byte_count: told.body.len() as u64,
        remote_ip: told.ip,
        headers: shown_headers(live, told.headers),
        // A copy: the body may be a slice of a connection's buffer.
        body: sealed.is_some().then(|| Bytes::copy_from_slice(told.body)),
        sealed,
    };
    sources.journal.note(live.id.uuid(), receipt);
}

fn seal(sources: &Sources, live: &Live, told: &Told<'_>) -> Option<Vec<u8>> {
    let headers = told.headers.iter().map(|(name, value)| {
        let value = value.as_bytes().iter().map(|byte| char::from(*byte)).collect();
        (name.as_str().to_owned(), value)
    });
    let kept = Kept {
        method: told.method.to_string(),
        path_and_query: told.path_and_query.to_owned(),
        url_secret: told.url_secret.map(str::to_owned),
        headers: headers.collect(),
    };
    let text = serde_json::to_vec(&kept).ok()?;
    if text.len() > 2 * MAX_HEAD_BYTES {
        return None;
    }
    sources.registry.vault().seal(live.id, &text).ok()
}

/// Names and values as JSON: what may be a credential is masked, what is too long is cut.
fn shown_headers(live: &Live, headers: &HeaderMap) -> String {
    let mut byte_count = 0;
    let mut shown = serde_json::Map::new();
    for name in headers.keys() {
        let values: Vec<_> = headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).replace('\0', "\u{fffd}"))
            .collect();
        let name = name.as_str();
        let value = match is_credential(&live.verify, name) {
            true => MASK.to_owned(),
            false => values.join(", "),
        };
        byte_count += name.len() + value.len();
        if byte_count > MAX_HEAD_BYTES {
            break;
        }
        shown.insert(name.to_owned(), value.into());
    }
    serde_json::Value::Object(shown).to_string()
}

/// Whether a header's value may be a credential: that of a scheme by which the value itself is the secret.
fn is_credential(verify: &Verify, name: &str) -> bool {
    let mut rows = std::iter::once(verify).chain(&verify.also);
    CREDENTIALS.contains(&name)
        || rows.any(|row| {
            let header = row
                .signature
                .as_ref()
                .and_then(|signature| signature.header.as_ref());
            matches!(row.scheme, Scheme::Token | Scheme::Basic | Scheme::Jwt)
                && header.is_some_and(|header| header.eq_ignore_ascii_case(name))
        })
}
