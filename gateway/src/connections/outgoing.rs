//! Sends requests to vendors: to hosts that their definition names, through the address guard, without redirects.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::Full;
use tokio::time::timeout;

use crate::connectors::definition::Definition;
use crate::connectors::request::Rendered;
use crate::outbound::client::Client;
use crate::outbound::connections::Connections;
use crate::outbound::elsewhere::Elsewhere;
use crate::outbound::exchange::Progress;
use crate::outbound::fault::SendFault;

/// What requests are sent as.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("Sentinel-Gateway/", env!("CARGO_PKG_VERSION")));
/// The longest that a request may take, its answer included.
const LIMIT: Duration = Duration::from_secs(10);

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// Its first 16 KiB.
    pub body: Bytes,
    pub total: Duration,
}

/// Why nothing came back: in words for the connection's owner.
#[derive(Debug)]
pub struct Unanswered {
    pub detail: String,
    pub total: Duration,
    /// The request may have reached the vendor.
    pub may_have_arrived: bool,
}

/// What sends to vendors.
#[derive(Clone)]
pub struct Outgoing {
    client: Client,
    elsewhere: Elsewhere,
}

impl Outgoing {
    /// Sends with `client`, to the places that the operator chose.
    pub const fn new(client: Client, elsewhere: Elsewhere) -> Self {
        Self { client, elsewhere }
    }

    /// Sends a request over a connection of its own, if its host is one of the definition's.
    pub async fn send(&self, definition: &Definition, rendered: Rendered) -> Result<Answer, Unanswered> {
        let started = Instant::now();
        let unsent = |detail: String| Unanswered {
            detail,
            total: started.elapsed(),
            may_have_arrived: false,
        };
        if !rendered
            .url
            .host_str()
            .is_some_and(|host| definition.allows_host(host))
        {
            return Err(unsent("The request would leave the connector's hosts.".into()));
        }
        let target = self.elsewhere.target(rendered.url.as_str());
        let target = target.map_err(|fault| unsent(format!("The URL {fault}.")))?;
        let body = Bytes::from(rendered.body);
        let mut headers: HeaderMap = rendered.headers.into_iter().collect();
        headers.insert(HOST, target.authority.clone());
        headers.entry(USER_AGENT).or_insert(AGENT);
        if body.is_empty() && rendered.method != Method::GET && rendered.method != Method::HEAD {
            // Some servers wait for a body that is not announced as empty (RFC 9110, 8.6).
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let make = || {
            let mut request = Request::new(Full::new(body.clone()));
            *request.method_mut() = rendered.method.clone();
            *request.uri_mut() = target.path.clone().into();
            *request.headers_mut() = headers.clone();
            request
        };
        let mut progress = Progress::default();
        let connections = Connections::default();
        let sending = self.client.send(&target, &connections, make, &mut progress);
        let ended = timeout(LIMIT, sending).await;
        let total = started.elapsed();
        // Once there is a status it counts, also when the rest of the answer never came.
        if let Some((status, headers)) = progress.head {
            return Ok(Answer {
                status: status.as_u16(),
                headers,
                body: progress.body.freeze(),
                total,
            });
        }
        let (detail, may_have_arrived) = match ended {
            Err(_) => (format!("No answer came within {} s.", LIMIT.as_secs()), true),
            Ok(Err(error)) => {
                let may_have_arrived = matches!(error.fault, SendFault::Closed | SendFault::BadAnswer);
                let words = match error.fault {
                    SendFault::DnsFailed => "The host's name could not be resolved",
                    SendFault::AddressForbidden => "The host has an address that is not allowed",
                    SendFault::ConnectFailed => "No connection could be made",
                    SendFault::TlsFailed => "TLS failed",
                    SendFault::Closed => "The connection was closed before an answer came",
                    SendFault::BadAnswer => "The answer was not HTTP",
                };
                let detail = error
                    .detail
                    .map(|detail| format!(": {detail}"))
                    .unwrap_or_default();
                (format!("{words}{detail}."), may_have_arrived)
            }
            Ok(Ok(())) => ("No answer came.".into(), true),
        };
        Err(Unanswered {
            detail,
            total,
            may_have_arrived,
        })
    }
}
