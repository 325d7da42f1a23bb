//! The few cookies of the console: the session, a notice for the next page, how the reader wants times and tables.

use http::HeaderMap;
use http::header::{COOKIE, HeaderValue, InvalidHeaderValue, SET_COOKIE};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::site::Site;
use crate::base::hex;
use crate::http::reply::Reply;

/// A session's secret, as its cookie holds it.
pub const SECRET_LEN: usize = 64;
const ZONE: &str = "gw_zone";
const ROWS: &str = "gw_rows";
/// How long a choice of the reader's holds, and where.
const CHOSEN: &str = "Max-Age=31536000; Path=/integrations; SameSite=Lax";
/// What a notice may say; longer ones would not fit a cookie.
const MAX_NOTICE_CHARS: usize = 500;

fn find<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';'));
    pairs.find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// The secret of the session that a request claims to belong to.
pub fn session<'a>(headers: &'a HeaderMap, site: &Site) -> Option<&'a str> {
    let secret = find(headers, &site.cookie_name())?;
    (secret.len() == SECRET_LEN && hex::is_lower_hex(secret.as_bytes())).then_some(secret)
}

/// Whether a request carries the session's cookie, good or not.
pub fn has_session(headers: &HeaderMap, site: &Site) -> bool {
    find(headers, &site.cookie_name()).is_some()
}

/// The notice that the page before left.
pub fn notice(headers: &HeaderMap, site: &Site) -> Option<String> {
    let text = find(headers, &notice_name(site)).filter(|text| !text.is_empty())?;
    let text = percent_decode_str(text).decode_utf8().ok()?;
    Some(text.chars().take(MAX_NOTICE_CHARS).collect())
}

/// Whether times are wanted in the reader's own zone.
pub fn wants_local_times(headers: &HeaderMap) -> bool {
    find(headers, ZONE) == Some("local")
}

/// Starts a session in the browser, for as long as that runs.
pub fn set_session(reply: &mut Reply, site: &Site, secret: &str) {
    set(
        reply,
        format!("{}={secret}; {}", site.cookie_name(), site.cookie_attributes()),
    );
}

/// Ends the session in the browser.
pub fn clear_session(reply: &mut Reply, site: &Site) {
    set(
        reply,
        format!("{}=; Max-Age=0; {}", site.cookie_name(), site.cookie_attributes()),
    );
}

/// Leaves a notice for the next page.
pub fn set_notice(reply: &mut Reply, site: &Site, text: &str) {
    let text: String = text.chars().take(MAX_NOTICE_CHARS).collect();
    let text = utf8_percent_encode(&text, NON_ALPHANUMERIC);
    set(
        reply,
        format!(
            "{}={text}; Max-Age=60; {}",
            notice_name(site),
            site.cookie_attributes()
        ),
    );
}

/// Takes the notice away: it was shown.
pub fn clear_notice(reply: &mut Reply, site: &Site) {
    set(
        reply,
        format!("{}=; Max-Age=0; {}", notice_name(site), site.cookie_attributes()),
    );
}

/// Remembers the reader's choice of a time zone; the script reads it.
pub fn set_zone(reply: &mut Reply, is_local: bool) {
    let zone = if is_local { "local" } else { "utc" };
    set(reply, format!("{ZONE}={zone}; {CHOSEN}"));
}

/// Whether rows of tables are wanted close together.
pub fn wants_dense_rows(headers: &HeaderMap) -> bool {
    find(headers, ROWS) == Some("dense")
}

/// Remembers how close the reader wants rows.
pub fn set_rows(reply: &mut Reply, are_dense: bool) {
    let rows = if are_dense { "dense" } else { "wide" };
    set(reply, format!("{ROWS}={rows}; {CHOSEN}"));
}

fn notice_name(site: &Site) -> String {
    format!("{}_notice", site.cookie_name())
}

fn set(reply: &mut Reply, cookie: String) {
    // Names and attributes are ours, values hexadecimal or percent-encoded: a header value in any case.
    let value: Result<HeaderValue, InvalidHeaderValue> = cookie.try_into();
    if let Ok(value) = value {
        reply.headers_mut().append(SET_COOKIE, value);
    }
}
