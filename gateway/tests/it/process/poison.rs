//! Outcomes that the database refuses, or of which the recorder panics: each is given up alone. The place that panics is in
//! debug builds alone.

use serde_json::json;

use stage::{Database, Desk, Gateway, Receiver};

const POISON: &str = "deal.lost";
#[cfg(debug_assertions)]
const FAULT: (&str, &str) = ("GATEWAY_FAIL_POINT", "outcome:panic:deal.lost");

async fn wait_for_lost(gateway: &Gateway, reason: &str, count: f64) {
    let lost = format!("gateway_outcomes_lost_total{{reason=\"{reason}\"}}");
    gateway.wait_for_metric(&lost, count).await;
}

/// Sends poison among good events, and sees that it alone is lost.
async fn costs_no_other(gateway: &Gateway, database: &Database, desk: &Desk, reason: &str) {
    let receiver = Receiver::start().await;
    desk.hook(&receiver, &["deal.won", POISON]).await;
    let mut good = Vec::new();
    for nth in 0..20 {
        good.push(desk.send("deal.won", json!({"nth": nth})).await);
        if nth % 10 == 5 {
            desk.send(POISON, json!({})).await;
        }
    }
    for event in &good {
        desk.delivery_that(event, "succeeded").await;
    }
    wait_for_lost(gateway, reason, 2.0).await;
    assert!(gateway.is_running());
    assert!(gateway.log().contains("an outcome cannot be written and is lost"));
    assert_eq!(gateway.terminate().await.code(), Some(0));
    assert_eq!(
        database.count("select count(*) from bus_owners").await,
        0,
        "nothing is left that a successor would stumble over"
    );
}

#[tokio::test]
async fn an_outcome_that_the_database_refuses_costs_no_other() {
    let (gateway, database, desk) = Desk::own(&[]).await;
    database
        .run(&format!(
            "create function refuse() returns trigger language plpgsql as
                 $$ begin raise exception 'refused' using errcode = '23514'; end $$;
             create trigger refuse before insert on deliveries for each row when (new.type = '{POISON}')
                 execute function refuse()"
        ))
        .await;
    costs_no_other(&gateway, &database, &desk, "refused").await;
}

#[cfg(debug_assertions)]
#[tokio::test]
async fn an_outcome_that_panics_the_recorder_costs_no_other_and_no_instance() {
    let (gateway, database, desk) = Desk::own(&[FAULT]).await;
    costs_no_other(&gateway, &database, &desk, "panic").await;
}

#[cfg(debug_assertions)]
#[tokio::test]
async fn a_retry_whose_outcome_panics_the_recorder_ends_no_instance() {
    let (gateway, database, desk) = Desk::own(&[]).await;
    let receiver = Receiver::deciding(|nth, _| stage::Act::Status(if nth == 0 { 500 } else { 200 })).await;
    desk.hook(&receiver, &["deal.won", POISON]).await;
    let poison = desk.send(POISON, json!({})).await;
    desk.delivery_when(&poison, |delivery| delivery["attempt_count"] == 1)
        .await;
    gateway.kill();
    let next = Gateway::start(&database.url(), &[FAULT]).await;
    receiver.wait_for(2).await;
    wait_for_lost(&next, "panic", 1.0).await;
    let desk = desk.moved_to(&next);
    let other = desk.send("deal.won", json!({})).await;
    desk.delivery_that(&other, "succeeded").await;
    assert_eq!(next.terminate().await.code(), Some(0));
}
