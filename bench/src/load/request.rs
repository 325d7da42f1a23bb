//! The request, written out once; only the event's two numbers change from one to the next.

use super::Options;
use crate::payload::Payload;
use anyhow::{Context, Result};

pub enum Prepared {
    /// The same bytes every time.
    Fixed(Vec<u8>),
    /// An event with its counter and time.
    Event(Payload),
}

impl Prepared {
    pub fn new(options: &Options, authority: &str) -> Result<Self> {
        if let Some(file) = &options.body_file {
            let body = std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
            let mut bytes = head(options, authority, Some(body.len()));
            bytes.extend_from_slice(&body);
            return Ok(Self::Fixed(bytes));
        }
        if options.method.has_body() {
            let event = Payload::event(options.payload_bytes);
            let head = head(options, authority, Some(event.as_bytes().len()));
            return Ok(Self::Event(event.preceded_by(&head)));
        }
        Ok(Self::Fixed(head(options, authority, None)))
    }

    pub fn stamp(&mut self, counter: u64, sent_at_us: u64) {
        if let Self::Event(event) = self {
            event.stamp(counter, sent_at_us);
        }
    }

    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Fixed(bytes) => bytes,
            Self::Event(event) => event.as_bytes(),
        }
    }
}

fn head(options: &Options, authority: &str, body_length: Option<usize>) -> Vec<u8> {
    let method = options.method.name();
    let mut head = format!("{method} {} HTTP/1.1\r\nHost: {authority}\r\n", options.path);
    if let Some(bearer) = &options.bearer {
        head.push_str(&format!("Authorization: Bearer {bearer}\r\n"));
    }
    if let Some(length) = body_length {
        head.push_str(&format!(
            "Content-Type: application/json\r\nContent-Length: {length}\r\n"
        ));
    }
    head.push_str("\r\n");
    head.into_bytes()
}
