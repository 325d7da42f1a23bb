//! The metrics of every request, resolved once instead of by name each time.

use std::sync::OnceLock;
use std::time::Duration;

use http::{Method, StatusCode};
use metrics::{Counter, Histogram, counter, histogram};

use crate::telemetry::names;

/// A route's metrics, looked up once.
pub(super) struct RouteMetrics {
    method: String,
    pub(super) path: &'static str,
    seconds: OnceLock<Histogram>,
    by_status: [OnceLock<Counter>; STATUSES.len()],
}

const STATUSES: [u16; 22] = [
    200, 201, 202, 204, 303, 304, 400, 401, 403, 404, 405, 408, 409, 410, 413, 415, 421, 422, 429, 500, 503,
    0,
];

impl RouteMetrics {
    pub(super) fn new(method: &Method, path: &'static str) -> Self {
        Self {
            method: method.to_string(),
            path,
            seconds: OnceLock::new(),
            by_status: [const { OnceLock::new() }; STATUSES.len()],
        }
    }

    pub(super) fn note(&self, status: StatusCode, elapsed: Duration) {
        let code = status.as_u16();
        let at = STATUSES.iter().position(|&known| known == code);
        let at = at.unwrap_or(STATUSES.len() - 1);
        let counted = self.by_status[at].get_or_init(|| {
            counter!(names::HTTP_REQUESTS, "method" => self.method.clone(), "route" => self.path,
                     "status" => STATUSES[at].to_string())
        });
        counted.increment(1);
        let seconds = self
            .seconds
            .get_or_init(|| histogram!(names::HTTP_SECONDS, "route" => self.path));
        seconds.record(elapsed);
    }
}
