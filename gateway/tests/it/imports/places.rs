//! Who may import while others do.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use stage::wire::Wire;
use stage::{Api, Desk, eventually};

use super::PATIENCE;

async fn dripping(api: &Api) -> Wire {
    let headers = [("content-type", "text/csv"), ("content-length", "1000000")];
    let mut wire = api.begin("POST", "/v1/imports?object=contact", &headers).await;
    wire.write("email,city\na@b.c,\nd@e.f,\n").await;
    wire
}

async fn jobs(api: &Api) -> Vec<Value> {
    let list = api.get("/v1/imports").await.ok(200);
    list["data"].as_array().cloned().unwrap_or_default()
}

#[tokio::test]
async fn uploads_that_drip_leave_places_to_others_and_lose_their_own() {
    let settings = [("GATEWAY_SERVER__BODY_TIMEOUT_SECONDS", "20")];
    let (gateway, database, desk) = Desk::own(&settings).await;
    let other = Desk::at(&gateway, &database).await;
    let mut uploads = Vec::new();
    for _ in 0..4 {
        uploads.push(dripping(&desk.api).await);
    }
    eventually("three of them run", PATIENCE, async || {
        jobs(&desk.api).await.len() == 3
    })
    .await;
    let refused = desk.api.import("object=deal", b"name\nx\n").await;
    refused.problem(503, "unavailable");
    assert!(refused.header("retry-after").is_some());
    let job = other
        .api
        .import("object=contact", b"email\na@b.c\n")
        .await
        .ok(201);
    assert_eq!(job["status"], "completed");
    // Never silent for long, and never done.
    let losing = async {
        while jobs(&desk.api).await.iter().any(|job| job["status"] == "running") {
            for upload in &mut uploads {
                upload.write("x").await;
            }
            // The pace of a drip.
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    timeout(2 * PATIENCE, losing)
        .await
        .expect("they lose their places");
    let jobs = jobs(&desk.api).await;
    assert_eq!(jobs.len(), 3);
    for job in jobs {
        assert_eq!(
            (&job["status"], &job["error"]["code"]),
            (&json!("failed"), &json!("upload_stalled"))
        );
        assert_eq!(job["rows_total"], 2, "what had arrived was written: {job}");
    }
    let job = desk.api.import("object=deal", b"name\nx\n").await.ok(201);
    assert_eq!(job["status"], "completed");
}
