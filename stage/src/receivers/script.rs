//! What a receiver does with a request.

use std::time::Duration;

/// One answer, or what stands in for one.
#[derive(Debug, Clone)]
pub enum Act {
    /// A status without a body.
    Status(u16),
    /// A status, headers and a body.
    Full(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// The answer after a while.
    After(Duration, Box<Act>),
    /// No answer; the connection stays open.
    Hang,
    /// The connection is closed without an answer.
    Close,
    /// These bytes, whatever they are; the connection goes on.
    Raw(Vec<u8>),
    /// Bytes that are no HTTP.
    Garbage,
    /// A body that is announced and never comes to its end: a byte each so often.
    Drip(u16, Duration),
    /// Headers that never come to their end: a byte each so often.
    DripHead(Duration),
    /// A body that is announced longer than it is; then the connection is closed.
    Cut(u16),
    /// A body of so many bytes.
    Big(u16, usize),
}

impl Act {
    /// A status with a header.
    pub fn with(status: u16, header: &'static str, value: impl Into<String>) -> Self {
        Self::Full(status, vec![(header, value.into())], Vec::new())
    }

    /// A status with a text.
    pub fn saying(status: u16, text: &str) -> Self {
        Self::Full(status, Vec::new(), text.as_bytes().to_vec())
    }

    /// This answer after `wait`.
    pub fn after(self, wait: Duration) -> Self {
        Self::After(wait, Box::new(self))
    }
}

/// Answers in turn; the last goes on.
pub fn in_turn(acts: Vec<Act>) -> impl Fn(usize) -> Act + Send + Sync + 'static {
    move |nth| acts.get(nth).or(acts.last()).cloned().unwrap_or(Act::Status(200))
}
