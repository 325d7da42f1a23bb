//! What an answer to an action's request means, by the action's own table and the common one behind it. Pure: an answer
//! in, a judgement out.

use std::time::UNIX_EPOCH;

use http::HeaderMap;
use jiff::Timestamp;

use super::definition::{ConnectionKind, Outcome, Verdict, Wait, WaitUnit};
use super::template::Scope;
use super::view;
use crate::filter::Data;
use crate::http::json::Node;

/// A vendor's wait is honoured up to here.
pub const MAX_WAIT_SECONDS: u64 = 24 * 3600;
/// Most characters of what is told of an answer.
const MAX_WHY_CHARS: usize = 500;

/// An answer as it was received.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    pub status: u16,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
    /// When it came, for waits that name a moment.
    pub now_unix_ms: i64,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    pub is: Verdict,
    /// What the vendor says of it, in one line.
    pub why: Option<String>,
    /// What a successful action gives: for `rule.succeeded` and for the delivery.
    pub result: Option<Node>,
    /// How long to wait before the next attempt, at least; up to `MAX_WAIT_SECONDS`.
    pub wait_seconds: Option<u64>,
    /// The `error_code` of the delivery; none for a success.
    pub error_code: Option<&'static str>,
}

impl Judgement {
    /// Whether the vendor asked for patience: such an attempt does not count.
    pub fn is_rate_limit(&self) -> bool {
        self.error_code == Some(RATE_LIMITED)
    }
}

const RATE_LIMITED: &str = "rate_limited";

/// Judges an answer: the first row of the table that holds, else the common rules. `kind` is that of the connection.
pub fn judge(table: &[Outcome], kind: Option<ConnectionKind>, answer: Answer<'_>) -> Judgement {
    let view = view::answer(answer.status, answer.headers, answer.body);
    let written = view::written(&view);
    let data = Data::of(written.as_bytes());
    let row = table.iter().find(|row| row.when.holds(&data));
    let is = row.map_or_else(|| common(answer.status, kind), |row| row.is);
    let roots = ["status", "headers", "body", "text"];
    let scope = Scope::new(
        roots
            .iter()
            .filter_map(|name| Some((*name, member(&view, name)?))),
    );
    let why = match row.and_then(|row| row.why.as_ref()) {
        Some(why) => why.text(&scope).ok().and_then(|why| line(&why)),
        None if is == Verdict::Success => None,
        None => view::text_of(&view, "text").and_then(|text| line(&text)),
    };
    let result = row.and_then(|row| row.result.as_ref());
    let result = result.and_then(|result| result.render(&scope).ok().flatten());
    let wait = row.and_then(|row| row.wait.as_ref());
    let wait_seconds = match is {
        Verdict::Retry => waits(wait, answer, &scope),
        _ => None,
    };
    let error_code = match (is, answer.status) {
        (Verdict::Success, _) => None,
        (Verdict::Retry, 429) => Some(RATE_LIMITED),
        (Verdict::Retry, 200..=499) if wait_seconds.is_some() => Some(RATE_LIMITED),
        (_, 200..=299) => Some("vendor_error"),
        (Verdict::Retry, _) | (_, 500..) => Some("http_status"),
        _ => Some("refused"),
    };
    Judgement {
        is,
        why,
        result: result.filter(|_| is == Verdict::Success),
        wait_seconds,
        error_code,
    }
}

/// Which row of a table holds for an answer.
pub(super) fn row(table: &[Outcome], answer: Answer<'_>) -> Option<usize> {
    let view = view::answer(answer.status, answer.headers, answer.body);
    let written = view::written(&view);
    let data = Data::of(written.as_bytes());
    table.iter().position(|row| row.when.holds(&data))
}

/// What every vendor means.
fn common(status: u16, kind: Option<ConnectionKind>) -> Verdict {
    match status {
        200..=299 => Verdict::Success,
        401 => Verdict::Refresh,
        410 if kind == Some(ConnectionKind::Url) => Verdict::Reconnect,
        408 | 425 | 429 | 500.. => Verdict::Retry,
        _ => Verdict::Fail,
    }
}

fn member<'v>(view: &'v Node, name: &str) -> Option<&'v Node> {
    let Node::Object(members) = view else { return None };
    members.iter().find(|(key, _)| key == name).map(|(_, node)| node)
}

/// One line of at most [`MAX_WHY_CHARS`] characters; `None` if nothing is left.
fn line(text: &str) -> Option<String> {
    let plain: String = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(MAX_WHY_CHARS)
        .collect();
    let plain = plain.trim();
    (!plain.is_empty()).then(|| plain.to_owned())
}

/// How long the vendor asks to wait: by the row, else by `Retry-After`; no shorter than the row's least.
fn waits(wait: Option<&Wait>, answer: Answer<'_>, scope: &Scope<'_>) -> Option<u64> {
    let said = wait.and_then(|wait| {
        let of_header = wait.header.as_ref().and_then(|name| {
            let value = answer.headers.get(name)?.to_str().ok()?;
            until(value, wait.unit, answer.now_unix_ms)
        });
        let of_body = || {
            let text = wait.body.as_ref()?.text(scope).ok()?;
            until(&text, wait.unit, answer.now_unix_ms)
        };
        of_header.or_else(of_body)
    });
    let retry_after = || {
        let value = answer.headers.get(http::header::RETRY_AFTER)?.to_str().ok()?;
        until(value, None, answer.now_unix_ms)
    };
    let said = said.or_else(retry_after);
    let least = wait.and_then(|wait| wait.at_least_seconds).map(u64::from);
    said.max(least).map(|seconds| seconds.min(MAX_WAIT_SECONDS))
}

/// Whole seconds from now, rounded up. Without a unit: seconds, an HTTP date or a moment of RFC 3339.
fn until(text: &str, unit: Option<WaitUnit>, now_unix_ms: i64) -> Option<u64> {
    let text = text.trim();
    let from_now = |unix_ms: i64| {
        let millis = u64::try_from(unix_ms.saturating_sub(now_unix_ms)).unwrap_or(0);
        millis.div_ceil(1000)
    };
    let number = || {
        text.parse::<f64>()
            .ok()
            .filter(|number| (0.0..1e12).contains(number))
    };
    // Within these bounds a number is exact.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 1e12"
    )]
    let seconds = |number: f64| number.ceil() as u64;
    match unit {
        Some(WaitUnit::Seconds) => number().map(seconds),
        Some(WaitUnit::Epoch) => {
            let at = i64::try_from(seconds(number()?)).ok()?;
            Some(from_now(at.checked_mul(1000)?))
        }
        Some(WaitUnit::Moment) => moment(text).map(from_now),
        None => number().map(seconds).or_else(|| moment(text).map(from_now)),
    }
}

fn moment(text: &str) -> Option<i64> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment.as_millisecond());
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let since = date.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Vec<Outcome> {
        #[derive(serde::Deserialize)]
        struct Table {
            outcome: Vec<Outcome>,
        }
        toml::from_str::<Table>(text).expect("a table").outcome
    }

    fn answered(table: &[Outcome], status: u16, headers: &[(&str, &str)], body: &str) -> Judgement {
        let mut sent = HeaderMap::new();
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().expect("a name");
            sent.append(name, value.parse().expect("a value"));
        }
        let answer = Answer {
            status,
            headers: &sent,
            body: body.as_bytes(),
            now_unix_ms: 1_700_000_000_000,
        };
        judge(table, None, answer)
    }

    #[test]
    fn the_common_rules_follow_by_themselves() {
        for (status, is, code) in [
            (200, Verdict::Success, None),
            (204, Verdict::Success, None),
            (302, Verdict::Fail, Some("refused")),
            (401, Verdict::Refresh, Some("refused")),
            (404, Verdict::Fail, Some("refused")),
            (410, Verdict::Fail, Some("refused")),
            (408, Verdict::Retry, Some("http_status")),
            (425, Verdict::Retry, Some("http_status")),
            (429, Verdict::Retry, Some("rate_limited")),
            (500, Verdict::Retry, Some("http_status")),
            (599, Verdict::Retry, Some("http_status")),
        ] {
            let judgement = answered(&[], status, &[], "");
            assert_eq!((judgement.is, judgement.error_code), (is, code), "{status}");
        }
        let headers = HeaderMap::new();
        let answer = Answer {
            status: 410,
            headers: &headers,
            body: b"",
            now_unix_ms: 0,
        };
        assert_eq!(
            judge(&[], Some(ConnectionKind::Url), answer).is,
            Verdict::Reconnect
        );
    }

    #[test]
    fn the_first_row_that_holds_decides() {
        let table = table(
            r#"
            [[outcome]]
            when = { "status" = 200, "body.ok" = true }
            is = "success"
            result = { ts = "{{body.ts}}", n = "{{body.n}}" }
            [[outcome]]
            when = { "body.error" = "busy" }
            is = "retry"
            [[outcome]]
            when = { "status" = 200 }
            is = "fail"
            why = "{{body.error}}"
            "#,
        );
        let good = answered(
            &table,
            200,
            &[],
            r#"{"ok":true,"ts":"1.2","n":10000000000000000001}"#,
        );
        assert_eq!(good.is, Verdict::Success);
        let result = view::written(&good.result.expect("a result"));
        assert_eq!(result, r#"{"ts":"1.2","n":10000000000000000001}"#);
        let no = answered(&table, 200, &[], "{\"ok\":false,\"error\":\"no\\nsuch\"}");
        assert_eq!((no.is, no.why.as_deref()), (Verdict::Fail, Some("no such")));
        assert_eq!(no.error_code, Some("vendor_error"));
        let busy = answered(&table, 200, &[], r#"{"ok":false,"error":"busy"}"#);
        assert_eq!((busy.is, busy.error_code), (Verdict::Retry, Some("vendor_error")));
        assert!(!busy.is_rate_limit());
    }

    #[test]
    fn waits_are_read_in_all_their_forms() {
        let wait = |rule: &str, headers: &[(&str, &str)], body: &str| {
            let rows = table(&format!(
                "[[outcome]]\nwhen = {{ \"status\" = 429 }}\nis = \"retry\"\n{rule}"
            ));
            answered(&rows, 429, headers, body).wait_seconds
        };
        assert_eq!(wait("", &[], ""), None);
        assert_eq!(wait("", &[("retry-after", "30")], ""), Some(30));
        assert_eq!(
            wait("", &[("retry-after", "Tue, 14 Nov 2023 22:14:20 GMT")], ""),
            Some(60)
        );
        assert_eq!(wait("", &[("retry-after", "2023-11-14T22:13:30Z")], ""), Some(10));
        assert_eq!(wait("", &[("retry-after", "2020-01-01T00:00:00Z")], ""), Some(0));
        assert_eq!(wait("", &[("retry-after", "soon")], ""), None);
        assert_eq!(wait("", &[("retry-after", "-1")], ""), None);
        assert_eq!(wait("", &[("retry-after", "999999")], ""), Some(MAX_WAIT_SECONDS));
        let least = "wait = { at_least_seconds = 60 }";
        assert_eq!(wait(least, &[], ""), Some(60));
        assert_eq!(wait(least, &[("retry-after", "90")], ""), Some(90));
        let epoch = "wait = { header = \"X-Reset\", unit = \"epoch\" }";
        assert_eq!(wait(epoch, &[("x-reset", "1700000007")], ""), Some(7));
        assert_eq!(wait(epoch, &[("retry-after", "3")], ""), Some(3));
        let body = "wait = { body = \"{{body.retry_after}}\", unit = \"seconds\" }";
        assert_eq!(wait(body, &[], r#"{"retry_after":0.4}"#), Some(1));
        assert_eq!(wait(body, &[], r#"{"retry_after":"never"}"#), None);
    }
}
