//! One client connection: HTTP/1.1 or HTTP/2 over what the listener accepted, until it ends or is drained.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::timed_io::{MAX_HEAD_BYTES, TimedIo, Waits, Watch};
use crate::http::reply::ReplyBody;

/// HTTP/2 requests that one connection may have under way.
const MAX_STREAMS: u32 = 200;
/// What a client may send ahead on one HTTP/2 stream, and on the whole connection. It counts before any key is checked.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// What is known of a connection before its first request.
#[derive(Debug, Clone, Copy)]
pub struct Ends {
    /// The client, as a load balancer's PROXY header names it if there is one.
    pub client: SocketAddr,
    /// The gateway's own end, unless the system does not tell.
    pub local: Option<SocketAddr>,
    pub is_tls: bool,
}

/// Answers requests. Cloned into every connection.
pub trait Answer: Clone + Send + 'static {
    /// Answers one request over the connection between `ends`, to which `watch` belongs. What can be done at once is done
    /// in the call itself: every request pays for the size of the future.
    fn answer(
        &self,
        ends: Ends,
        watch: &Arc<Watch>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<ReplyBody>> + Send + use<Self>;
}

/// The protocol's settings, made once for a listener.
#[derive(Clone)]
pub struct Protocol {
    builder: Arc<auto::Builder<TokioExecutor>>,
    waits: Waits,
}

impl Protocol {
    /// HTTP/1.1 and HTTP/2 with these limits on waiting.
    pub fn new(waits: Waits) -> Self {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            // Heads and idle connections are timed by `TimedIo`, which tells the two apart.
            .header_read_timeout(None)
            .half_close(true)
            .max_buf_size(MAX_HEAD_BYTES);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_header_list_size(MAX_HEAD_BYTES as u32)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT);
        Self {
            builder: Arc::new(builder),
            waits,
        }
    }

    /// Serves a connection to its end. From `drain` on requests are answered for another `last_call`, each reply saying
    /// that it is the connection's last; then the request under way finishes, and an idle connection is closed.
    ///
    /// A load balancer that has not heard of the end yet sends requests over connections that are idle. It cannot repeat
    /// one that meets the close on its way.
    pub async fn serve<S, A>(
        &self,
        stream: S,
        ends: Ends,
        answer: A,
        drain: CancellationToken,
        last_call: Duration,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        A: Answer,
    {
        let watch = Arc::new(Watch::default());
        let stream = TokioIo::new(TimedIo::new(stream, watch.clone(), self.waits));
        let is_ending = Arc::new(AtomicBool::new(false));
        let ending = is_ending.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let is_last = ending.load(Ordering::Relaxed) && request.version() < Version::HTTP_2;
            answer.answer(ends, &watch, request).map(move |mut reply| {
                if is_last {
                    let close = HeaderValue::from_static("close");
                    reply.headers_mut().insert(CONNECTION, close);
                }
                Ok::<_, Infallible>(reply)
            })
        });
        let connection = self.builder.serve_connection(stream, service);
        let mut connection = std::pin::pin!(connection);
        // Polled when it rings and not at each request, which would take a lock that all connections share.
        let mut draining = FuturesUnordered::from_iter([drain.cancelled_owned()]);
        let ended = tokio::select! {
            // In this order, so that a request which the task sees together with the stop is answered as the last.
            biased;
            _ = draining.next() => {
                is_ending.store(true, Ordering::Relaxed);
                match tokio::time::timeout(last_call, connection.as_mut()).await {
                    Ok(ended) => ended,
                    Err(_) => {
                        connection.as_mut().graceful_shutdown();
                        connection.await
                    }
                }
            }
            ended = connection.as_mut() => ended,
        };
        if let Err(fault) = ended {
            tracing::debug!(peer = %ends.client, %fault, "connection ended early");
        }
    }
}
