//! The least of an HTTP/1.1 response parser: where a reply ends, and what its status was.
//!
//! The load generator shares two cores with what it measures, so it does not build headers or
//! collect bodies. Framing follows RFC 9112 section 6: chunked before `Content-Length`; a reply
//! with neither (read until close) is refused, because no keep-alive server should send one.

use std::fmt;

/// A reply that has arrived whole.
#[derive(Debug, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    /// Bytes from the status line to the last byte of the body.
    pub length: usize,
    pub keep_alive: bool,
}

/// Why bytes are not a reply that can be framed.
#[derive(Debug, PartialEq, Eq)]
pub enum Malformed {
    StatusLine,
    Length,
    Chunk,
    Unframed,
}

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::StatusLine => "no HTTP/1.1 status line",
            Self::Length => "a bad content-length",
            Self::Chunk => "a bad chunk",
            Self::Unframed => "neither content-length nor chunked",
        })
    }
}

impl std::error::Error for Malformed {}

enum Framing {
    Length(usize),
    Chunked,
}

/// Reads one reply from the start of `bytes`; `None` when more bytes are needed.
pub fn parse(bytes: &[u8]) -> Result<Option<Response>, Malformed> {
    let Some((head_length, status_line_end)) = head_end(bytes) else {
        return Ok(None);
    };
    let status = status(&bytes[..status_line_end])?;
    if (100..200).contains(&status) {
        // An interim reply has no body and is followed by the real one.
        return Ok(parse(&bytes[head_length..])?.map(|response| Response {
            length: response.length + head_length,
            ..response
        }));
    }
    let (framing, keep_alive) = framing(&bytes[status_line_end + 2..head_length], status)?;
    let body_length = match framing {
        Framing::Length(length) => Some(length),
        Framing::Chunked => chunked_length(&bytes[head_length..])?,
    };
    Ok(body_length
        .map(|body_length| head_length + body_length)
        .filter(|&length| length <= bytes.len())
        .map(|length| Response {
            status,
            length,
            keep_alive,
        }))
}

/// Length of the head with its blank line, and the end of the status line.
fn head_end(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut status_line_end = None;
    let mut line_at = 0;
    while let Some(length) = line_length(&bytes[line_at..]) {
        if length == 0 && line_at > 0 {
            return status_line_end.map(|end| (line_at + 2, end));
        }
        status_line_end = status_line_end.or(Some(line_at + length));
        line_at += length + 2;
    }
    None
}

/// Bytes before the next CRLF.
fn line_length(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + bytes[from..].iter().position(|&byte| byte == b'\r')?;
        match bytes.get(at + 1)? {
            b'\n' => return Some(at),
            _ => from = at + 1,
        }
    }
}

fn status(line: &[u8]) -> Result<u16, Malformed> {
    let digits = line
        .strip_prefix(b"HTTP/1.1 ")
        .and_then(|rest| rest.get(..3))
        .ok_or(Malformed::StatusLine)?;
    decimal(digits)
        .and_then(|status| u16::try_from(status).ok())
        .ok_or(Malformed::StatusLine)
}

fn framing(mut headers: &[u8], status: u16) -> Result<(Framing, bool), Malformed> {
    let mut keep_alive = true;
    let mut length = None;
    let mut chunked = false;
    while let Some(line_length) = line_length(headers) {
        let line = &headers[..line_length];
        headers = &headers[line_length + 2..];
        // The three names differ in length, so most lines cost one comparison.
        let colon = line.iter().position(|&byte| byte == b':').unwrap_or(0);
        let (name, value) = line.split_at(colon);
        match colon {
            10 if name.eq_ignore_ascii_case(b"connection") => {
                keep_alive = !field(value).eq_ignore_ascii_case(b"close");
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                length = Some(decimal(field(value)).ok_or(Malformed::Length)?);
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                chunked = field(value).eq_ignore_ascii_case(b"chunked");
            }
            _ => {}
        }
    }
    let framing = match (status, chunked, length) {
        (204 | 304, _, _) => Framing::Length(0),
        (_, true, _) => Framing::Chunked,
        (_, false, Some(length)) => Framing::Length(length),
        (_, false, None) => return Err(Malformed::Unframed),
    };
    Ok((framing, keep_alive))
}

/// The value of `: value`.
fn field(after_name: &[u8]) -> &[u8] {
    after_name.strip_prefix(b":").unwrap_or(after_name).trim_ascii()
}

/// Length of a chunked body with its last chunk and trailers; `None` when it is not all there.
fn chunked_length(body: &[u8]) -> Result<Option<usize>, Malformed> {
    let mut at = 0;
    loop {
        let Some(line_length) = line_length(&body[at..]) else {
            return Ok(None);
        };
        let size = chunk_size(&body[at..at + line_length]).ok_or(Malformed::Chunk)?;
        at += line_length + 2;
        if size == 0 {
            return Ok(trailers_length(&body[at..]).map(|length| at + length));
        }
        let Some(data_and_end) = body.get(at..).and_then(|rest| rest.get(size..size + 2)) else {
            return Ok(None);
        };
        if data_and_end != b"\r\n" {
            return Err(Malformed::Chunk);
        }
        at += size + 2;
    }
}

fn chunk_size(line: &[u8]) -> Option<usize> {
    let digits = line.split(|&byte| byte == b';').next()?.trim_ascii();
    // Eight hex digits are 4 GiB, more than any reply here may hold.
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    usize::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn trailers_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let length = line_length(&bytes[at..])?;
        at += length + 2;
        if length == 0 {
            return Some(at);
        }
    }
}

fn decimal(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(status: u16, length: usize) -> Result<Option<Response>, Malformed> {
        Ok(Some(Response {
            status,
            length,
            keep_alive: true,
        }))
    }

    /// Every proper prefix asks for more, and bytes after the end are left alone.
    fn assert_frames(reply: &[u8], status: u16) {
        for end in 0..reply.len() {
            assert_eq!(parse(&reply[..end]), Ok(None), "at byte {end}");
        }
        let followed = [reply, b"HTTP/1.1 200 OK\r\n"].concat();
        assert_eq!(parse(&followed), complete(status, reply.len()));
    }

    #[test]
    fn content_length_frames_a_reply() {
        assert_frames(
            b"HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\ndate: x\r\n\r\nhello",
            202,
        );
        assert_frames(b"HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n", 200);
    }

    #[test]
    fn chunks_frame_a_reply_with_extensions_and_trailers() {
        assert_frames(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\nA\r\n0123456\r\n9\r\n0\r\nx: y\r\n\r\n",
            200,
        );
    }

    #[test]
    fn a_reply_without_a_body_ends_with_its_head() {
        assert_frames(b"HTTP/1.1 204 No Content\r\n\r\n", 204);
        assert_frames(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
            200,
        );
    }

    #[test]
    fn close_is_noticed() {
        let reply = b"HTTP/1.1 429 Slow\r\nconnection: Close\r\ncontent-length: 0\r\n\r\n";
        let response = parse(reply).expect("well formed").expect("complete");
        assert!(!response.keep_alive);
        assert_eq!(response.status, 429);
    }

    #[test]
    fn nonsense_is_named() {
        assert_eq!(parse(b"SSH-2.0\r\n\r\n"), Err(Malformed::StatusLine));
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\n\r\n"), Err(Malformed::Unframed));
        assert_eq!(
            parse(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"),
            Err(Malformed::Length)
        );
        assert_eq!(
            parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n"),
            Err(Malformed::Chunk)
        );
        assert_eq!(
            parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc"),
            Err(Malformed::Chunk)
        );
    }
}
