//! A reply that never hurries: the fault that pins a worker for as long as it reads.

use bytes::Bytes;
use hyper::body::{Body, Frame};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Interval, interval};

const PERIOD: Duration = Duration::from_millis(100);
/// A minute of dripping outlasts every timeout the gateway may be given.
const DROPS: u32 = 600;

pub struct Drip {
    ticks: Interval,
    drops_left: u32,
}

impl Drip {
    pub fn new() -> Self {
        Self {
            ticks: interval(PERIOD),
            drops_left: DROPS,
        }
    }
}

impl Body for Drip {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.drops_left == 0 {
            return Poll::Ready(None);
        }
        ready!(self.ticks.poll_tick(context));
        self.drops_left -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b".")))))
    }
}
