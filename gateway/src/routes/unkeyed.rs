//! What needs no key: documents, what anyone may see of hoots, and requests to sources.

use std::future::ready;
use std::net::IpAddr;
use std::time::Duration;

use http::header::{ALLOW, HeaderValue};
use http::{Method, Request};
use hyper::body::Incoming;

use super::Handling;
use crate::connections::Connections;
use crate::connections::authorize::callback;
use crate::hoots::{Hoots, public};
use crate::http::body::RequestBody;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::http::request_id::RequestId;
use crate::sources::intake::arrival::Arrival;
use crate::sources::{Sources, address, intake};

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

/// Takes a request to a source in.
pub(super) fn take_in(
    sources: &Sources,
    ip: IpAddr,
    request: Request<Incoming>,
    body_silence: Duration,
) -> Handling {
    let (head, incoming) = request.into_parts();
    let (token, url_secret) = address::split(head.uri.path()).unwrap_or_default();
    let path_and_query = head.uri.path_and_query();
    let arrival = Arrival {
        method: head.method.clone(),
        token: token.to_owned(),
        url_secret: url_secret.map(str::to_owned),
        path_and_query: path_and_query
            .map_or("/", http::uri::PathAndQuery::as_str)
            .to_owned(),
        body: RequestBody::new(incoming, &head.headers, body_silence),
        headers: head.headers,
        ip,
    };
    Box::pin(intake::answer(sources.clone(), arrival))
}

/// A browser that comes back from a vendor. Its query holds a code, which is logged by nobody.
pub(super) fn come_back(
    connections: &Connections,
    ip: IpAddr,
    request_id: &RequestId,
    silence: Duration,
    request: Request<Incoming>,
) -> Handling {
    match *request.method() {
        Method::GET | Method::HEAD | Method::POST => {}
        Method::OPTIONS => return Box::pin(ready(Ok(options(callback::ALLOWED)))),
        _ => return Box::pin(ready(Err(Problem::method_not_allowed(callback::ALLOWED)))),
    }
    let (head, incoming) = request.into_parts();
    let visit = callback::Visit {
        body: RequestBody::new(incoming, &head.headers, silence),
        method: head.method,
        query: head.uri.query().map(str::to_owned),
        headers: head.headers,
        request_id: request_id.clone(),
        ip,
    };
    Box::pin(callback::answer(connections.clone(), visit))
}

/// The reply to OPTIONS.
pub(super) fn options(allow: &str) -> Reply {
    let reply = Reply::no_content();
    match HeaderValue::from_str(allow) {
        Ok(value) => reply.with_header(ALLOW, value),
        Err(_) => reply,
    }
}
