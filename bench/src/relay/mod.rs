//! The raw signing client: what sending a delivery costs when nothing is stored or decided.
//!
//! Bare hyper connections, each in a closed loop; every request has its own id, both signatures
//! and the headers that an endpoint receives. With the sink it gives the raw relay, the
//! calibrator of deliveries: 1 / (1/sink + 1/relay).

mod signing;

use crate::payload::{Payload, now_us, write_digits};
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use signing::Signer;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// `evt_` and a UUID whose last group is the counter.
const ID_HEAD: &str = "evt_0199d1c2-7a30-7c41-9f0e-";
const ID_DIGITS: usize = 12;
/// As long as any `User-Agent` the gateway is likely to send.
const AGENT: &str = "Sentinel-Gateway/0.1";

#[derive(Args, Clone)]
pub struct Options {
    /// `http://ADDRESS/path` of a receiver.
    #[arg(long)]
    target: Uri,
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Stops after this many requests.
    #[arg(long, default_value_t = u64::MAX)]
    count: u64,
    /// Stops after this many seconds.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Size of the event as it would have been posted.
    #[arg(long, default_value_t = 400)]
    payload_bytes: usize,
    /// Worker threads of the runtime.
    #[arg(long, default_value_t = 2)]
    workers: usize,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    pub requests: u64,
    pub errors: u64,
    pub seconds: f64,
    pub rps: f64,
}

struct Shared {
    options: Options,
    authority: String,
    host: HeaderValue,
    path: Uri,
    signer: Signer,
    next: AtomicU64,
    ends_at: Instant,
}

pub fn run(options: &Options) -> Result<Report> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.workers)
        .enable_all()
        .build()?
        .block_on(relay(options))
}

async fn relay(options: &Options) -> Result<Report> {
    let authority = options.target.authority().context("--target has no host")?;
    let started = Instant::now();
    let shared = Arc::new(Shared {
        options: options.clone(),
        authority: authority.to_string(),
        host: HeaderValue::from_str(authority.as_str())?,
        path: options.target.path().parse()?,
        signer: Signer::new(&[b'a'; 64], &[0xaa; 32]),
        next: AtomicU64::new(0),
        ends_at: started + Duration::from_secs_f64(options.seconds),
    });
    let mut lanes = JoinSet::new();
    for _ in 0..options.connections {
        lanes.spawn(lane(Arc::clone(&shared)));
    }
    let (mut requests, mut errors) = (0, 0);
    while let Some(outcome) = lanes.join_next().await {
        let (lane_requests, lane_errors) = outcome??;
        requests += lane_requests;
        errors += lane_errors;
    }
    if requests == 0 {
        bail!("{authority} answered no request with a 2xx");
    }
    let seconds = started.elapsed().as_secs_f64();
    Ok(Report {
        requests,
        errors,
        seconds,
        rps: requests as f64 / seconds,
    })
}

/// One connection until count or time is up: how many were answered with a 2xx, and otherwise.
async fn lane(shared: Arc<Shared>) -> Result<(u64, u64)> {
    let stream = TcpStream::connect(&shared.authority)
        .await
        .with_context(|| format!("connecting to {}", shared.authority))?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut payload = Payload::delivery(
        &format!("{ID_HEAD}{:0ID_DIGITS$}", 0),
        "2026-01-01T00:00:00.000Z",
        shared.options.payload_bytes,
    );
    let (mut answered, mut failed) = (0, 0);
    loop {
        let counter = shared.next.fetch_add(1, Relaxed);
        if counter >= shared.options.count || Instant::now() >= shared.ends_at {
            return Ok((answered, failed));
        }
        let request = signed_request(&shared, &mut payload, counter)?;
        if exchange(&mut sender, request).await? {
            answered += 1;
        } else {
            failed += 1;
        }
    }
}

fn signed_request(shared: &Shared, payload: &mut Payload, counter: u64) -> Result<Request<Full<Bytes>>> {
    let mut digits = [b'0'; ID_DIGITS];
    write_digits(&mut digits, counter);
    let mut id = String::with_capacity(ID_HEAD.len() + ID_DIGITS);
    id.push_str(ID_HEAD);
    id.extend(digits.map(char::from));
    let sent_at_us = now_us();
    let timestamp = (sent_at_us / 1_000_000).to_string();

    payload.rename(&id);
    payload.stamp(counter, sent_at_us);
    let body = Bytes::copy_from_slice(payload.as_bytes());
    let sentinel = shared.signer.sentinel(&body);
    let standard = shared.signer.standard(&id, &timestamp, &body);

    let delivery = HeaderValue::try_from(id)?;
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = shared.path.clone();
    let headers = request.headers_mut();
    headers.reserve(10);
    headers.insert(HOST, shared.host.clone());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    headers.insert("x-sentinel-event", HeaderValue::from_static("deal.won"));
    headers.insert("x-sentinel-delivery", delivery.clone());
    headers.insert("x-sentinel-attempt", HeaderValue::from_static("1"));
    headers.insert("x-sentinel-signature", HeaderValue::try_from(sentinel)?);
    headers.insert("webhook-id", delivery);
    headers.insert("webhook-timestamp", HeaderValue::try_from(timestamp)?);
    headers.insert("webhook-signature", HeaderValue::try_from(standard)?);
    Ok(request)
}

async fn exchange(sender: &mut SendRequest<Full<Bytes>>, request: Request<Full<Bytes>>) -> Result<bool> {
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    let succeeded = response.status().is_success();
    response.into_body().collect().await?;
    Ok(succeeded)
}
