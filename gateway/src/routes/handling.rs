//! A handler at work: bounded in time, and a panic of its own harms no other request.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;

use super::Handling;
use crate::db::Abandonable;
use crate::http::problem::Problem;
use crate::http::reply::Reply;

/// How long a handler may take.
#[derive(Debug, Clone, Copy)]
pub(super) enum Limit {
    None,
    After(Duration),
}

impl Limit {
    /// The limit of a route.
    pub(super) const fn of(is_unbounded: bool, timeout: Duration) -> Self {
        match is_unbounded {
            true => Self::None,
            false => Self::After(timeout),
        }
    }
}

/// Runs a handler to its reply; 503 beyond its time, 500 after a panic.
pub(super) async fn handle(handling: Handling, limit: Limit) -> Result<Reply, Problem> {
    let mut handling = Abandonable::new(AssertUnwindSafe(handling).catch_unwind());
    // What is answered at once needs no timer.
    let at_once = poll_fn(|context| Poll::Ready(handling.poll_unpin(context))).await;
    let handled = match (at_once, limit) {
        (Poll::Ready(handled), _) => Ok(handled),
        (Poll::Pending, Limit::None) => Ok(handling.await),
        (Poll::Pending, Limit::After(timeout)) => tokio::time::timeout(timeout, handling).await,
    };
    match handled {
        Ok(Ok(answered)) => answered,
        Ok(Err(_)) => Err(Problem::internal(&"a handler panicked")),
        Err(_) => Err(Problem::outcome_unknown("It took too long")),
    }
}
