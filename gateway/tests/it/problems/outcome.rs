//! What a client hears when nobody can tell whether its change was made, and how it finds out.

use http::Method;
use serde_json::{Value, json};

use crate::bus::severed::{Cut, Severed};
use stage::desk::text;
use stage::{Cluster, Desk, Gateway, SOON, eventually};

/// A gateway whose way to the database can be made to break at a commit.
async fn stage(cut: Cut) -> (Gateway, Severed, Desk) {
    let database = Cluster::shared().database().await;
    let severed = Severed::unarmed(&database, cut).await;
    let gateway = Gateway::start(severed.url(), &[]).await;
    let desk = Desk::at(&gateway, &database).await;
    (gateway, severed, desk)
}

async fn post(desk: &Desk, key: &str) -> stage::Reply {
    let call = desk.api.call(Method::POST, "/v1/crm/contacts");
    let call = call.json(&json!({"email": "ann@example.com"}));
    call.header("idempotency-key", key).send().await
}

fn says_that_the_result_is_unknown(problem: &Value) {
    let detail = text(problem, "detail");
    assert!(!detail.contains("nothing was done"), "{detail}");
    assert!(detail.contains("is not known"), "{detail}");
    assert!(detail.contains("Idempotency-Key"), "how to find out: {detail}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_without_an_answer_is_not_called_undone() {
    for (cut, stored) in [(Cut::AfterTheCommit, 1), (Cut::BeforeTheCommit, 0)] {
        let (_gateway, severed, desk) = stage(cut).await;
        severed.arm(true);
        let reply = post(&desk, "one").await;
        severed.arm(false);
        says_that_the_result_is_unknown(&reply.problem(503, "unavailable"));
        assert_eq!(reply.header("retry-after"), Some("1"));
        let list = desk.api.get("/v1/crm/contacts").await.ok(200);
        assert_eq!(list["data"].as_array().expect("data").len(), stored, "{cut:?}");
        // The advice holds: the same request again, and it was done once.
        let made = post(&desk, "one").await.ok(201);
        let list = desk.api.get("/v1/crm/contacts").await.ok(200);
        assert_eq!(list["data"].as_array().expect("data").len(), 1, "{cut:?}");
        assert_eq!(list["data"][0]["id"], made["id"]);
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_did_nothing() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(stage::cluster::Sync::Off)));
    let database = cluster.database().await;
    // Long enough that keys still count when the request comes.
    let patient = [("GATEWAY_KEYS__STALE_AFTER_SECONDS", "60")];
    let gateway = Gateway::start(&database.url(), &patient).await;
    let desk = Desk::at(&gateway, &database).await;
    cluster.kill();
    eventually("the request finds no connection", SOON, || async {
        let problem = post(&desk, "one").await.problem(503, "unavailable");
        text(&problem, "detail").contains("nothing was done")
    })
    .await;
}
