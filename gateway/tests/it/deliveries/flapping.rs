//! Health that changes with every few attempts costs a few statements a second, and ends right.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::json;

use stage::{Act, Desk, Receiver, SOON, desk::a_moment, eventually};

const ENDPOINTS: usize = 50;
const EVENTS: usize = 60;

/// Counts statements that change endpoints, whether they change a row or not.
const COUNTER: &str = "
    create sequence statements;
    create function count_statement() returns trigger language plpgsql as
        $$ begin perform nextval('statements'); return null; end $$;
    create trigger counted after update on webhooks for each statement execute function count_statement()";

#[tokio::test]
async fn health_that_flaps_is_written_a_few_times_a_second() {
    let (_gateway, database, desk) = Desk::own(&[("GATEWAY_WEBHOOKS__RETRY_BASE_SECONDS", "0.05")]).await;
    let (is_over, heal_count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (over, healed, attempts) = (is_over.clone(), heal_count.clone(), Mutex::new(HashMap::new()));
    let receiver = Receiver::deciding(move |_, received| {
        let path = received.line.clone();
        if over.load(Ordering::SeqCst) {
            return Act::Status(if path.contains("/bad/") { 500 } else { 200 });
        }
        let mut attempts = attempts.lock().expect("not poisoned");
        let count: &mut usize = attempts.entry(path).or_default();
        *count += 1;
        match (*count).is_multiple_of(4) {
            true => {
                healed.fetch_add(1, Ordering::SeqCst);
                Act::Status(200)
            }
            false => Act::Status(500),
        }
    })
    .await;
    let mut hooks = Vec::new();
    for nth in 0..ENDPOINTS {
        let kind = if nth % 2 == 0 { "good" } else { "bad" };
        let url = format!("{}/{kind}/{nth}", receiver.url());
        let more = json!({"url": url, "max_attempts": 50});
        hooks.push((desk.hook_with(&receiver, &["deal.won"], more).await, kind));
    }
    database.run(COUNTER).await;
    let started = Instant::now();
    for nth in 0..EVENTS {
        desk.send("deal.won", json!({"n": nth})).await;
    }
    let flaps = ENDPOINTS * 4;
    eventually("they have flapped often", SOON, || async {
        heal_count.load(Ordering::SeqCst) >= flaps
    })
    .await;
    is_over.store(true, Ordering::SeqCst);
    for nth in 0..5 {
        desk.send("deal.won", json!({"n": nth})).await;
    }
    eventually("each is as its last attempts went", SOON, || async {
        for (hook, kind) in &hooks {
            let expected = if *kind == "good" { "healthy" } else { "failing" };
            if desk.webhook(hook).await["health"] != expected {
                return false;
            }
        }
        true
    })
    .await;
    let looks = started.elapsed().as_millis() / 250 + 1;
    let count = database
        .count("select case when is_called then last_value else 0 end from statements")
        .await;
    assert!(
        u128::try_from(count).expect("a count") <= looks,
        "{count} statements in {looks} looks"
    );
    a_moment().await;
    for (hook, kind) in &hooks {
        let expected = if *kind == "good" { "healthy" } else { "failing" };
        assert_eq!(desk.webhook(hook).await["health"], expected, "and stays so");
    }
}
