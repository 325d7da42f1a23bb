//! The listener for probes and metrics: `/livez`, `/readyz`, `/metrics`.

use std::future::{Future, ready};
use std::sync::Arc;

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;

use crate::http::problem::{Code, Problem};
use crate::http::reply::{Reply, ReplyBody, problem_response};
use crate::http::request_id::RequestId;
use crate::http::transport::connection::{Answer, Ends};
use crate::http::transport::timed_io::Watch;
use crate::telemetry::health::Health;
use crate::telemetry::registry::Metrics;

/// Answers operators and their machines.
#[derive(Clone)]
pub struct Operations {
    health: Health,
    metrics: Option<Metrics>,
}

impl Operations {
    /// Answers from this health and these metrics.
    pub const fn new(health: Health, metrics: Option<Metrics>) -> Self {
        Self { health, metrics }
    }

    fn reply(&self, method: &Method, path: &str) -> Result<Reply, Problem> {
        if !matches!(path, "/livez" | "/readyz" | "/metrics") {
            return Err(Problem::new(
                Code::NotFound,
                "There are /livez, /readyz and /metrics.",
            ));
        }
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Err(Problem::method_not_allowed("GET, HEAD"));
        }
        match path {
            "/livez" => Reply::ok(&serde_json::json!({"status": "alive"})),
            "/readyz" => {
                let readiness = self.health.readiness();
                let status = match readiness.status {
                    "ready" => StatusCode::OK,
                    _ => StatusCode::SERVICE_UNAVAILABLE,
                };
                Reply::json(status, &readiness)
            }
            _ => {
                let text = self.metrics.as_ref().map(Metrics::render).unwrap_or_default();
                Ok(Reply::of(StatusCode::OK, "text/plain; version=0.0.4", text))
            }
        }
    }
}

impl Answer for Operations {
    fn answer(
        &self,
        _: Ends,
        watch: &Arc<Watch>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<ReplyBody>> + Send + use<> {
        let under_way = watch.begin();
        let request_id = RequestId::of(request.headers());
        let response = match self.reply(request.method(), request.uri().path()) {
            Ok(reply) => reply.into_response(&request_id),
            Err(problem) => problem_response(problem, &request_id),
        };
        ready(response.map(|body| body.holding(under_way)))
    }
}
