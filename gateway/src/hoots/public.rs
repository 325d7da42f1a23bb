//! What anyone may see without a key: badge, page and JSON of a public hoot, from memory.

use std::net::IpAddr;
use std::sync::OnceLock;

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, HeaderName, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, StatusCode};

use super::badge::{self, Look};
use super::{Hoots, page};
use crate::base::clock::Millis;
use crate::base::id::HootId;
use crate::base::network::network_of;
use crate::http::problem::{Code, Problem};
use crate::http::reply::{Reply, has_etag};

const PREFIX: &str = "/hoots/";
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
    frame-ancestors *";

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Badge,
    Page,
    Json,
}

impl Form {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Badge, Self::Page, Self::Json];

    /// The route, as metrics and the log name it.
    pub const fn route(self) -> &'static str {
        match self {
            Self::Badge => "/hoots/{id}/badge.svg",
            Self::Page => "/hoots/{id}",
            Self::Json => "/hoots/{id}.json",
        }
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Badge => "image/svg+xml",
            Self::Page => "text/html; charset=utf-8",
            Self::Json => "application/json",
        }
    }
}

/// The form that a path asks for, and the text where the id stands; `None` if it is no public path.
pub fn find(path: &str) -> Option<(Form, &str)> {
    let rest = path.strip_prefix(PREFIX)?;
    if let Some(id) = rest.strip_suffix("/badge.svg") {
        return (!id.contains('/')).then_some((Form::Badge, id));
    }
    if rest.contains('/') {
        return None;
    }
    Some(match rest.strip_suffix(".json") {
        Some(id) => (Form::Json, id),
        None => (Form::Page, rest),
    })
}

/// Answers a GET. 429 beyond the network's rate; 404 for what there is not and for what is not public, which look alike.
pub fn answer(
    hoots: &Hoots,
    form: Form,
    id: &str,
    query: &str,
    headers: &HeaderMap,
    ip: IpAddr,
) -> Result<Reply, Problem> {
    let viewers = &hoots.viewers;
    if let Err(wait) = viewers.networks.take(&network_of(ip)) {
        viewers.refused.increment(1);
        return Err(Problem::too_many_views(viewers.per_second, wait)
            .with_header(CORP, HeaderValue::from_static("cross-origin")));
    }
    let look = Look::read(query);
    let Some(shown) = HootId::parse(id).and_then(|id| hoots.registry.find(id)) else {
        return not_found(form, &look);
    };
    let now = Millis::now();
    let drawn = match form {
        Form::Badge => shown.badge(&look, now),
        Form::Page => shown.page(now),
        Form::Json => shown.json(now),
    };
    let reply = match has_etag(headers, &drawn.etag) {
        true => Reply::empty(StatusCode::NOT_MODIFIED),
        false => Reply::of(StatusCode::OK, form.media_type(), drawn.body.clone()),
    };
    Ok(dressed(reply, form).with_header(ETAG, drawn.etag.clone()))
}

fn not_found(form: Form, look: &Look) -> Result<Reply, Problem> {
    static PAGE: OnceLock<Bytes> = OnceLock::new();
    let body: Bytes = match form {
        Form::Badge => badge::unknown(look).into(),
        Form::Page => PAGE.get_or_init(|| page::not_found().into()).clone(),
        Form::Json => {
            let problem = Problem::new(Code::NotFound, "There is no such hoot, or it is not public.");
            return Err(headers_of(form)
                .into_iter()
                .fold(problem, |problem, (name, value)| problem.with_header(name, value)));
        }
    };
    Ok(dressed(
        Reply::of(StatusCode::NOT_FOUND, form.media_type(), body),
        form,
    ))
}

const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

fn headers_of(form: Form) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = vec![
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (CORP, HeaderValue::from_static("cross-origin")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    match form {
        Form::Badge | Form::Page => headers.push((CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY))),
        Form::Json => headers.push((ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"))),
    }
    if form == Form::Page {
        headers.push((REFERRER_POLICY, HeaderValue::from_static("no-referrer")));
    }
    headers
}

fn dressed(reply: Reply, form: Form) -> Reply {
    let headers = headers_of(form).into_iter();
    headers.fold(reply, |reply, (name, value)| reply.with_header(name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_their_forms() {
        for (path, found) in [
            ("/hoots/a/badge.svg", Some((Form::Badge, "a"))),
            ("/hoots/a", Some((Form::Page, "a"))),
            ("/hoots/a.json", Some((Form::Json, "a"))),
            ("/hoots/", Some((Form::Page, ""))),
            ("/hoots/a/b", None),
            ("/hoots/a/b/badge.svg", None),
            ("/hoots", None),
        ] {
            assert_eq!(find(path), found, "{path}");
        }
    }
}
