//! Why deliveries to an endpoint failed, each number with the list that it counts.

use url::form_urlencoded::Serializer;

use super::LIST;
use crate::base::clock::Millis;
use crate::base::id::WebhookId;
use crate::console::deliveries::words;
use crate::delivery::log::ErrorCode;
use crate::delivery::stats::History;
use crate::delivery::stats::counters::beginning;

/// The windows, each with the length of the buckets that count in it if they touch it.
const WINDOWS: [(&str, i64, i64); 3] = [
    ("the last hour", 3_600, 300),
    ("the last 24 hours", 86_400, 300),
    ("the last 7 days", 7 * 86_400, 3_600),
];

/// One cause.
pub struct Cause {
    pub words: String,
    /// As the API calls it.
    pub code: String,
    pub windows: Vec<Window>,
}

/// How many deliveries failed for it within a window.
pub struct Window {
    pub count: u64,
    pub name: &'static str,
    pub list: String,
}

/// The causes of the last seven days.
pub fn causes(history: &History, webhook: WebhookId, now: Millis) -> Vec<Cause> {
    let found = history.causes(now).into_iter();
    found
        .map(|cause| {
            let status = cause.cause.strip_prefix("http_").filter(|rest| *rest != "status");
            let counts = [cause.last_1h, cause.last_24h, cause.last_7d];
            let window = |(count, (name, seconds, bucket)): (u64, (&'static str, i64, i64))| {
                let since = beginning(now.plus_seconds(-seconds), bucket).to_utc();
                let (field, value) = match status {
                    Some(status) => ("status_code", status),
                    None => ("error_code", cause.cause.as_str()),
                };
                let query = Serializer::new(String::new())
                    .append_pair("status", "failed")
                    .append_pair(field, value)
                    .append_pair("since", &since)
                    .finish();
                Window {
                    count,
                    name,
                    list: format!("{LIST}/{webhook}/deliveries?{query}"),
                }
            };
            Cause {
                words: match (status, ErrorCode::parse(&cause.cause)) {
                    (Some(status), _) => format!("HTTP {status}"),
                    (None, Some(error)) => words::what(error).to_owned(),
                    (None, None) => cause.cause.clone(),
                },
                windows: counts.into_iter().zip(WINDOWS).map(window).collect(),
                code: cause.cause,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_leads_to_its_list() {
        let now = Millis(1_796_033_820_000);
        let at = now.0 / 3_600_000 * 3_600;
        let json = format!(r#"[[3600,{at},0,3,0,null,{{}},{{"http_503":2,"timeout":1}}]]"#);
        let id = WebhookId::generate();
        let found = causes(&History::of(Some(&json)), id, now);
        let words: Vec<&str> = found.iter().map(|cause| cause.words.as_str()).collect();
        assert_eq!(words, ["HTTP 503", "timed out"]);
        let week = &found[0].windows[2];
        let expected =
            format!("{LIST}/{id}/deliveries?status=failed&status_code=503&since=2026-11-23+10%3A00%3A00+UTC");
        assert_eq!((week.count, &week.list), (2, &expected));
        assert!(found[1].windows[0].list.contains("error_code=timeout"));
    }
}
