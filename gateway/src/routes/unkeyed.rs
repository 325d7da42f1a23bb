//! What needs no key: documents, and what anyone may see of hoots.

use std::net::IpAddr;

use http::header::{ALLOW, HeaderValue};
use http::{Method, Request};
use hyper::body::Incoming;

use crate::hoots::{Hoots, public};
use crate::http::problem::Problem;
use crate::http::reply::Reply;

const ALLOWED: &str = "GET, HEAD, OPTIONS";

/// Answers what can only be read.
pub(super) fn answer(
    method: &Method,
    read: impl FnOnce() -> Result<Reply, Problem>,
) -> Result<Reply, Problem> {
    match *method {
        Method::GET | Method::HEAD => read(),
        Method::OPTIONS => Ok(options(ALLOWED)),
        _ => Err(Problem::method_not_allowed(ALLOWED)),
    }
}

/// Shows a hoot, from memory.
pub(super) fn show(
    hoots: &Hoots,
    form: public::Form,
    ip: IpAddr,
    request: &Request<Incoming>,
) -> Result<Reply, Problem> {
    let uri = request.uri();
    let id = public::find(uri.path()).map_or("", |(_, id)| id);
    let query = uri.query().unwrap_or_default();
    answer(request.method(), || {
        public::answer(hoots, form, id, query, request.headers(), ip)
    })
}

/// The reply to OPTIONS.
pub(super) fn options(allow: &str) -> Reply {
    let reply = Reply::no_content();
    match HeaderValue::from_str(allow) {
        Ok(value) => reply.with_header(ALLOW, value),
        Err(_) => reply,
    }
}
