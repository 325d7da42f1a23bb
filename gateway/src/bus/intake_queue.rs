//! The queue of events that wait to become durable, bounded in number and bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use metrics::counter;
use tokio::sync::mpsc;

use super::PublishError;
use crate::telemetry::names;

/// Bytes of events that may wait; beyond it the answer is [`PublishError::Full`].
const MAX_BYTES: usize = 64 << 20;

/// The bytes of the waiting events. Taking an event out of the queue subtracts its weight.
#[derive(Debug, Clone, Default)]
pub(super) struct WaitingBytes(Arc<AtomicUsize>);

impl WaitingBytes {
    pub(super) fn take_off(&self, weight: usize) {
        self.0.fetch_sub(weight, Ordering::Relaxed);
    }
}

/// The end of the queue into which events are put.
pub(super) struct IntakeQueue<T> {
    queue: mpsc::Sender<T>,
    bytes: WaitingBytes,
}

impl<T> IntakeQueue<T> {
    /// A queue for `max_waiting` events, its other end, and the count of its bytes.
    pub(super) fn new(max_waiting: usize) -> (Self, mpsc::Receiver<T>, WaitingBytes) {
        let (queue, waiting) = mpsc::channel(max_waiting);
        let bytes = WaitingBytes::default();
        let counted = bytes.clone();
        (Self { queue, bytes }, waiting, counted)
    }

    /// Puts an event of that weight in, if there is room.
    pub(super) fn put(&self, waiting: T, weight: usize) -> Result<(), PublishError> {
        self.try_put(waiting, weight).inspect_err(|_| {
            counter!(names::EVENTS_REFUSED).increment(1);
        })
    }

    fn try_put(&self, waiting: T, weight: usize) -> Result<(), PublishError> {
        if self.bytes.0.load(Ordering::Relaxed) + weight > MAX_BYTES {
            return Err(PublishError::Full);
        }
        self.bytes.0.fetch_add(weight, Ordering::Relaxed);
        self.queue.try_send(waiting).map_err(|refused| {
            self.bytes.take_off(weight);
            match refused {
                mpsc::error::TrySendError::Full(_) => PublishError::Full,
                mpsc::error::TrySendError::Closed(_) => PublishError::Closed,
            }
        })
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }
}
