//! Sends one request over a connection and reads its answer, up to a cap.

use std::error::Error;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::header::HOST;
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use super::connections::{Connections, Line, Stream};
use super::fault::{SendError, SendFault};
use super::target::Target;

/// How much of an answer is kept.
pub const KEPT_BYTES: usize = 16 * 1024;
/// An answer that goes on beyond this is cut: in HTTP/1.1 with its connection, in HTTP/2 by itself.
const READ_BYTES: usize = 64 * 1024;
const MAX_HEAD_BYTES: usize = 64 * 1024;
const MAX_HEADERS: usize = 1_000;
/// HTTP/2 counts so much for each field beside its bytes (RFC 9113, 6.5.2).
const HTTP2_FIELD_BYTES: usize = 32;
/// What a receiver may send ahead on all streams of a connection of HTTP/2.
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;
/// A connection of HTTP/2 on which requests wait is asked so often whether it lives …
const PING: Duration = Duration::from_secs(5);
/// … and ends if it does not say so within this.
const PONG: Duration = Duration::from_secs(5);

/// How far a request came, and how long each part took.
#[derive(Debug, Default)]
pub struct Progress {
    /// Absent, like the next two, where an open connection was used.
    pub dns: Option<Duration>,
    pub connect: Option<Duration>,
    pub tls: Option<Duration>,
    pub first_byte: Option<Duration>,
    pub head: Option<(StatusCode, HeaderMap)>,
    /// The first 16 KiB of the answer's body.
    pub body: BytesMut,
}

/// Why an exchange failed.
pub(super) enum Break {
    Fault(SendError),
    /// The connection ended before the answer began; over another one the request may have more luck.
    Lost,
    /// What came is no answer to this request, if the connection had been used before: it may have been said earlier.
    Stray(SendError),
    /// The answer's head had no room; over another connection it has.
    Crowded(SendError),
    /// The receiver has not looked at the request and wants it again (RFC 9113, 8.7).
    Refused,
    /// The target wants HTTP/1.1 although it offered HTTP/2.
    Http1Wanted,
}

impl From<Break> for SendError {
    /// What becomes of a request that is not sent again.
    fn from(broken: Break) -> Self {
        match broken {
            Break::Fault(error) | Break::Stray(error) | Break::Crowded(error) => error,
            Break::Lost | Break::Refused | Break::Http1Wanted => SendFault::Closed.into(),
        }
    }
}

/// Begins HTTP/1.1 on a connection, with room for the most headers or for as many as are usual.
pub(super) async fn begin_http1<S>(
    stream: S,
    is_roomy: bool,
) -> Result<http1::SendRequest<Full<Bytes>>, SendError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    if is_roomy {
        builder.max_headers(MAX_HEADERS);
    }
    let (sender, connection) = builder
        .max_buf_size(MAX_HEAD_BYTES)
        // A receiver that took the event is believed however oddly it says so: its status decides.
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .ignore_invalid_headers_in_responses(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| SendError::from(SendFault::Closed))?;
    // Its end is reported to the requests that wait for an answer on it.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

/// Begins HTTP/2 on a connection.
pub(super) async fn begin_http2<S>(stream: S) -> Result<http2::SendRequest<Full<Bytes>>, SendError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(READ_BYTES as u32)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_header_list_size((MAX_HEAD_BYTES + MAX_HEADERS * HTTP2_FIELD_BYTES) as u32)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| SendError::from(SendFault::Closed))?;
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

/// Sends a request over `line` and reads the answer into `progress`.
pub(super) async fn exchange(
    line: Line,
    target: &Target,
    connections: &Connections,
    request: Request<Full<Bytes>>,
    progress: &mut Progress,
) -> Result<(), Break> {
    match line {
        Line::Http1(mut line) => {
            let started = Instant::now();
            let answer = line.sender.send_request(request).await;
            let answer = answer.map_err(|fault| break_of_http1(&fault, line.is_roomy))?;
            connections.note_header_count(answer.headers().len());
            if line.is_kept && answer.status() == StatusCode::REQUEST_TIMEOUT {
                // It has waited for a request in vain, and this one has crossed what it said (RFC 9110, 15.5.9).
                return Err(Break::Stray(SendFault::Closed.into()));
            }
            let body = take_head(answer, started, progress);
            if read_capped(body, &mut progress.body).await && line.sender.ready().await.is_ok() {
                connections.put(line);
            }
        }
        Line::Http2(mut stream) => {
            let body = send_http2(&mut stream, for_http2(request, target)?, progress).await?;
            // Dropped before its end it is reset, and its connection goes on.
            read_capped(body, &mut progress.body).await;
        }
    }
    Ok(())
}

async fn send_http2(
    stream: &mut Stream,
    request: Request<Full<Bytes>>,
    progress: &mut Progress,
) -> Result<Incoming, Break> {
    let started = Instant::now();
    let answer = stream.sender().send_request(request).await;
    match answer {
        Ok(answer) => {
            stream.answered();
            Ok(take_head(answer, started, progress))
        }
        Err(fault) => {
            let broken = break_of_http2(&fault);
            match broken {
                Break::Lost => stream.give_up(),
                Break::Refused
                | Break::Http1Wanted
                | Break::Fault(_)
                | Break::Stray(_)
                | Break::Crowded(_) => {
                    stream.answered();
                }
            }
            Err(broken)
        }
    }
}

/// HTTP/2 says scheme and host in pseudo-header fields, which come from the URI (RFC 9113, 8.3.1).
fn for_http2(mut request: Request<Full<Bytes>>, target: &Target) -> Result<Request<Full<Bytes>>, Break> {
    request.headers_mut().remove(HOST);
    let uri = Uri::builder()
        .scheme("https")
        .authority(target.authority.as_bytes())
        .path_and_query(target.path.clone())
        .build();
    // A target's host was taken from a URL, so it makes one.
    *request.uri_mut() = uri.map_err(|_| Break::Fault(SendFault::BadAnswer.into()))?;
    Ok(request)
}

fn take_head(answer: http::Response<Incoming>, started: Instant, progress: &mut Progress) -> Incoming {
    progress.first_byte = Some(started.elapsed());
    let (head, body) = answer.into_parts();
    progress.head = Some((head.status, head.headers));
    body
}

/// Reads what is kept of a body and, up to a bound, the rest; whether that was all.
async fn read_capped(mut body: Incoming, kept: &mut BytesMut) -> bool {
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        // A body that breaks off changes nothing: the status has decided.
        let Ok(frame) = frame else { return false };
        if let Some(piece) = frame.data_ref() {
            let room = KEPT_BYTES - kept.len();
            kept.extend_from_slice(&piece[..piece.len().min(room)]);
            read += piece.len();
        }
        if read > READ_BYTES {
            return false;
        }
    }
    true
}

fn break_of_http1(fault: &hyper::Error, is_roomy: bool) -> Break {
    if fault.is_parse_too_large() {
        let error = SendError::new(SendFault::BadAnswer, "the answer's head is too large");
        return match is_roomy {
            true => Break::Stray(error),
            false => Break::Crowded(error),
        };
    }
    match fault.is_parse() || fault.is_parse_status() {
        true => Break::Stray(SendError::new(
            SendFault::BadAnswer,
            format_args!("the answer is not HTTP: {fault}"),
        )),
        false => Break::Lost,
    }
}

fn break_of_http2(fault: &hyper::Error) -> Break {
    let Some(cause) = fault
        .source()
        .and_then(|source| source.downcast_ref::<h2::Error>())
    else {
        return Break::Lost;
    };
    match cause.reason() {
        Some(h2::Reason::HTTP_1_1_REQUIRED) => Break::Http1Wanted,
        Some(h2::Reason::REFUSED_STREAM) => Break::Refused,
        _ if cause.is_go_away() && cause.is_remote() => Break::Lost,
        // The receiver ended this one request.
        Some(_) if cause.is_reset() && cause.is_remote() => Break::Fault(SendFault::Closed.into()),
        Some(_) => Break::Fault(SendFault::BadAnswer.into()),
        None => Break::Lost,
    }
}
