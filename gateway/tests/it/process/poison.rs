//! Outcomes of which the recorder panics. The place that fails is in debug builds alone.

use serde_json::json;

use stage::{Act, Desk, Gateway, Receiver};

const POISON: &str = "deal.lost";
const FAULT: (&str, &str) = ("GATEWAY_FAIL_POINT", "outcome:panic:deal.lost");

async fn lost(gateway: &Gateway, count: f64) {
    let lost = "gateway_outcomes_lost_total{reason=\"panic\"}";
    gateway.wait_for_metric(lost, count).await;
}

#[tokio::test]
async fn an_outcome_that_panics_the_recorder_costs_no_other_and_no_instance() {
    let (gateway, database, desk) = Desk::own(&[FAULT]).await;
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
    lost(&gateway, 2.0).await;
    assert!(gateway.is_running());
    assert!(gateway.log().contains("an outcome cannot be written and is lost"));
    assert_eq!(gateway.terminate().await.code(), Some(0));
    assert_eq!(
        database.count("select count(*) from bus_owners").await,
        0,
        "nothing is left that a successor would panic of"
    );
}

#[tokio::test]
async fn a_retry_whose_outcome_panics_the_recorder_ends_no_instance() {
    let (gateway, database, desk) = Desk::own(&[]).await;
    let receiver = Receiver::deciding(|nth, _| Act::Status(if nth == 0 { 500 } else { 200 })).await;
    desk.hook(&receiver, &["deal.won", POISON]).await;
    let poison = desk.send(POISON, json!({})).await;
    desk.delivery_when(&poison, |delivery| delivery["attempt_count"] == 1)
        .await;
    gateway.kill();
    let next = Gateway::start(&database.url(), &[FAULT]).await;
    receiver.wait_for(2).await;
    lost(&next, 1.0).await;
    let desk = desk.moved_to(&next);
    let other = desk.send("deal.won", json!({})).await;
    desk.delivery_that(&other, "succeeded").await;
    assert_eq!(next.terminate().await.code(), Some(0));
}
