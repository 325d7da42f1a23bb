//! The request, written out once; only the event's two numbers change from one to the next.

use super::{Naming, Options};
use crate::payload::{COUNTER, Payload, now_us};
use anyhow::{Context, Result};

pub enum Prepared {
    /// The same bytes every time.
    Fixed(Vec<u8>),
    /// An event with its counter and time.
    Event(Payload),
    /// Such events, of which one in fifty has an id of the client's; the flag tells which is next.
    Mixed {
        plain: Payload,
        named: Payload,
        is_named: bool,
    },
}

/// How often [`Naming::SomeIds`] gives an event an id.
const NAMED_ONE_IN: u64 = 50;

impl Prepared {
    pub fn new(options: &Options, authority: &str) -> Result<Self> {
        if let Some(file) = &options.body_file {
            let body = std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
            let mut bytes = head(options, authority, Some(body.len()), None);
            bytes.extend_from_slice(&body);
            return Ok(Self::Fixed(bytes));
        }
        if options.method.has_body() {
            let size = options.payload_bytes;
            let prefix = format!("b{}", now_us());
            let request = |event: Payload, key: Option<&str>| {
                let head = head(options, authority, Some(event.as_bytes().len()), key);
                event.preceded_by(&head)
            };
            return Ok(match options.naming {
                Naming::None => Self::Event(request(Payload::event(size), None)),
                Naming::Ids => Self::Event(request(Payload::named_event(&prefix, size), None)),
                Naming::Keys => Self::Event(request(Payload::event(size), Some(&prefix))),
                Naming::SomeIds => Self::Mixed {
                    plain: request(Payload::event(size), None),
                    named: request(Payload::named_event(&prefix, size), None),
                    is_named: false,
                },
            });
        }
        Ok(Self::Fixed(head(options, authority, None, None)))
    }

    pub fn stamp(&mut self, counter: u64, sent_at_us: u64) {
        match self {
            Self::Fixed(_) => {}
            Self::Event(event) => event.stamp(counter, sent_at_us),
            Self::Mixed {
                plain,
                named,
                is_named,
            } => {
                *is_named = counter.is_multiple_of(NAMED_ONE_IN);
                let event = if *is_named { named } else { plain };
                event.stamp(counter, sent_at_us);
            }
        }
    }

    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Fixed(bytes) => bytes,
            Self::Event(event) => event.as_bytes(),
            Self::Mixed {
                named,
                is_named: true,
                ..
            } => named.as_bytes(),
            Self::Mixed { plain, .. } => plain.as_bytes(),
        }
    }
}

fn head(options: &Options, authority: &str, body_length: Option<usize>, key_prefix: Option<&str>) -> Vec<u8> {
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
    if let Some(prefix) = key_prefix {
        head.push_str(&format!("Idempotency-Key: {prefix}-{COUNTER}\r\n"));
    }
    head.push_str("\r\n");
    head.into_bytes()
}
