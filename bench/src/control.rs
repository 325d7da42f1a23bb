//! One HTTP request at a time, for setting up and asking: not for anything that is measured.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::handshake;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);

pub struct Call<'a> {
    pub address: SocketAddr,
    pub method: Method,
    pub path: &'a str,
    pub bearer: Option<&'a str>,
    pub body: Option<&'a Value>,
}

impl<'a> Call<'a> {
    pub fn get(address: SocketAddr, path: &'a str) -> Self {
        Self {
            address,
            method: Method::GET,
            path,
            bearer: None,
            body: None,
        }
    }

    pub async fn send(&self) -> Result<(StatusCode, Bytes)> {
        timeout(PATIENCE, self.exchange())
            .await
            .with_context(|| format!("{} {} took {PATIENCE:?}", self.method, self.path))?
            .with_context(|| format!("{} {} at {}", self.method, self.path, self.address))
    }

    /// The body of a reply that must be a 2xx.
    pub async fn succeed(&self) -> Result<Bytes> {
        let (status, body) = self.send().await?;
        if !status.is_success() {
            let text = String::from_utf8_lossy(&body);
            bail!("{} {} answered {status}: {text}", self.method, self.path);
        }
        Ok(body)
    }

    async fn exchange(&self) -> Result<(StatusCode, Bytes)> {
        let stream = TcpStream::connect(self.address).await?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(&self.method)
            .uri(self.path)
            .header(HOST, self.address.to_string());
        if let Some(bearer) = self.bearer {
            request = request.header(AUTHORIZATION, format!("Bearer {bearer}"));
        }
        let body = match self.body {
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/json");
                Bytes::from(serde_json::to_vec(body)?)
            }
            None => Bytes::new(),
        };
        let response = sender.send_request(request.body(Full::new(body))?).await?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }
}
