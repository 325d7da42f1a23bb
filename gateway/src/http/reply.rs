//! The replies of handlers, and the body type that hyper sends.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, IF_NONE_MATCH};
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use serde::Serialize;
use tokio::sync::mpsc;

use super::problem::Problem;
use super::request_id::{self, RequestId};
use super::transport::timed_io::UnderWay;

/// A streamed body that ends before its end: the client is cut off, so that it does not take a part for the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the reply broke off")]
pub struct BrokeOff;

enum Content {
    Nothing,
    Whole(Bytes),
    Stream(mpsc::Receiver<Result<Bytes, BrokeOff>>),
}

/// A reply's body. It holds the mark that its request is under way until it is sent.
pub struct ReplyBody {
    content: Content,
    under_way: Option<UnderWay>,
}

impl ReplyBody {
    /// No body at all.
    pub const fn empty() -> Self {
        Self::of(Content::Nothing)
    }

    const fn of(content: Content) -> Self {
        Self {
            content,
            under_way: None,
        }
    }

    /// The length if it is known.
    pub fn exact_len(&self) -> Option<u64> {
        self.size_hint().exact()
    }

    /// Keeps the connection's request marked as under way until this body is sent.
    pub fn holding(mut self, under_way: UnderWay) -> Self {
        self.under_way = Some(under_way);
        self
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = BrokeOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        let content = &mut self.get_mut().content;
        match std::mem::replace(content, Content::Nothing) {
            Content::Nothing => Poll::Ready(None),
            Content::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Content::Stream(mut pieces) => {
                let piece = pieces.poll_recv(context);
                if !matches!(piece, Poll::Ready(None)) {
                    *content = Content::Stream(pieces);
                }
                piece.map(|piece| piece.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.content, Content::Nothing)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Nothing => SizeHint::with_exact(0),
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Stream(_) => SizeHint::default(),
        }
    }
}

/// A successful reply.
pub struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: ReplyBody,
}

impl Reply {
    /// JSON under `status`.
    pub fn json(status: StatusCode, value: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_vec(value).map_err(|fault| Problem::internal(&fault))?;
        Ok(Self::of(status, "application/json", body))
    }

    /// JSON with 200.
    pub fn ok(value: &impl Serialize) -> Result<Self, Problem> {
        Self::json(StatusCode::OK, value)
    }

    /// Bytes of some media type.
    pub fn of(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        Self {
            status,
            headers,
            body: ReplyBody::of(Content::Whole(body.into())),
        }
    }

    /// A body that comes piece by piece; its sender waits while the client does not read.
    pub fn stream(media_type: &'static str, pieces: mpsc::Receiver<Result<Bytes, BrokeOff>>) -> Self {
        let mut reply = Self::of(StatusCode::OK, media_type, Bytes::new());
        reply.body = ReplyBody::of(Content::Stream(pieces));
        reply
    }

    /// 204.
    pub fn no_content() -> Self {
        Self::empty(StatusCode::NO_CONTENT)
    }

    /// No body at all, as with 204 and 304.
    pub fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::with_capacity(2),
            body: ReplyBody::empty(),
        }
    }

    /// Marks a reply that carries a secret: no cache may keep it.
    pub fn no_store(self) -> Self {
        self.with_header(CACHE_CONTROL, HeaderValue::from_static("no-store"))
    }

    /// The headers.
    pub const fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    /// The bytes of a body that is whole; a stream has none.
    pub fn whole(&self) -> &[u8] {
        match &self.body.content {
            Content::Whole(bytes) => bytes,
            Content::Nothing | Content::Stream(_) => &[],
        }
    }

    /// Adds a header.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The HTTP response.
    pub fn into_response(self, request_id: &RequestId) -> Response<ReplyBody> {
        finish(self.status, self.headers, self.body, request_id)
    }
}

/// The HTTP response for a problem.
pub fn problem_response(mut problem: Problem, request_id: &RequestId) -> Response<ReplyBody> {
    let body = ReplyBody::of(Content::Whole(problem.to_json(request_id).into()));
    let mut headers = problem.take_headers();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    finish(problem.status(), headers, body, request_id)
}

/// Takes the body out of a reply to HEAD; hyper leaves the body out of HTTP/1.1's replies to HEAD by itself.
pub fn strip_body(response: &mut Response<ReplyBody>) {
    if let Some(length) = response.body().exact_len() {
        response
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    *response.body_mut() = ReplyBody::empty();
}

fn finish(
    status: StatusCode,
    mut headers: HeaderMap,
    body: ReplyBody,
    request_id: &RequestId,
) -> Response<ReplyBody> {
    headers.insert(
        HeaderName::from_static(request_id::HEADER),
        request_id.header_value(),
    );
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Whether the client has it already (RFC 9110, 13.1.2); the comparison is weak.
pub fn has_etag(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let lists = headers.get_all(IF_NONE_MATCH).iter();
    let mut tags = lists.flat_map(|value| value.as_bytes().split(|&byte| byte == b','));
    tags.any(|tag| {
        let tag = tag.trim_ascii();
        tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == etag.as_bytes()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_matches_in_a_list_and_weakly() {
        let etag = HeaderValue::from_static("\"abc\"");
        let matches = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, HeaderValue::from_static(text));
            has_etag(&headers, &etag)
        };
        assert!(matches("\"abc\"") && matches("\"x\", W/\"abc\"") && matches("*"));
        assert!(!matches("abc") && !matches("\"abcd\"") && !matches(""));
    }
}
