//! One instance's bus inside this process, and what the dispatcher and the recorder would do with it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use gateway::facade::base::Tasks;
use gateway::facade::base::WorkspaceId;
use gateway::facade::bus::{Accepted, Batch, Bus, NewEvent};
use gateway::facade::db::{self, Db};
use uuid::Uuid;

use stage::{SOON, eventually};

/// The type of every event.
pub const LABEL: &str = "deal.won";

/// A bus, and what ends with it.
pub struct Instance {
    pub bus: Arc<dyn Bus>,
    tasks: Tasks,
    pub db: Db,
}

impl Instance {
    /// Takes up a bus, and waits until it can accept events.
    pub async fn new(bus: Arc<dyn Bus>, tasks: Tasks, db: Db) -> Self {
        eventually("the bus owns what it accepts", SOON, || async {
            bus.owner() != 0
        })
        .await;
        Self { bus, tasks, db }
    }

    /// Stops without a word about what is out.
    pub async fn crash(self) {
        self.tasks.shut_down().await;
    }

    /// Publishes an event that must be accepted.
    pub async fn publish(&self, event: NewEvent) -> Accepted {
        self.bus.publish(event).await.expect("accepted")
    }

    /// The next batch.
    pub async fn receive(&self) -> Batch {
        let received = tokio::time::timeout(SOON, self.bus.receive());
        received.await.expect("in time").expect("open")
    }

    /// Receives so many events, whatever the batches.
    pub async fn receive_events(&self, count: usize) -> Vec<Batch> {
        let mut batches = Vec::new();
        let mut seen = 0;
        while seen < count {
            let batch = self.receive().await;
            seen += batch.events.len();
            batches.push(batch);
        }
        assert_eq!(seen, count);
        batches
    }

    /// Says that everything of a batch is done.
    pub fn finish(&self, batch: &Batch) {
        self.bus.ledger().count(batch.id, batch.events.len());
        self.bus.ledger().finish(batch.id, batch.events.len());
    }

    /// Notes how far everything is done.
    pub async fn acknowledge(&self) {
        let mut client = self.db.client().await.expect("a connection");
        let transaction = db::begin(&mut client).await.expect("a transaction");
        self.bus.acknowledge(&transaction).await.expect("acknowledged");
        transaction.commit().await.expect("committed");
    }

    /// Receives and finishes from now on, in the background.
    pub fn pump(&self) -> Pumped {
        let pumped = Pumped::default();
        let (bus, ids) = (self.bus.clone(), pumped.ids.clone());
        tokio::spawn(async move {
            while let Some(batch) = bus.receive().await {
                let received = ids_of(std::slice::from_ref(&batch));
                ids.lock().expect("unpoisoned").extend(received);
                bus.ledger().count(batch.id, 0);
            }
        });
        pumped
    }

    /// Whether nothing comes for so long.
    pub async fn is_silent_for(&self, time: Duration) -> bool {
        tokio::time::timeout(time, self.bus.receive()).await.is_err()
    }
}

/// What a pump received.
#[derive(Default)]
pub struct Pumped {
    ids: Arc<Mutex<Vec<Uuid>>>,
}

impl Pumped {
    /// The ids so far, repeats among them.
    pub fn ids(&self) -> Vec<Uuid> {
        self.ids.lock().expect("unpoisoned").clone()
    }

    /// Waits for so many events.
    pub async fn wait_for(&self, count: usize) {
        eventually(&format!("{count} events come out"), SOON, || async {
            self.ids().len() >= count
        })
        .await;
    }
}

/// The ids of all events of these batches.
pub fn ids_of(batches: &[Batch]) -> Vec<Uuid> {
    let events = batches.iter().flat_map(|batch| &batch.events);
    events.map(|event| event.id).collect()
}

/// An event that says its number.
pub fn event(number: usize) -> NewEvent {
    NewEvent {
        workspace: WorkspaceId(1),
        label: LABEL.into(),
        client_id: None,
        once_key: None,
        occurred_at: None,
        ordering_key: None,
        data: Bytes::from(format!("{{ \"number\" :{number}}}")),
    }
}

/// The same with an id of the client's.
pub fn named(number: usize, name: &str) -> NewEvent {
    NewEvent {
        client_id: Some(name.into()),
        once_key: Some(name.into()),
        ..event(number)
    }
}
