//! What every bus owes, in terms of the `Bus` trait alone. So far there is one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gateway::app;
use gateway::base::caller::WorkspaceId;
use gateway::base::clock::Millis;
use gateway::base::tasks::Tasks;
use gateway::bus::postgres::PostgresBus;
use gateway::bus::{Batch, Bus, NewEvent};
use gateway::config::Config;
use gateway::db::{self, Db};
use gateway::telemetry::health::Health;

use crate::stage::{Cluster, Database, SOON, eventually};

const LABEL: &str = "deal.won";

/// One instance's bus, and what ends with it.
pub struct Instance {
    pub bus: Arc<PostgresBus>,
    tasks: Tasks,
    pub db: Db,
}

impl Instance {
    pub async fn start(database: &Database) -> Self {
        let text = format!(
            "[bus]\nlease_seconds = 2\n[database]\npool_size = 8\nurl = \"{}\"\n",
            database.url()
        );
        let config = Config::parse(&text, []).expect("valid");
        let db = app::database(&config).expect("an address");
        let tasks = Tasks::default();
        let bus = PostgresBus::start(&db, &config.bus, &Health::default(), &tasks);
        eventually("the bus owns what it accepts", SOON, || async {
            bus.owner() != 0
        })
        .await;
        Self { bus, tasks, db }
    }

    /// Stops without a word, as a crash would: what was out stays out.
    pub async fn crash(self) {
        self.tasks.shut_down().await;
    }

    pub async fn publish(&self, event: NewEvent) -> gateway::bus::Accepted {
        self.bus.publish(event).await.expect("accepted")
    }

    pub async fn receive(&self) -> Batch {
        let received = tokio::time::timeout(SOON, self.bus.receive());
        received.await.expect("in time").expect("open")
    }

    /// Receives so many events, whatever the batches.
    async fn receive_events(&self, count: usize) -> Vec<Batch> {
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

    /// Says that everything of a batch is done, as the dispatcher and the recorder would.
    pub fn finish(&self, batch: &Batch) {
        self.bus.ledger().count(batch.id, batch.events.len());
        self.bus.ledger().finish(batch.id, batch.events.len());
    }

    pub async fn acknowledge(&self) {
        let mut client = self.db.client().await.expect("a connection");
        let transaction = db::begin(&mut client).await.expect("a transaction");
        self.bus.acknowledge(&transaction).await.expect("acknowledged");
        transaction.commit().await.expect("committed");
    }

    async fn is_silent_for(&self, time: Duration) -> bool {
        tokio::time::timeout(time, self.bus.receive()).await.is_err()
    }
}

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

fn named(number: usize, name: &str) -> NewEvent {
    NewEvent {
        client_id: Some(name.into()),
        once_key: Some(name.into()),
        ..event(number)
    }
}

#[tokio::test]
async fn what_is_published_is_durable_and_comes_out_as_it_went_in() {
    let database = Cluster::shared().database().await;
    let instance = Instance::start(&database).await;
    let sent = NewEvent {
        occurred_at: Some(Millis(1_600_000_000_123)),
        ..named(7, "mine")
    };
    let accepted = instance.publish(sent.clone()).await;
    assert!(!accepted.is_repeat);
    // The answer came after the commit, so another session sees it.
    let stored = database.rows("select id, data from events").await;
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].get::<_, uuid::Uuid>(0), accepted.id);
    assert_eq!(stored[0].get::<_, &str>(1).as_bytes(), sent.data);
    let batch = instance.receive().await;
    assert!(!batch.is_recovered);
    let received = &batch.events[0];
    assert_eq!(received.id, accepted.id);
    assert_eq!(received.content.data, sent.data);
    assert_eq!(&*received.content.label, LABEL);
    assert_eq!(received.content.client_id.as_deref(), Some("mine"));
    assert_eq!(received.content.occurred_at, sent.occurred_at);
    assert_eq!(received.content.workspace, sent.workspace);
    instance.finish(&batch);
    instance.crash().await;
}

#[tokio::test]
async fn events_come_out_in_the_order_of_their_acceptance() {
    let database = Cluster::shared().database().await;
    let instance = Instance::start(&database).await;
    let mut accepted = Vec::new();
    for number in 0..200 {
        accepted.push(instance.publish(event(number)).await.id);
    }
    let batches = instance.receive_events(200).await;
    let received: Vec<_> = batches
        .iter()
        .flat_map(|batch| &batch.events)
        .map(|event| event.id)
        .collect();
    assert_eq!(received, accepted);
    assert!(accepted.is_sorted(), "ids rise");
    batches.iter().for_each(|batch| instance.finish(batch));
    instance.crash().await;
}

#[tokio::test]
async fn a_repeat_gets_the_first_and_comes_out_once() {
    let database = Cluster::shared().database().await;
    let (one, two) = (Instance::start(&database).await, Instance::start(&database).await);
    let first = one.publish(named(1, "a")).await;
    for instance in [&one, &two] {
        let other_label = NewEvent {
            label: "deal.lost".into(),
            ..named(2, "a")
        };
        let again = instance.publish(other_label).await;
        assert!(again.is_repeat);
        assert_eq!((again.id, &*again.label), (first.id, LABEL));
    }
    let elsewhere = NewEvent {
        workspace: WorkspaceId(2),
        ..named(3, "a")
    };
    assert!(
        !one.publish(elsewhere).await.is_repeat,
        "another workspace's names are its own"
    );
    // At once and on both.
    let publishing = (0..40).map(|nth| {
        let bus = if nth % 2 == 0 {
            one.bus.clone()
        } else {
            two.bus.clone()
        };
        tokio::spawn(async move { bus.publish(named(nth, "b")).await.expect("accepted") })
    });
    let mut answers = Vec::new();
    for task in publishing.collect::<Vec<_>>() {
        answers.push(task.await.expect("an answer"));
    }
    assert_eq!(answers.iter().filter(|answer| !answer.is_repeat).count(), 1);
    assert!(answers.iter().all(|answer| answer.id == answers[0].id));
    assert_eq!(database.count("select count(*) from events").await, 3);
    one.crash().await;
    two.crash().await;
}

#[tokio::test]
async fn what_a_dead_instance_left_comes_out_elsewhere() {
    let database = Cluster::shared().database().await;
    let dying = Instance::start(&database).await;
    for number in 0..30 {
        dying.publish(event(number)).await;
    }
    let batches = dying.receive_events(30).await;
    // The first batch is finished and said to be; the rest was out when it died.
    let done: Vec<_> = batches[0].events.iter().map(|event| event.id).collect();
    dying.finish(&batches[0]);
    dying.acknowledge().await;
    let left: Vec<_> = batches[1..]
        .iter()
        .flat_map(|batch| &batch.events)
        .map(|event| event.id)
        .collect();
    assert!(!left.is_empty(), "publishing in turn makes many batches");
    let heir = Instance::start(&database).await;
    assert!(
        heir.is_silent_for(Duration::from_secs(3)).await,
        "the living are left alone"
    );
    dying.crash().await;
    let recovered = heir.receive_events(left.len()).await;
    assert!(recovered.iter().all(|batch| batch.is_recovered));
    let ids: Vec<_> = recovered
        .iter()
        .flat_map(|batch| &batch.events)
        .map(|event| event.id)
        .collect();
    assert_eq!(ids, left);
    assert!(
        ids.iter().all(|id| !done.contains(id)),
        "what was finished does not come again"
    );
    assert!(
        recovered[0].events[0].content.data.starts_with(b"{ \"number\""),
        "to the byte"
    );
    recovered.iter().for_each(|batch| heir.finish(batch));
    eventually("the dead are forgotten", SOON, || async {
        database.count("select count(*) from bus_owners").await == 1
    })
    .await;
    heir.crash().await;
}

#[tokio::test]
async fn the_watermark_waits_for_the_slowest() {
    let database = Cluster::shared().database().await;
    let instance = Instance::start(&database).await;
    let mut batches = Vec::new();
    for number in 0..3 {
        instance.publish(event(number)).await;
        batches.push(instance.receive().await);
    }
    let first_of = |batch: &Batch| batch.events[0].id;
    let ledger = instance.bus.ledger();
    assert_eq!(ledger.watermark(), Some(first_of(&batches[0])));
    instance.finish(&batches[1]);
    instance.finish(&batches[2]);
    assert_eq!(
        ledger.watermark(),
        Some(first_of(&batches[0])),
        "the first holds it back"
    );
    instance.acknowledge().await;
    let kept = "select watermark from bus_owners";
    let watermark: uuid::Uuid = database.rows(kept).await[0].get(0);
    assert!(watermark <= first_of(&batches[0]));
    instance.finish(&batches[0]);
    assert_eq!(ledger.watermark(), None);
    instance.acknowledge().await;
    let watermark: uuid::Uuid = database.rows(kept).await[0].get(0);
    assert!(watermark > first_of(&batches[0]));
    // And never beyond what comes next.
    let next = instance.publish(event(4)).await;
    assert!(next.id >= watermark);
    instance.crash().await;
}

#[tokio::test]
async fn a_cut_connection_costs_no_acknowledged_event() {
    let database = Cluster::shared().database().await;
    let instance = Instance::start(&database).await;
    let bus = instance.bus.clone();
    let publishing = tokio::spawn(async move {
        let mut accepted = Vec::new();
        for number in 0..1_500 {
            match bus.publish(event(number)).await {
                Ok(answer) => accepted.push(answer.id),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        accepted
    });
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let cut = "select pg_terminate_backend(pid) from pg_stat_activity
                   where datname = current_database() and pid <> pg_backend_pid()";
        database.rows(cut).await;
    }
    let accepted = publishing.await.expect("published");
    assert!(accepted.len() > 100);
    let mut received = Vec::new();
    while let Ok(Some(batch)) = tokio::time::timeout(Duration::from_secs(8), instance.bus.receive()).await {
        received.extend(batch.events.iter().map(|event| event.id));
        instance.finish(&batch);
    }
    for id in &accepted {
        assert!(
            received.contains(id),
            "{id} was acknowledged and does not come out"
        );
    }
    instance.crash().await;
}

#[tokio::test]
async fn a_closed_bus_hands_nothing_out() {
    let database = Cluster::shared().database().await;
    let instance = Instance::start(&database).await;
    instance.publish(event(1)).await;
    let batch = instance.receive().await;
    instance.bus.close();
    assert!(instance.bus.receive().await.is_none());
    // With work left the life is a successor's; without, it ends.
    instance.bus.retire().await.expect("asked");
    assert_eq!(database.count("select count(*) from bus_owners").await, 1);
    instance.finish(&batch);
    instance.bus.retire().await.expect("asked");
    assert_eq!(database.count("select count(*) from bus_owners").await, 0);
    instance.crash().await;
}

#[tokio::test]
async fn a_key_goes_on_behind_what_a_clock_ahead_has_numbered() {
    let database = Cluster::shared().database().await;
    let instance = Instance::start(&database).await;
    let keyed = |number| NewEvent {
        ordering_key: Some("k".into()),
        ..event(number)
    };
    let first = instance.publish(keyed(1)).await;
    // The same event, accepted by an instance whose clock is a minute ahead.
    let ahead = uuid::Uuid::from_u128(first.id.as_u128() + (60_000 << 80));
    database
        .run(&format!(
            "update events set id = '{ahead}' where id = '{}'",
            first.id
        ))
        .await;
    let next = instance.publish(keyed(2)).await;
    assert!(next.id > ahead, "{} after {ahead}", next.id);
    let unkeyed = instance.publish(event(3)).await;
    assert!(unkeyed.id > next.id, "ids rise within an instance");
    instance.crash().await;
}
