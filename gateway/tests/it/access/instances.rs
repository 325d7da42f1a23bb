//! Revocation reaches every instance, and says so truly.

use std::time::{Duration, Instant};

use serde_json::json;

use stage::{Cluster, Gateway, SOON, cli, eventually};

use super::{first_key, make_key, whoami};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_revocation_is_confirmed_by_every_live_instance() {
    let database = Cluster::shared().database().await;
    let first = first_key(&database);
    let (one, other) = (
        Gateway::start(&database.url(), &[]).await,
        Gateway::start(&database.url(), &[]).await,
    );

    let listed = one.with_key(&first).get("/v1/instances").await.expect(200).json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2, "{listed}");
    for instance in listed["data"].as_array().unwrap() {
        assert!(instance["id"].as_str().unwrap().starts_with("ins_"));
        assert_eq!(instance["live"], json!(true));
        assert!(instance["feed_age_seconds"].as_f64().unwrap() < 3.0, "{instance}");
    }

    // Confirmed means that the other refuses it at this very moment, also while a long transaction holds
    // PostgreSQL's horizon back.
    let session = database.session().await;
    session
        .batch_execute("begin; select pg_current_xact_id()")
        .await
        .unwrap();
    for round in 0..5 {
        let (id, key) = make_key(&one, &first, "short-lived").await;
        eventually("a new key works elsewhere", SOON, || async {
            whoami(&other, &key).await == 200
        })
        .await;
        let path = format!("/v1/api-keys/{id}/revoke");
        let once = format!("revoke-{round}");
        let revoke = async || {
            let call = one.with_key(&first).post_call(&path, &json!({}));
            call.header("idempotency-key", &once).send().await.expect(200)
        };
        let reply = revoke().await;
        assert_eq!(whoami(&other, &key).await, 401, "{reply:?}");
        assert_eq!(whoami(&one, &key).await, 401);
        let body = reply.json();
        let confirmed = &body["confirmed"];
        assert_eq!(
            (&confirmed["instances"], &confirmed["of"]),
            (&json!(2), &json!(2)),
            "{body}"
        );
        assert!(confirmed["milliseconds"].as_u64().unwrap() < 10_000, "{body}");
        let again = revoke().await;
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        assert_eq!(again.json(), body);
    }
    drop(session);

    // One that does not answer is not claimed, and does not fail the revocation.
    let (id, key) = make_key(&one, &first, "while one is frozen").await;
    eventually("the key works elsewhere", SOON, || async {
        whoami(&other, &key).await == 200
    })
    .await;
    other.signal("STOP");
    let started = Instant::now();
    let reply = one
        .with_key(&first)
        .post(&format!("/v1/api-keys/{id}/revoke"), &json!({}))
        .await
        .expect(200);
    let confirmed = &reply.json()["confirmed"];
    assert_eq!(
        (&confirmed["instances"], &confirmed["of"]),
        (&json!(1), &json!(2))
    );
    assert!(started.elapsed() >= SECOND * 9 / 10, "it was waited for");
    other.signal("CONT");
    eventually("it hears of it when it wakes", SOON, async || {
        whoami(&other, &key).await == 401
    })
    .await;

    // The dead stop counting when their lease ends, those that leave at once.
    other.kill();
    let count_of = async || {
        let (id, _) = make_key(&one, &first, "counting").await;
        let reply = one
            .with_key(&first)
            .post(&format!("/v1/api-keys/{id}/revoke"), &json!({}))
            .await
            .expect(200);
        reply.json()["confirmed"]["of"].as_i64().unwrap()
    };
    eventually("the dead are not counted", SOON, async || count_of().await == 1).await;
    let third = Gateway::start(&database.url(), &[]).await;
    assert_eq!(count_of().await, 2);
    third.terminate().await;
    assert_eq!(count_of().await, 1);
}

#[tokio::test]
async fn a_revocation_holds_within_a_second_without_listening_and_from_the_command_line() {
    let database = Cluster::shared().database().await;
    let first = first_key(&database);
    let gateways = [
        Gateway::start(&database.url(), &[]).await,
        Gateway::start(&database.url(), &[]).await,
    ];
    // Nobody gets to listen for longer than a moment.
    let deafening = async {
        let session = database.session().await;
        loop {
            let listening = "select pg_terminate_backend(pid) from pg_stat_activity
                             where query ilike 'listen%' and datname = current_database()";
            session.batch_execute(listening).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let revoking = async {
        for by_command in [false, true, false, true] {
            let (id, key) = make_key(&gateways[0], &first, "cut").await;
            eventually("a new key works everywhere", SOON, async || {
                whoami(&gateways[0], &key).await == 200 && whoami(&gateways[1], &key).await == 200
            })
            .await;
            if by_command {
                let printed = cli::succeed(&database.url(), &["keys", "revoke", &id]);
                assert!(printed.contains("confirmed on 2 of 2 instances"), "{printed}");
            } else {
                gateways[0]
                    .with_key(&first)
                    .post(&format!("/v1/api-keys/{id}/revoke"), &json!({}))
                    .await
                    .expect(200);
            }
            eventually("it is refused everywhere", SOON, async || {
                whoami(&gateways[0], &key).await == 401 && whoami(&gateways[1], &key).await == 401
            })
            .await;
        }
    };
    tokio::select! {
        () = deafening => {}
        () = revoking => {}
    }
    for gateway in &gateways {
        assert_eq!(gateway.operations("/readyz").await.status, 200);
    }
}
