//! What the answer of a token endpoint means.

use super::members::{member, member_text};
use crate::base::secret::Secret;
use crate::connectors::definition::Connection;
use crate::connectors::template::{Scope, Text};
use crate::connectors::view;
use crate::filter::Data;
use crate::http::json::{self, Node};

const MAX_TOKEN_BYTES: usize = 12 * 1024;
const MAX_WORD_CHARS: usize = 100;
/// Ten years; what lasts longer lasts for ever.
const MAX_LIFETIME_SECONDS: i64 = 315_360_000;

/// Errors after which the same call may succeed later, whatever the status says.
const PASSING: &[&str] = &[
    "temporarily_unavailable",
    "server_error",
    "slow_down",
    "rate_limited",
    "ratelimited",
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
];
/// What ends a refresh token.
const ENDED: &[&str] = &[
    "invalid_grant",
    "invalid_refresh_token",
    "token_revoked",
    "token_expired",
];

/// What a vendor handed out.
#[derive(Debug)]
pub struct Granted {
    pub access_token: Secret<String>,
    /// Absent: the old one stays.
    pub refresh_token: Option<Secret<String>>,
    /// Absent: nobody knows when it ends.
    pub lifetime_seconds: Option<i64>,
    /// How long the refresh token lasts, where the vendor says so.
    pub grant_lifetime_seconds: Option<i64>,
    pub scopes: Option<Vec<String>>,
    pub account: Option<String>,
}

/// The verdict on an answer.
#[derive(Debug)]
pub enum Judged {
    Granted(Box<Granted>),
    /// The vendor says no; asking again brings the same. `is_grant` means that the grant itself has ended.
    Refused {
        code: String,
        is_grant: bool,
    },
    /// No answer that counts: it may be asked again.
    Failed {
        why: String,
    },
}

/// Judges an answer by its status and its body, of which the vendor's error code is the only part that is told on.
pub fn judge(defined: &Connection, status: u16, headers: &http::HeaderMap, body: &[u8]) -> Judged {
    let failed = |why: String| Judged::Failed { why };
    if status >= 500 || matches!(status, 408 | 425 | 429) {
        return failed(format!("The token endpoint answered {status}."));
    }
    let parsed = json::parse(body).ok();
    let error = parsed.as_ref().and_then(error_code);
    let is_success = (200..300).contains(&status)
        && defined.success.as_ref().is_none_or(|success| {
            let view = view::written(&view::answer(status, headers, body));
            success.holds(&Data::of(view.as_bytes()))
        });
    if is_success {
        let granted = parsed.as_ref().and_then(|body| granted(defined, body));
        return match granted {
            Some(granted) => Judged::Granted(Box::new(granted)),
            None => failed("The token endpoint's answer holds no access token.".into()),
        };
    }
    match error {
        Some(code) if !PASSING.contains(&code.as_str()) => Judged::Refused {
            is_grant: ENDED.contains(&code.as_str()),
            code,
        },
        Some(code) => failed(format!("The token endpoint answered {code}.")),
        None if matches!(status, 400 | 401 | 403) => Judged::Refused {
            code: format!("http_{status}"),
            is_grant: false,
        },
        None => failed(format!("The token endpoint answered {status}.")),
    }
}

/// `error` of RFC 6749, 5.2. Other texts than words are not repeated.
fn error_code(body: &Node) -> Option<String> {
    let code = match member(body, "error")? {
        Node::Text(code) => code.as_str(),
        node => member_text(node, "code").or_else(|| member_text(node, "type"))?,
    };
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let is_word = !code.is_empty() && code.len() <= MAX_WORD_CHARS && code.bytes().all(is_letter);
    Some(match is_word {
        true => code.to_owned(),
        false => "error".to_owned(),
    })
}

fn granted(defined: &Connection, body: &Node) -> Option<Granted> {
    let token = |name: &str| {
        let text = member_text(body, name)?;
        let is_token = !text.is_empty()
            && text.len() <= MAX_TOKEN_BYTES
            && text.bytes().all(|byte| matches!(byte, 0x21..=0x7e));
        is_token.then(|| Secret::new(text.to_owned()))
    };
    let seconds = |name: &str| {
        let seconds = match member(body, name)? {
            Node::Number(text) | Node::Text(text) => text.parse::<f64>().ok()?,
            _ => return None,
        };
        (seconds > 0.0 && seconds <= MAX_LIFETIME_SECONDS as f64).then_some(seconds as i64)
    };
    let separators: &[char] = &[' ', ','];
    let scopes = member_text(body, "scope").map(|text| {
        let words = text.split(separators).filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    });
    Some(Granted {
        access_token: token("access_token")?,
        refresh_token: token("refresh_token"),
        lifetime_seconds: seconds("expires_in"),
        grant_lifetime_seconds: seconds("refresh_token_expires_in").or_else(|| seconds("refresh_expires_in")),
        scopes,
        account: defined
            .account
            .as_ref()
            .and_then(|account| account_of(account, body)),
    })
}

/// Whose an answer says the connection is.
fn account_of(account: &Text, body: &Node) -> Option<String> {
    let text = account.text(&Scope::new([("body", body)])).ok()?;
    let text: String = text
        .chars()
        .filter(|letter| !letter.is_control())
        .take(200)
        .collect();
    Some(text).filter(|text| !text.trim().is_empty())
}
