//! Lines for `COPY … FROM STDIN` in its text format, in which a value of any type is its usual text.
//!
//! The format is that of PostgreSQL's manual, "COPY, Text Format": tabs between values, a line break after each line,
//! `\N` for NULL, and a backslash before what could be mistaken for one of these.

use bytes::Bytes;
use futures_util::SinkExt;
use tokio_postgres::{Client, Statement};

use super::error::DbError;

/// What is sent at once; the driver holds a few of these.
const PIECE_BYTES: usize = 128 * 1024;

/// Lines of one table.
#[derive(Debug, Default)]
pub struct CopyLines {
    text: String,
    is_inside: bool,
}

impl CopyLines {
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

    /// Whether there is no line.
    pub const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Sends the lines by a prepared `COPY … FROM STDIN`.
    pub async fn send(self, client: &Client, statement: &Statement) -> Result<(), DbError> {
        let sink = client.copy_in::<_, Bytes>(statement).await?;
        let mut sink = std::pin::pin!(sink);
        let mut rest = Bytes::from(self.text);
        while !rest.is_empty() {
            let piece = rest.split_to(PIECE_BYTES.min(rest.len()));
            sink.send(piece).await?;
        }
        sink.finish().await?;
        Ok(())
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
        let mut lines = CopyLines::default();
        lines.put(Some("a\tb\\N\r\n"));
        lines.put(None);
        lines.put_plain(format_args!("{}", 7));
        lines.end();
        lines.put(Some(""));
        lines.end();
        assert_eq!(lines.text, "a\\tb\\\\N\\r\\n\t\\N\t7\n\n");
    }
}
