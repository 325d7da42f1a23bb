//! What handlers answer, and the body type that hyper sends.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use serde::Serialize;

use super::problem::Problem;
use super::request_id::{self, RequestId};
use super::timed_io::UnderWay;

/// A reply's body, of one piece or none. It holds the mark that its request is under way.
pub struct ReplyBody {
    content: Option<Bytes>,
    under_way: Option<UnderWay>,
}

impl ReplyBody {
    /// No body at all.
    pub const fn empty() -> Self {
        Self::whole(None)
    }

    const fn whole(bytes: Option<Bytes>) -> Self {
        Self {
            content: bytes,
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
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.get_mut().content.take();
        Poll::Ready(piece.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.content.as_ref().map_or(0, |bytes| bytes.len() as u64))
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
            body: ReplyBody::whole(Some(body.into())),
        }
    }

    /// 204.
    pub fn no_content() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            headers: HeaderMap::with_capacity(2),
            body: ReplyBody::empty(),
        }
    }

    /// Marks a reply that carries a secret: no cache may keep it.
    pub fn no_store(self) -> Self {
        self.with_header(CACHE_CONTROL, HeaderValue::from_static("no-store"))
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
    let body = ReplyBody::whole(Some(problem.to_json(request_id).into()));
    let mut headers = problem.take_headers();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    finish(problem.status(), headers, body, request_id)
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
