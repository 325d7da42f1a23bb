//! One request as handlers see it: recognised, routed, its body not yet read.

use std::net::IpAddr;
use std::sync::Arc;

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, Method};

use super::body::RequestBody;
use super::problem::Problem;
use super::query::Query;
use super::request_id::RequestId;
use crate::base::caller::Caller;
use crate::base::id::{Id, Kind};

/// A request on its way into a handler.
pub struct Call {
    pub method: Method,
    /// The path and the query as sent, for idempotency.
    pub path: String,
    /// The values of the route's `{names}`, in their order.
    pub parameters: Vec<String>,
    pub query: Query,
    pub headers: HeaderMap,
    /// Where the request was sent, as HTTP/2 says it.
    pub authority: Option<Authority>,
    /// Whether it came over https, to us or to a trusted proxy.
    pub is_https: bool,
    pub body: RequestBody,
    pub request_id: RequestId,
    /// The client's address, seen through trusted proxies.
    pub ip: IpAddr,
    pub caller: Arc<Caller>,
}

impl Call {
    /// The first path parameter as an id; one that is not well formed is not found.
    pub fn id<K: Kind>(&self) -> Result<Id<K>, Problem> {
        self.parameters
            .first()
            .and_then(|text| Id::parse(text))
            .ok_or_else(Problem::not_found)
    }

    /// The origin that the client used, such as `https://gateway.example.com`.
    pub fn origin(&self) -> String {
        let of_header = || Authority::try_from(self.headers.get(HOST)?.as_bytes()).ok();
        let authority = self.authority.clone().or_else(of_header);
        // A user name in it would make a link that leads to another host than it seems.
        let authority = authority.filter(|authority| !authority.as_str().contains('@'));
        let authority = authority.as_ref().map_or("localhost", Authority::as_str);
        match self.is_https {
            true => format!("https://{authority}"),
            false => format!("http://{authority}"),
        }
    }
}
