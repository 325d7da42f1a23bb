//! Sends the gateway's own events from the outbox to the topic. Each was committed together with the change it reports;
//! the outbox drops it once the topic has it. After a crash in between it is sent a second time, under the same id.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use metrics::{counter, gauge};
use tokio_util::sync::CancellationToken;

use super::producer::Producer;
use crate::base::clock::Millis;
use crate::base::id::uuid_millis;
use crate::bus::postgres::PostgresBus;
use crate::bus::{Batch, Bus, Event};
use crate::telemetry::names;

const RETRY: Duration = Duration::from_millis(250);
/// Events that are on their way to the topic at once.
const AT_ONCE: usize = 500;

/// Sends what the outbox hands out until it is closed, or until `stop`.
pub(super) async fn run(outbox: Arc<PostgresBus>, producer: Arc<Producer>, stop: CancellationToken) {
    let relaying = async {
        while let Some(batch) = outbox.receive().await {
            relay(&outbox, &producer, &batch).await;
        }
    };
    tokio::select! {
        () = relaying => {}
        // What is under way then is the successor's, who sends it under the same ids.
        () = stop.cancelled() => {}
    }
}

async fn relay(outbox: &PostgresBus, producer: &Producer, batch: &Batch) {
    for events in batch.events.chunks(AT_ONCE) {
        send_surely(producer, events).await;
    }
    counter!(names::RELAYED).increment(batch.events.len() as u64);
    outbox.ledger().count(batch.id, 0);
}

async fn send_surely(producer: &Producer, events: &[Event]) {
    let mut left: Vec<&Event> = events.iter().collect();
    while !left.is_empty() {
        let sent = join_all(left.iter().map(|event| producer.send((*event).clone(), true))).await;
        left = left
            .into_iter()
            .zip(sent)
            .filter_map(|(event, sent)| sent.is_err().then_some(event))
            .collect();
        if !left.is_empty() {
            tracing::warn!(
                left = left.len(),
                "own events were not acknowledged; trying again"
            );
            tokio::time::sleep(RETRY).await;
        }
    }
}

/// Sets the metric of what waits to be relayed.
pub(super) fn observe(outbox: &PostgresBus) {
    let oldest = outbox.ledger().watermark().map(uuid_millis);
    let age = oldest.map_or(0, |oldest| (Millis::now().0 - oldest).max(0));
    gauge!(names::RELAY_LAG).set(age as f64 / 1000.0);
}
