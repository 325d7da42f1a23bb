//! A request to a source, before anything of it is judged.

use std::net::IpAddr;

use http::{HeaderMap, Method};

use crate::http::body::RequestBody;

/// A request on its way in.
pub struct Arrival {
    pub method: Method,
    pub token: String,
    /// The segment behind the token.
    pub url_secret: Option<String>,
    /// As sent: the signature of some vendors covers it.
    pub path_and_query: String,
    pub headers: HeaderMap,
    pub body: RequestBody,
    pub ip: IpAddr,
}

impl Arrival {
    /// The query as sent.
    pub fn query(&self) -> &str {
        query_of(&self.path_and_query)
    }
}

/// The query of a path as sent.
pub fn query_of(path_and_query: &str) -> &str {
    path_and_query.split_once('?').map_or("", |(_, query)| query)
}
