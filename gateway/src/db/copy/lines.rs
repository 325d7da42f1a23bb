//! Lines for `COPY … FROM STDIN` in its text format, in which a value of any type is its usual text.
//!
//! The format is that of PostgreSQL's manual, "COPY, Text Format": tabs between values, a line break after each line,
//! `\N` for NULL, and a backslash before what could be mistaken for one of these.
//!
//! Lines go out in pieces as they are made, so that memory does not grow with their number.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::SinkExt;
use tokio_postgres::{Client, CopyInSink, Statement};

use crate::db::error::DbError;

/// What is sent at once; the driver holds a few of these.
const PIECE_BYTES: usize = 64 * 1024;
/// A piece ends behind the line that fills it.
const SLACK_BYTES: usize = 4 * 1024;

/// Lines of one table.
pub struct CopyLines {
    sink: Pin<Box<CopyInSink<Bytes>>>,
    line: Lines,
}

/// Lines that are not sent yet.
#[derive(Debug, Default)]
pub struct Lines {
    text: String,
    is_inside: bool,
}

impl CopyLines {
    /// Begins a prepared `COPY … FROM STDIN`.
    pub async fn begin(client: &Client, statement: &Statement) -> Result<Self, DbError> {
        Ok(Self {
            sink: Box::pin(client.copy_in(statement).await?),
            line: Lines::default(),
        })
    }

    /// Where the next line is written.
    pub const fn lines(&mut self) -> &mut Lines {
        &mut self.line
    }

    /// Sends what has gathered, once that is a piece.
    pub async fn flush(&mut self) -> Result<(), DbError> {
        match self.line.text.len() < PIECE_BYTES {
            true => Ok(()),
            false => self.send().await,
        }
    }

    /// Sends the rest, and waits until all lines are taken.
    pub async fn finish(mut self) -> Result<(), DbError> {
        self.send().await?;
        self.sink.as_mut().finish().await?;
        Ok(())
    }

    async fn send(&mut self) -> Result<(), DbError> {
        let fresh = String::with_capacity(PIECE_BYTES + SLACK_BYTES);
        let text = std::mem::replace(&mut self.line.text, fresh);
        Ok(self.sink.send(text.into()).await?)
    }
}

impl Lines {
    /// Appends a value, or NULL, to the present line.
    pub fn put(&mut self, value: Option<&str>) {
        self.separate();
        match value {
            None => self.text.push_str("\\N"),
            Some(value) => push_escaped(value, &mut self.text),
        }
    }

    /// Appends a value that holds nothing to be escaped: a number, a moment, an id.
    pub fn put_plain(&mut self, value: std::fmt::Arguments<'_>) {
        use std::fmt::Write as _;
        self.separate();
        // A `String` takes every write.
        let _ = self.text.write_fmt(value);
    }

    /// Ends the line.
    pub fn end(&mut self) {
        self.text.push('\n');
        self.is_inside = false;
    }

    fn separate(&mut self) {
        if std::mem::replace(&mut self.is_inside, true) {
            self.text.push('\t');
        }
    }
}

fn push_escaped(value: &str, out: &mut String) {
    let is_special = |byte: u8| matches!(byte, b'\\' | b'\n' | b'\r' | b'\t');
    let mut rest = value;
    while let Some(at) = rest.bytes().position(is_special) {
        out.push_str(&rest[..at]);
        out.push('\\');
        out.push(match rest.as_bytes()[at] {
            b'\n' => 'n',
            b'\r' => 'r',
            b'\t' => 't',
            _ => '\\',
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_nulls_and_what_could_be_mistaken() {
        let mut lines = Lines::default();
        lines.put(Some("a\tb\\N\r\n"));
        lines.put(None);
        lines.put_plain(format_args!("{}", 7));
        lines.end();
        lines.put(Some(""));
        lines.end();
        assert_eq!(lines.text, "a\\tb\\\\N\\r\\n\t\\N\t7\n\n");
    }
}
