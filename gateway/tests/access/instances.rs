//! Revocation reaches every instance, and says so truly.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::Request;
use crate::cluster::Cluster;
use crate::stage::{Gateway, first_key, told, within};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_revocation_is_confirmed_by_every_live_instance() {
    let cluster = Cluster::start();
    let first = first_key(&cluster);
    let (one, other) = (Gateway::start(&cluster), Gateway::start(&cluster));

    let listed = one.get("/v1/instances", &first).expect(200).json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2, "{listed}");
    for instance in listed["data"].as_array().unwrap() {
        assert!(instance["id"].as_str().unwrap().starts_with("ins_"));
        assert_eq!(instance["live"], json!(true));
        assert!(instance["feed_age_seconds"].as_f64().unwrap() < 3.0, "{instance}");
    }

    // Confirmed means that the other refuses it at this very moment, also while a long transaction holds
    // PostgreSQL's horizon back.
    let mut session = cluster.session();
    let pipe = session.stdin.as_mut().unwrap();
    std::io::Write::write_all(pipe, b"begin; select pg_current_xact_id();\n").unwrap();
    for round in 0..5 {
        let (id, key) = one.make_key(&first, "short-lived");
        within(SECOND, "a new key works elsewhere", || other.whoami(&key) == 200);
        let path = format!("/v1/api-keys/{id}/revoke");
        let once = format!("revoke-{round}");
        let revoke = Request::new(one.api, "POST", &path, &first).header("idempotency-key", &once);
        let reply = revoke.send().expect(200);
        assert_eq!(other.whoami(&key), 401, "{reply:?}");
        assert_eq!(one.whoami(&key), 401);
        let body = reply.json();
        let confirmed = &body["confirmed"];
        assert_eq!(
            (&confirmed["instances"], &confirmed["of"]),
            (&json!(2), &json!(2)),
            "{body}"
        );
        assert!(confirmed["milliseconds"].as_u64().unwrap() < 1000, "{body}");
        let again = revoke.send().expect(200);
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        assert_eq!(again.json(), body);
    }
    session.kill().unwrap();
    session.wait().unwrap();

    // One that does not answer is not claimed, and does not fail the revocation.
    let (id, key) = one.make_key(&first, "while one is frozen");
    within(SECOND, "the key works elsewhere", || other.whoami(&key) == 200);
    other.signal("-STOP");
    let started = Instant::now();
    let reply = one
        .post(&format!("/v1/api-keys/{id}/revoke"), &first, json!({}))
        .expect(200);
    let confirmed = &reply.json()["confirmed"];
    assert_eq!(
        (&confirmed["instances"], &confirmed["of"]),
        (&json!(1), &json!(2))
    );
    assert!(
        (900..2000).contains(&started.elapsed().as_millis()),
        "{:?}",
        started.elapsed()
    );
    other.signal("-CONT");
    within(SECOND, "it hears of it when it wakes", || {
        other.whoami(&key) == 401
    });

    // The dead stop counting when their lease ends, those that leave at once.
    other.signal("-KILL");
    let count_of = || {
        let (id, _) = one.make_key(&first, "counting");
        let reply = one
            .post(&format!("/v1/api-keys/{id}/revoke"), &first, json!({}))
            .expect(200);
        reply.json()["confirmed"]["of"].as_i64().unwrap()
    };
    within(Duration::from_secs(10), "the dead are not counted", || {
        count_of() == 1
    });
    let third = Gateway::start(&cluster);
    assert_eq!(count_of(), 2);
    third.stop();
    assert_eq!(count_of(), 1);
}

#[test]
fn a_revocation_holds_within_a_second_without_listening_and_from_the_command_line() {
    let cluster = Cluster::start();
    let first = first_key(&cluster);
    let gateways = [Gateway::start(&cluster), Gateway::start(&cluster)];
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Nobody gets to listen for longer than a moment.
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                cluster.sql(
                    "select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%'",
                );
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        for by_command in [false, true, false, true] {
            let (id, key) = gateways[0].make_key(&first, "cut");
            within(SECOND, "a new key works everywhere", || {
                gateways.iter().all(|gateway| gateway.whoami(&key) == 200)
            });
            if by_command {
                let told = told(&cluster, &["keys", "revoke", &id]);
                assert!(told.contains("confirmed on 2 of 2 instances"), "{told}");
            } else {
                gateways[0]
                    .post(&format!("/v1/api-keys/{id}/revoke"), &first, json!({}))
                    .expect(200);
            }
            within(SECOND, "it is refused everywhere", || {
                gateways.iter().all(|gateway| gateway.whoami(&key) == 401)
            });
        }
        is_over.store(true, Ordering::Relaxed);
    });
    for gateway in &gateways {
        assert_eq!(gateway.probe("/readyz").unwrap().status, 200);
    }
}
