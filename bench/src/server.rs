//! The bare hyper server that hello, sink and receiver share: an accept loop and nothing more.
//!
//! It is the yardstick, so it must stay what a careful person would write first: HTTP/1.1, one
//! task a connection, Nagle off, no middleware.

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::Args;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::future::Future;
use std::io::Write;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// Where to listen, and with how many threads.
#[derive(Args, Clone, Copy)]
pub struct Listen {
    /// Address; port 0 takes a free one. The bound address is printed as `listening ADDR`.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Worker threads of the runtime.
    #[arg(long, default_value_t = 2)]
    workers: usize,
}

impl Listen {
    pub fn runtime(&self) -> Result<Runtime> {
        Builder::new_multi_thread()
            .worker_threads(self.workers)
            .enable_all()
            .build()
            .context("starting the runtime")
    }
}

/// Serves until the process ends, each connection with the handler that `welcome` makes for it.
pub async fn serve<H, F, B>(listen: Listen, welcome: impl Fn() -> H) -> Result<()>
where
    H: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Result<Response<B>, Infallible>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let listener = TcpListener::bind(listen.listen)
        .await
        .with_context(|| format!("listening on {}", listen.listen))?;
    writeln!(std::io::stdout(), "listening {}", listener.local_addr()?)?;
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors or a connection gone before it was accepted: neither ends a run.
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let handler = welcome();
        tokio::spawn(async move {
            // An error here is a peer that went away; the load generator counts those.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(handler))
                .await;
        });
    }
}
