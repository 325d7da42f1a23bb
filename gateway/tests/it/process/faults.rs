//! Long-running tasks that panic or end by themselves, and events that panic whoever looks at them. The places that
//! fail are in debug builds alone.

use std::time::Duration;

use serde_json::json;

use stage::{Act, Cluster, Desk, Gateway, Receiver, cli};

/// The contract's 5 s, and a little for a machine that has other things to do.
const WITHIN: Duration = Duration::from_millis(7_500);

/// Starts a gateway in which `fault` awaits the first event, sends that, and looks how the process ends.
async fn ends_whole(fault: &str, task: &str) {
    let (gateway, _database, desk) = Desk::own(&[("GATEWAY_FAIL_POINT", fault)]).await;
    let receiver = Receiver::start().await;
    desk.hook(&receiver, &["deal.won"]).await;
    let event = json!({"type": "deal.won", "data": {}});
    // Whether it is answered depends on where the fault is.
    let _ = desk.api.post_call("/v1/events", &event).try_send().await;
    let status = gateway.wait_for_exit(WITHIN).await;
    assert_eq!(status.code(), Some(1), "{fault}");
    let told = |line: &str| line.contains("ERROR") && line.contains(&format!("task=\"{task}\""));
    assert!(gateway.log().lines().any(told), "{fault}: {}", gateway.log());
}

#[tokio::test]
async fn a_task_that_panics_or_ends_by_itself_ends_the_process() {
    tokio::join!(
        ends_whole("fanout:panic", "fanout"),
        ends_whole("fanout:end", "fanout"),
        ends_whole("recorder:panic", "recorder"),
        ends_whole("recorder:end", "recorder"),
        ends_whole("committer:panic", "committer"),
    );
}

#[tokio::test]
async fn a_fault_at_the_start_ends_the_process() {
    let database = Cluster::shared().database().await;
    let environment = [("GATEWAY_FAIL_POINT", "feed:panic")];
    let errors = cli::refused(&database.url(), &["serve"], &environment);
    assert!(errors.contains("gateway: feed panicked"), "{errors}");
}

#[tokio::test]
async fn a_filter_that_panics_costs_no_event_and_no_instance() {
    let (gateway, _database, desk) = Desk::own(&[("GATEWAY_FAIL_POINT", "filter:panic")]).await;
    let receiver = Receiver::start().await;
    let filtered = json!({"filter": {"stage": "won"}});
    desk.hook_with(&receiver, &["deal.won"], filtered).await;
    let plain = Receiver::start().await;
    desk.hook(&plain, &["deal.won"]).await;
    for nth in 0..3 {
        desk.send("deal.won", json!({"n": nth, "stage": "lost"})).await;
    }
    plain.wait_for(3).await;
    // Whether it was wanted is not known, and sending too much loses nothing.
    receiver.wait_for(3).await;
    counted(&gateway, "filter", 3.0).await;
    assert!(gateway.is_running());
    assert!(gateway.log().contains("a filter panicked"));
    assert_eq!(gateway.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn an_event_that_panics_the_dispatch_costs_no_other_and_no_successor() {
    let (gateway, database, desk) = Desk::own(&[("GATEWAY_FAIL_POINT", "dispatch:panic")]).await;
    let receiver = Receiver::start().await;
    desk.hook(&receiver, &["deal.won"]).await;
    desk.send("deal.won", json!({"poison": true})).await;
    counted(&gateway, "event", 1.0).await;
    assert!(gateway.is_running());
    assert_eq!(gateway.terminate().await.code(), Some(0));
    assert_eq!(
        database.count("select count(*) from bus_owners").await,
        0,
        "nothing is left that a successor would panic of"
    );
    assert_eq!(receiver.count(), 0);
}

async fn counted(gateway: &Gateway, place: &str, count: f64) {
    let panics = format!("gateway_dispatch_panics_total{{place=\"{place}\"}}");
    gateway.wait_for_metric(&panics, count).await;
}

#[tokio::test]
async fn an_attempt_that_panics_after_it_was_leased_gives_its_lease_back() {
    let (_gateway, _database, desk) = Desk::own(&[("GATEWAY_FAIL_POINT", "attempt:panic")]).await;
    let slow = Receiver::deciding(|_, _| Act::Status(200).after(Duration::from_millis(700))).await;
    // The lease is longer than this test waits.
    desk.hook_with(&slow, &["deal.won"], json!({"timeout_seconds": 60}))
        .await;
    desk.send("deal.won", json!({})).await;
    slow.wait_for(3).await;
}
