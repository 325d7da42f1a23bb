//! The pages that a person sees after the vendor: small, without a script, and kept by nobody.

use askama::Template;
use http::StatusCode;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};

use crate::http::problem::Problem;
use crate::http::reply::Reply;

const POLICY: &str = "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What the form of a page that asks sends on.
#[derive(Debug)]
pub(super) struct Asked {
    pub state: String,
    pub code: String,
}

#[derive(Template)]
#[template(path = "authorize/callback.html")]
struct Page<'a> {
    title: &'a str,
    lines: &'a [String],
    asked: Option<&'a Asked>,
}

/// A page that says so.
pub(super) fn page(
    status: StatusCode,
    title: &str,
    lines: &[String],
    asked: Option<&Asked>,
) -> Result<Reply, Problem> {
    let page = Page { title, lines, asked };
    let html = page.render().map_err(|fault| Problem::internal(&fault))?;
    Ok(guarded(Reply::of(status, "text/html; charset=utf-8", html)))
}

/// With the headers that keep a code from leaking.
pub(super) fn guarded(mut reply: Reply) -> Reply {
    let headers: [(HeaderName, &'static str); 4] = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in headers {
        reply = reply.with_header(name, HeaderValue::from_static(value));
    }
    reply
}
