//! A vendor's token endpoint that hands out refresh tokens for single use, and misbehaves on demand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use stage::{Act, Receiver};

/// How the next answers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Good,
    /// After so many milliseconds. The refresh token is spent when the request comes.
    Slow(u64),
    /// 503 without spending anything.
    Down,
    /// 400 `invalid_grant`, whatever is sent.
    Refusing,
    /// The refresh token is spent, and the connection closed without an answer.
    Swallowing,
}

struct State {
    mood: Mood,
    /// In seconds; absent: none is said.
    lifetime: Option<u32>,
    issued: u32,
    /// The one refresh token that is good now.
    live: Option<String>,
    /// Requests to the token endpoint, as forms.
    calls: Vec<BTreeMap<String, String>>,
    /// Refresh tokens that came a second time.
    reused: u32,
}

/// The vendor: `receiver` takes its requests.
pub struct Vendor {
    pub receiver: Receiver,
    state: Arc<Mutex<State>>,
}

fn says(status: u16, body: &Value) -> Act {
    Act::Full(status, Vec::new(), body.to_string().into_bytes())
}

impl Vendor {
    pub async fn start(lifetime: Option<u32>) -> Self {
        let state = Arc::new(Mutex::new(State {
            mood: Mood::Good,
            lifetime,
            issued: 0,
            live: None,
            calls: Vec::new(),
            reused: 0,
        }));
        let own = state.clone();
        let receiver = Receiver::deciding(move |_, received| {
            let mut state = own.lock().expect("unpoisoned");
            let is_token_call =
                received.line.contains("oauth.v2.access") || received.line.contains("/oauth/token");
            if !is_token_call {
                let token = received
                    .header("authorization")
                    .rsplit('-')
                    .next()
                    .unwrap_or_default();
                let body = json!({"ok": true, "team": token, "user": "bot"});
                return says(200, &body);
            }
            let form = url_pairs(received.text());
            state.calls.push(form.clone());
            state.answer(&form)
        })
        .await;
        Self { receiver, state }
    }

    /// Where the requests of its hosts go.
    pub fn hosts(&self) -> String {
        super::hosts(&self.receiver)
    }

    pub fn set(&self, mood: Mood) {
        self.state.lock().expect("unpoisoned").mood = mood;
    }

    /// Requests to the token endpoint so far.
    pub fn calls(&self) -> Vec<BTreeMap<String, String>> {
        self.state.lock().expect("unpoisoned").calls.clone()
    }

    /// Refresh tokens that came after they were spent.
    pub fn reused(&self) -> u32 {
        self.state.lock().expect("unpoisoned").reused
    }
}

impl State {
    fn answer(&mut self, form: &BTreeMap<String, String>) -> Act {
        let refused = says(400, &json!({"ok": false, "error": "invalid_grant"}));
        match self.mood {
            Mood::Down => return Act::Status(503),
            Mood::Refusing => return refused,
            Mood::Good | Mood::Slow(_) | Mood::Swallowing => {}
        }
        let is_refresh = form.get("grant_type").is_some_and(|kind| kind == "refresh_token");
        if is_refresh && self.live.as_ref() != form.get("refresh_token") {
            self.reused += 1;
            return refused;
        }
        self.issued += 1;
        let refresh = format!("refresh-canary-{}", self.issued);
        self.live = Some(refresh.clone());
        let mut body = json!({"ok": true, "access_token": format!("access-canary-{}", self.issued),
                              "refresh_token": refresh, "token_type": "bearer", "team": {"name": "Acme"}});
        if let Some(lifetime) = self.lifetime {
            body["expires_in"] = json!(lifetime);
        }
        match self.mood {
            Mood::Swallowing => Act::Close,
            Mood::Slow(millis) => Act::After(Duration::from_millis(millis), Box::new(says(200, &body))),
            _ => says(200, &body),
        }
    }
}

/// The pairs of a form, in plain ASCII with %-escapes.
pub fn url_pairs(text: &str) -> BTreeMap<String, String> {
    let plain = |text: &str| {
        let bytes = text.replace('+', " ").into_bytes();
        let (mut out, mut at) = (Vec::new(), 0);
        while at < bytes.len() {
            let escaped = (bytes[at] == b'%')
                .then(|| std::str::from_utf8(bytes.get(at + 1..at + 3)?).ok())
                .flatten()
                .and_then(|digits| u8::from_str_radix(digits, 16).ok());
            out.push(escaped.unwrap_or(bytes[at]));
            at += if escaped.is_some() { 3 } else { 1 };
        }
        String::from_utf8(out).expect("UTF-8")
    };
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (plain(name), plain(value))).collect()
}
