//! A gateway that accepts and delivers without pause while a backup of its database is taken; then it dies, and another
//! starts on what was restored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use stage::cluster::Sync;
use stage::load::{LABEL, Load, number_of};
use stage::receiver::Received;
use stage::{Act, Cluster, Database, Desk, Gateway, Hook, Receiver, signature};

use crate::fault::receipts::{all_end, quiet};

/// What seals the endpoints' secrets: not in the database, so not in its backup.
const SEALED: (&str, &str) = (
    "GATEWAY_WEBHOOKS__SECRET_KEY",
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
);

/// The scene up to the end of the backup.
pub struct Scene {
    pub cluster: &'static Cluster,
    pub database: Database,
    gateway: Gateway,
    desk: Desk,
    receivers: [Receiver; 2],
    hooks: [Hook; 2],
    /// From then on the second receiver takes everything.
    is_well: Arc<AtomicBool>,
    load: Load,
    /// Acknowledged before the backup began.
    before: BTreeSet<usize>,
}

impl Scene {
    /// A load under way: at the second endpoint a third of the first attempts fails, and a few hang.
    pub async fn start() -> Self {
        let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(Sync::On)));
        let database = cluster.database().await;
        let gateway = Gateway::start(&database.url(), &[SEALED]).await;
        let desk = Desk::at(&gateway, &database).await;
        let is_well = Arc::new(AtomicBool::new(false));
        let seen = is_well.clone();
        let stumbling = Receiver::deciding(move |_, received| {
            let number = number_of(received);
            match seen.load(Ordering::SeqCst) {
                false if number % 200 == 1 => Act::Hang,
                false if number.is_multiple_of(3) => Act::Status(500),
                _ => Act::Status(200),
            }
        })
        .await;
        let receivers = [Receiver::start().await, stumbling];
        let more = json!({"max_attempts": 50, "timeout_seconds": 60});
        let hooks = [
            desk.hook(&receivers[0], &[LABEL]).await,
            desk.hook_with(&receivers[1], &[LABEL], more).await,
        ];
        let load = Load::start(&[&desk.api], 8);
        load.advance(600).await;
        let before = load.so_far().acknowledged;
        Self {
            cluster,
            database,
            gateway,
            desk,
            receivers,
            hooks,
            is_well,
            load,
            before,
        }
    }

    /// Ends what was backed up, starts a gateway on what was restored, and counts.
    pub async fn goes_on_at(self, restored: &Database) {
        self.load.advance(200).await;
        let sent = self.load.finish().await;
        assert!(sent.refused.is_empty(), "{:?}", sent.refused.first());
        self.gateway.kill();
        self.cluster.kill();
        self.is_well.store(true, Ordering::SeqCst);

        let kept = numbers(restored, "select data::json->>'number' from events").await;
        let lost: Vec<_> = self.before.difference(&kept).collect();
        assert!(lost.is_empty(), "acknowledged before the backup began: {lost:?}");
        let mut done = Vec::new();
        for hook in &self.hooks {
            done.push(numbers(restored, &succeeded_at(hook)).await);
        }
        let owed = done.iter().map(|done| kept.len() - done.len()).sum::<usize>();
        assert!(owed > 0, "the backup holds deliveries that are owed");
        for receiver in &self.receivers {
            quiet(receiver).await;
        }
        let counts = self.receivers.each_ref().map(Receiver::count);

        let gateway = Gateway::start(&restored.url(), &[SEALED]).await;
        assert_eq!(all_end(restored, 2).await, 0, "none has failed");
        for (nth, receiver) in self.receivers.iter().enumerate() {
            quiet(receiver).await;
            let received = receiver.received();
            let after: BTreeSet<usize> = received[counts[nth]..].iter().map(number_of).collect();
            let expected: BTreeSet<usize> = kept.difference(&done[nth]).copied().collect();
            assert_eq!(after, expected, "what was owed is delivered, and nothing else");
            one_id_an_event(&received);
            let is_signed = |one: &Received| signature::hub_verifies(one, &self.hooks[nth].secret);
            assert!(received[counts[nth]..].iter().all(is_signed));
        }

        let api = self.desk.seen_from(&gateway);
        api.get("/v1/whoami").await.ok(200);
        let new = json!({"type": LABEL, "data": {"number": 10_000_000}});
        api.post("/v1/events", &new).await.ok(202);
        assert_eq!(all_end(restored, 2).await, 0);
        for receiver in &self.receivers {
            assert!(receiver.received().iter().any(|one| number_of(one) == 10_000_000));
        }
    }
}

fn succeeded_at(hook: &Hook) -> String {
    let webhook = hook.id.trim_start_matches("wh_");
    format!(
        "select data::json->>'number' from events e join deliveries d on d.event_id = e.id
         where d.status = 1 and d.webhook_id = '{webhook}'"
    )
}

async fn numbers(database: &Database, query: &str) -> BTreeSet<usize> {
    let rows = database.rows(query).await;
    let number = |text: String| text.parse().expect("a number");
    rows.iter().map(|row| number(row.get(0))).collect()
}

/// However often an event was sent to an endpoint, before the backup and after it, it was one delivery.
fn one_id_an_event(received: &[Received]) {
    let mut ids: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    for one in received {
        let of_event = ids.entry(number_of(one)).or_default();
        of_event.insert(one.header("x-sentinel-delivery"));
    }
    let twice: Vec<_> = ids.iter().filter(|(_, ids)| ids.len() > 1).collect();
    assert!(twice.is_empty(), "delivered under a new id: {:?}", twice.first());
}
