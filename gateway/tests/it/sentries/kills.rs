//! Kills amid reports: what was answered with 200 is there, and each change of state is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use stage::desk::{all_pages, text};
use stage::{Api, Cluster, Desk, Gateway, Receiver, SOON, eventually};

use super::{id_in, plain};

const KILLS: usize = 5;
const REPORTERS: usize = 4;
const SETTINGS: &[(&str, &str)] = &[
    ("GATEWAY_BUS__LEASE_SECONDS", "2"),
    ("GATEWAY_SENTRIES__MAX_REPORTS_PER_SECOND", "100000"),
];

/// Reports changing states until it is told to stop or nobody answers; the notes of those that were taken.
async fn reporting(api: Api, path: String, round: usize, stop: Arc<AtomicBool>) -> Vec<String> {
    let mut taken = Vec::new();
    for number in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let note = format!("{round}-{number}");
        let state = ["happy", "sad", "sick"][number % 3];
        let call = api.post_call(&path, &json!({"state": state, "history_note": note}));
        match call.try_send().await {
            Some(reply) if reply.status == 200 => taken.push(note),
            Some(reply) => panic!("{reply:?}"),
            None => break,
        }
    }
    taken
}

#[tokio::test]
async fn a_200_is_never_lost_and_each_change_is_told() {
    let database = Cluster::shared().database().await;
    let receiver = Receiver::start().await;
    let mut gateway = Gateway::start(&database.url(), SETTINGS).await;
    let desk = Desk::at(&gateway, &database).await;
    desk.hook(&receiver, &["sentry.state_changed"]).await;
    let mut paths = Vec::new();
    for _ in 0..REPORTERS {
        paths.push(plain(&desk).await);
    }
    let mut taken: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for round in 0..KILLS {
        let api = desk.seen_from(&gateway);
        let stop = Arc::new(AtomicBool::new(false));
        let reporters: Vec<_> = paths
            .iter()
            .map(|path| tokio::spawn(reporting(api.clone(), path.clone(), round, stop.clone())))
            .collect();
        tokio::time::sleep(Duration::from_millis(150 + 97 * round as u64 % 400)).await;
        gateway.kill();
        stop.store(true, Ordering::SeqCst);
        for (path, reporter) in paths.iter().zip(reporters) {
            taken
                .entry(path.clone())
                .or_default()
                .extend(reporter.await.expect("it ended"));
        }
        gateway = Gateway::start(&database.url(), SETTINGS).await;
    }
    let api = desk.seen_from(&gateway);
    let mut changes = BTreeSet::new();
    for path in &paths {
        let mut entries = all_pages(&api, &format!("{path}/history"), 200).await;
        entries.reverse();
        let noted: Vec<String> = entries.iter().map(|entry| text(entry, "history_note")).collect();
        let once: BTreeSet<String> = noted.iter().cloned().collect();
        assert_eq!(noted.len(), once.len(), "a report counts twice");
        let lost: Vec<_> = taken[path].difference(&once).collect();
        assert!(!taken[path].is_empty() && lost.is_empty(), "{lost:?}");
        let mut before = Value::Null;
        for (number, entry) in entries.iter().enumerate() {
            if entry["state"] != before {
                changes.insert((
                    id_in(path),
                    number,
                    before.clone().to_string(),
                    entry["state"].to_string(),
                ));
            }
            before = entry["state"].clone();
        }
    }
    let told = async || {
        let events = all_pages(&api, "/v1/events?type=sentry.state_changed", 200).await;
        events.len()
    };
    assert_eq!(told().await, changes.len(), "one event for each change");
    eventually("each is delivered", SOON, || async {
        let ids: BTreeSet<String> = receiver
            .received()
            .iter()
            .map(|one| one.header("webhook-id").to_owned())
            .collect();
        ids.len() == changes.len()
    })
    .await;
}
