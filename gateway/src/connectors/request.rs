//! An action's request from its template: every value is written by the serializer of its position, and no host but the
//! definition's is ever called.

use std::fmt;

use http::{HeaderName, HeaderValue, Method};
use url::Url;

use super::credential::{Carried, Credential, with_masks};
use super::definition::{Connection, Definition, Pairs, Request, host_fits};
use super::mime;
use super::template::{MAX_RENDERED_BYTES, RenderFault, Scope, encode_pairs, header_value, plain};
use super::view::object;
use crate::http::json::Node;

/// Headers that are the connection's own business.
const HOP_BY_HOP: &[&str] = &[
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "keep-alive",
    "expect",
];

/// A request that is ready to be sent.
#[derive(Clone)]
pub struct Rendered {
    pub method: Method,
    pub url: Url,
    /// In the order of the definition, the credential's and `Content-Type` last.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Vec<u8>,
}

/// URL, headers and body may hold secrets.
impl fmt::Debug for Rendered {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = out.debug_struct("Rendered");
        shown.field("method", &self.method).finish_non_exhaustive()
    }
}

/// A request as people may see it: secrets are masked.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Shown {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// What a request is made from.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    pub definition: &'a Definition,
    pub request: &'a Request,
    /// Absent for actions that need none.
    pub credential: Option<&'a Credential>,
    /// `input`, `event`, `data`, `delivery`, `now`, and what steps before this one captured.
    pub roots: &'a [(&'a str, &'a Node)],
}

/// The request. A fault has the path of the value that did not fit, such as `input.subject`.
pub fn render(given: Given<'_>) -> Result<Rendered, RenderFault> {
    let connection = given.connection()?;
    let fields = given.credential.map_or(Node::Null, Credential::node);
    let mut roots: Vec<(&str, &Node)> = given.roots.to_vec();
    roots.push(("connection", &fields));
    let mime = match &given.request.mime {
        Some(parts) => Some(Node::Text(mime::render(
            parts,
            &Scope::new(roots.iter().copied()),
        )?)),
        None => None,
    };
    if let Some(mime) = &mime {
        roots.push(("mime", mime));
    }
    let scope = Scope::new(roots.iter().copied());
    let method = method(given.request, &scope)?;
    let mut url = url(given, connection, &scope)?;
    let mut query = pairs(&given.request.query, &scope).map_err(|fault| fault.within("query"))?;
    let mut headers = headers(&given.request.headers, &scope)?;
    let (body, content_type) = body(given.request, &scope)?;
    if let (Some(credential), Some(connection)) = (given.credential, connection) {
        match credential.carried(connection) {
            Carried::Header(name, value) => set_header(&mut headers, &name, &value)?,
            Carried::Query(name, value) => query.push((name, value)),
            Carried::Template => {}
        }
    }
    if let Some(content_type) = content_type
        && !headers.iter().any(|(name, _)| name == http::header::CONTENT_TYPE)
    {
        let value = HeaderValue::from_static(content_type);
        headers.push((http::header::CONTENT_TYPE, value));
    }
    if !query.is_empty() {
        let encoded = encode_pairs(query.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let whole = match url.query() {
            Some(before) if !before.is_empty() => format!("{before}&{encoded}"),
            _ => encoded,
        };
        url.set_query(Some(&whole));
    }
    match body.len() + url.as_str().len() > MAX_RENDERED_BYTES {
        true => Err(RenderFault::new(format!("is larger than {MAX_RENDERED_BYTES} bytes")).within("request")),
        false => Ok(Rendered {
            method,
            url,
            headers,
            body,
        }),
    }
}

/// The same request with masks in place of what is secret.
pub fn render_masked(given: Given<'_>) -> Result<Shown, RenderFault> {
    let masked = match (given.credential, given.connection()?) {
        (Some(credential), Some(connection)) => Some(credential.masked(connection)),
        _ => None,
    };
    let rendered = render(Given {
        credential: masked.as_ref(),
        ..given
    })?;
    let headers = rendered.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        (name.as_str().to_owned(), with_masks(&value))
    });
    Ok(Shown {
        method: rendered.method.to_string(),
        url: with_masks(rendered.url.as_str()),
        headers: headers.collect(),
        body: with_masks(&String::from_utf8_lossy(&rendered.body)),
    })
}

impl<'a> Given<'a> {
    /// What the definition says of the credential's kind.
    fn connection(&self) -> Result<Option<&'a Connection>, RenderFault> {
        let Some(credential) = self.credential else {
            return Ok(None);
        };
        let found = self.definition.find_connection(credential.kind);
        let unknown =
            || RenderFault::new("is of a kind that the connector does not have").within("connection");
        found.map(Some).ok_or_else(unknown)
    }
}

fn method(request: &Request, scope: &Scope<'_>) -> Result<Method, RenderFault> {
    let text = request.method.text(scope)?.to_ascii_uppercase();
    match text.as_str() {
        "" | "POST" => Ok(Method::POST),
        "GET" => Ok(Method::GET),
        "HEAD" => Ok(Method::HEAD),
        "PUT" => Ok(Method::PUT),
        "PATCH" => Ok(Method::PATCH),
        "DELETE" => Ok(Method::DELETE),
        _ => Err(of_first(
            &request.method,
            "is none of GET, HEAD, POST, PUT, PATCH and DELETE",
        )),
    }
}

/// A fault under the name of the first value of a text.
fn of_first(text: &super::template::Text, message: &str) -> RenderFault {
    let name = text.paths().next().map(|names| names.join("."));
    RenderFault::new(message).within(name.as_deref().unwrap_or("request"))
}

/// The URL, confined to the definition's hosts and to those of the kind of connection.
fn url(given: Given<'_>, connection: Option<&Connection>, scope: &Scope<'_>) -> Result<Url, RenderFault> {
    let template = &given.request.url;
    let fault = |message: &str| of_first(template, message);
    let written = template.url(scope)?;
    let url: Url = written.parse().map_err(|_| fault("is no URL"))?;
    let any_host = given.definition.allows_any_host();
    let has_scheme = url.scheme() == "https" || (any_host && url.scheme() == "http");
    if !has_scheme {
        return Err(fault("begins with another scheme than https"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(fault("holds a user name, a password or a fragment"));
    }
    if any_host {
        return Ok(url);
    }
    let host = url.host_str().unwrap_or_default();
    let hosts = match connection {
        Some(connection) if !connection.hosts.is_empty() => &connection.hosts,
        _ => &given.definition.hosts,
    };
    let is_known = hosts.iter().any(|known| host_fits(known, host));
    if !is_known || !matches!(url.port(), None | Some(443)) {
        return Err(fault("leads to a host that is none of the connector's"));
    }
    let begins = connection.and_then(|connection| connection.path.as_deref());
    match begins.is_none_or(|begins| url.path().starts_with(begins)) {
        true => Ok(url),
        false => Err(fault("has another path than this kind of connection")),
    }
}

/// Names with values; one that is absent is left out.
fn pairs(pairs: &Pairs, scope: &Scope<'_>) -> Result<Vec<(String, String)>, RenderFault> {
    let mut found = Vec::new();
    match pairs {
        Pairs::Named(named) => {
            for (name, text) in named {
                let value = text.value(scope).map_err(|fault| fault.within(name))?;
                found.extend(value.map(|value| (name.clone(), plain(&value).into_owned())));
            }
        }
        Pairs::Whole(text) => match text.value(scope)? {
            None | Some(Node::Null) => {}
            Some(Node::Object(members)) => {
                for (name, value) in members {
                    match value {
                        Node::Null => {}
                        Node::List(items) => {
                            found.extend(items.iter().map(|item| (name.clone(), plain(item).into_owned())));
                        }
                        value => found.push((name, plain(&value).into_owned())),
                    }
                }
            }
            Some(_) => return Err(of_first(text, "is no object of names with values")),
        },
    }
    Ok(found)
}

fn headers(named: &Pairs, scope: &Scope<'_>) -> Result<Vec<(HeaderName, HeaderValue)>, RenderFault> {
    let mut headers = Vec::new();
    if let Pairs::Named(named) = named {
        for (name, text) in named {
            if text.value(scope)?.is_some() {
                set_header(&mut headers, name, &text.header(scope)?)?;
            }
        }
        return Ok(headers);
    }
    for (name, value) in pairs(named, scope)? {
        let lower = name.to_ascii_lowercase();
        if HOP_BY_HOP.contains(&lower.as_str()) || lower.starts_with("proxy-") {
            return Err(RenderFault::new("is a header that cannot be set")
                .within(&name)
                .within("headers"));
        }
        set_header(&mut headers, &name, &value)?;
    }
    Ok(headers)
}

/// Sets a header, in place of one of the same name.
fn set_header(
    headers: &mut Vec<(HeaderName, HeaderValue)>,
    name: &str,
    value: &str,
) -> Result<(), RenderFault> {
    let of_header = |fault: RenderFault| fault.within(name).within("headers");
    header_value(value).map_err(of_header)?;
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .ok()
        .zip(HeaderValue::from_str(value).ok());
    let Some((name, value)) = parsed else {
        return Err(of_header(RenderFault::new("is no header")));
    };
    headers.retain(|(known, _)| *known != name);
    headers.push((name, value));
    Ok(())
}

/// The body and its type; none where neither form nor JSON comes to anything.
fn body(request: &Request, scope: &Scope<'_>) -> Result<(Vec<u8>, Option<&'static str>), RenderFault> {
    let json = match &request.json {
        Some(tree) => tree.render(scope).map_err(|fault| fault.within("json"))?,
        None => None,
    };
    let form = match &request.form {
        Some(form) => pairs(form, scope).map_err(|fault| fault.within("form"))?,
        None => Vec::new(),
    };
    match (json, form.is_empty()) {
        (Some(_), false) => Err(RenderFault::new("has json or form, not both").within("request")),
        (Some(json), true) => {
            let text = serde_json::to_vec(&json);
            let text = text.map_err(|_| RenderFault::new("is no JSON").within("json"))?;
            Ok((text, Some("application/json")))
        }
        (None, false) => {
            let form = encode_pairs(form.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            Ok((form.into_bytes(), Some("application/x-www-form-urlencoded")))
        }
        (None, true) => Ok((Vec::new(), None)),
    }
}

/// What templates see below `delivery`.
pub fn delivery_root(id: &str) -> Node {
    object([("id", Node::Text(id.to_owned()))])
}
