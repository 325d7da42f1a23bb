//! The load generator: as little work a request as can be, because it runs beside what it loads.
//!
//! One thread, raw sockets, requests written out beforehand and patched in place. The measured
//! window starts after the warm-up; what was sent before its end is waited for, so `accepted`
//! is exact and can be compared with what was delivered.

mod connection;
mod pace;
mod request;
mod response;
mod tally;

pub use tally::Report;

use crate::payload::now_us;
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use connection::Connection;
use hyper::Uri;
use pace::Pace;
use request::Prepared;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tally::Tally;
use tokio::task::JoinSet;

/// How long replies that are still out at the end are waited for.
const LAST_REPLY: Duration = Duration::from_secs(15);
/// Pause before a refused or broken connection is tried again.
const RECONNECT: Duration = Duration::from_millis(20);

#[derive(Args, Clone)]
pub struct Options {
    /// `http://ADDRESS` of the server.
    #[arg(long)]
    target: Uri,
    #[arg(long, value_enum, ignore_case = true, default_value = "get")]
    method: Method,
    #[arg(long, default_value = "/")]
    path: String,
    /// API key.
    #[arg(long)]
    bearer: Option<String>,
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Length of the measured window.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Seconds of load before the window.
    #[arg(long, default_value_t = 1.0)]
    warmup: f64,
    /// Open loop with this many requests a second; closed loop without.
    #[arg(long)]
    rate: Option<f64>,
    /// Stops after this many requests, if time is not up before.
    #[arg(long, default_value_t = u64::MAX)]
    count: u64,
    /// Size of the event that a POST carries.
    #[arg(long, default_value_t = 400)]
    payload_bytes: usize,
    /// What makes an event known when it comes again.
    #[arg(long, value_enum, default_value = "none")]
    naming: Naming,
    /// Sends this file's bytes as the body instead.
    #[arg(long)]
    body_file: Option<PathBuf>,
}

/// What makes an event known when it comes again. What is made is unique in the run and among runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Naming {
    None,
    /// Each has an id of the client's.
    Ids,
    /// One in fifty has.
    SomeIds,
    /// Each request has an `Idempotency-Key`.
    Keys,
}

impl Naming {
    /// As the command line says it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Ids => "ids",
            Self::SomeIds => "some-ids",
            Self::Keys => "keys",
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Method {
    Get,
    Post,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }

    fn has_body(self) -> bool {
        matches!(self, Self::Post)
    }
}

/// What all connections of one load share.
struct Plan {
    options: Options,
    address: SocketAddr,
    authority: String,
    next: AtomicU64,
    window_starts_at: Instant,
    ends_at: Instant,
}

pub fn run(options: &Options) -> Result<Report> {
    if options.connections == 0 || options.rate.is_some_and(|rate| rate <= 0.0) {
        bail!("--connections and --rate must be more than 0");
    }
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(load(options))
}

async fn load(options: &Options) -> Result<Report> {
    let authority = options.target.authority().context("--target has no host")?;
    let address = (authority.host(), authority.port_u16().unwrap_or(80))
        .to_socket_addrs()?
        .next()
        .context("--target has no address")?;
    let started_at_us = now_us();
    let started = Instant::now();
    let window_starts_at = started + Duration::from_secs_f64(options.warmup);
    let plan = Arc::new(Plan {
        options: options.clone(),
        address,
        authority: authority.to_string(),
        next: AtomicU64::new(0),
        window_starts_at,
        ends_at: window_starts_at + Duration::from_secs_f64(options.seconds),
    });
    let mut lanes = JoinSet::new();
    for index in 0..options.connections {
        lanes.spawn(lane(Arc::clone(&plan), index, started));
    }
    let mut total = Tally::new()?;
    while let Some(tally) = lanes.join_next().await {
        total.add(&tally??)?;
    }
    let window_end = plan.ends_at.min(Instant::now());
    let window = window_end.saturating_duration_since(window_starts_at);
    Ok(total.report(window.max(Duration::from_millis(1)), started_at_us))
}

async fn lane(plan: Arc<Plan>, index: usize, started: Instant) -> Result<Tally> {
    let mut tally = Tally::new()?;
    let by = plan.ends_at + LAST_REPLY;
    // One timer for the whole lane: one for each request would be paid by every request.
    match tokio::time::timeout_at(by.into(), drive(&plan, index, started, &mut tally)).await {
        Ok(outcome) => outcome?,
        Err(_) => tally.error("stalled".to_owned()),
    }
    Ok(tally)
}

/// One connection, reopened when it breaks, until time or count is up.
async fn drive(plan: &Plan, index: usize, started: Instant, tally: &mut Tally) -> Result<()> {
    let options = &plan.options;
    let mut request = Prepared::new(options, &plan.authority)?;
    let mut pace = options
        .rate
        .map(|rate| Pace::new(started, rate, index, options.connections));
    let mut connection = None;
    loop {
        if pace.as_ref().is_some_and(|pace| pace.due() >= plan.ends_at) {
            return Ok(());
        }
        let sent_at = match &mut pace {
            Some(pace) => pace.next().await,
            None => Instant::now(),
        };
        let counter = plan.next.fetch_add(1, Relaxed);
        if sent_at >= plan.ends_at || counter >= options.count {
            return Ok(());
        }
        let late_us = u64::try_from(sent_at.elapsed().as_micros()).unwrap_or(0);
        request.stamp(counter, now_us().saturating_sub(late_us));
        match exchange(&mut connection, plan.address, request.as_bytes()).await {
            Ok(status) => {
                let replied_at = Instant::now();
                let in_window = (plan.window_starts_at..=plan.ends_at).contains(&replied_at);
                tally.reply(status, replied_at - sent_at, in_window);
            }
            Err(_) => {
                tally.error("io".to_owned());
                connection = None;
                tokio::time::sleep(RECONNECT).await;
            }
        }
    }
}

async fn exchange(connection: &mut Option<Connection>, address: SocketAddr, request: &[u8]) -> Result<u16> {
    let open = match connection {
        Some(open) => open,
        None => connection.insert(Connection::open(address).await?),
    };
    let response = open.exchange(request).await?;
    if !response.keep_alive {
        *connection = None;
    }
    Ok(response.status)
}
