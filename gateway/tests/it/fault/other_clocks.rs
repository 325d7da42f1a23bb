//! Overlaps of secrets, and the times of imports, are the database's, whatever the gateway's clock says.

use serde_json::json;

use super::clocks::gateway;
use stage::{Database, Desk, Receiver, SOON, desk::text, eventually, signature};

/// How many secrets sign an event that is sent now.
async fn signer_count(desk: &Desk, receiver: &Receiver) -> usize {
    let before = receiver.count();
    desk.send("deal.won", json!({})).await;
    let received = receiver.wait_for(before + 1).await;
    signature::count(received.last().expect("an event")).0
}

/// How far a time is from the database's clock, in seconds.
async fn distance(database: &Database, time: &str) -> f64 {
    let query = format!("select abs(extract(epoch from now() - ({time})))::float8");
    database.rows(&query).await[0].get(0)
}

#[tokio::test]
async fn an_overlap_of_secrets_ends_by_the_databases_clock() {
    for off in ["10 minutes", "-10 minutes"] {
        let (_gateway, database, desk) = gateway(off).await;
        let receiver = Receiver::start().await;
        let hook = desk.hook(&receiver, &["deal.won"]).await;
        let rotate = async |seconds: u32| {
            let body = json!({"overlap_seconds": seconds});
            desk.api.post(&hook.at("rotate-secret"), &body).await.ok(200)
        };
        let rotated = rotate(300).await;
        let until = text(&rotated, "previous_secret_expires_at");
        let begun = format!("'{until}'::timestamptz - interval '300 seconds'");
        assert!(distance(&database, &begun).await < 100.0, "{off}");
        assert_eq!(signer_count(&desk, &receiver).await, 2, "{off}");
        rotate(2).await;
        eventually("the overlap ends", SOON, || async {
            signer_count(&desk, &receiver).await == 1
        })
        .await;
        let updated = "(select updated_at from webhooks limit 1)";
        assert!(distance(&database, updated).await < 100.0, "{off}");
    }
}

#[tokio::test]
async fn an_imports_times_are_the_databases() {
    for off in ["10 minutes", "-10 minutes"] {
        let (_gateway, database, desk) = gateway(off).await;
        let job = desk.api.import("object=contact", b"email\na@b.c\n").await.ok(201);
        let undo = format!("/v1/imports/{}/undo", text(&job, "id"));
        let undone = desk.api.post_nothing(&undo).await.ok(200);
        let at = text(&undone["undo"], "at");
        for time in [text(&job, "created_at"), text(&job, "finished_at"), at] {
            let away = distance(&database, &format!("'{time}'::timestamptz")).await;
            assert!(away < 100.0, "{time} is {away} s away, {off}");
        }
    }
}
