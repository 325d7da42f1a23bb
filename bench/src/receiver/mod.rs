//! The delivery target: a bare hyper server that answers as told and counts what it got.
//!
//! Besides answering well it can be the bad neighbour: hang before the reply (`--hang-ms`), drip
//! the reply byte by byte (`--drip`), or refuse (`--status`). `GET /stats` reads the counts and
//! `POST /reset` zeroes them; every other request is a delivery.

mod drip;
mod record;
mod tally;

pub use tally::Stats;

use crate::server::{self, Listen};
use anyhow::Result;
use bytes::Bytes;
use clap::Args;
use drip::Drip;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use record::Recorder;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tally::Tally;

type Reply = Either<Full<Bytes>, Drip>;

#[derive(Args, Clone)]
pub struct Options {
    #[command(flatten)]
    pub listen: Listen,
    /// Status of every reply to a delivery.
    #[arg(long, default_value_t = 200)]
    status: u16,
    /// Milliseconds between the end of the request and the reply.
    #[arg(long, default_value_t = 0)]
    hang_ms: u64,
    /// Sends the reply's body one byte each 100 ms, for a minute.
    #[arg(long)]
    drip: bool,
    /// Appends every delivery (path, headers, body) to this file, one JSON object a line.
    #[arg(long)]
    record: Option<PathBuf>,
    /// Counts distinct pairs of path and `webhook-id`, and repeats.
    #[arg(long)]
    track: bool,
    /// Keeps a histogram of receipt time minus the body's `sent_at_us`.
    #[arg(long)]
    latency: bool,
}

struct Target {
    status: StatusCode,
    hang: Duration,
    drip: bool,
    recorder: Option<Recorder>,
    tally: Tally,
}

pub async fn serve(options: Options) -> Result<()> {
    let target = Arc::new(Target {
        status: StatusCode::from_u16(options.status)?,
        hang: Duration::from_millis(options.hang_ms),
        drip: options.drip,
        recorder: options.record.as_deref().map(Recorder::open).transpose()?,
        tally: Tally::new(options.track, options.latency),
    });
    server::serve(options.listen, || {
        let target = Arc::clone(&target);
        let fresh = Arc::new(AtomicBool::new(true));
        move |request| answer(Arc::clone(&target), Arc::clone(&fresh), request)
    })
    .await
}

/// `fresh` until the connection has brought a delivery: those that only ask are not counted.
async fn answer(
    target: Arc<Target>,
    fresh: Arc<AtomicBool>,
    request: Request<Incoming>,
) -> Result<Response<Reply>, Infallible> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/stats") => Ok(control(&target.tally.stats())),
        (&Method::POST, "/reset") => {
            target.tally.reset();
            Ok(control(&target.tally.stats()))
        }
        _ => {
            if fresh.load(Relaxed) && fresh.swap(false, Relaxed) {
                target.tally.connection_used();
            }
            Ok(receive(&target, request).await)
        }
    }
}

async fn receive(target: &Target, request: Request<Incoming>) -> Response<Reply> {
    let (head, body) = request.into_parts();
    let response = match body.collect().await {
        Ok(body) => {
            let body = body.to_bytes();
            target.tally.delivery(&head, &body);
            if let Some(recorder) = &target.recorder {
                recorder.append(&head, &body);
            }
            let mut response = Response::new(if target.drip {
                Either::Right(Drip::new())
            } else {
                Either::Left(Full::new(Bytes::from_static(b"ok")))
            });
            *response.status_mut() = target.status;
            response
        }
        Err(_) => {
            let mut response = Response::new(Either::Left(Full::new(Bytes::new())));
            *response.status_mut() = StatusCode::BAD_REQUEST;
            response
        }
    };
    if !target.hang.is_zero() {
        tokio::time::sleep(target.hang).await;
    }
    response
}

fn control(stats: &Stats) -> Response<Reply> {
    // Plain numbers always serialise; an empty body would fail the reader, which is right.
    let json = serde_json::to_vec(stats).unwrap_or_default();
    Response::new(Either::Left(Full::new(Bytes::from(json))))
}
