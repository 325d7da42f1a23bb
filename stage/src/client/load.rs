//! Numbered events sent without pause over connections that stay open, and a ledger of what was acknowledged.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

use super::api::{Api, Line};
use super::reply::Reply;
use crate::receivers::receiver::Received;
use crate::wait::{SOON, eventually};

/// The type of every event of a load.
pub const LABEL: &str = "invoice.paid";
const PAUSE: Duration = Duration::from_millis(20);

/// What was sent and what came of it.
#[derive(Debug, Default)]
struct Ledger {
    next: AtomicUsize,
    acknowledged: Mutex<BTreeSet<usize>>,
    /// Replies other than 202.
    refused: Mutex<Vec<Reply>>,
    /// Requests that got no reply.
    unanswered: Mutex<Vec<String>>,
}

/// A load under way.
pub struct Load {
    address: Arc<Mutex<Vec<SocketAddr>>>,
    ledger: Arc<Ledger>,
    stop: Arc<AtomicBool>,
    senders: JoinSet<()>,
}

/// What a load came to.
#[derive(Debug)]
pub struct Sent {
    pub acknowledged: BTreeSet<usize>,
    pub refused: Vec<Reply>,
    pub unanswered: Vec<String>,
}

impl Load {
    /// Starts `count` senders, spread over these servers.
    pub fn start(apis: &[&Api], count: usize) -> Self {
        let address = Arc::new(Mutex::new(apis.iter().map(|api| api.address).collect::<Vec<_>>()));
        let ledger = Arc::new(Ledger::default());
        let stop = Arc::new(AtomicBool::new(false));
        let mut senders = JoinSet::new();
        for nth in 0..count {
            let api = apis[nth % apis.len()].clone();
            senders.spawn(run(
                nth % apis.len(),
                api,
                address.clone(),
                ledger.clone(),
                stop.clone(),
            ));
        }
        Self {
            address,
            ledger,
            stop,
            senders,
        }
    }

    /// Sends what would go to the `nth` server to another address from now on.
    pub fn redirect(&self, nth: usize, address: SocketAddr) {
        self.address.lock().expect("unpoisoned")[nth] = address;
    }

    /// Events acknowledged so far.
    pub fn acknowledged_count(&self) -> usize {
        self.ledger.acknowledged.lock().expect("unpoisoned").len()
    }

    /// Replies other than 202 so far.
    pub fn refused(&self) -> Vec<Reply> {
        self.ledger.refused.lock().expect("unpoisoned").clone()
    }

    /// Waits for so many more acknowledged events.
    pub async fn advance(&self, count: usize) {
        let goal = self.acknowledged_count() + count;
        eventually(
            &format!("{count} more events are acknowledged"),
            SOON * 3,
            || async { self.acknowledged_count() >= goal },
        )
        .await;
    }

    /// What the load came to so far.
    pub fn so_far(&self) -> Sent {
        Sent {
            acknowledged: self.ledger.acknowledged.lock().expect("unpoisoned").clone(),
            refused: self.refused(),
            unanswered: self.ledger.unanswered.lock().expect("unpoisoned").clone(),
        }
    }

    /// Stops sending; requests under way get their answer first.
    pub async fn finish(mut self) -> Sent {
        self.stop.store(true, Ordering::SeqCst);
        while self.senders.join_next().await.is_some() {}
        let acknowledged = std::mem::take(&mut *self.ledger.acknowledged.lock().expect("unpoisoned"));
        Sent {
            acknowledged,
            refused: self.refused(),
            unanswered: std::mem::take(&mut *self.ledger.unanswered.lock().expect("unpoisoned")),
        }
    }
}

async fn run(
    nth: usize,
    api: Api,
    address: Arc<Mutex<Vec<SocketAddr>>>,
    ledger: Arc<Ledger>,
    stop: Arc<AtomicBool>,
) {
    let mut line: Option<Line> = None;
    while !stop.load(Ordering::SeqCst) {
        let to = address.lock().expect("unpoisoned")[nth];
        let open = match line.take() {
            Some(open) => open,
            None => match Line::open(to).await {
                Ok(open) => open,
                Err(_) => {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
        };
        let open = line.insert(open);
        let number = ledger.next.fetch_add(1, Ordering::SeqCst);
        let call = api.post_call("/v1/events", &json!({"type": LABEL, "data": {"number": number}}));
        match open.call(call).await {
            Ok(reply) if reply.status == 202 => {
                ledger.acknowledged.lock().expect("unpoisoned").insert(number);
            }
            Ok(reply) => {
                ledger.refused.lock().expect("unpoisoned").push(reply);
                tokio::time::sleep(PAUSE).await;
            }
            Err(fault) => {
                ledger.unanswered.lock().expect("unpoisoned").push(fault);
                line = None;
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// The number that an event of a load carries.
pub fn number_of(received: &Received) -> usize {
    let number = received.json()["data"]["number"].as_u64().expect("a number");
    usize::try_from(number).expect("small")
}

/// The numbers that arrived, and how many requests were repeats.
pub fn numbers_of(received: &[Received]) -> (BTreeSet<usize>, usize) {
    let numbers: BTreeSet<usize> = received.iter().map(number_of).collect();
    let repeats = received.len() - numbers.len();
    (numbers, repeats)
}
