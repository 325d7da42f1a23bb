//! Batches whose bodies arrive slowly, or weigh a lot: they hold up nobody else.

use std::time::Duration;

use http::Method;

use stage::wire::Wire;
use stage::{Api, Desk, Gateway, Reply, eventually};

const PATH: &str = "/v1/events/batch";
const MEDIA_TYPE: &str = "application/x-ndjson";
const ONE_EVENT: &[u8] = b"{\"type\":\"deal.won\",\"data\":{}}\n";
const MIB: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(60);

/// A batch of which `sent` has arrived, and the rest never does.
async fn hanging(api: &Api, length: usize, sent: &[u8]) -> Wire {
    let length = length.to_string();
    let headers = [("content-type", MEDIA_TYPE), ("content-length", length.as_str())];
    let mut wire = api.begin("POST", PATH, &headers).await;
    wire.write(sent).await;
    wire
}

async fn send(api: &Api, body: Vec<u8>) -> Reply {
    api.call(Method::POST, PATH).body(MEDIA_TYPE, body).send().await
}

async fn two_workspaces() -> (Gateway, stage::Database, [Api; 2]) {
    // Whoever waits for the bodies of others waits for longer than a client of these tests.
    let settings = [("GATEWAY_SERVER__BODY_TIMEOUT_SECONDS", "600")];
    let (gateway, database, desk) = Desk::own(&settings).await;
    let other = Desk::at(&gateway, &database).await;
    (gateway, database, [desk.api, other.api])
}

#[tokio::test]
async fn bodies_that_drip_hold_up_no_batch() {
    let (_gateway, _database, [slow, other]) = two_workspaces().await;
    let mut dripping = Vec::new();
    for _ in 0..3 {
        dripping.push(hanging(&slow, 1_000, b"{").await);
    }
    // A byte more for each, which arrives after the first was read.
    for wire in &mut dripping {
        wire.write("\"").await;
    }
    for api in [&other, &slow] {
        let reply = send(api, ONE_EVENT.to_vec()).await.ok(202);
        assert_eq!(reply["accepted"], 1);
    }
}

#[tokio::test]
async fn a_workspace_waits_for_its_own_bytes_alone() {
    let (_gateway, _database, [heavy, other]) = two_workspaces().await;
    let one = vec![b'\n'; 31 * MIB];
    let held = [
        hanging(&heavy, 32 * MIB, &one).await,
        hanging(&heavy, 32 * MIB, &one).await,
    ];
    eventually("no more memory for it", PATIENCE, async || {
        let reply = send(&heavy, vec![b'\n'; 6 * MIB]).await;
        if reply.status != 503 {
            return false;
        }
        reply.problem(503, "unavailable");
        assert!(reply.header("retry-after").is_some());
        true
    })
    .await;
    send(&heavy, ONE_EVENT.to_vec()).await.ok(202);
    send(&other, vec![b'\n'; 31 * MIB]).await.ok(202);
    drop(held);
    eventually("memory again", PATIENCE, async || {
        send(&heavy, vec![b'\n'; 31 * MIB]).await.status == 202
    })
    .await;
}
