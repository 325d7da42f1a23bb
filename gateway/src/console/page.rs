//! A page as a reply: rendered, with the headers of every page; and pages that tell of an error.

use askama::Template;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};

use super::cookies;
use super::frame::Frame;
use super::site::Site;
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;
use crate::http::request_id::RequestId;

const HTML: &str = "text/html; charset=utf-8";
const HEADERS: [(&str, &str); 5] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
         trusted-types 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// Renders a page.
pub fn html(status: StatusCode, template: &impl Template) -> Result<Reply, Problem> {
    let text = template.render().map_err(|fault| Problem::internal(&fault))?;
    Ok(Reply::of(status, HTML, text))
}

/// Whether a reply is a page that somebody reads.
pub fn is_html(reply: &mut Reply) -> bool {
    reply
        .headers_mut()
        .get(CONTENT_TYPE)
        .is_some_and(|found| found == HTML)
}

/// Takes away the notice that this page has shown.
pub fn forget_notice(reply: &mut Reply, site: &Site) {
    cookies::clear_notice(reply, site);
}

/// Adds the headers of every reply of the console.
pub fn finish(mut reply: Reply, is_https: bool) -> Reply {
    let headers = reply.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if is_https {
        let value = HeaderValue::from_static("max-age=31536000");
        headers.insert(HeaderName::from_static("strict-transport-security"), value);
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    reply
}

/// What went wrong, and what helps.
#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    frame: Frame,
    detail: &'a str,
    advice: &'a str,
    code: &'a str,
    status: u16,
    request_id: &'a str,
    /// Sign in, or try again.
    way_on: WayOn,
}

#[derive(PartialEq, Eq)]
enum WayOn {
    SignIn,
    Retry,
    Home,
}

/// The heading of an error's page.
pub fn heading(problem: &Problem) -> &'static str {
    match problem.code() {
        Code::NotFound => "Not found",
        Code::ScopeMissing => "This key lacks a scope",
        code => code.title(),
    }
}

/// The page of an error, in its frame.
pub fn of_problem(mut problem: Problem, frame: Frame, request_id: &RequestId) -> Reply {
    let code = problem.code();
    let page = ErrorPage {
        detail: problem.detail(),
        advice: code.advice(),
        code: code.name(),
        status: code.status(),
        request_id: request_id.as_str(),
        way_on: match code.status() {
            401 | 410 => WayOn::SignIn,
            429 | 500 | 503 => WayOn::Retry,
            _ => WayOn::Home,
        },
        frame,
    };
    let rendered = html(problem.status(), &page);
    let mut reply = rendered.unwrap_or_else(|_| Reply::of(problem.status(), "text/plain", code.title()));
    for (name, value) in problem.take_headers() {
        // The API's challenge asks for a bearer, which pages do not take.
        if let Some(name) = name.filter(|name| name != "www-authenticate") {
            reply.headers_mut().insert(name, value);
        }
    }
    reply
}

/// How a status looks: it has gone well, is under way, wants a look, has failed, or is at rest.
pub fn tone(word: &str) -> &'static str {
    match word {
        "active" | "live" | "succeeded" | "completed" | "healthy" | "enabled" | "happy" | "delivered" => {
            "good"
        }
        "pending" | "waiting" | "running" | "checking" | "queued" => "busy",
        "expires soon" | "failing" | "paused" | "sad" | "completed_with_errors" | "cancelling" => "warn",
        "failed" | "revoked" | "sick" | "error" => "bad",
        _ => "rest",
    }
}
