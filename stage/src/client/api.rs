//! A client of the API that hides nothing: each call opens a connection, and gives the reply as it came.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::described;
use super::reply::Reply;
use super::wire::Wire;
use crate::wait::{SOON, eventually};

/// Nothing on the stage takes longer, bar what is broken.
const LIMIT: Duration = Duration::from_secs(60);

/// Whom to call, and with which key.
#[derive(Debug, Clone)]
pub struct Api {
    pub address: SocketAddr,
    pub key: Option<String>,
    turns: Option<Arc<Turns>>,
}

/// Servers that requests go to in turn: what one was told, the next is asked for.
#[derive(Debug)]
struct Turns {
    addresses: Vec<SocketAddr>,
    next: AtomicUsize,
}

/// A request that is being put together.
#[derive(Debug)]
pub struct Call {
    address: SocketAddr,
    request: Request<Full<Bytes>>,
}

impl Api {
    /// A client of the server at `address`.
    pub fn new(address: SocketAddr, key: Option<&str>) -> Self {
        let key = key.map(str::to_owned);
        let turns = None;
        Self { address, key, turns }
    }

    /// A client that sends one request after another to the next of these servers; clones of it take part in the turns.
    pub fn in_turn(addresses: &[SocketAddr], key: Option<&str>) -> Self {
        let turns = Turns {
            addresses: addresses.to_vec(),
            next: AtomicUsize::new(0),
        };
        Self {
            turns: Some(Arc::new(turns)),
            ..Self::new(addresses[0], key)
        }
    }

    /// The same servers with another key.
    pub fn with_key(&self, key: &str) -> Self {
        let key = Some(key.to_owned());
        Self { key, ..self.clone() }
    }

    /// Whether there are several servers.
    pub fn takes_turns(&self) -> bool {
        self.turns.is_some()
    }

    /// Whom the next request goes to.
    fn next_address(&self) -> SocketAddr {
        match &self.turns {
            Some(turns) => {
                let turn = turns.next.fetch_add(1, Ordering::Relaxed);
                turns.addresses[turn % turns.addresses.len()]
            }
            None => self.address,
        }
    }

    /// Waits until the key works at every server, which it does within a second; a slow machine is given longer.
    pub async fn wait_for_key(&self) {
        let addresses = self.turns.as_ref().map(|turns| &turns.addresses);
        for address in addresses.unwrap_or(&vec![self.address]) {
            let server = Self::new(*address, self.key.as_deref());
            eventually("the new key works", SOON, async || {
                server.get("/v1/whoami").await.status == 200
            })
            .await;
        }
    }

    /// Begins a request.
    pub fn call(&self, method: Method, path: &str) -> Call {
        let mut request = Request::new(Full::default());
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().expect("a path");
        let headers = request.headers_mut();
        let address = self.next_address();
        let host = HeaderValue::try_from(address.to_string()).expect("a host");
        headers.insert(HOST, host);
        if let Some(key) = &self.key {
            let value = HeaderValue::try_from(format!("Bearer {key}")).expect("a key");
            headers.insert(AUTHORIZATION, value);
        }
        Call { address, request }
    }

    /// Begins a GET.
    pub fn get_call(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    /// Begins a POST of JSON.
    pub fn post_call(&self, path: &str, body: &Value) -> Call {
        self.call(Method::POST, path).json(body)
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Reply {
        self.get_call(path).send().await
    }

    /// POST of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.post_call(path, body).send().await
    }

    /// POST of JSON as it is written.
    pub async fn post_text(&self, path: &str, body: &str) -> Reply {
        let call = self.call(Method::POST, path);
        call.body("application/json", body.to_owned()).send().await
    }

    /// POST without a body.
    pub async fn post_nothing(&self, path: &str) -> Reply {
        self.call(Method::POST, path).send().await
    }

    /// PATCH of JSON.
    pub async fn patch(&self, path: &str, body: &Value) -> Reply {
        self.call(Method::PATCH, path).json(body).send().await
    }

    /// PATCH of JSON as it is written.
    pub async fn patch_text(&self, path: &str, body: &str) -> Reply {
        let call = self.call(Method::PATCH, path);
        call.body("application/json", body.to_owned()).send().await
    }

    /// Imports a CSV file.
    pub async fn import(&self, query: &str, file: &[u8]) -> Reply {
        self.import_as(query, &[("content-type", "text/csv")], file).await
    }

    /// Imports a file that these headers describe.
    pub async fn import_as(&self, query: &str, headers: &[(&'static str, &str)], file: &[u8]) -> Reply {
        let call = self.call(Method::POST, &format!("/v1/imports?{query}"));
        let call = call.bare_body(file.to_vec());
        let call = headers
            .iter()
            .fold(call, |call, (name, value)| call.header(name, value));
        call.send().await
    }

    /// Sends the head of a request, and leaves its body to the caller.
    pub async fn begin(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Wire {
        let address = self.next_address();
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\n");
        if let Some(key) = &self.key {
            head.push_str(&format!("authorization: Bearer {key}\r\n"));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut wire = Wire::open(address).await;
        wire.write(head + "\r\n").await;
        wire
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Reply {
        self.call(Method::DELETE, path).send().await
    }
}

impl Call {
    /// Sets a header.
    pub fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        let value = HeaderValue::from_bytes(value.as_ref()).expect("a header value");
        self.request
            .headers_mut()
            .insert(HeaderName::from_static(name), value);
        self
    }

    /// Sets the body and what it is.
    pub fn body(self, media_type: &str, body: impl Into<Bytes>) -> Self {
        self.bare_body(body).header("content-type", media_type)
    }

    /// Sets the body and does not say what it is.
    pub fn bare_body(mut self, body: impl Into<Bytes>) -> Self {
        *self.request.body_mut() = Full::new(body.into());
        self
    }

    /// Sets a JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Sends it; a server that does not answer is a failure of the test.
    pub async fn send(self) -> Reply {
        let what = format!("{} {}", self.request.method(), self.request.uri());
        match tokio::time::timeout(LIMIT, exchange(self.address, self.request)).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(fault)) => panic!("{what}: {fault}"),
            Err(_) => panic!("{what}: no answer within {LIMIT:?}"),
        }
    }

    /// Sends it; `None` if no answer came.
    pub async fn try_send(self) -> Option<Reply> {
        let sent = tokio::time::timeout(LIMIT, exchange(self.address, self.request)).await;
        sent.ok()?.ok()
    }
}

async fn exchange(address: SocketAddr, request: Request<Full<Bytes>>) -> Result<Reply, String> {
    let mut line = Line::open(address).await?;
    line.send(request).await
}

/// A connection that carries one request after another.
pub struct Line(SendRequest<Full<Bytes>>);

impl Line {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(address)
            .await
            .map_err(|fault| fault.to_string())?;
        stream.set_nodelay(true).map_err(|fault| fault.to_string())?;
        let handshake = http1::handshake(TokioIo::new(stream));
        let (sender, connection) = handshake.await.map_err(|fault| fault.to_string())?;
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// Sends one request and reads the whole reply.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Reply, String> {
        self.0.ready().await.map_err(|fault| fault.to_string())?;
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let sent = self.0.send_request(request).await;
        let (head, body) = sent.map_err(|fault| format!("{fault:?}"))?.into_parts();
        let body = body.collect().await.map_err(|fault| fault.to_string())?;
        let reply = Reply {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.to_bytes(),
        };
        described::check(&method, &path, &reply);
        Ok(reply)
    }

    /// Sends a call that was put together for this server.
    pub async fn call(&mut self, call: Call) -> Result<Reply, String> {
        self.send(call.request).await
    }
}
