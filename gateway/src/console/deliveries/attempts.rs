//! The attempts of a delivery as its page shows them.

use serde::Deserialize;

use super::words;
use crate::delivery::log::ErrorCode;

/// How wide the bar of an attempt is drawn.
const WIDTH: f64 = 240.0;

/// An attempt as the log keeps it.
#[derive(Deserialize)]
struct Logged {
    number: u16,
    at: String,
    status_code: Option<u16>,
    error_code: Option<String>,
    error_detail: Option<String>,
    response_body: Option<String>,
    dns_ms: Option<f64>,
    connect_ms: Option<f64>,
    tls_ms: Option<f64>,
    first_byte_ms: Option<f64>,
    total_ms: f64,
}

/// An attempt in words, with its bar.
pub struct Shown {
    pub number: u16,
    pub at: Option<crate::base::clock::Millis>,
    pub status_code: Option<u16>,
    pub error: Option<ErrorCode>,
    pub detail: Option<String>,
    pub answer: String,
    pub advice: Option<&'static str>,
    pub response_body: Option<String>,
    pub times: String,
    pub bar: Vec<Part>,
}

/// A part of a bar.
pub struct Part {
    pub class: &'static str,
    pub x: u32,
    pub width: u32,
}

/// Reads attempts; the longest one has the longest bar.
pub fn read(json: &str) -> Result<Vec<Shown>, serde_json::Error> {
    let logged: Vec<Logged> = serde_json::from_str(json)?;
    let longest = logged.iter().map(|attempt| attempt.total_ms).fold(1.0, f64::max);
    Ok(logged
        .into_iter()
        .map(|attempt| shown(attempt, longest))
        .collect())
}

fn shown(attempt: Logged, longest: f64) -> Shown {
    let error = attempt.error_code.as_deref().and_then(ErrorCode::parse);
    // Each is what it took by itself, one after another; what is left is the answer's body.
    let parts = [
        ("dns", attempt.dns_ms),
        ("connect", attempt.connect_ms),
        ("tls", attempt.tls_ms),
        ("first byte", attempt.first_byte_ms),
    ];
    let known = parts
        .iter()
        .filter_map(|(name, took)| took.map(|took| (*name, took)));
    let mut times: Vec<String> = known.map(|(name, took)| format!("{name} {took:.1} ms")).collect();
    times.push(format!("total {:.1} ms", attempt.total_ms));
    Shown {
        number: attempt.number,
        at: crate::base::clock::Millis::parse(&attempt.at),
        status_code: attempt.status_code,
        answer: words::answer(attempt.status_code, error),
        advice: error.map(|error| words::advice(attempt.status_code, error)),
        error,
        detail: attempt.error_detail,
        response_body: attempt.response_body,
        times: times.join(", "),
        bar: bar(&parts, attempt.total_ms, longest),
    }
}

fn bar(parts: &[(&'static str, Option<f64>)], total: f64, longest: f64) -> Vec<Part> {
    let mut bar = Vec::new();
    let mut from = 0.0;
    let rest = parts
        .iter()
        .filter_map(|(_, took)| *took)
        .fold(total, |rest, took| rest - took);
    let all = parts.iter().copied().chain([("rest", Some(rest.max(0.0)))]);
    for (name, took) in all {
        let took = took.unwrap_or(0.0).min(total - from);
        if took <= 0.0 {
            continue;
        }
        let class = match name {
            "dns" => "rest",
            "connect" => "busy",
            "tls" => "warn",
            "first byte" => "good",
            _ => "edge",
        };
        let (x, end) = (scaled(from, longest), scaled(from + took, longest));
        bar.push(Part {
            class,
            x,
            width: end.saturating_sub(x).max(1),
        });
        from += took;
    }
    bar
}

/// At most the bar's width, so that nothing is cut off.
fn scaled(value: f64, longest: f64) -> u32 {
    (value / longest * WIDTH).clamp(0.0, WIDTH).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_share() {
        let json = r#"[{"number":1,"at":"2026-11-30T17:25:03.000Z","status_code":503,"error_code":"http_status",
            "error_detail":null,"response_body":"no","dns_ms":1.0,"connect_ms":1.0,"tls_ms":null,
            "first_byte_ms":6.0,"total_ms":10.0},
            {"number":2,"at":"2026-11-30T17:26:03.000Z","status_code":200,"error_code":null,"error_detail":null,
            "response_body":null,"dns_ms":null,"connect_ms":null,"tls_ms":null,"first_byte_ms":null,"total_ms":5.0}]"#;
        let shown = read(json).expect("attempts");
        assert_eq!(
            (shown[0].answer.as_str(), shown[1].answer.as_str()),
            ("HTTP 503", "HTTP 200")
        );
        assert_eq!(
            shown[0].times,
            "dns 1.0 ms, connect 1.0 ms, first byte 6.0 ms, total 10.0 ms"
        );
        let ends = |shown: &Shown| shown.bar.last().map(|part| part.x + part.width);
        assert_eq!((ends(&shown[0]), ends(&shown[1])), (Some(240), Some(120)));
        assert!(shown[0].advice.is_some() && shown[1].advice.is_none());
    }
}
