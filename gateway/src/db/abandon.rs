//! Work that is given up in the middle of a statement.
//!
//! A future that is dropped leaves its statement running at the server. A pooled connection that it held must not go to the
//! next taker, who would wait behind that statement, so it is closed, and cancelled at the server, when [`Abandonable`] was
//! dropped before its end.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::error::DbError;

thread_local! {
    static ABANDONING: Cell<bool> = const { Cell::new(false) };
}

/// Whether the work that is being dropped on this thread did not end.
pub(super) fn is_abandoning() -> bool {
    ABANDONING.get()
}

/// A future whose pooled connections are given up if it is dropped before its end.
pub struct Abandonable<F>(Option<F>);

impl<F: Future + Unpin> Abandonable<F> {
    /// Wraps `work`.
    pub const fn new(work: F) -> Self {
        Self(Some(work))
    }
}

impl<F: Future + Unpin> Future for Abandonable<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Some(work) = &mut self.0 else {
            // Polled after its end, which no executor does.
            return Poll::Pending;
        };
        let polled = Pin::new(work).poll(context);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

impl<F> Drop for Abandonable<F> {
    fn drop(&mut self) {
        if let Some(work) = self.0.take() {
            let before = ABANDONING.replace(true);
            drop(work);
            ABANDONING.set(before);
        }
    }
}

/// Waits for an answer of the database for so long. A frozen server must not look like a quiet one.
pub async fn within<T>(
    limit: Duration,
    asking: impl Future<Output = Result<T, DbError>>,
) -> Result<T, DbError> {
    match tokio::time::timeout(limit, Abandonable::new(Box::pin(asking))).await {
        Ok(answer) => answer,
        Err(_) => Err(DbError::Away("no answer in time".into())),
    }
}
