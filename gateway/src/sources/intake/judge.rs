//! Whether a request may come in, in the contract's order: method, disabled, address, rate, size, handshakes before the
//! signature, signature and timestamp, other handshakes, reading, filter.

use bytes::Bytes;
use governor::clock::{Clock, DefaultClock};
use http::{HeaderMap, Method, header};

use super::body::{self, Read};
use super::event::{self, Made};
use super::handshake::{self, Shaken};
use super::reply;
use super::seen::Seen;
use crate::base::clock::Millis;
use crate::connectors::template::Text;
use crate::connectors::verify::{Keyring, Received, Refusal};
use crate::filter::Data;
use crate::http::body::RequestBody;
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;
use crate::sources::live::Live;

/// A step's result, or why the request is refused.
pub type Judged<T> = Result<T, Problem>;

/// A request whose body is here.
pub struct Request<'a> {
    pub method: &'a Method,
    pub query: &'a str,
    /// The whole URL as the sender knows it.
    pub url: &'a str,
    pub headers: &'a HeaderMap,
    pub body: &'a Bytes,
    pub url_secret: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// What a verifier looks at.
    pub fn received(&self) -> Received<'a> {
        Received {
            method: self.method.as_str(),
            url: self.url,
            headers: self.headers,
            body: self.body,
            url_secret: self.url_secret,
        }
    }
}

/// What a request came to, its commit aside.
pub enum Verdict {
    Handshake(Shaken),
    /// Nothing of it is wanted.
    Filtered(Reply),
    Events(Vec<Made>, Reply),
}

/// The checks before anything is read.
pub fn admit(live: &Live, method: &Method, ip: std::net::IpAddr) -> Judged<()> {
    if !live.connector.takes(method) {
        return Err(Problem::method_not_allowed(&live.connector.allow()));
    }
    if !live.is_enabled {
        return Err(Problem::new(Code::SourceDisabled, "This source is disabled."));
    }
    if !live.allows(ip) {
        let detail = "This source's allow-list does not hold your address.";
        return Err(Problem::new(Code::IpNotAllowed, detail));
    }
    if let Some(limiter) = &live.limiter
        && let Err(until) = limiter.check()
    {
        let wait = until.wait_time_from(DefaultClock::default().now());
        return Err(Problem::too_many_requests(live.rate_per_second, wait));
    }
    Ok(())
}

/// Reads the bytes of a body: 413, then 415 for one that is coded, because a signature is over what was sent.
pub async fn take_body(body: &mut RequestBody, most: usize) -> Judged<Bytes> {
    let bytes = body.read(most).await?;
    match body.is_coded() {
        true => {
            let detail = "Send the body without a Content-Encoding.";
            Err(Problem::new(Code::MediaTypeUnsupported, detail))
        }
        false => Ok(bytes),
    }
}

/// Judges a request by these secrets, as of a time.
pub fn judge(live: &Live, request: &Request<'_>, secrets: &Keyring, now: Millis) -> Judged<Verdict> {
    let connector = &live.connector;
    let received = request.received();
    let mut seen = Seen::head(request.query, request.headers, live.shown_options.clone());
    let of_method = |before: bool| {
        let all = connector.handshakes.iter();
        all.filter(move |handshake| handshake.before_verify == before && handshake.method == request.method)
    };
    if of_method(true).next().is_some() {
        // What cannot be read is no handshake.
        let reads = of_method(true).any(|handshake| handshake.reads_body);
        let read = reads.then(|| read(live, request).ok()).flatten();
        if let Some(read) = &read {
            seen.add_body(read);
        }
        let json = read.as_ref().map(|read| &*read.json);
        if let Some(shaken) = handshake::answer(live, of_method(true), &seen, json, &received, now)? {
            return Ok(Verdict::Handshake(shaken));
        }
    }
    match *request.method {
        Method::GET => return Err(reply::refused()),
        Method::OPTIONS => {
            let detail = "This is no request for permission: its headers are missing.";
            return Err(Problem::new(Code::BadRequest, detail));
        }
        _ => {}
    }
    live.verifier
        .verify(&received, secrets, now.0)
        .map_err(|refusal| refused(refusal, live))?;
    let read = read(live, request).map_err(malformed)?;
    seen.add_body(&read);
    if of_method(false).next().is_some()
        && let Some(shaken) =
            handshake::answer(live, of_method(false), &seen, Some(&read.json), &received, now)?
    {
        return Ok(Verdict::Handshake(shaken));
    }
    let reply = || reply::reply(&connector.source.reply, &seen.scope());
    if is_skipped(live, &seen, &read) {
        return Ok(Verdict::Filtered(reply()?));
    }
    let paths = connector.source.items.iter().flat_map(Text::paths);
    let items = read.items(paths).map_err(malformed)?;
    let is_only = items.len() == 1;
    let mut made = Vec::with_capacity(items.len());
    for item in &items {
        let event = event::make(live, &seen, item, request.body, is_only);
        made.extend(event.map_err(malformed)?);
    }
    match made.is_empty() {
        true => Ok(Verdict::Filtered(reply()?)),
        false => Ok(Verdict::Events(made, reply()?)),
    }
}

fn read<'a>(live: &Live, request: &Request<'a>) -> Result<Read<'a>, body::Unreadable> {
    let content_type = request.headers.get(header::CONTENT_TYPE);
    let content_type = content_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    body::read(&live.connector.source.bodies, content_type, request.body)
}

/// Whether a rule of the connector passes the request over, unless an option switches the rule off.
fn is_skipped(live: &Live, seen: &Seen, read: &Read<'_>) -> bool {
    if live.connector.skips.is_empty() {
        return false;
    }
    let judged = seen.judged(Some(&read.json));
    let data = Data::of(judged.as_bytes());
    live.connector.skips.iter().any(|skip| {
        let option = skip.option.as_ref().and_then(|option| live.options.get(option));
        option.is_none_or(|value| value != "true") && skip.when.holds(&data)
    })
}

fn refused(refusal: Refusal, live: &Live) -> Problem {
    match refusal {
        Refusal::Missing => Problem::new(
            Code::SignatureMissing,
            format!(
                "The request does not carry what {} signs with.",
                live.connector.title
            ),
        ),
        Refusal::Invalid => Problem::new(
            Code::SignatureInvalid,
            "The signature is not that of the source's secret.",
        ),
        Refusal::Stale => Problem::new(
            Code::SignatureStale,
            "The request was signed too long ago, or in the future.",
        ),
    }
}

fn malformed(fault: impl std::fmt::Display) -> Problem {
    Problem::new(
        Code::MalformedBody,
        format!("The signature holds, and the body cannot be read: {fault}."),
    )
}
