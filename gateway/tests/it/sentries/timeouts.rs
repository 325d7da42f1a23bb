//! Time-outs: once, by one of any number of instances, also after a kill.

use std::time::Duration;

use serde_json::{Value, json};

use stage::cluster::Sync;
use stage::{Cluster, Desk, Gateway, SOON, eventually};

use super::{hoot, id_in, report, sentry};

/// Has a sentry's time-out come now.
async fn make_due(desk: &Desk, database: &stage::Database, path: &str) {
    let uuid = id_in(path).replace("sen_", "");
    database
        .run(&format!(
            "update sentries set sick_at = now() where id = '{uuid}'"
        ))
        .await;
    let _ = desk;
}

async fn history(desk: &Desk, path: &str) -> Vec<Value> {
    let told = desk.api.get(&format!("{path}/history?limit=200")).await.ok(200);
    told["data"].as_array().expect("data").clone()
}

async fn event_count(desk: &Desk) -> usize {
    let told = desk
        .api
        .get("/v1/events?type=sentry.state_changed&limit=200")
        .await
        .ok(200);
    told["data"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn many_are_turned_once_by_two_instances() {
    let (_one, database, desk) = Desk::own(&[]).await;
    let _two = Gateway::start(&database.url(), &[]).await;
    let mut paths = Vec::new();
    for _ in 0..20 {
        paths.push(sentry(&desk, json!({"name": "s", "timeout_hours": 1})).await);
    }
    database.run("update sentries set sick_at = now()").await;
    eventually("all are sick", SOON, || async {
        let told = desk.api.get("/v1/sentries?state=sick").await.ok(200);
        told["data"].as_array().map(Vec::len) == Some(20)
    })
    .await;
    // Long enough for another look by each.
    tokio::time::sleep(Duration::from_secs(5)).await;
    for path in &paths {
        let entries = history(&desk, path).await;
        assert_eq!(entries.len(), 1, "{entries:?}");
        assert_eq!(
            (&entries[0]["source"], &entries[0]["actor"]),
            (&json!("timeout"), &Value::Null)
        );
        assert_eq!(
            (&entries[0]["state"], &entries[0]["reported_state"]),
            (&json!("sick"), &Value::Null)
        );
    }
    assert_eq!(event_count(&desk).await, 20);
}

#[tokio::test]
async fn a_report_ends_it_and_what_it_clears() {
    let (_gateway, database, desk) = Desk::own(&[]).await;
    let path = sentry(&desk, json!({"name": "s", "timeout_hours": 0.01})).await;
    let told = desk
        .api
        .post(
            &path,
            &json!({"state": "happy", "user_message": "fine", "meta": {"latest_record_at": 5}}),
        )
        .await
        .ok(200);
    let due = async || {
        make_due(&desk, &database, &path).await;
        eventually("it is timed out", SOON, || async {
            desk.api.get(&path).await.ok(200)["reason"] == "timeout"
        })
        .await;
    };
    assert_ne!(told["sick_at"], Value::Null);
    due().await;
    let sick = desk.api.get(&path).await.ok(200);
    assert_eq!(
        (&sick["state"], &sick["user_message"]),
        (&json!("sick"), &Value::Null)
    );
    assert_eq!(
        (&sick["reported_state"], &sick["latest_record_at"]),
        (&json!("happy"), &told["latest_record_at"])
    );
    // Without a state the reported one stays, and the time-out is over.
    let told = desk.api.post(&path, &json!({})).await.ok(200);
    assert_eq!(
        (&told["state"], &told["reason"]),
        (&json!("happy"), &json!("report"))
    );
    assert_eq!(event_count(&desk).await, 3);
    // A sentry that is sick already has an entry and no event.
    report(&desk, &path, "sick").await;
    due().await;
    assert_eq!(history(&desk, &path).await[0]["source"], "timeout");
    assert_eq!(event_count(&desk).await, 4);
    // Never reported: a time-out is no report.
    let never = sentry(&desk, json!({"name": "never", "timeout_hours": 1})).await;
    make_due(&desk, &database, &never).await;
    eventually("it is timed out", SOON, || async {
        desk.api.get(&never).await.ok(200)["state"] == "sick"
    })
    .await;
    desk.api
        .post(&never, &json!({}))
        .await
        .refused_at(&["body.state"]);
    // Disabled: no time-out; enabled again: the clock starts anew.
    let off = desk.api.patch(&never, &json!({"enabled": false})).await.ok(200);
    assert_eq!(off["sick_at"], Value::Null);
    let on = desk.api.patch(&never, &json!({"enabled": true})).await.ok(200);
    assert!(on["sick_at"].as_str() > on["updated_at"].as_str());
}

#[tokio::test]
async fn what_a_killed_instance_began_another_does() {
    let database = Cluster::shared().database().await;
    let hung = Gateway::start(&database.url(), &[("GATEWAY_FAIL_POINT", "sentrytimeout:end")]).await;
    let desk = Desk::at(&hung, &database).await;
    let path = sentry(&desk, json!({"name": "s", "timeout_hours": 1})).await;
    report(&desk, &path, "happy").await;
    make_due(&desk, &database, &path).await;
    eventually("it is in the middle", SOON, || async {
        let held = "select count(*) from pg_stat_activity where state = 'idle in transaction'
                    and datname = current_database()";
        database.ask(held).await != "0"
    })
    .await;
    assert_eq!(desk.api.get(&path).await.ok(200)["state"], "happy");
    let other = Gateway::start(&database.url(), &[]).await;
    hung.kill();
    let there = desk.seen_from(&other);
    eventually("the other does it", SOON, || async {
        there.get(&path).await.ok(200)["state"] == "sick"
    })
    .await;
    let told = there.get(&format!("{path}/history")).await.ok(200);
    assert_eq!(told["data"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn one_that_comes_while_the_database_is_away_comes_after_it() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(Sync::On)));
    let database = cluster.database().await;
    let gateway = Gateway::start(&database.url(), &[]).await;
    let desk = Desk::at(&gateway, &database).await;
    let path = sentry(&desk, json!({"name": "s", "timeout_hours": 1})).await;
    let id = hoot(&desk, json!({"name": "h", "sentries": [id_in(&path)]})).await;
    report(&desk, &path, "happy").await;
    let badge = format!("/hoots/{id}.json");
    let nobody = gateway.anonymous();
    let shows = async |state: &str| nobody.get(&badge).await.ok(200)["state"] == state;
    eventually("it is shown", SOON, || shows("happy")).await;
    let soon = "update sentries set sick_at = clock_timestamp() + interval '2 seconds'";
    database.run(soon).await;
    cluster.kill();
    tokio::time::sleep(Duration::from_secs(3)).await;
    // What the public sees needs no database.
    assert!(shows("happy").await);
    cluster.restart();
    gateway.wait_until_ready().await;
    eventually("it is sick", SOON, || async {
        desk.api.get(&path).await.ok(200)["state"] == "sick"
    })
    .await;
    eventually("and so is shown", SOON, || shows("sick")).await;
    assert_eq!(history(&desk, &path).await.len(), 2);
    assert_eq!(event_count(&desk).await, 2);
}
