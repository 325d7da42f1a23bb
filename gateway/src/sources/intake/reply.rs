//! Replies to vendors: the connector's, with nothing in them that a browser would run.

use http::StatusCode;
use http::header::{
    CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};

use crate::connectors::definition;
use crate::connectors::template::{Scope, header_value};
use crate::http::json::Node;
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;

/// The longest value that is echoed, in bytes.
const MAX_ECHO_BYTES: usize = 1_024;
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'");
const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const TEXT: &str = "text/plain; charset=utf-8";

/// The reply that a connector names, its values from the request.
pub fn reply(written: &definition::Reply, scope: &Scope<'_>) -> Result<Reply, Problem> {
    let status = StatusCode::from_u16(written.status).unwrap_or(StatusCode::OK);
    let mut reply = if let Some(text) = &written.text {
        let text = text.text(scope).map_err(|_| refused())?;
        check(&text)?;
        if text.is_empty() {
            return Err(refused());
        }
        Reply::of(status, TEXT, text)
    } else if let Some(tree) = &written.json {
        let node = tree.render(scope).map_err(|_| refused())?.ok_or_else(refused)?;
        check_all(&node)?;
        Reply::json(status, &node)?
    } else {
        Reply::empty(status)
    };
    for (name, value) in &written.headers {
        let value = value.text(scope).map_err(|_| refused())?;
        if value.is_empty() {
            continue;
        }
        check(&value)?;
        header_value(&value).map_err(|_| refused())?;
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
            reply = reply.with_header(name, value);
        }
    }
    Ok(dressed(reply))
}

/// A reply that no browser takes for more than it is.
pub fn dressed(reply: Reply) -> Reply {
    reply
        .with_header(X_CONTENT_TYPE_OPTIONS, NO_SNIFF)
        .with_header(CONTENT_SECURITY_POLICY, POLICY)
}

/// The same for a refusal.
pub fn dressed_problem(problem: Problem) -> Problem {
    let is_unauthorized = problem.status() == StatusCode::UNAUTHORIZED;
    let problem = problem
        .with_header(X_CONTENT_TYPE_OPTIONS, NO_SNIFF)
        .with_header(CONTENT_SECURITY_POLICY, POLICY);
    match is_unauthorized {
        // RFC 9110 wants a challenge; there is no registered scheme for vendors' signatures.
        true => problem.with_header(
            WWW_AUTHENTICATE,
            HeaderValue::from_static("Signature realm=\"source\""),
        ),
        false => problem,
    }
}

/// 403 for a handshake.
pub fn refused() -> Problem {
    Problem::new(
        Code::HandshakeRefused,
        "This is no handshake of the source's vendor, or its token is not the source's.",
    )
}

fn check_all(node: &Node) -> Result<(), Problem> {
    match node {
        Node::Null | Node::Bool(_) | Node::Number(_) => Ok(()),
        Node::Text(text) => check(text),
        Node::List(items) => items.iter().try_for_each(check_all),
        Node::Object(members) => members.iter().try_for_each(|(_, member)| check_all(member)),
    }
}

/// Refuses what a browser could take for markup, and what is longer than any vendor's challenge.
fn check(text: &str) -> Result<(), Problem> {
    let is_odd = |letter: char| matches!(letter, '<' | '>' | '"' | '\'') || letter.is_control();
    match text.len() <= MAX_ECHO_BYTES && !text.chars().any(is_odd) {
        true => Ok(()),
        false => Err(refused()),
    }
}
