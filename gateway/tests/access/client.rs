//! A plain HTTP/1.1 client: one connection a request, so that a test knows what went over the wire.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|fault| panic!("{fault}: {self:?}"))
    }

    /// The value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The reply, which must have this status.
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// A request under construction.
pub struct Request<'a> {
    pub address: SocketAddr,
    pub method: &'a str,
    pub path: &'a str,
    pub key: Option<&'a str>,
    pub headers: Vec<(&'a str, &'a str)>,
    pub body: Option<Value>,
    /// Bytes in front of everything.
    pub preamble: Vec<u8>,
}

impl<'a> Request<'a> {
    pub fn new(address: SocketAddr, method: &'a str, path: &'a str, key: &'a str) -> Self {
        Self {
            address,
            method,
            path,
            key: Some(key),
            headers: Vec::new(),
            body: None,
            preamble: Vec::new(),
        }
    }

    pub fn header(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.push((name, value));
        self
    }

    pub fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    pub fn send(&self) -> Reply {
        self.try_send()
            .unwrap_or_else(|fault| panic!("{} {}: {fault}", self.method, self.path))
    }

    pub fn try_send(&self) -> std::io::Result<Reply> {
        let mut text = format!(
            "{} {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
            self.method, self.path, self.address
        );
        if let Some(key) = self.key {
            text.push_str(&format!("authorization: Bearer {key}\r\n"));
        }
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = &self.body {
            let body = body.to_string();
            let length = body.len();
            text.push_str(&format!(
                "content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
            ));
        } else {
            text.push_str("\r\n");
        }
        exchange(self.address, &[&self.preamble, text.as_bytes()].concat())
    }
}

/// Sends bytes and reads the reply until the server closes.
pub fn exchange(address: SocketAddr, bytes: &[u8]) -> std::io::Result<Reply> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(bytes)?;
    let mut all = Vec::new();
    stream.read_to_end(&mut all)?;
    let text = String::from_utf8_lossy(&all).into_owned();
    let (head, body) = text
        .split_once("\r\n\r\n")
        .ok_or_else(|| std::io::Error::other("the connection was closed without a reply"))?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok(Reply {
        status: status.ok_or_else(|| std::io::Error::other("no status"))?,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}
