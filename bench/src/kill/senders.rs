//! Clients that post one numbered event after another and remember what was acknowledged.

use crate::control::Call;
use crate::payload::now_us;
use hyper::Method;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// Before a post that was not acknowledged is made again.
const AGAIN: Duration = Duration::from_millis(100);

/// Where a gateway takes events.
#[derive(Clone)]
pub struct Door {
    pub address: SocketAddr,
    pub key: String,
}

#[derive(Default)]
struct Notes {
    acknowledged: Mutex<Vec<u64>>,
    refused_count: AtomicU64,
    is_over: AtomicBool,
}

/// What the senders know in the end.
pub struct Sent {
    pub acknowledged: Vec<u64>,
    pub refused_count: u64,
}

pub struct Senders {
    notes: Arc<Notes>,
    tasks: JoinSet<()>,
}

impl Senders {
    /// Starts `count` of them; each goes from door to door and rests for `pause` between two posts.
    pub fn start(count: u64, pause: Duration, doors: Vec<Door>) -> Self {
        let notes = Arc::new(Notes::default());
        let mut tasks = JoinSet::new();
        for sender in 0..count {
            let (notes, doors) = (notes.clone(), doors.clone());
            tasks.spawn(async move {
                let mut number = sender;
                while !notes.is_over.load(Relaxed) {
                    post(&notes, &doors, number).await;
                    number += count;
                    tokio::time::sleep(pause).await;
                }
            });
        }
        Self { notes, tasks }
    }

    pub fn acknowledged_count(&self) -> usize {
        locked(&self.notes).len()
    }

    /// Lets each end the post it is at.
    pub async fn stop(mut self) -> Sent {
        self.notes.is_over.store(true, Relaxed);
        while self.tasks.join_next().await.is_some() {}
        Sent {
            acknowledged: std::mem::take(&mut locked(&self.notes)),
            refused_count: self.notes.refused_count.load(Relaxed),
        }
    }
}

/// Posts one event: an even one under an `id` and until it is acknowledged, an odd one once.
async fn post(notes: &Notes, doors: &[Door], number: u64) {
    let is_repeated = number.is_multiple_of(2);
    let mut body = json!({"type": "deal.won", "data": {"n": number, "sent_at_us": now_us()}});
    if is_repeated {
        body["id"] = json!(format!("number-{number}"));
    }
    for attempt in number.. {
        let door = &doors[attempt as usize % doors.len()];
        if is_acknowledged(door, &body).await {
            locked(notes).push(number);
            return;
        }
        notes.refused_count.fetch_add(1, Relaxed);
        if !is_repeated || notes.is_over.load(Relaxed) {
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn is_acknowledged(door: &Door, body: &Value) -> bool {
    let call = Call {
        method: Method::POST,
        bearer: Some(&door.key),
        body: Some(body),
        ..Call::get(door.address, "/v1/events")
    };
    matches!(call.send().await, Ok((status, _)) if status.is_success())
}

fn locked(notes: &Notes) -> std::sync::MutexGuard<'_, Vec<u64>> {
    notes.acknowledged.lock().unwrap_or_else(PoisonError::into_inner)
}
