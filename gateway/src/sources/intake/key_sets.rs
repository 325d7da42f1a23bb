//! The keys that vendors sign tokens with, fetched from where their definition says, and kept.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use parking_lot::Mutex;
use url::Url;

use crate::connections::outgoing::Outgoing;
use crate::connectors::definition::Definition;
use crate::connectors::request::Rendered;
use crate::connectors::verify::KeySet;

/// A set that is older is fetched again.
const LIFE: Duration = Duration::from_secs(3_600);
/// A key that is not in the set is asked for at most this often.
const ASK_AGAIN: Duration = Duration::from_secs(60);
/// A set that could not be fetched is asked for at most this often.
const TRY_AGAIN: Duration = Duration::from_secs(2);
/// The longest that a request waits for a set; vendors wait for three seconds.
const WITHIN: Duration = Duration::from_secs(2);

/// The key set could not be had.
#[derive(Debug)]
pub struct Away;

#[derive(Debug, Clone, Default)]
struct Entry {
    keys: Option<Arc<KeySet>>,
    fetched_at: Option<Instant>,
    asked_at: Option<Instant>,
}

impl Entry {
    /// Whether a set is old, lacks a key, or is not there, and may be asked for now.
    fn is_due(&self, key_id: &str) -> bool {
        let is_past = |moment: Option<Instant>, limit| moment.is_none_or(|moment| moment.elapsed() >= limit);
        match &self.keys {
            None => is_past(self.asked_at, TRY_AGAIN),
            Some(keys) if !keys.has(key_id) => is_past(self.asked_at, ASK_AGAIN),
            Some(_) => is_past(self.fetched_at, LIFE) && is_past(self.asked_at, ASK_AGAIN),
        }
    }
}

/// The key sets of all vendors.
pub struct KeySets {
    outgoing: Outgoing,
    /// By their URLs.
    held: Mutex<HashMap<String, Entry>>,
    /// One request after another: whoever waited finds what the first one fetched.
    turn: tokio::sync::Mutex<()>,
}

impl KeySets {
    /// No sets yet; they are fetched through `outgoing`.
    pub fn new(outgoing: Outgoing) -> Self {
        Self {
            outgoing,
            held: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// The set at a URL, asked for anew where it lacks this key.
    pub async fn find(&self, definition: &Definition, url: &str, key_id: &str) -> Result<Arc<KeySet>, Away> {
        let entry = || self.held.lock().get(url).cloned().unwrap_or_default();
        if entry().is_due(key_id) {
            let fetching = async {
                let _turn = self.turn.lock().await;
                if entry().is_due(key_id) {
                    self.fetch(definition, url).await;
                }
            };
            // Who waits for too long goes on with what is there.
            let _ = tokio::time::timeout(WITHIN, fetching).await;
        }
        entry().keys.ok_or(Away)
    }

    async fn fetch(&self, definition: &Definition, url: &str) {
        let now = Instant::now();
        self.held.lock().entry(url.to_owned()).or_default().asked_at = Some(now);
        let Ok(parsed) = Url::parse(url) else { return };
        let request = Rendered {
            method: Method::GET,
            url: parsed,
            headers: Vec::new(),
            body: Vec::new(),
        };
        let keys = match self.outgoing.send(definition, request).await {
            Ok(answer) if answer.status == 200 => KeySet::parse(&answer.body),
            Ok(answer) => {
                tracing::warn!(
                    connector = definition.name,
                    status = answer.status,
                    "a key set is not given"
                );
                None
            }
            Err(fault) => {
                tracing::warn!(
                    connector = definition.name,
                    fault = fault.detail,
                    "a key set is away"
                );
                None
            }
        };
        if let Some(keys) = keys {
            let mut held = self.held.lock();
            let entry = held.entry(url.to_owned()).or_default();
            entry.keys = Some(Arc::new(keys));
            entry.fetched_at = Some(now);
        }
    }
}
